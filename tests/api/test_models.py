"""Decoding and encoding of custom resources."""

from typing import Any

import pytest

from fluxkit.api import DecodeError, GitRepository, Kustomization
from fluxkit.api.meta import Condition


def kustomization(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "apps", "namespace": "flux-system", "generation": 3},
        "spec": {
            "interval": "10m",
            "prune": False,
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
            **spec,
        },
    }


def test_round_trip_keeps_what_was_written() -> None:
    obj = kustomization(
        path="./apps",
        dependsOn=[{"name": "infra"}],
        images=[{"name": "podinfo", "newTag": "6.5.0"}],
        postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars", "optional": True}]},
    )
    assert Kustomization.decode(obj).encode() == obj | {"status": {}}


def test_required_false_is_written() -> None:
    assert Kustomization.decode(kustomization()).encode()["spec"]["prune"] is False


def test_fields_are_typed() -> None:
    model = Kustomization.decode(kustomization(healthChecks=[{"kind": "Deployment", "name": "a"}]))
    assert model.metadata.generation == 3
    assert model.spec.health_checks[0].kind == "Deployment"
    assert str(model) == "Kustomization/flux-system/apps"


def test_unknown_fields_are_ignored() -> None:
    assert Kustomization.decode(kustomization(validation="client")).spec.interval == "10m"


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1"])
def test_older_versions_become_the_current_one(version: str) -> None:
    obj = {
        "apiVersion": f"source.toolkit.fluxcd.io/{version}",
        "kind": "GitRepository",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {"url": "https://example.com/a", "interval": "1m"},
    }
    assert GitRepository.decode(obj).encode()["apiVersion"] == "source.toolkit.fluxcd.io/v1"


def test_a_wrong_type_names_object_and_field() -> None:
    with pytest.raises(DecodeError, match=r"^Kustomization/flux-system/apps: spec\.sourceRef\.name: Expected `str`"):
        Kustomization.decode(kustomization(sourceRef={"kind": "GitRepository", "name": 3}))


def test_another_kind_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"ConfigMap/a/b: expected a source\.toolkit\.fluxcd\.io/v1/GitRepository"):
        GitRepository.decode({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "a"}})


def test_a_deep_copy_is_independent() -> None:
    model = Kustomization.decode(kustomization())
    copy = model.deep_copy()
    copy.status.conditions.append(
        Condition(type="Ready", status="True", reason="Ok", message="", last_transition_time="2026-01-01T00:00:00Z")
    )
    assert model.status.conditions == []
