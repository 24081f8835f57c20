"""Errors of applying, deleting and waiting. Texts are upstream's; none carries a value of a Secret."""

from collections.abc import Sequence

from fluxkit.apply.changeset import Action, ChangeSet
from fluxkit.objects import ObjectRef

__all__ = ["ApplyError", "ApplyFailed", "DeleteFailed", "DuplicateObject", "IgnoreRuleError"]


class ApplyError(Exception):
    """One object could not be processed; ``ref`` is the object, the text says what failed and why."""

    def __init__(self, ref: ObjectRef, text: str) -> None:
        super().__init__(text)
        self.ref = ref


class DuplicateObject(ApplyError):
    """Two objects of one set have the same identity: applying both would flip the object at every run."""

    def __init__(self, ref: ObjectRef) -> None:
        group = f" of group {ref.gvk.group}" if ref.gvk.group else ""
        super().__init__(ref, f"{ref}{group} is defined more than once in the same set; remove all but one")


class IgnoreRuleError(ValueError):
    """An ignore rule has a selector or a path that cannot be read."""


class ApplyFailed(Exception):
    """An apply stopped. ``changes`` holds what was done before it stopped, to be kept in the inventory.

    The text is the failing object's error, then one line for each object that had already been changed.
    """

    def __init__(self, error: str, changes: ChangeSet, ref: ObjectRef | None = None) -> None:
        self.error = error
        self.changes = changes
        self.ref = ref
        super().__init__("\n".join(part for part in (error, changes.change_log()) if part))


class DeleteFailed(Exception):
    """Some objects could not be deleted; the others were. ``changes`` has an entry for every object."""

    def __init__(self, errors: Sequence[ApplyError], changes: ChangeSet) -> None:
        self.errors = list(errors)
        self.changes = changes
        super().__init__("delete failed, errors: " + "".join(f"{error};" for error in errors))

    @property
    def survivors(self) -> list[ObjectRef]:
        """Objects whose deletion was not confirmed: they belong back into the inventory."""
        return [entry.ref for entry in self.changes if entry.action is Action.UNKNOWN]
