"""What fluxkit remembers of objects that it applied, so that the next run asks only about what may have changed.

Memory only: losing it costs requests, never correctness. An object is known to be as desired when two digests still
hold: that of the desired object, and the fingerprint of the live one as the drift watch sees it.

A fingerprint is made of metadata alone and changes exactly when a field of ours may have changed. Server-side apply
records field ownership, so a foreign write to one of our fields takes that field out of our managed-fields entry;
status updates, autoscalers and controllers that write fields which Git does not have leave the entry alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from fluxkit.apply.managedfields import CleanupRules, managed_entries, own_entry
from fluxkit.apply.ownership import Owner
from fluxkit.objects import Object, ObjectRef, annotations_of, labels_of, metadata_of

__all__ = [
    "NOTHING",
    "AppliedState",
    "Fingerprint",
    "ObjectState",
    "digest_of",
    "fingerprint",
    "loose_fingerprint",
    "resource_version",
]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One version of a live object: ``version`` orders versions of one object, ``digest`` tells them apart."""

    uid: str
    version: int
    digest: bytes

    def same_as(self, other: "Fingerprint") -> bool:
        """Whether nothing that we own changed between two versions."""
        return self.uid == other.uid and self.digest == other.digest


@dataclass(frozen=True, slots=True)
class ObjectState:
    """An object as it was applied: digest of what was desired, fingerprint of what became of it, whose it is.

    ``owner`` is the (namespace, name) that its owner labels carry. ``drifted`` says that what became of it is not what
    was desired; then it is known only to be as it was when it was looked at.
    """

    ref: ObjectRef
    desired: bytes
    live: Fingerprint
    owner: tuple[str, str]
    drifted: bool = False


@dataclass(slots=True)
class AppliedState:
    """The states of a set's objects, by identity."""

    _states: dict[tuple[str, str, str, str], ObjectState] = field(default_factory=dict)

    def get(self, ref: ObjectRef) -> ObjectState | None:
        return self._states.get(ref.identity)

    def by_identity(self, identity: tuple[str, str, str, str]) -> ObjectState | None:
        return self._states.get(identity)

    def put(self, state: ObjectState) -> None:
        self._states[state.ref.identity] = state

    def forget(self, refs: Iterable[ObjectRef]) -> None:
        for ref in refs:
            self._states.pop(ref.identity, None)

    def updated(self, newer: "AppliedState") -> "AppliedState":
        """These states with the newer ones over them, as after a partial apply."""
        return AppliedState({**self._states, **newer._states})

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, ObjectRef) and ref.identity in self._states

    def __iter__(self) -> Iterator[ObjectState]:
        return iter(self._states.values())

    def __len__(self) -> int:
        return len(self._states)


def digest_of(*values: Any) -> bytes:
    """A digest of JSON values; key order does not matter."""
    digest = hashlib.blake2b(digest_size=16)
    for value in values:
        digest.update(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
        digest.update(b"\0")
    return digest.digest()


def resource_version(obj: Object) -> int:
    """The resourceVersion as a number, 0 if there is none: versions of one kind can be ordered."""
    version = metadata_of(obj).get("resourceVersion")
    return int(version) if isinstance(version, str) and version.isdigit() else 0


def loose_fingerprint(live: Object) -> Fingerprint:
    """Changes with everything that is not status: for an object that others write, and whose return is awaited."""
    metadata = metadata_of(live)
    version = metadata.get("generation") or metadata.get("resourceVersion")
    digest = digest_of([version, labels_of(live), annotations_of(live)], "deletionTimestamp" in metadata)
    return Fingerprint(str(metadata.get("uid", "")), resource_version(live), digest)


NOTHING = Fingerprint("", 0, b"")
"""The fingerprint of an object that does not exist."""


def fingerprint(live: Object, owner: Owner, cleanup: CleanupRules) -> Fingerprint:
    """The fingerprint of a live object or of its metadata.

    Where the object has no entry of ours (a server without managed fields), everything that is not status counts:
    generation (or resourceVersion for kinds without one), labels and annotations.
    """
    metadata = metadata_of(live)
    labels = labels_of(live)
    entry = own_entry(live, owner.field_manager)
    claim: Any
    if entry is None:
        claim = [metadata.get("generation") or metadata.get("resourceVersion"), labels, annotations_of(live)]
    else:
        # Another owner with the same field manager leaves the set of fields alone: its labels and the time tell.
        claim = [
            entry,
            [other for other in managed_entries(live) if cleanup.takes_over(other)],
            labels.get(owner.name_label),
            labels.get(owner.namespace_label),
        ]
    digest = digest_of(claim, "deletionTimestamp" in metadata)
    return Fingerprint(str(metadata.get("uid", "")), resource_version(live), digest)
