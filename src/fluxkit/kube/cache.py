"""WatchCache: all objects of a kind, kept current by one list and one watch for as long as it runs.

The cache is what makes an idle controller silent: everybody who needs objects of a kind reads them here, and hears of
changes here. It is always slightly behind the server; a reader that must see its own write waits for it with
:meth:`WatchCache.wait_for_resource_version`.

How it survives, after client-go ``tools/cache/reflector.go``: a watch that ends or breaks is resumed from the last
version seen, bookmarks included, without listing; a version that the server has forgotten (410) leads to a new list,
which is compared with the old content; a kind that is not served (any more) is waited for. The first failure is
retried at once, further ones after exponentially growing random waits, and it never gives up.
"""

import asyncio
import builtins
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Final

from fluxkit.kube.client import Client
from fluxkit.kube.errors import APIError, Expired, KubeError, NoMatch, NotFound
from fluxkit.kube.store import CacheEvent, Indexer, ObjectStore, version_number
from fluxkit.objects import GroupVersionKind, Object, metadata_of

__all__ = ["CacheEvent", "CacheRegistry", "Handler", "WatchCache"]

log: Final = logging.getLogger("fluxkit.kube.cache")

Handler = Callable[[CacheEvent], None]

_BACKOFF_BASE: Final = 0.25
_BACKOFF_CAP: Final = 30.0
_UNSERVED_CAP: Final = 10.0
"""Longest wait in seconds between two looks for a kind that is not served."""
_SHORT_WATCH: Final = 1.0
"""A watch that ends within this many seconds without an event counts as a failure."""
_BURST: Final = 100
"""Events told in a row before other tasks get their turn."""


class WatchCache:
    """The objects of a kind (of one namespace, or with certain labels). Objects it returns are read-only.

    Nothing happens until :meth:`run` runs; a :class:`CacheRegistry` sees to that.
    """

    def __init__(
        self,
        client: Client,
        gvk: GroupVersionKind,
        namespace: str = "",
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        indexers: Mapping[str, Indexer] | None = None,
    ) -> None:
        self.gvk = gvk
        self.namespace = namespace
        self.label_selector = label_selector
        self.metadata_only = metadata_only
        self.last_error: KubeError | None = None
        """Why the cache cannot follow the server now; None while it does."""
        self._client = client
        self._store = ObjectStore(indexers)
        self._version = ""
        self._synced = asyncio.Event()
        self._handlers: dict[int, Handler] = {}
        self._next_handler = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._progressed = False
        """Whether the present attempt to follow the server has got further than those before it."""
        self._relisting = False
        """Whether the server itself made the next list necessary, and nothing has been heard of it since."""
        self._ended: BaseException | None = None

    def __repr__(self) -> str:
        parts = [str(self.gvk), self.namespace, self.label_selector, "metadata" if self.metadata_only else ""]
        return f"WatchCache({' '.join(part for part in parts if part)}, {len(self)} objects)"

    def __len__(self) -> int:
        return len(self._store)

    @property
    def synced(self) -> bool:
        """Whether the content is the server's, as of some moment; False while the kind is not served."""
        return self._synced.is_set()

    @property
    def resource_version(self) -> str:
        """The version up to which the content is known, "" before the first list."""
        return self._version

    # Reading

    def get(self, namespace: str, name: str) -> Object | None:
        return self._store.get(namespace, name)

    def list(self, namespace: str | None = None) -> builtins.list[Object]:
        """All objects, or those of one namespace ("" for cluster-scoped ones)."""
        return self._store.list(namespace)

    def index(self, index: str, key: str) -> builtins.list[Object]:
        """The objects that the indexer of this name put under this key; raises KeyError for an unknown index."""
        return self._store.index(index, key)

    def add_indexer(self, name: str, indexer: Indexer) -> None:
        """Index present and future objects; an index that exists under this name stays as it is."""
        self._store.add_indexer(name, indexer)

    def subscribe(self, handler: Handler) -> Callable[[], None]:
        """Tell ``handler`` of every present object (as ADDED, before this returns) and of every change to come.

        It is called on the event loop, after the cache has changed, and must return quickly. What it raises is logged
        and harms nobody else. Returns the function that ends the subscription.
        """
        token = self._next_handler
        self._next_handler += 1
        self._handlers[token] = handler
        for obj in self._store.list():
            self._tell_one(handler, CacheEvent("ADDED", None, obj))

        def unsubscribe() -> None:
            self._handlers.pop(token, None)

        return unsubscribe

    # Waiting

    async def wait_synced(self) -> None:
        """Return when the content has been read once; raises RuntimeError if :meth:`run` ended."""
        while not self.synced:
            await self._change()

    async def wait_for(self, predicate: Callable[["WatchCache"], bool], timeout: float | None) -> None:
        """Return when the predicate holds; it is asked now and after every change or failure. Raises TimeoutError.

        ``timeout`` is in seconds; None waits for as long as :meth:`run` runs.
        """
        async with asyncio.timeout(timeout):
            while not predicate(self):
                await self._change()

    async def wait_for_resource_version(
        self, namespace: str, name: str, resource_version: str, timeout: float = 30.0
    ) -> Object | None:
        """The object, once the cache is at least as new as a version that the server gave for it (after a write).

        None if it was deleted in the meantime. Raises TimeoutError.
        """
        wanted = version_number(resource_version)

        def visible(cache: WatchCache) -> bool:
            obj = cache.get(namespace, name)
            held = metadata_of(obj).get("resourceVersion", "") if obj is not None else ""
            if held == resource_version:
                return True
            if wanted is None:
                return False
            return max(version_number(held) or 0, version_number(cache.resource_version) or 0) >= wanted

        await self.wait_for(visible, timeout)
        return self.get(namespace, name)

    # Following the server

    async def run(self) -> None:
        """Follow the server until cancelled."""
        try:
            await self._follow()
        except BaseException as error:
            self._ended = error
            raise
        finally:
            self._wake()

    async def _follow(self) -> None:
        failures = 0
        while True:
            changed = self._client.discovery_changed
            self._progressed = False
            try:
                await self._once()
                failures = 0
                continue
            except Expired as error:
                # Not an error yet: the version was compacted away, or the server was set back. List again.
                self._version = ""
                self._relisting = True
                failure: KubeError = error
            except (NoMatch, NotFound) as error:
                failure = error
                self._relisting = isinstance(error, NotFound)
                await self._unserved()
            except KubeError as error:
                failure = error
                if isinstance(error, APIError) and error.cause("ResourceVersionTooLarge"):
                    self._version = ""  # the server lost its state and counts from an older version
            self._failed(failure)
            failures = 1 if self._progressed else failures + 1
            if failures > 1:
                unserved = isinstance(failure, NoMatch | NotFound)
                cap = min(_UNSERVED_CAP if unserved else _BACKOFF_CAP, _BACKOFF_BASE * 2 ** min(failures - 1, 16))
                wait = max(random.uniform(0.0, cap), min(getattr(failure, "retry_after", None) or 0.0, _BACKOFF_CAP))
                if await _woken(changed if unserved else None, wait):
                    failures = 1

    async def _once(self) -> None:
        """List if need be, then watch until the server ends the watch."""
        if not self._version:
            listed = await self._client.list(
                self.gvk,
                self.namespace,
                label_selector=self.label_selector,
                metadata_only=self.metadata_only,
            )
            await self._tell(self._store.replace(listed.items), listed.resource_version)
            self._synced.set()
            self._wake()
            # Listing again because a watch was refused is no progress: it could go on like this for ever.
            self._progressed = not self._relisting
        started, heard = asyncio.get_running_loop().time(), False
        async with aclosing(
            self._client.watch(
                self.gvk,
                self.namespace,
                resource_version=self._version,
                label_selector=self.label_selector,
                metadata_only=self.metadata_only,
                opened=self._recovered,
            )
        ) as events:
            async for event in events:
                self._progressed = heard = True
                self._relisting = False
                await self._tell(self._store.apply(event), event.resource_version)
        if not heard and asyncio.get_running_loop().time() - started < _SHORT_WATCH:
            raise KubeError(f"watch of {self.gvk}: the server ended it at once")
        self._relisting = False

    async def _unserved(self) -> None:
        """The kind is not served: all that was known of it is gone."""
        self._version = ""
        self._synced.clear()
        await self._tell(self._store.replace(()), "")

    async def _tell(self, events: Iterable[CacheEvent], version: str) -> None:
        self._version = version or self._version
        # Who subscribes from here on is told of the new content by the replay.
        handlers = tuple(self._handlers.items())
        for number, event in enumerate(events, start=1):
            for token, handler in handlers:
                if token in self._handlers:
                    self._tell_one(handler, event)
            if number % _BURST == 0:
                self._wake()
                await asyncio.sleep(0)
        self._wake()

    def _tell_one(self, handler: Handler, event: CacheEvent) -> None:
        try:
            handler(event)
        except Exception:
            # The boundary to subscribers: one that fails must not keep the event from the others.
            metadata = metadata_of(event.object)
            log.exception(
                "%s %s/%s: a subscriber failed", self.gvk.kind, metadata.get("namespace", ""), metadata.get("name", "")
            )

    def _failed(self, error: KubeError) -> None:
        if str(error) != str(self.last_error):
            log.warning("cannot follow %s: %s", self.gvk, error)
        self.last_error = error
        self._wake()

    def _recovered(self) -> None:
        if self.last_error is not None:
            log.info("following %s again", self.gvk)
            self.last_error = None
            self._wake()

    async def _change(self) -> None:
        """Wait until something changes."""
        if self._ended is not None:
            raise RuntimeError(f"the cache of {self.gvk} is not running any more") from self._ended
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class CacheRegistry:
    """The watch caches of one client, shared by all who need the same objects."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._caches: dict[tuple[GroupVersionKind, str, str, bool], WatchCache] = {}
        self._tasks: dict[WatchCache, asyncio.Task[None]] = {}
        self._users: dict[WatchCache, int] = {}

    def __len__(self) -> int:
        return len(self._caches)

    def cache(
        self,
        gvk: GroupVersionKind,
        namespace: str = "",
        *,
        label_selector: str = "",
        metadata_only: bool = False,
        indexers: Mapping[str, Indexer] | None = None,
    ) -> WatchCache:
        """The running cache for these objects, started if there is none; must be called on the event loop.

        Every call counts as one user; :meth:`release` ends the watch when the last one is gone.
        """
        key = (gvk, namespace, label_selector, metadata_only)
        found = self._caches.get(key)
        if found is None:
            found = WatchCache(self._client, gvk, namespace, label_selector=label_selector, metadata_only=metadata_only)
            task = asyncio.get_running_loop().create_task(found.run(), name=f"cache {gvk}")
            task.add_done_callback(_report)
            self._caches[key], self._tasks[found], self._users[found] = found, task, 0
        for name, indexer in (indexers or {}).items():
            found.add_indexer(name, indexer)
        self._users[found] += 1
        return found

    def caches(self) -> list[WatchCache]:
        return list(self._tasks)

    async def release(self, cache: WatchCache) -> None:
        """One user needs the cache no longer."""
        if cache not in self._users:
            return
        self._users[cache] -= 1
        if self._users[cache] <= 0:
            await self._end([cache])

    async def stop(self) -> None:
        """End all watches; caches keep their content, which then ages."""
        await self._end(self.caches())

    async def _end(self, caches: list[WatchCache]) -> None:
        tasks = [self._tasks.pop(cache) for cache in caches]
        self._caches = {key: cache for key, cache in self._caches.items() if cache in self._tasks}
        for cache, task in zip(caches, tasks, strict=True):
            del self._users[cache]
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _woken(event: asyncio.Event | None, seconds: float) -> bool:
    """Wait; True if the event came first."""
    if event is None:
        await asyncio.sleep(seconds)
        return False
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s ended by a bug", task.get_name(), exc_info=error)
