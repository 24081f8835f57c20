"""``dependsOn``: the first unmet dependency decides, and a cycle is named."""

from typing import Any

import pytest

from fluxkit.api import Kustomization
from fluxkit.controllers.dependencies import (
    DependencyNotReady,
    InvalidReadyExpression,
    check_dependencies,
    find_cycle,
)
from fluxkit.objects import ObjectKey

REVISION = "main@sha1:b"


def kustomization(
    name: str, *depends_on: str, ready: bool = True, revision: str = REVISION, source: str = "fleet", observed: int = 1
) -> Kustomization:
    conditions: list[dict[str, Any]] = [
        {
            "type": "Ready",
            "status": "True" if ready else "False",
            "reason": "Any",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]
    return Kustomization.decode(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "ns", "generation": 1},
            "spec": {
                "interval": "1m",
                "prune": True,
                "sourceRef": {"kind": "GitRepository", "name": source},
                "dependsOn": [{"name": each} for each in depends_on],
            },
            "status": {"conditions": conditions, "lastAppliedRevision": revision, "observedGeneration": observed},
        }
    )


def check(*objects: Kustomization) -> None:
    check_dependencies(objects[0], REVISION, {each.key: each for each in objects}.get)


def test_ready_dependencies_let_pass() -> None:
    check(kustomization("app", "infra"), kustomization("infra"))


@pytest.mark.contract("KUS-072", "KUS-073", "RUN-131", "RUN-132")
@pytest.mark.parametrize(
    ("dependency", "problem"),
    [
        (kustomization("infra", ready=False), "dependency 'ns/infra' is not ready"),
        (kustomization("infra", observed=0), "dependency 'ns/infra' is not ready"),
        (kustomization("infra", revision="main@sha1:a"), "dependency 'ns/infra' revision is not up to date"),
    ],
)
def test_unmet_dependencies(dependency: Kustomization, problem: str) -> None:
    with pytest.raises(DependencyNotReady) as caught:
        check(kustomization("app", "infra"), dependency)
    assert str(caught.value) == problem


@pytest.mark.contract("KUS-073", "RUN-131")
def test_another_source_may_be_at_any_revision() -> None:
    check(kustomization("app", "infra"), kustomization("infra", revision="main@sha1:a", source="other"))


@pytest.mark.contract("KUS-071", "RUN-132")
def test_the_first_in_list_order_is_told() -> None:
    with pytest.raises(DependencyNotReady, match=r"^dependency 'ns/missing' not found: "):
        check(kustomization("app", "missing", "infra"), kustomization("infra", ready=False))


@pytest.mark.contract("KUS-373")
def test_a_cycle_is_named() -> None:
    objects = [kustomization("a", "x", "b"), kustomization("b", "c"), kustomization("c", "a"), kustomization("x")]
    with pytest.raises(DependencyNotReady, match=r"^circular dependency detected: ns/a -> ns/b -> ns/c -> ns/a$"):
        check(*objects)
    assert find_cycle(ObjectKey("ns", "x"), {each.key: each for each in objects}.get) == []


def test_a_cycle_among_others_is_not_ours() -> None:
    objects = [kustomization("top", "a"), kustomization("a", "b"), kustomization("b", "a")]
    assert find_cycle(ObjectKey("ns", "top"), {each.key: each for each in objects}.get) == []


def expecting(text: str) -> Kustomization:
    dependant = kustomization("app", "base")
    dependant.spec.depends_on[0].ready_expr = text
    return dependant


SUSPENDED = kustomization("base", ready=False, revision="")
SUSPENDED.spec.suspend = True


@pytest.mark.contract("KUS-075", "KUS-076", "KUS-079")
@pytest.mark.parametrize(
    ("text", "additive", "problem"),
    [
        ("dep.spec.suspend == true", False, ""),
        ("dep.metadata.namespace == self.metadata.namespace && dep.status.observedGeneration == 1", False, ""),
        ("dep.spec.suspend == true", True, "dependency 'ns/base' is not ready"),
        ("dep.spec.suspend == false", False, "dependency 'ns/base' is not ready according to readyExpr eval"),
        ("dep.status.nothing == 1", False, "failed to evaluate dependency 'ns/base': "),
    ],
)
def test_an_expression_instead_of_readiness(text: str, additive: bool, problem: str) -> None:
    dependant = expecting(text)
    known = {each.key: each for each in (dependant, SUSPENDED)}
    if not problem:
        check_dependencies(dependant, REVISION, known.get, additive=additive)
        return
    with pytest.raises(DependencyNotReady) as raised:
        check_dependencies(dependant, REVISION, known.get, additive=additive)
    assert str(raised.value).startswith(problem)


@pytest.mark.contract("KUS-077")
@pytest.mark.parametrize("text", ["dep.spec.suspend", "dep.spec.suspend ==", "nobody.spec.suspend == true"])
def test_an_expression_that_cannot_be_compiled(text: str) -> None:
    dependant = expecting(text)
    with pytest.raises(InvalidReadyExpression, match="failed to evaluate dependency base: failed to parse the CEL"):
        check_dependencies(dependant, REVISION, {each.key: each for each in (dependant, SUSPENDED)}.get)
