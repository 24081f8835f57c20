"""Per-object switches: labels or annotations by which an object asks to be treated differently.

Keys carry the owner's group, ``kustomize.toolkit.fluxcd.io/reconcile: disabled``; they may be labels or annotations,
and values compare without regard to case (fluxcd/pkg ``ssa/utils/meta.go`` AnyInMetadata, fluxcd/kustomize-controller
``internal/controller``). Which side is read matters: a switch on the desired object works at once, one that must
protect a live object is read from the live object alone.
"""

from dataclasses import dataclass

from fluxkit.objects import Object, annotations_of, labels_of

__all__ = ["Switches", "has_metadata"]


def has_metadata(obj: Object | None, key: str, value: str) -> bool:
    """Whether a label or an annotation of the object has the value, in any letter case."""
    if obj is None:
        return False
    wanted = value.lower()
    for metadata in (labels_of(obj), annotations_of(obj)):
        found = metadata.get(key)
        if isinstance(found, str) and found.lower() == wanted:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Switches:
    """The switches of one owner group. ``desired`` is what Git says, ``live`` what the cluster has (or ``None``)."""

    group: str

    def excludes(self, desired: Object | None, live: Object | None) -> bool:
        """``reconcile: disabled`` or ``ssa: Ignore`` on either side: the object is not applied."""
        return any(
            has_metadata(obj, f"{self.group}/reconcile", "disabled") or has_metadata(obj, f"{self.group}/ssa", "Ignore")
            for obj in (desired, live)
        )

    def only_if_absent(self, desired: Object) -> bool:
        """``ssa: IfNotPresent``, in Git only: the object is created, never updated."""
        return has_metadata(desired, f"{self.group}/ssa", "IfNotPresent")

    def merges(self, desired: Object | None, live: Object | None) -> bool:
        """``ssa: Merge`` on either side: what other field managers added is left alone."""
        return any(has_metadata(obj, f"{self.group}/ssa", "Merge") for obj in (desired, live))

    def recreates(self, desired: Object | None, live: Object | None) -> bool:
        """``force: enabled`` on either side: a change of immutable fields recreates the object."""
        return any(has_metadata(obj, f"{self.group}/force", "enabled") for obj in (desired, live))

    def keeps(self, live: Object) -> bool:
        """``prune: disabled``, ``reconcile: disabled`` or ``ssa: Ignore`` on the live object: it is not deleted."""
        return has_metadata(live, f"{self.group}/prune", "disabled") or self.excludes(None, live)
