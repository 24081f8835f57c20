"""Events expire an hour after they were last written, as the real server's time to live has it."""

import asyncio

from fluxkit.sandbox.store import Change, Key, Store

__all__ = ["EventExpiry"]

TTL_SECONDS = 3600.0
_EVENTS = "events"


class EventExpiry:
    """Removes Events in the order in which they were last written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._deadlines: dict[Key, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        # Their age before a restart is not kept: they live one more hour.
        for record in store.records(_EVENTS):
            self._touch(record.key)
        store.observe(self._observe)

    def _observe(self, change: Change) -> None:
        if change.resource != _EVENTS:
            return
        if change.deleted:
            self._deadlines.pop(change.record.key, None)
        else:
            self._touch(change.record.key)

    def _touch(self, key: Key) -> None:
        self._deadlines.pop(key, None)
        self._deadlines[key] = self._loop.time() + TTL_SECONDS
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._deadlines:
            self._timer = self._loop.call_at(next(iter(self._deadlines.values())), self._expire)

    def _expire(self) -> None:
        self._timer = None
        moment = self._loop.time()
        while self._deadlines:
            key, deadline = next(iter(self._deadlines.items()))
            if deadline > moment:
                break
            del self._deadlines[key]
            if self._store.failure is None and self._store.get(_EVENTS, key) is not None:
                self._store.remove(_EVENTS, key)
        self._schedule()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
