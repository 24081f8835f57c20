"""``dependsOn``: the first unmet dependency decides, and a cycle is named."""

from collections.abc import Callable
from typing import Any

import pytest

from fluxkit.api import Kustomization
from fluxkit.controllers.kustomization.dependencies import (
    DependencyNotReady,
    InvalidReadyExpression,
    Node,
    check_dependencies,
    closure,
    find_cycle,
)
from fluxkit.objects import Object, ObjectKey, key_of

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


def known(*objects: Kustomization | Object) -> Callable[[Node], Object | None]:
    plain = [each.encode() if isinstance(each, Kustomization) else each for each in objects]
    return {Node(each["kind"], key_of(each)): each for each in plain}.get


def check(*objects: Kustomization | Object) -> None:
    assert isinstance(objects[0], Kustomization)
    check_dependencies(objects[0], REVISION, known(*objects))


def release(name: str, *depends_on: Object, ready: bool = True, observed: int = 1) -> Object:
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": "ns", "generation": 1},
        "spec": {"dependsOn": list(depends_on)},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def on_release(name: str, *releases: str) -> Kustomization:
    dependant = kustomization(name, *releases)
    for reference in dependant.spec.depends_on:
        reference.kind = "HelmRelease"
    return dependant


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
    assert find_cycle(Node("Kustomization", ObjectKey("ns", "x")), known(*objects)) == []


def test_a_cycle_among_others_is_not_ours() -> None:
    objects = [kustomization("top", "a"), kustomization("a", "b"), kustomization("b", "a")]
    assert find_cycle(Node("Kustomization", ObjectKey("ns", "top")), known(*objects)) == []


def expecting(text: str) -> Kustomization:
    dependant = kustomization("app", "base")
    dependant.spec.depends_on[0].ready_expr = text
    return dependant


SUSPENDED = kustomization("base", ready=False, revision="")
SUSPENDED.spec.suspend = True


@pytest.mark.contract("KUS-075", "KUS-076", "KUS-079", "RUN-130")
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
    lookup = known(dependant, SUSPENDED)
    if not problem:
        check_dependencies(dependant, REVISION, lookup, additive=additive)
        return
    with pytest.raises(DependencyNotReady) as raised:
        check_dependencies(dependant, REVISION, lookup, additive=additive)
    assert str(raised.value).startswith(problem)


@pytest.mark.contract("KUS-077")
@pytest.mark.parametrize("text", ["dep.spec.suspend", "dep.spec.suspend ==", "nobody.spec.suspend == true"])
def test_an_expression_that_cannot_be_compiled(text: str) -> None:
    dependant = expecting(text)
    with pytest.raises(InvalidReadyExpression, match="failed to evaluate dependency base: failed to parse the CEL"):
        check_dependencies(dependant, REVISION, known(dependant, SUSPENDED))


@pytest.mark.parametrize(
    ("dependency", "problem"),
    [
        (release("db", ready=False), "dependency 'HelmRelease/ns/db' is not ready"),
        (release("db", observed=0), "dependency 'HelmRelease/ns/db' is not ready"),
        (kustomization("db"), "dependency 'HelmRelease/ns/db' not found: HelmRelease 'ns/db' does not exist"),
    ],
    ids=["failing", "outdated", "missing"],
)
def test_a_helm_release_that_is_not_ready(dependency: Kustomization | Object, problem: str) -> None:
    with pytest.raises(DependencyNotReady) as caught:
        check(on_release("app", "db"), dependency)
    assert str(caught.value) == problem


def test_a_helm_release_that_is_ready_at_its_generation() -> None:
    check(on_release("app", "db"), release("db"))
    expecting_one = on_release("app", "db")
    expecting_one.spec.depends_on[0].ready_expr = "dep.status.conditions.exists(c, c.type == 'Ready')"
    check(expecting_one, release("db", ready=False))


def test_a_cycle_across_kinds_is_named() -> None:
    back = {"kind": "Kustomization", "name": "a"}
    objects = [on_release("a", "b"), release("b", {"name": "c"}), release("c", back)]
    told = r"^circular dependency detected: ns/a -> HelmRelease/ns/b -> HelmRelease/ns/c -> ns/a$"
    with pytest.raises(DependencyNotReady, match=told):
        check(*objects)
    reached = closure(objects[0].encode() if isinstance(objects[0], Kustomization) else {}, known(*objects))
    assert [str(node) for node in reached] == ["HelmRelease/ns/b", "HelmRelease/ns/c", "ns/a"]
