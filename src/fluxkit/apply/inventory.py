"""The inventory: which objects a Kustomization owns, as stored in ``status.inventory``.

The text form is upstream's exactly (fluxcd/cli-utils ``pkg/object/objmetadata.go``, fluxcd/kustomize-controller
``internal/inventory``): entry id ``<namespace>_<name>_<group>_<Kind>`` and, apart from it, the version ``v``. The
identity has no version, so that moving an object to a newer API version is an update and never a delete.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from fluxkit.apply.changeset import ChangeSet
from fluxkit.apply.ordering import sorted_refs
from fluxkit.objects import GroupVersionKind, ObjectRef

__all__ = ["Inventory", "InventoryError", "encode_id", "parse_id"]

_RBAC_GROUP = "rbac.authorization.k8s.io"
_RBAC_KINDS = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})

Identity = tuple[str, str, str, str]


class InventoryError(ValueError):
    """An inventory id cannot be read."""


def encode_id(ref: ObjectRef) -> str:
    """``default_podinfo_apps_Deployment``; cluster-scoped objects start with ``_``, the core group is empty.

    RBAC names may contain ``:``, which an id writes as ``__``.
    """
    name = ref.name
    if ref.gvk.group == _RBAC_GROUP and ref.gvk.kind in _RBAC_KINDS:
        name = name.replace(":", "__")
    return f"{ref.namespace}_{name}_{ref.gvk.group}_{ref.gvk.kind}"


@lru_cache(maxsize=1 << 16)  # every run of a Kustomization reads its inventory several times
def parse_id(entry_id: str, version: str) -> ObjectRef:
    """The reference of an inventory entry; raises :class:`InventoryError` on fewer than four fields.

    Single underscores inside the name are accepted, and ``__`` reads as ``:`` for every kind, as upstream does.
    """
    namespace, separator, rest = entry_id.partition("_")
    fields = rest.rsplit("_", 2)
    if not separator or len(fields) != 3:
        raise InventoryError(
            f"unable to parse stored object metadata: {entry_id} (expected <namespace>_<name>_<group>_<Kind>)"
        )
    name, group, kind = fields
    return ObjectRef(GroupVersionKind(group, version, kind), namespace, name.replace("__", ":"))


class Inventory:
    """An ordered set of object references, at most one for each identity."""

    __slots__ = ("_refs",)

    def __init__(self, refs: Iterable[ObjectRef] = ()) -> None:
        self._refs: dict[Identity, ObjectRef] = {}
        for ref in refs:
            self._refs.setdefault(ref.identity, ref)

    @classmethod
    def from_status(cls, entries: Iterable[Mapping[str, str]]) -> "Inventory":
        """From ``status.inventory.entries``, a list of ``{"id": ..., "v": ...}``."""
        return cls(parse_id(entry["id"], entry["v"]) for entry in entries)

    @classmethod
    def from_changes(cls, changes: ChangeSet) -> "Inventory":
        """Everything that a change set touched, skipped objects included."""
        return cls(changes.refs())

    def encode(self) -> list[dict[str, str]]:
        """The entries for ``status.inventory.entries``."""
        return [{"id": encode_id(ref), "v": ref.gvk.version} for ref in self._refs.values()]

    def diff(self, newer: "Inventory") -> list[ObjectRef]:
        """The stale objects: those of this inventory that ``newer`` lacks, in apply order."""
        return sorted_refs(ref for identity, ref in self._refs.items() if identity not in newer._refs)

    def merged(self, refs: Iterable[ObjectRef]) -> "Inventory":
        """This inventory and ``refs``, such as the survivors of a prune, appended unless they are in it already."""
        return Inventory([*self._refs.values(), *refs])

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, ObjectRef) and ref.identity in self._refs

    def __iter__(self) -> Iterator[ObjectRef]:
        return iter(self._refs.values())

    def __len__(self) -> int:
        return len(self._refs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inventory) and self._refs == other._refs

    def __hash__(self) -> int:
        return hash(tuple(self._refs))

    def __repr__(self) -> str:
        return f"Inventory({[encode_id(ref) for ref in self._refs.values()]})"
