"""What an operation did to each object of a set (fluxcd/pkg ``ssa/changeset.go``)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fluxkit.apply.kstatus import Status
from fluxkit.apply.state import AppliedState
from fluxkit.objects import ObjectRef

__all__ = ["Action", "ChangeSet", "ChangeSetEntry"]


class Action(StrEnum):
    CREATED = "created"
    CONFIGURED = "configured"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SKIPPED = "skipped"
    DRIFTED = "drifted"
    """It differs from what is desired, and was left so on request."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ChangeSetEntry:
    """One object and what happened to it; ``ref`` is as the server knows the object (namespace normalised)."""

    ref: ObjectRef
    action: Action

    @property
    def subject(self) -> str:
        return str(self.ref)

    @property
    def changed(self) -> bool:
        """Whether the object was written: such entries make up the apply event and the error text."""
        return self.action in (Action.CREATED, Action.CONFIGURED, Action.DELETED)

    def __str__(self) -> str:
        return f"{self.ref} {self.action}"


@dataclass(slots=True)
class ChangeSet:
    """Entries in the order of the operation, and what to remember of the applied objects for the next run.

    ``statuses`` has, by identity, what the server's answers said about the health of built-in kinds on the way, and
    ``drift`` how those objects differ that were left alone.
    """

    entries: list[ChangeSetEntry] = field(default_factory=list)
    state: AppliedState = field(default_factory=AppliedState)
    statuses: dict[tuple[str, str, str, str], Status] = field(default_factory=dict)
    drift: dict[ObjectRef, str] = field(default_factory=dict)

    def add(self, ref: ObjectRef, action: Action) -> None:
        self.entries.append(ChangeSetEntry(ref, action))

    def extend(self, entries: Iterable[ChangeSetEntry]) -> None:
        self.entries.extend(entries)

    def __iter__(self) -> Iterator[ChangeSetEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def refs(self, *, skipped: bool = True) -> list[ObjectRef]:
        """The objects; ``skipped=False`` leaves out those that were not touched on request, as health checks do."""
        return [entry.ref for entry in self.entries if skipped or entry.action is not Action.SKIPPED]

    def changed(self) -> list[ChangeSetEntry]:
        return [entry for entry in self.entries if entry.changed]

    def change_log(self) -> str:
        """One line for each object that was created, configured or deleted."""
        return "\n".join(str(entry) for entry in self.changed())

    def to_map(self) -> dict[str, str]:
        """Subject to action, as the log line of an apply carries it."""
        return {entry.subject: str(entry.action) for entry in self.entries}

    def to_grouped_map(self) -> dict[str, list[str]]:
        """Action to subjects: the shorter log form behind the gate ``GroupChangeLog``."""
        grouped: dict[str, list[str]] = {}
        for entry in self.entries:
            grouped.setdefault(str(entry.action), []).append(entry.subject)
        return grouped

    def __str__(self) -> str:
        return "\n".join(str(entry) for entry in self.entries)
