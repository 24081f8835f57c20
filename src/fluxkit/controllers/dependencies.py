"""``spec.dependsOn``: which dependency holds an object back, and which cycles can never resolve.

Pure. Texts and order follow fluxcd/kustomize-controller ``checkDependencies``. Upstream leaves the members of a cycle
waiting for ever; here the cycle is told by name.
"""

from collections.abc import Callable, Sequence
from graphlib import CycleError, TopologicalSorter

from fluxkit.api import Kustomization
from fluxkit.cel import CELError, Condition
from fluxkit.objects import ObjectKey

__all__ = [
    "DependencyNotReady",
    "InvalidReadyExpression",
    "check_dependencies",
    "dependency_keys",
    "find_cycle",
    "in_dependency_order",
]

Lookup = Callable[[ObjectKey], Kustomization | None]


class DependencyNotReady(Exception):
    """A dependency is missing, not ready, or behind the revision of the shared source."""


class InvalidReadyExpression(Exception):
    """A ``readyExpr`` cannot be compiled: only a change of the spec helps."""


def dependency_keys(kustomization: Kustomization) -> list[ObjectKey]:
    """The Kustomizations that this one depends on, in the order of the spec."""
    own = kustomization.metadata.namespace
    return [ObjectKey(dependency.namespace or own, dependency.name) for dependency in kustomization.spec.depends_on]


def check_dependencies(kustomization: Kustomization, revision: str, lookup: Lookup, *, additive: bool = False) -> None:
    """Raises :class:`DependencyNotReady` with the first unmet dependency in list order.

    ``revision`` is that of the source's current artifact: a dependency on the same source must have applied it too,
    or the dependant would run against a newer revision first. A ``readyExpr`` replaces these rules, with ``additive``
    both must hold; raises :class:`InvalidReadyExpression` if it cannot be compiled.
    """
    cycle = find_cycle(kustomization.key, lookup)
    if cycle:
        path = " -> ".join(map(str, cycle))
        raise DependencyNotReady(f"circular dependency detected: {path}")
    for key, reference in zip(dependency_keys(kustomization), kustomization.spec.depends_on, strict=True):
        dependency = lookup(key)
        if dependency is None:
            raise DependencyNotReady(f"dependency '{key}' not found: Kustomization '{key}' does not exist")
        if reference.ready_expr:
            _check_expression(kustomization, key, dependency, reference.ready_expr)
            if not additive:
                continue
        if not _is_ready(dependency):
            raise DependencyNotReady(f"dependency '{key}' is not ready")
        if _source(dependency) == _source(kustomization) and dependency.status.last_applied_revision != revision:
            raise DependencyNotReady(f"dependency '{key}' revision is not up to date")


def _check_expression(kustomization: Kustomization, key: ObjectKey, dependency: Kustomization, text: str) -> None:
    try:
        condition = Condition(text, variables=("self", "dep"))
    except CELError as error:
        raise InvalidReadyExpression(f"failed to evaluate dependency {key.name}: {error}") from error
    try:
        holds = condition.holds({"self": kustomization.encode(), "dep": dependency.encode()})
    except CELError as error:
        raise DependencyNotReady(f"failed to evaluate dependency '{key}': {error}") from error
    if not holds:
        raise DependencyNotReady(f"dependency '{key}' is not ready according to readyExpr eval")


def _is_ready(kustomization: Kustomization) -> bool:
    status = kustomization.status
    return status.observed_generation == kustomization.metadata.generation and any(
        condition.type == "Ready" and condition.status == "True" for condition in status.conditions
    )


def _source(kustomization: Kustomization) -> tuple[str, str, str]:
    reference = kustomization.spec.source_ref
    return (reference.kind, reference.name, reference.namespace or kustomization.metadata.namespace)


def find_cycle(start: ObjectKey, lookup: Lookup) -> list[ObjectKey]:
    """A path of dependencies from ``start`` back to itself, or an empty list."""
    visited: set[ObjectKey] = set()
    stack: list[tuple[ObjectKey, list[ObjectKey]]] = [(start, [start])]
    while stack:
        key, path = stack.pop()
        current = lookup(key)
        if current is None:
            continue
        for dependency in dependency_keys(current):
            if dependency == start:
                return [*path, start]
            if dependency not in visited:
                visited.add(dependency)
                stack.append((dependency, [*path, dependency]))
    return []


def in_dependency_order(kustomizations: Sequence[Kustomization]) -> list[ObjectKey]:
    """The keys of these Kustomizations, each after those that it depends on; with a cycle, as they came."""
    among = {kustomization.key for kustomization in kustomizations}
    graph = {each.key: [key for key in dependency_keys(each) if key in among] for each in kustomizations}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return list(graph)
