"""The store: current objects in memory, every write durable before it is seen, and the event log that watches read.

Writes are decided synchronously on the event loop, against memory: that is what makes optimistic concurrency simple.
They become visible to anybody else only after the batch that carries them is committed (:meth:`Store.durable`), so
nothing that a client ever saw is lost by a ``kill -9``. Writes that arrive while a commit is under way form the next
batch: the busier the server, the more writes share one fsync.

Bodies are kept as encoded JSON: immutable, cheap to hold, ready to send.
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox.status import expired, internal_error
from fluxkit.sandbox.storage import Batch, Storage

__all__ = ["Change", "Key", "Record", "Store", "Watcher"]

Key = tuple[str, str]
"""(namespace, name); the namespace of cluster-scoped objects is empty."""

LOG_CAPACITY = 2048
"""Changes that a resource's event log keeps at least; older watches get 410."""

RENDERED_CHANGES = 256
"""Latest changes of a resource that keep their encoded watch events; watchers are rarely further behind."""

DECODED_OBJECTS = 512
"""Objects that are kept decoded beside their encoded bodies."""

WATCH_CAPACITY = 16384
"""Undelivered changes after which a watch that does not read is dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One state of one object."""

    key: Key
    revision: int
    uid: str
    body: bytes
    labels: Mapping[str, str]
    owners: tuple[str, ...]
    deleting: bool

    def decode(self) -> Object:
        decoded: Object = orjson.loads(self.body)
        return decoded

    def view(self) -> Object:
        """The decoded object, shared by everybody who looks at it: nothing below its first level may be changed."""
        found = _views.get(self)
        if found is None:
            found = self.decode()
            _remember(self, found)
        return dict(found)

    @classmethod
    def of(cls, key: Key, revision: int, obj: Object, body: bytes) -> "Record":
        metadata = obj["metadata"]
        owners = metadata.get("ownerReferences")
        return cls(
            key,
            revision,
            metadata.get("uid", ""),
            body,
            metadata.get("labels") or {},
            tuple(owner.get("uid", "") for owner in owners) if owners else (),
            "deletionTimestamp" in metadata,
        )


_views: dict[Record, Object] = {}
"""Latest decoded objects: controllers look at what was just written, and at the same few objects again and again."""


def _remember(record: Record, obj: Object) -> None:
    _views[record] = obj
    if len(_views) > DECODED_OBJECTS:
        del _views[next(iter(_views))]


@dataclass(slots=True, eq=False)
class Change:
    """One write: ``previous`` is None for a creation; a ``deleted`` one carries the last state, newly numbered."""

    resource: str
    revision: int
    record: Record
    previous: Record | None
    deleted: bool
    rendered: dict[str, bytes] = field(default_factory=dict)
    """Encoded watch events by rendering, so that a hundred watchers cost one encoding."""


class _Table:
    """Current objects and event log of one resource."""

    __slots__ = ("floor", "keys", "log", "records", "revision", "revisions", "watchers")

    def __init__(self, revision: int = 0) -> None:
        self.records: dict[Key, Record] = {}
        self.keys: list[Key] = []
        self.log: list[Change] = []
        self.revisions: list[int] = []
        self.floor = revision
        """Changes after this revision are all in the log."""
        self.revision = revision
        """Revision of the last change."""
        self.watchers: set[Watcher] = set()

    def append(self, change: Change) -> None:
        self.log.append(change)
        self.revisions.append(change.revision)
        self.revision = change.revision
        if len(self.log) > RENDERED_CHANGES:
            self.log[-RENDERED_CHANGES - 1].rendered.clear()
        if len(self.log) >= 2 * LOG_CAPACITY:
            self.compact(self.revisions[LOG_CAPACITY - 1])

    def compact(self, revision: int) -> None:
        count = bisect_right(self.revisions, revision)
        if count:
            self.floor = self.revisions[count - 1]
            del self.log[:count]
            del self.revisions[:count]

    def since(self, revision: int) -> list[Change]:
        if revision < self.floor:
            raise expired(f"too old resource version: {revision} ({self.floor})")
        return self.log[bisect_right(self.revisions, revision) :]


class Watcher:
    """A subscription to one resource's committed changes. ``closed`` explains why it ended."""

    def __init__(self, resource: str, namespace: str) -> None:
        self.resource = resource
        self.namespace = namespace
        self.changes: deque[Change] = deque()
        self.closed: str = ""
        self.revision = 0
        """The store's committed revision when this watcher was last woken: what a bookmark may promise."""
        self._wake = asyncio.Event()
        self._alarm: asyncio.Handle | None = None
        self._moment = 0.0
        """When the alarm goes off; a loop need not tell for moments that are past."""
        self._rung = False

    def offer(self, change: Change) -> None:
        if self.namespace and change.record.key[0] != self.namespace:
            return
        if len(self.changes) >= WATCH_CAPACITY:
            self.close("the client reads too slowly")
            return
        self.changes.append(change)
        self._wake.set()

    def close(self, reason: str) -> None:
        self.closed = reason
        self._wake.set()

    async def wait(self, until: float) -> bool:
        """Returns when there are changes to read or the watcher is closed; False at a moment of the loop's clock."""
        if self._alarm is None or self._moment != until:
            # One timer for many waits: hundreds of watchers are woken by every change.
            self.silence()
            self._moment = until
            self._alarm = asyncio.get_running_loop().call_at(until, self._ring)
        while not self.changes and not self.closed:
            if self._rung:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    def _ring(self) -> None:
        self._rung = True
        self._wake.set()

    def silence(self) -> None:
        """Forgets the moment that was waited for."""
        self._rung = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


@dataclass(slots=True, eq=False)
class _Pending:
    batch: Batch = field(default_factory=Batch)
    changes: list[Change] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)


class Store:
    """All objects of one sandbox. Used on one event loop; see the module docstring for its promises."""

    def __init__(self, storage: Storage, on_failure: Callable[[BaseException], None]) -> None:
        self._storage = storage
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="storage")
        self._tables: dict[str, _Table] = {}
        self._by_uid: dict[str, tuple[str, Key]] = {}
        self._dependents: dict[str, set[tuple[str, Key]]] = {}
        self._observers: list[Callable[[Change], None]] = []
        self._next = _Pending()
        self._inflight: _Pending | None = None
        self._flush_scheduled = False
        self.failure: BaseException | None = None
        self.revision = storage.revision
        """Revision of the last write, committed or not."""
        self.committed = self.revision
        self.commits = 0
        for resource, revision in storage.resource_revisions().items():
            self._tables[resource] = _Table(revision)
        for resource, namespace, name, revision, body in storage.rows():
            key = (namespace, name)
            record = Record.of(key, revision, orjson.loads(body), body)
            table = self._table(resource)
            table.records[key] = record
            table.keys.append(key)
            self._link(resource, record)

    # Reading

    def _table(self, resource: str) -> _Table:
        table = self._tables.get(resource)
        if table is None:
            table = self._tables[resource] = _Table(0)
        return table

    def get(self, resource: str, key: Key) -> Record | None:
        table = self._tables.get(resource)
        return table.records.get(key) if table else None

    def resources(self) -> list[str]:
        """Resources that have at least one object."""
        return [name for name, table in self._tables.items() if table.records]

    def count(self, resource: str) -> int:
        table = self._tables.get(resource)
        return len(table.records) if table else 0

    def records(self, resource: str, namespace: str = "", start: Key | None = None) -> Iterator[Record]:
        """Current records in key order, optionally of one namespace, optionally after a key."""
        table = self._table(resource)
        yield from _between(table.records, table.keys, namespace, start)

    def records_at(
        self, resource: str, revision: int, namespace: str = "", start: Key | None = None
    ) -> Iterator[Record]:
        """Records as they were at a revision; raises Expired when the log does not reach back."""
        table = self._table(resource)
        if revision >= table.revision:
            yield from self.records(resource, namespace, start)
            return
        records = dict(table.records)
        for change in reversed(table.since(revision)):
            if change.previous is None:
                records.pop(change.record.key, None)
            else:
                records[change.record.key] = change.previous
        yield from _between(records, sorted(records), namespace, start)

    def by_uid(self, uid: str) -> tuple[str, Key] | None:
        """Resource and key of the live object with a uid."""
        return self._by_uid.get(uid)

    def dependents(self, uid: str) -> list[tuple[str, Key]]:
        """Resources and keys of the live objects that name a uid among their owners."""
        return sorted(self._dependents.get(uid, ()))

    def resource_revision(self, resource: str) -> int:
        return self._table(resource).revision

    # Writing

    def put(self, resource: str, key: Key, obj: Object) -> Record:
        """Creates or replaces an object under a new resourceVersion, which it sets in ``obj``.

        ``obj`` is the store's from then on: whoever gave it may read it, but not change it any more.
        """
        table = self._table(resource)
        previous = table.records.get(key)
        revision = self._advance()
        obj["metadata"]["resourceVersion"] = str(revision)
        body = orjson.dumps(obj)
        record = Record.of(key, revision, obj, body)
        if previous is None:
            insort(table.keys, key)
        else:
            self._unlink(resource, previous)
        table.records[key] = record
        _remember(record, obj)
        self._link(resource, record)
        self._next.batch.rows[(resource, *key)] = (revision, body)
        self._record(table, Change(resource, revision, record, previous, False))
        return record

    def remove(self, resource: str, key: Key) -> Record:
        """Removes an object; returns its last state under the revision of the removal."""
        table = self._table(resource)
        previous = table.records.pop(key)
        del table.keys[bisect_left(table.keys, key)]
        self._unlink(resource, previous)
        revision = self._advance()
        obj = previous.decode()
        obj["metadata"]["resourceVersion"] = str(revision)
        record = Record.of(key, revision, obj, orjson.dumps(obj))
        self._next.batch.rows[(resource, *key)] = None
        self._record(table, Change(resource, revision, record, previous, True))
        return record

    def _advance(self) -> int:
        if self.failure is not None:
            raise internal_error(f"storage failed: {self.failure}")
        self.revision += 1
        return self.revision

    def _record(self, table: _Table, change: Change) -> None:
        self._next.changes.append(change)
        self._next.batch.resources[change.resource] = change.revision
        self._next.batch.revision = change.revision
        table.append(change)
        if not self._flush_scheduled and self._inflight is None:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _link(self, resource: str, record: Record) -> None:
        entry = (resource, record.key)
        self._by_uid[record.uid] = entry
        for owner in record.owners:
            self._dependents.setdefault(owner, set()).add(entry)

    def _unlink(self, resource: str, record: Record) -> None:
        entry = (resource, record.key)
        self._by_uid.pop(record.uid, None)
        for owner in record.owners:
            entries = self._dependents.get(owner)
            if entries is not None:
                entries.discard(entry)
                if not entries:
                    del self._dependents[owner]

    # Durability

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._inflight is not None or not self._next.changes:
            return
        pending, self._next = self._next, _Pending()
        self._inflight = pending
        self._loop.run_in_executor(self._executor, self._storage.commit, pending.batch).add_done_callback(
            lambda done: self._committed(pending, done.exception())
        )

    def _committed(self, pending: _Pending, error: BaseException | None) -> None:
        self._inflight = None
        if error is not None:
            self._fail(pending, error)
            return
        self.commits += 1
        self.committed = pending.batch.revision
        for waiter in pending.waiters:
            if not waiter.done():
                waiter.set_result(None)
        for change in pending.changes:
            for watcher in self._table(change.resource).watchers:
                watcher.offer(change)
            for observer in self._observers:
                observer(change)
        self._flush()

    def _fail(self, pending: _Pending, error: BaseException) -> None:
        # Memory is now ahead of the disk: no further write may be accepted, and the server restarts from the file.
        self.failure = error
        for waiter in [*pending.waiters, *self._next.waiters]:
            if not waiter.done():
                waiter.set_exception(internal_error(f"storage failed: {error}"))
        self._on_failure(error)

    async def durable(self, revision: int) -> None:
        """Returns once everything up to a revision is committed; raises InternalError when storage failed."""
        if revision <= self.committed:
            return
        if self.failure is not None:
            raise internal_error(f"storage failed: {self.failure}")
        inflight = self._inflight
        pending = inflight if inflight is not None and revision <= inflight.batch.revision else self._next
        waiter: asyncio.Future[None] = self._loop.create_future()
        pending.waiters.append(waiter)
        await waiter

    async def close(self) -> None:
        """Commits what is pending and closes the file."""
        if self.failure is None:
            await self.durable(self.revision)
        self._executor.shutdown(wait=True)
        self._storage.close()

    # Watching

    def observe(self, observer: Callable[[Change], None]) -> None:
        """Calls an in-process controller with every committed change, in order, on the event loop."""
        self._observers.append(observer)

    def watch(self, resource: str, namespace: str, revision: int) -> Watcher:
        """Subscribes from just after a revision; raises Expired when the log does not reach back."""
        table = self._table(resource)
        watcher = Watcher(resource, namespace)
        for change in table.since(revision):
            if change.revision > self.committed:
                break
            watcher.offer(change)
        table.watchers.add(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        watcher.silence()
        self._table(watcher.resource).watchers.discard(watcher)

    def watchers(self) -> list[Watcher]:
        return [watcher for table in self._tables.values() for watcher in table.watchers]

    def compact(self) -> int:
        """Forgets the event log up to now; watches and continued lists from before get 410. Returns the revision."""
        for table in self._tables.values():
            table.compact(self.committed)
            table.floor = max(table.floor, self.committed)
        return self.committed


def _between(records: Mapping[Key, Record], keys: list[Key], namespace: str, start: Key | None) -> Iterator[Record]:
    first = bisect_left(keys, (namespace, "")) if namespace else 0
    if start is not None:
        first = max(first, bisect_right(keys, start))
    for index in range(first, len(keys)):
        key = keys[index]
        if namespace and key[0] != namespace:
            return
        yield records[key]
