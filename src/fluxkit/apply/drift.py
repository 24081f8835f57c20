"""Seeing at once when somebody else changes or deletes an object that an owner applied.

One metadata-only watch per kind in use covers all owners. It selects objects that carry the owner label: an object that
loses its label leaves the watch, which is a deletion from the owner's point of view. Our own writes, status updates and
writes to fields that are not ours change no fingerprint (:mod:`fluxkit.apply.state`) and are not reported.

Who may not watch a kind in the whole cluster watches it in the namespaces that have objects of it. Where that is not
allowed either, nothing is reported, and nothing counts as unchanged: the objects are asked about at every run.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from fluxkit.apply.managedfields import CleanupRules, own_entry
from fluxkit.apply.ownership import KUSTOMIZE_GROUP, Owner
from fluxkit.apply.sharedwatch import Scope, SharedWatch, SharedWatches
from fluxkit.apply.state import AppliedState, Fingerprint, ObjectState, fingerprint, loose_fingerprint
from fluxkit.kube import Client
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, ObjectRef, labels_of, metadata_of

__all__ = ["DriftWatch"]

OwnerKey = TypeVar("OwnerKey", bound=Hashable)
Identity = tuple[str, str, str, str]
_Place = tuple[GroupVersionKind, str]
"""What one watch covers: a kind, in one namespace or in all."""

# Against another controller that insists, correcting faster than this helps nobody.
_BURST = 5
_PERIOD = 60.0
_TOMBSTONES = 1024


class _Kind:
    """One watched kind: who uses it, and which objects left it lately."""

    def __init__(self, watch: SharedWatch) -> None:
        self.watch = watch
        self.tracked: dict[ObjectKey, Identity] = {}
        self.fingerprints: dict[ObjectKey, Fingerprint] = {}
        """Of every live object, made as its event comes in: events arrive in small portions, owners ask in large."""
        self.tombstones: OrderedDict[ObjectKey, str] = OrderedDict()
        self.ready = False
        """Whether the first list has been read; stays true when the kind is no longer served."""


class DriftWatch(Generic[OwnerKey]):
    """Watches the objects of any number of owners. ``async with``, or :meth:`close` at the end.

    ``on_drift(owner, ref)`` is called from the event loop for each object that changed or went, once until the owner
    is tracked again; it must return at once. ``on_takeover(owner, ref, other)`` is called instead when another owner of
    the same group applied the object (``other`` is ``namespace/name``): correcting that by return would start a fight.
    """

    def __init__(
        self,
        client: Client,
        on_drift: Callable[[OwnerKey, ObjectRef], None],
        *,
        on_takeover: Callable[[OwnerKey, ObjectRef, str], None] | None = None,
        group: str = KUSTOMIZE_GROUP,
        field_manager: str = "kustomize-controller",
        cleanup: CleanupRules | None = None,
    ) -> None:
        self._on_drift = on_drift
        self._on_takeover = on_takeover
        # Fingerprints need the label names and the manager; which owner it is does not matter to them.
        self._any_owner = Owner("", "", group=group, field_manager=field_manager)
        self._cleanup = cleanup or CleanupRules.for_manager(field_manager)
        self._watches = SharedWatches(client, linger=0.0)
        self._kinds: dict[_Place, _Kind] = {}
        self._narrow: set[GroupVersionKind] = set()
        """Kinds that may not be watched in all namespaces at once."""
        self._states: dict[OwnerKey, AppliedState] = {}
        self._owners: dict[Identity, set[OwnerKey]] = {}
        self._reported: set[tuple[OwnerKey, Identity]] = set()
        self._reports: dict[tuple[OwnerKey, Identity], deque[float]] = {}
        self._delayed: dict[tuple[OwnerKey, Identity], asyncio.TimerHandle] = {}
        self._writing: set[OwnerKey] = set()

    async def __aenter__(self) -> "DriftWatch[OwnerKey]":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()
        await self._watches.close()
        self._kinds.clear()

    def track(self, owner: OwnerKey, state: AppliedState) -> None:
        """From now on watch these objects for the owner, instead of what it had before.

        What happened since they were applied is noticed too.
        """
        before = self._states.get(owner, AppliedState())
        self._states[owner] = state
        for old in before:
            if old.ref not in state:
                self._untrack(owner, old)
        for new in state:
            self._kind_of(new.ref).tracked[new.ref.key] = new.ref.identity
            self._owners.setdefault(new.ref.identity, set()).add(owner)
            self._settle(owner, new.ref.identity)
        for new in state:
            self._look(self._kind_of(new.ref), owner, new)
        self._stop_unused()

    @contextmanager
    def writing(self, owner: OwnerKey) -> Iterator[None]:
        """While the owner itself writes, its changes are no drift: nothing is reported until the context ends.

        What differs by then from the state that is tracked is reported at the end.
        """
        self._writing.add(owner)
        try:
            yield
        finally:
            self._writing.discard(owner)
            for state in self._states.get(owner, AppliedState()):
                kind = self._kinds.get(self._place(state.ref.gvk, state.ref.key))
                if kind is not None:
                    self._look(kind, owner, state)

    def forget(self, owner: OwnerKey) -> None:
        """Watch nothing for this owner any more."""
        for state in self._states.pop(owner, AppliedState()):
            self._untrack(owner, state)
        self._stop_unused()

    def unchanged(self, state: ObjectState) -> bool:
        """Whether the live object is certainly as it was when ``state`` was recorded; costs no request."""
        seen = self._seen(state.ref)
        if seen is not None and state.drifted:
            seen = self._loosely(self._kinds[self._place(state.ref.gvk, state.ref.key)], state)
        if seen is None:
            return False
        # A cache that is behind our own write knows less than the state does; what comes later will be reported.
        return seen.uid == state.live.uid and (seen.version < state.live.version or seen.same_as(state.live))

    def taken_over(self, state: ObjectState) -> bool:
        """Whether another owner of the same group applied the live object since ``state`` was recorded."""
        kind = self._kinds.get(self._place(state.ref.gvk, state.ref.key))
        live = kind.watch.get(state.ref.key) if kind is not None and self._seen(state.ref) is not None else None
        return live is not None and bool(self._taken_over(live, state))

    def version_of(self, ref: ObjectRef) -> tuple[str, int] | None:
        """(uid, resourceVersion) of the newest live object that was heard of or applied; ``None`` if there is none."""
        newest = self.heard_of(ref)
        for owner in self._owners.get(ref.identity, ()):
            state = self._state(owner, ref.identity)
            if state is None or (newest is None and self._is_gone(owner, state)):
                continue
            if newest is None or newest[1] < state.live.version:
                newest = (state.live.uid, state.live.version)
        return newest

    def heard_of(self, ref: ObjectRef) -> tuple[str, int] | None:
        """(uid, resourceVersion) of the live object as far as the watch has come; ``None`` if it knows none."""
        seen = self._seen(ref)
        return None if seen is None else (seen.uid, seen.version)

    def _is_gone(self, owner: OwnerKey, state: ObjectState) -> bool:
        """Whether an object that the watch does not know has left, and is not merely too new for it."""
        kind = self._kinds.get(self._place(state.ref.gvk, state.ref.key))
        left = kind is not None and kind.tombstones.get(state.ref.key) == state.live.uid
        return left or (owner, state.ref.identity) in self._reported

    def _seen(self, ref: ObjectRef) -> Fingerprint | None:
        kind = self._kinds.get(self._place(ref.gvk, ref.key))
        if kind is None or not kind.watch.synced or kind.watch.refused:
            return None
        return kind.fingerprints.get(ref.key)

    @staticmethod
    def _loosely(kind: _Kind, state: ObjectState) -> Fingerprint | None:
        live = kind.watch.get(state.ref.key)
        return None if live is None else loose_fingerprint(live)

    def _place(self, gvk: GroupVersionKind, key: ObjectKey) -> _Place:
        return gvk, key.namespace if gvk in self._narrow else ""

    def _kind_of(self, ref: ObjectRef) -> _Kind:
        place = self._place(ref.gvk, ref.key)
        if place not in self._kinds:
            self._start(place)
            place = self._place(ref.gvk, ref.key)  # it may be known already that the kind has to be watched narrowly
        return self._kinds.get(place) or self._start(place)

    def _start(self, place: _Place) -> _Kind:
        watch = self._watches.acquire(Scope(*place, self._any_owner.name_label, metadata_only=True))
        kind = self._kinds[place] = _Kind(watch)
        watch.observe(lambda key, old, new: self._heard(kind, key, old, new))
        watch.listen_sync(lambda: self._synced(kind))
        watch.listen_refusal(lambda: self._refused(place))
        return kind

    def _refused(self, place: _Place) -> None:
        """Namespaces of their own may be allowed where all at once are not."""
        gvk, namespace = place
        kind = self._kinds.get(place)
        if namespace or kind is None or gvk in self._narrow or not all(key.namespace for key in kind.tracked):
            return
        self._narrow.add(gvk)
        self._watches.release(self._kinds.pop(place).watch)
        tracked, kind.tracked = kind.tracked, {}
        for key, identity in tracked.items():
            narrow = self._place(gvk, key)
            (self._kinds.get(narrow) or self._start(narrow)).tracked[key] = identity

    def _stop_unused(self) -> None:
        for place, kind in list(self._kinds.items()):
            if not kind.tracked:
                del self._kinds[place]
                self._watches.release(kind.watch)
        self._narrow &= {gvk for gvk, _ in self._kinds}

    def _untrack(self, owner: OwnerKey, state: ObjectState) -> None:
        identity = state.ref.identity
        self._settle(owner, identity)
        self._reports.pop((owner, identity), None)
        owners = self._owners.get(identity, set())
        owners.discard(owner)
        if not owners:
            self._owners.pop(identity, None)
            kind = self._kinds.get(self._place(state.ref.gvk, state.ref.key))
            if kind is not None:
                kind.tracked.pop(state.ref.key, None)

    def _settle(self, owner: OwnerKey, identity: Identity) -> None:
        """The owner has seen to the object: the next change is news again."""
        self._reported.discard((owner, identity))
        timer = self._delayed.pop((owner, identity), None)
        if timer is not None:
            timer.cancel()

    def _heard(self, kind: _Kind, key: ObjectKey, old: Object | None, new: Object | None) -> None:
        if new is not None:
            kind.fingerprints[key] = fingerprint(new, self._any_owner, self._cleanup)
        else:
            kind.fingerprints.pop(key, None)
            kind.tombstones[key] = str(metadata_of(old or {}).get("uid", ""))
            while len(kind.tombstones) > _TOMBSTONES:
                kind.tombstones.popitem(last=False)
        if kind.ready:
            self._look_at(kind, key)

    def _synced(self, kind: _Kind) -> None:
        kind.ready = True
        for key in list(kind.tracked):
            if key not in kind.fingerprints:
                identity = kind.tracked[key]
                for owner in list(self._owners.get(identity, ())):
                    state = self._state(owner, identity)
                    if state is not None and owner not in self._writing:
                        self._report(owner, state.ref)
            else:
                self._look_at(kind, key)

    def _look_at(self, kind: _Kind, key: ObjectKey) -> None:
        identity = kind.tracked.get(key)
        if identity is None:
            return
        for owner in list(self._owners.get(identity, ())):
            state = self._state(owner, identity)
            if state is not None:
                self._look(kind, owner, state)

    def _state(self, owner: OwnerKey, identity: Identity) -> ObjectState | None:
        states = self._states.get(owner)
        return None if states is None else states.by_identity(identity)

    def _look(self, kind: _Kind, owner: OwnerKey, state: ObjectState) -> None:
        if not kind.ready or owner in self._writing:
            return
        seen = self._loosely(kind, state) if state.drifted else kind.fingerprints.get(state.ref.key)
        if seen is None:
            # Not in the cache: gone, if it is the very object that left; otherwise the cache has not heard of it yet.
            if kind.tombstones.get(state.ref.key) == state.live.uid:
                self._report(owner, state.ref)
            return
        if 0 < seen.version <= state.live.version or seen.same_as(state.live):
            return
        other = self._taken_over(kind.watch.get(state.ref.key) or {}, state)
        if other:
            if self._on_takeover is not None and (owner, state.ref.identity) not in self._reported:
                self._reported.add((owner, state.ref.identity))
                self._on_takeover(owner, state.ref, other)
            return
        self._report(owner, state.ref)

    def _taken_over(self, live: Object, state: ObjectState) -> str:
        """The other owner that applied the object with our field manager; empty if somebody else changed it.

        A foreign writer of the label would have taken it out of our entry.
        """
        entry = own_entry(live, self._any_owner.field_manager)
        if entry is None:
            return ""
        labels = labels_of(live)
        found = (labels.get(self._any_owner.namespace_label, ""), labels.get(self._any_owner.name_label, ""))
        fields = entry.get("fieldsV1")
        for part in ("f:metadata", "f:labels", f"f:{self._any_owner.name_label}"):
            fields = fields.get(part) if isinstance(fields, dict) else None
        return f"{found[0]}/{found[1]}" if fields is not None and found != state.owner else ""

    def _report(self, owner: OwnerKey, ref: ObjectRef) -> None:
        key = (owner, ref.identity)
        if key in self._reported:
            return
        self._reported.add(key)
        loop = asyncio.get_running_loop()
        times = self._reports.setdefault(key, deque(maxlen=_BURST))
        now = loop.time()
        if len(times) == _BURST and now - times[0] < _PERIOD:
            self._delayed[key] = loop.call_at(times[0] + _PERIOD, self._fire, owner, ref)
            return
        self._fire(owner, ref)

    def _fire(self, owner: OwnerKey, ref: ObjectRef) -> None:
        key = (owner, ref.identity)
        self._delayed.pop(key, None)
        self._reports.setdefault(key, deque(maxlen=_BURST)).append(asyncio.get_running_loop().time())
        self._on_drift(owner, ref)
