"""Watch caches that live as long as somebody uses them, shared by all users of one client."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from fluxkit.kube import Client, WatchCache
from fluxkit.kube.cache import CacheEvent
from fluxkit.kube.errors import Forbidden
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, key_of

__all__ = ["Observer", "Scope", "SharedWatch", "SharedWatches"]

Observer = Callable[[ObjectKey, Object | None, Object | None], None]
"""Hears of every change in a scope: key, the object before, and after (``None`` once it is gone)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one watch covers: a kind, one namespace or all, objects with certain labels or all."""

    gvk: GroupVersionKind
    namespace: str = ""
    label_selector: str = ""
    metadata_only: bool = False


class SharedWatch:
    """One running cache. Listeners hear about a single object, or about any object of the scope (key ``None``)."""

    def __init__(self, client: Client, scope: Scope, on_end: Callable[["SharedWatch"], None]) -> None:
        self.scope = scope
        self.users = 0
        self.closing: asyncio.TimerHandle | None = None
        self._cache = WatchCache(
            client,
            scope.gvk,
            scope.namespace,
            label_selector=scope.label_selector,
            metadata_only=scope.metadata_only,
        )
        self._listeners: dict[ObjectKey | None, dict[int, Callable[[], None]]] = {}
        self._observers: list[Observer] = []
        self._on_sync: list[Callable[[], None]] = []
        self._on_refusal: dict[int, Callable[[], None]] = {}
        self._tickets = 0
        self._cache.subscribe(self._heard)
        self._task = asyncio.create_task(self._run(), name=f"watch {scope.gvk}")
        self._task.add_done_callback(lambda _: on_end(self))

    async def _run(self) -> None:
        announcing = [asyncio.create_task(self._announce_sync()), asyncio.create_task(self._announce_refusals())]
        try:
            await self._cache.run()
        finally:
            for task in announcing:
                task.cancel()

    async def _announce_sync(self) -> None:
        # Objects that are missing from the first list cause no event: everybody has to look once.
        await self._cache.wait_synced()
        for callback in self._on_sync:
            callback()
        for key in list(self._listeners):
            self._tell(key)

    async def _announce_refusals(self) -> None:
        while True:
            await self._cache.wait_for(lambda _: self.refused, None)
            for callback in list(self._on_refusal.values()):
                callback()
            await self._cache.wait_for(lambda _: not self.refused, None)

    @property
    def refused(self) -> bool:
        """Whether the server does not allow this client to follow the scope; what was seen before may be old."""
        return isinstance(self._cache.last_error, Forbidden)

    @property
    def synced(self) -> bool:
        return self._cache.synced

    @property
    def error(self) -> str:
        """Why the server cannot be followed now; empty while it can."""
        return str(self._cache.last_error or "")

    def get(self, key: ObjectKey) -> Object | None:
        return self._cache.get(key.namespace, key.name)

    def list(self) -> list[Object]:
        return self._cache.list()

    def listen(self, key: ObjectKey | None, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every change; returns the function that ends it."""
        self._tickets += 1
        ticket = self._tickets
        self._listeners.setdefault(key, {})[ticket] = callback

        def stop() -> None:
            listeners = self._listeners.get(key)
            if listeners is not None:
                listeners.pop(ticket, None)
                if not listeners:
                    del self._listeners[key]

        return stop

    def observe(self, observer: Observer) -> None:
        """Call back with every change for as long as the watch lives."""
        self._observers.append(observer)

    def listen_sync(self, callback: Callable[[], None]) -> None:
        """Call back once when the first list has been read."""
        self._on_sync.append(callback)

    def listen_refusal(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back each time that following is refused, also if it is already; returns the function that ends it."""
        self._tickets += 1
        ticket = self._tickets
        self._on_refusal[ticket] = callback
        if self.refused:
            callback()

        def stop() -> None:
            self._on_refusal.pop(ticket, None)

        return stop

    def _heard(self, event: CacheEvent) -> None:
        obj = event.new or event.old
        if obj is None:
            return
        key = key_of(obj)
        for observer in self._observers:
            observer(key, event.old, event.new)
        self._tell(key)
        self._tell(None)

    def _tell(self, key: ObjectKey | None) -> None:
        for callback in list(self._listeners.get(key, {}).values()):
            callback()

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


class SharedWatches:
    """Get-or-start by scope, counted; a watch without users ends after ``linger`` seconds."""

    def __init__(self, client: Client, *, linger: float = 30.0) -> None:
        self._client = client
        self._linger = linger
        self._running: dict[Scope, SharedWatch] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def running(self, scope: Scope) -> SharedWatch | None:
        """The watch of a scope if it runs, may run, and has read its first list."""
        shared = self._running.get(scope)
        return shared if shared is not None and shared.synced and not shared.refused else None

    def acquire(self, scope: Scope) -> SharedWatch:
        shared = self._running.get(scope)
        if shared is None:
            shared = self._running[scope] = SharedWatch(self._client, scope, self._ended)
        if shared.closing is not None:
            shared.closing.cancel()
            shared.closing = None
        shared.users += 1
        return shared

    def release(self, shared: SharedWatch) -> None:
        shared.users -= 1
        if shared.users == 0:
            shared.closing = asyncio.get_running_loop().call_later(self._linger, self._stop, shared)

    def _stop(self, shared: SharedWatch) -> None:
        if self._running.get(shared.scope) is shared:
            del self._running[shared.scope]
        task = asyncio.get_running_loop().create_task(shared.stop())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _ended(self, shared: SharedWatch) -> None:
        if self._running.get(shared.scope) is shared:
            del self._running[shared.scope]

    async def close(self) -> None:
        running, self._running = list(self._running.values()), {}
        for shared in running:
            if shared.closing is not None:
                shared.closing.cancel()
            await shared.stop()
        if self._stopping:
            await asyncio.wait(self._stopping)
