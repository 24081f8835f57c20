"""Writing back what a run changed in its object, safely beside other writers.

The object as it was read is remembered; what differs when :meth:`SerialPatcher.patch` is called is written, and the
result is the base of the next patch of the run (fluxcd/pkg ``runtime/patch``):

* conditions by a three-way merge under a resourceVersion lock, repeated on conflict with the object read afresh;
* labels, annotations, finalizers, owner references and the spec by a merge patch;
* the remaining status by a merge patch. Nothing that is unchanged is sent.

Where upstream reads the object before each conditions patch and writes the remaining status in a request of its own,
this patcher tries the version that it knows first and sends the status together with the conditions: one request
instead of three when nobody interferes, and no reader sees half of an update. If the conditions cannot be merged, the
remaining status is still written on its own.

The patcher refuses to touch anything else: server-owned metadata and fields that the models do not know stay as they
are.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from fluxkit.api import Condition, ObjectMeta
from fluxkit.jsonpatch import create_merge_patch
from fluxkit.kube import Client, PatchKind, errors
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, metadata_of
from fluxkit.runtime.conditions import find, merge_into, same_state

__all__ = ["ConditionChange", "ConditionConflict", "Patchable", "SerialPatcher", "apply_changes", "condition_changes"]

_STEPS = 5
_BASE_DELAY = 0.1
_WRITABLE_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")


class _PatchableStatus(Protocol):
    conditions: list[Condition]
    observed_generation: int


class Patchable(Protocol):
    """A kind of :mod:`fluxkit.api` with conditions."""

    metadata: ObjectMeta

    @property
    def GVK(self) -> GroupVersionKind: ...  # noqa: N802 - the models' own name

    @property
    def status(self) -> _PatchableStatus: ...

    def encode(self) -> Object: ...


class ConditionConflict(Exception):
    """Somebody else changed a condition that this controller does not own, to another state."""


@dataclass(frozen=True, slots=True)
class ConditionChange:
    """What happened to one condition: added (no ``before``), removed (no ``after``) or changed."""

    before: Condition | None
    after: Condition | None

    @property
    def type(self) -> str:
        condition = self.after or self.before
        assert condition is not None
        return condition.type


def condition_changes(before: Sequence[Condition], after: Sequence[Condition]) -> list[ConditionChange]:
    """What turns one list of conditions into another; order does not count."""
    changes = []
    for condition in after:
        old = find(before, condition.type)
        if old != condition:
            changes.append(ConditionChange(old, condition))
    changes.extend(ConditionChange(old, None) for old in before if find(after, old.type) is None)
    return changes


def apply_changes(
    latest: Sequence[Condition],
    changes: Sequence[ConditionChange],
    *,
    owned: Collection[str] = (),
    force: bool = False,
) -> list[Condition]:
    """The latest conditions with the changes made to them.

    Changes of owned conditions always win, with ``force`` all do. Otherwise a condition that deviates from the base of
    the change must already be in the wanted state, whose transition time is then kept; if it is not,
    :class:`ConditionConflict` is raised.
    """
    merged = list(latest)
    for change in changes:
        wins = force or change.type in owned
        current = find(merged, change.type)
        if change.after is None:
            assert change.before is not None
            if not wins and current is not None and not same_state(current, change.before):
                raise _conflict(change.type, "modified", "RemoveCondition", current, change.before)
            merged = [condition for condition in merged if condition.type != change.type]
            continue
        if not wins:
            if change.before is None:
                if current is not None:
                    if not same_state(current, change.after):
                        raise _conflict(change.type, "modified", "AddCondition", current, change.after)
                    continue
            elif current is None:
                raise _conflict(change.type, "deleted", "ChangeCondition", None, change.after)
            elif current != change.before:
                if not same_state(current, change.after):
                    raise _conflict(change.type, "modified", "ChangeCondition", current, change.after)
                continue
        merged = merge_into(merged, change.after)
    return merged


def _conflict(
    type: str, happened: str, operation: str, current: Condition | None, wanted: Condition
) -> ConditionConflict:
    difference = "" if current is None else f": it is {_describe(current)}, not {_describe(wanted)}"
    return ConditionConflict(
        f'error patching conditions: The condition "{type}" was {happened} by a different process and this caused a '
        f"merge/{operation} conflict{difference}"
    )


def _describe(condition: Condition) -> str:
    return f"{condition.status} ({condition.reason}: {condition.message})"


@dataclass(slots=True)
class _Known:
    """What the server is known to hold."""

    resource_version: str
    conditions: list[Condition]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The object at the moment of a patch, in the parts that are written separately."""

    conditions: list[Condition]
    main: dict[str, Any]
    status: dict[str, Any]


class SerialPatcher:
    """Writes the changes of one object, several times in a run if need be, also while the run goes on changing it.

    ``field_owner`` is the field manager of the writes. ``owned`` condition types are overwritten whatever others did,
    ``force_overwrite`` extends that to all. ``on_write`` receives each object that a write returned (give it
    ``run.wrote``). ``pause`` waits between conflicting attempts.
    """

    def __init__(
        self,
        client: Client,
        obj: Patchable,
        *,
        field_owner: str,
        owned: Sequence[str] = (),
        force_overwrite: bool = False,
        on_write: Callable[[Object], None] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._gvk = obj.GVK
        self._field_owner = field_owner
        self._owned = frozenset(owned)
        self._force = force_overwrite
        self._on_write = on_write
        self._pause = pause
        self._key = ObjectKey(obj.metadata.namespace, obj.metadata.name)
        self._uid = obj.metadata.uid
        self._one_at_a_time = asyncio.Lock()
        encoded = obj.encode()
        self._conditions = list(obj.status.conditions)
        self._main = _main_part(encoded)
        self._status = _status_part(encoded)
        self._known = _Known(obj.metadata.resource_version, list(obj.status.conditions))

    async def patch(self, obj: Patchable, *, observe_generation: bool = False) -> None:
        """Writes what changed since the last patch, or since the object was given to the patcher.

        ``observe_generation`` sets ``status.observedGeneration`` in the same write. All parts are attempted; a single
        error is raised as it is, several as an ``ExceptionGroup``. For an object that is being deleted, its having
        vanished is no error.
        """
        if self._gvk != obj.GVK:
            raise TypeError(f'unmatched GroupVersionKind, expected "{self._gvk}" got "{obj.GVK}"')
        if observe_generation:
            obj.status.observed_generation = obj.metadata.generation
        failures: list[Exception] = []
        async with self._one_at_a_time:
            # what the object becomes while the writes are under way belongs to the next patch
            wanted = _Wanted(list(obj.status.conditions), _main_part(encoded := obj.encode()), _status_part(encoded))
            for part in (self._patch_conditions, self._patch_main, self._patch_status):
                try:
                    await part(wanted)
                except (errors.KubeError, ConditionConflict) as error:
                    if isinstance(error, errors.NotFound) and obj.metadata.deletion_timestamp is not None:
                        continue
                    failures.append(error)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup(f"{obj}: " + "; ".join(map(str, failures)), failures)

    async def _patch_conditions(self, wanted: _Wanted) -> None:
        changes = condition_changes(self._conditions, wanted.conditions)
        if not changes:
            return
        rest = create_merge_patch(self._status, wanted.status)
        conflict: errors.Conflict | None = None
        for step in range(_STEPS):
            if conflict is not None or not self._known.resource_version:
                if step:
                    await self._pause(_BASE_DELAY * (1.0 + random.random()))
                await self._read_afresh()
            merged = apply_changes(self._known.conditions, changes, owned=self._owned, force=self._force)
            if merged == self._known.conditions and not rest:
                break
            body = {
                "metadata": {"resourceVersion": self._known.resource_version},
                "status": {**rest, "conditions": msgspec.to_builtins(merged) if merged else None},
            }
            try:
                await self._send(body, "status")
            except errors.Conflict as error:
                conflict = error
                continue
            break
        else:
            assert conflict is not None
            raise conflict
        self._conditions = wanted.conditions
        self._status = wanted.status

    async def _patch_main(self, wanted: _Wanted) -> None:
        body = create_merge_patch(self._main, wanted.main)
        if body:
            await self._send(body, "")
            self._main = wanted.main

    async def _patch_status(self, wanted: _Wanted) -> None:
        body = create_merge_patch(self._status, wanted.status)
        if body:
            await self._send({"status": body}, "status")
            self._status = wanted.status

    async def _read_afresh(self) -> None:
        latest = await self._client.get(self._gvk, self._key.name, self._key.namespace)
        uid = metadata_of(latest).get("uid", "")
        if self._uid and uid != self._uid:
            raise ConditionConflict(
                f"error patching conditions: {self._gvk.kind}/{self._key} was deleted and created again: "
                f"its uid is {uid}, not {self._uid}"
            )
        self._learn(latest)

    async def _send(self, body: dict[str, Any], subresource: str) -> None:
        written = await self._client.patch(
            self._gvk,
            self._key.name,
            self._key.namespace,
            patch=body,
            kind=PatchKind.MERGE,
            subresource=subresource,
            field_manager=self._field_owner,
        )
        self._learn(written)
        if self._on_write is not None:
            self._on_write(written)

    def _learn(self, obj: Object) -> None:
        status = obj.get("status")
        stored = status.get("conditions") if isinstance(status, dict) else None
        self._known = _Known(
            str(metadata_of(obj).get("resourceVersion", "")), msgspec.convert(stored or [], list[Condition])
        )


def _main_part(encoded: Object) -> dict[str, Any]:
    metadata = metadata_of(encoded)
    part: dict[str, Any] = {key: metadata[key] for key in _WRITABLE_METADATA if key in metadata}
    return {"metadata": part, "spec": encoded.get("spec", {})}


def _status_part(encoded: Object) -> dict[str, Any]:
    status = encoded.get("status", {})
    return {key: value for key, value in status.items() if key != "conditions"}
