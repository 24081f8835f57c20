"""Annotations of fluxkit's own: what they mean, what they may not say, and that they wake."""

from typing import Any

import pytest

from fluxkit.api import Kustomization
from fluxkit.controllers.kustomization.directives import Directives, InvalidDirective, PruneLimit, directives_changed
from fluxkit.kube import CacheEvent


def annotated(**annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {
            "name": "app",
            "namespace": "ns",
            "annotations": {f"fluxkit.dev/{key.replace('_', '-')}": value for key, value in annotations.items()},
        },
        "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}},
    }


def read(**annotations: str) -> Directives:
    return Directives.of(Kustomization.decode(annotated(**annotations)))


def test_nothing_asked_is_upstream() -> None:
    assert read() == Directives(prune_limit=None, prune_confirm="", drift_warn=False, rollback=False)
    assert read(drift="correct", rollback="off") == Directives()


def test_everything_asked() -> None:
    wishes = read(prune_limit=" 10 ", prune_confirm=" abc ", drift="warn", rollback="last-healthy")
    assert wishes == Directives(PruneLimit("10", count=10), "abc", drift_warn=True, rollback=True)


@pytest.mark.parametrize(
    ("limit", "pruned", "total", "exceeded"),
    [
        ("3", 3, 100, False),
        ("3", 4, 100, True),
        ("0", 1, 100, True),
        ("50%", 2, 4, False),
        ("50%", 3, 4, True),
        ("33.3%", 1, 3, True),
        ("0%", 1, 100, True),
        ("100%", 4, 4, False),
    ],
)
def test_limits(limit: str, pruned: int, total: int, exceeded: bool) -> None:
    assert PruneLimit.parse(limit).exceeded_by(pruned, total) is exceeded


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ({"prune_limit": "most"}, "fluxkit.dev/prune-limit: 'most' is neither a number"),
        ({"prune_limit": "101%"}, "'101%'"),
        ({"prune_limit": "-1"}, "'-1'"),
        ({"prune_limit": "nan%"}, "'nan%'"),
        ({"drift": "ignore"}, "fluxkit.dev/drift: 'ignore' is none of correct, warn"),
        ({"rollback": "true"}, "fluxkit.dev/rollback: 'true' is none of off, last-healthy"),
    ],
)
def test_values_that_mean_nothing(annotations: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidDirective) as raised:
        read(**annotations)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "wakes"),
    [
        (annotated(), annotated(drift="warn"), True),
        (annotated(drift="warn"), annotated(), True),
        (annotated(drift="warn"), annotated(drift="correct"), True),
        (annotated(drift="warn"), annotated(drift="warn"), False),
    ],
)
def test_a_changed_annotation_wakes(old: dict[str, Any], new: dict[str, Any], wakes: bool) -> None:
    new["metadata"]["annotations"]["example.com/other"] = "x"
    assert directives_changed(CacheEvent("MODIFIED", old, new)) is wakes
