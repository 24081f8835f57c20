"""``spec.dependsOn``: which dependency holds an object back, and which cycles can never resolve.

Pure. Texts and order follow fluxcd/kustomize-controller ``checkDependencies``. Upstream leaves the members of a cycle
waiting for ever; here the cycle is told by name. Beyond upstream a dependency may be a HelmRelease, and cycles lead
through both kinds. Objects are plain: all that matters of a kind is what its conditions say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from fluxkit.api import Kustomization
from fluxkit.cel import CELError, Condition
from fluxkit.objects import Object, ObjectKey, gvk_of, key_of, metadata_of

__all__ = [
    "HELM_RELEASE",
    "KUSTOMIZATION",
    "DependencyNotReady",
    "InvalidReadyExpression",
    "Node",
    "check_dependencies",
    "closure",
    "dependency_keys",
    "dependency_nodes",
    "find_cycle",
    "in_dependency_order",
]

KUSTOMIZATION, HELM_RELEASE = "Kustomization", "HelmRelease"


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """Something that others may depend on; a Kustomization is written without its kind, as upstream does."""

    kind: str
    key: ObjectKey

    def __str__(self) -> str:
        return str(self.key) if self.kind == KUSTOMIZATION else f"{self.kind}/{self.key}"


Lookup = Callable[[Node], Object | None]


class DependencyNotReady(Exception):
    """A dependency is missing, not ready, or behind the revision of the shared source."""


class InvalidReadyExpression(Exception):
    """A ``readyExpr`` cannot be compiled: only a change of the spec helps."""


def dependency_nodes(obj: Object) -> list[Node]:
    """What an object of either kind depends on, in the order of its spec; without kind, its own kind is meant."""
    kind, namespace = gvk_of(obj).kind, key_of(obj).namespace
    found = []
    for reference in (obj.get("spec") or {}).get("dependsOn") or ():
        if isinstance(reference, dict):
            key = ObjectKey(str(reference.get("namespace") or namespace), str(reference.get("name", "")))
            found.append(Node(str(reference.get("kind") or kind), key))
    return found


def dependency_keys(kustomization: Kustomization) -> list[ObjectKey]:
    """The Kustomizations that this one depends on, in the order of the spec."""
    return [node.key for node in dependency_nodes(kustomization.encode()) if node.kind == KUSTOMIZATION]


def closure(start: Object, lookup: Lookup) -> list[Node]:
    """Everything that an object depends on, directly or not, as far as it can be looked up."""
    found: dict[Node, None] = {}
    open_nodes = dependency_nodes(start)
    while open_nodes:
        node = open_nodes.pop()
        if node in found:
            continue
        found[node] = None
        obj = lookup(node)
        if obj is not None:
            open_nodes += dependency_nodes(obj)
    return list(found)


def check_dependencies(kustomization: Kustomization, revision: str, lookup: Lookup, *, additive: bool = False) -> None:
    """Raises :class:`DependencyNotReady` with the first unmet dependency in list order.

    ``revision`` is that of the source's current artifact: a dependency on the same source must have applied it too,
    or the dependant would run against a newer revision first. A ``readyExpr`` replaces these rules, with ``additive``
    both must hold; raises :class:`InvalidReadyExpression` if it cannot be compiled.
    """
    cycle = find_cycle(Node(KUSTOMIZATION, kustomization.key), lookup)
    if cycle:
        path = " -> ".join(map(str, cycle))
        raise DependencyNotReady(f"circular dependency detected: {path}")
    own = kustomization.encode()
    for node, reference in zip(dependency_nodes(own), kustomization.spec.depends_on, strict=True):
        dependency = lookup(node)
        if dependency is None:
            raise DependencyNotReady(f"dependency '{node}' not found: {node.kind} '{node.key}' does not exist")
        if reference.ready_expr:
            _check_expression(own, node, dependency, reference.ready_expr)
            if not additive:
                continue
        if not _is_ready(dependency):
            raise DependencyNotReady(f"dependency '{node}' is not ready")
        same_source = node.kind == KUSTOMIZATION and _source(dependency) == _source(own)
        if same_source and (dependency.get("status") or {}).get("lastAppliedRevision", "") != revision:
            raise DependencyNotReady(f"dependency '{node}' revision is not up to date")


def _check_expression(own: Object, node: Node, dependency: Object, text: str) -> None:
    try:
        condition = Condition(text, variables=("self", "dep"))
    except CELError as error:
        raise InvalidReadyExpression(f"failed to evaluate dependency {node.key.name}: {error}") from error
    try:
        holds = condition.holds({"self": own, "dep": dependency})
    except CELError as error:
        raise DependencyNotReady(f"failed to evaluate dependency '{node}': {error}") from error
    if not holds:
        raise DependencyNotReady(f"dependency '{node}' is not ready according to readyExpr eval")


def _is_ready(obj: Object) -> bool:
    """Ready by its condition, which is about the generation that the object has."""
    status = obj.get("status") or {}
    return status.get("observedGeneration", 0) == metadata_of(obj).get("generation", 0) and any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )


def _source(obj: Object) -> tuple[str, str, str]:
    reference = (obj.get("spec") or {}).get("sourceRef") or {}
    return (
        str(reference.get("kind", "")),
        str(reference.get("name", "")),
        str(reference.get("namespace") or key_of(obj).namespace),
    )


def find_cycle(start: Node, lookup: Lookup) -> list[Node]:
    """A path of dependencies from ``start`` back to itself, across kinds, or an empty list."""
    visited: set[Node] = set()
    stack: list[tuple[Node, list[Node]]] = [(start, [start])]
    while stack:
        node, path = stack.pop()
        current = lookup(node)
        if current is None:
            continue
        for dependency in dependency_nodes(current):
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
