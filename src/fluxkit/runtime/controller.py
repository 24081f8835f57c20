"""A controller: watches that feed a work queue, and runs of a reconciler that empty it.

Compared with controller-runtime, whose guarantees it keeps (``pkg/internal/controller``), a run that waits gives its
slot back, a newer event can interrupt such a wait, and a run never reads a copy of its object that is older than the
controller's own last write.

A controller starts reconciling when the caches of its own watches are synced; what other controllers wait for does not
concern it. It survives everything a reconciler raises.
"""

import asyncio
import traceback
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from fluxkit.kube import CacheEvent, CacheRegistry, Client, WatchCache, errors
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, key_of, metadata_of
from fluxkit.runtime.finalizers import FINALIZER
from fluxkit.runtime.logging import Logger, get_logger
from fluxkit.runtime.metrics import ControllerMetrics, Metrics
from fluxkit.runtime.predicates import Predicate, spec_or_request
from fluxkit.runtime.queue import QueueClosed, WorkQueue
from fluxkit.runtime.reconcile import Reconciler, Result, Run, TerminalError, Trigger
from fluxkit.runtime.slots import Slot, Slots
from fluxkit.runtime.versions import WrittenVersions

__all__ = ["Controller", "ControllerCounters", "MapFunction"]

MapFunction = Callable[[CacheEvent], Iterable[ObjectKey]]
"""The objects of a controller's own kind that a change of a watched object concerns."""

_CATCH_UP_TIMEOUT = 0.25
"""Seconds to wait for a cache to show an own write before the API is asked instead."""

_PROGRAMMING_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    NotImplementedError,
    RecursionError,
    TypeError,
)
"""What Go would have called a panic."""


@dataclass(slots=True)
class ControllerCounters:
    """What a controller did so far, for tests and status pages."""

    runs: int = 0
    errors: int = 0
    terminal_errors: int = 0
    panics: int = 0
    active: int = 0
    """Runs that have begun and not ended, waiting ones included."""


@dataclass(frozen=True, slots=True)
class _Watch:
    gvk: GroupVersionKind
    map: MapFunction
    predicate: Predicate | None
    namespace: str
    label_selector: str
    metadata_only: bool
    required: bool


@dataclass(slots=True)
class _Bound:
    """What a controller gets from its manager."""

    client: Client
    main: WatchCache
    metrics: ControllerMetrics
    written: WrittenVersions = field(default_factory=WrittenVersions)


class Controller:
    """Keeps the objects of one kind reconciled.

    ``name`` goes into logs and metrics (upstream uses the lower-case kind). ``concurrency`` bounds the runs that work
    at the same time; retry delays are seconds. ``namespace`` and ``label_selector`` restrict the objects of the main
    watch only (sharding, single-namespace operation).
    """

    def __init__(
        self,
        name: str,
        gvk: GroupVersionKind,
        reconciler: Reconciler,
        *,
        concurrency: int,
        min_retry_delay: float = 0.75,
        max_retry_delay: float = 900.0,
        predicate: Predicate = spec_or_request,
        namespace: str = "",
        label_selector: str = "",
    ) -> None:
        self.name = name
        self.gvk = gvk
        self.counters = ControllerCounters()
        self.log = get_logger(controller=name, controllerGroup=gvk.group, controllerKind=gvk.kind)
        self._reconciler = reconciler
        self._concurrency = concurrency
        self._predicate = predicate
        self._namespace = namespace
        self._label_selector = label_selector
        self._watches: list[_Watch] = []
        self._queue: WorkQueue[ObjectKey] = WorkQueue(min_delay=min_retry_delay, max_delay=max_retry_delay)
        self._slots = Slots(concurrency)
        self._triggers: dict[ObjectKey, Trigger] = {}
        self._runs: dict[ObjectKey, Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bound: _Bound | None = None
        self._idle = asyncio.Condition()

    @property
    def queue(self) -> WorkQueue[ObjectKey]:
        return self._queue

    @property
    def cache(self) -> WatchCache:
        """The cache of the main watch; available once the controller runs."""
        if self._bound is None:
            raise RuntimeError(f"controller {self.name} is not running")
        return self._bound.main

    def watch(
        self,
        gvk: GroupVersionKind,
        map: MapFunction,
        *,
        predicate: Predicate | None = None,
        namespace: str = "",
        label_selector: str = "",
        metadata_only: bool = False,
        required: bool = True,
    ) -> None:
        """Adds a watch of another kind; must be called before the controller runs.

        ``map`` names the objects of this controller that a change concerns; it is also called for every object that
        exists at the start. A watch that is not ``required`` does not delay the start, for kinds that may be missing.
        """
        self._watches.append(_Watch(gvk, map, predicate, namespace, label_selector, metadata_only, required))

    def enqueue(self, key: ObjectKey, after: float = 0.0, trigger: Trigger | None = None) -> None:
        """Asks for a run of an object, at once or in ``after`` seconds.

        A ``trigger`` says that a watched object changed: it interrupts the interruptible wait of the object's present
        run and is shown to the next one.
        """
        if trigger is not None:
            self._triggers[key] = trigger
            run = self._runs.get(key)
            if run is not None:
                run.supersede(trigger)
        self._queue.add_after(key, after)

    async def wait_for_runs(self, count: int) -> None:
        """Returns once that many runs have ended since the start; tests bound it with a timeout."""
        async with self._idle:
            await self._idle.wait_for(lambda: self.counters.runs >= count)

    async def run(self, client: Client, caches: CacheRegistry, metrics: Metrics) -> None:
        """Watches and reconciles until cancelled; then cancels the runs and returns when all of them have ended."""
        main = caches.cache(self.gvk, self._namespace, label_selector=self._label_selector)
        self._bound = _Bound(client, main, self._observe(metrics))
        unsubscribe: list[Callable[[], None]] = []
        late: set[asyncio.Task[None]] = set()
        self.log.info("Starting Controller")
        try:
            others = [
                (
                    watch,
                    caches.cache(
                        watch.gvk,
                        watch.namespace,
                        label_selector=watch.label_selector,
                        metadata_only=watch.metadata_only,
                    ),
                )
                for watch in self._watches
            ]
            await main.wait_synced()
            for watch, cache in others:
                if watch.required:
                    await cache.wait_synced()
            unsubscribe.append(main.subscribe(self._on_main_event))
            for watch, cache in others:
                if watch.required:
                    unsubscribe.append(cache.subscribe(self._handler(watch)))
                else:
                    late.add(asyncio.create_task(self._subscribe_late(watch, cache, unsubscribe)))
            self.log.info("Starting workers", {"worker count": self._concurrency})
            await self._dispatch()
        finally:
            self.log.info("Shutdown signal received, waiting for all workers to finish")
            for task in late:
                task.cancel()
            for stop in unsubscribe:
                stop()
            await self._shut_down()
            self.log.info("All workers finished")

    async def _subscribe_late(self, watch: _Watch, cache: WatchCache, unsubscribe: list[Callable[[], None]]) -> None:
        await cache.wait_synced()
        unsubscribe.append(cache.subscribe(self._handler(watch)))

    def _on_main_event(self, event: CacheEvent) -> None:
        if not self._predicate(event):
            return
        self.enqueue(key_of(event.object), trigger=Trigger.of(event.object))

    def _handler(self, watch: _Watch) -> Callable[[CacheEvent], None]:
        def handle(event: CacheEvent) -> None:
            if watch.predicate is not None and not watch.predicate(event):
                return
            trigger = Trigger.of(event.object)
            for key in watch.map(event):
                self.enqueue(key, trigger=trigger)

        return handle

    async def _dispatch(self) -> None:
        while True:
            # the slot comes before the item: an item in hand counts as processed, and events that come while it waits
            # for a slot would each cost a further run
            try:
                await self._queue.wait_ready()
            except QueueClosed:
                return
            slot = await self._slots.acquire()
            key = self._queue.take()
            if key is None:
                slot.release()
                continue
            task = asyncio.create_task(self._process(key, slot), name=f"{self.name} {key}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _shut_down(self) -> None:
        self._queue.close()
        self._slots.lift()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _process(self, key: ObjectKey, slot: Slot) -> None:
        bound = self._bound
        assert bound is not None
        run = self._begin(key, slot)
        clock = asyncio.get_running_loop()
        started = clock.time()
        self.counters.active += 1
        try:
            outcome = await self._reconcile(run)
            self._end(run, outcome, clock.time() - started)
        finally:
            # a cancelled run ends here as well: the process is shutting down and nothing is counted
            self.counters.active -= 1
            del self._runs[key]
            slot.release()
            self._queue.done(key)
        async with self._idle:
            self._idle.notify_all()

    def _begin(self, key: ObjectKey, slot: Slot) -> Run:
        assert self._bound is not None
        run_id = str(uuid.uuid4())
        log = self.log.bind(
            {
                self.gvk.kind: {"name": key.name, "namespace": key.namespace},
                "namespace": key.namespace,
                "name": key.name,
                "reconcileID": run_id,
            }
        )
        run = Run(
            key,
            id=run_id,
            log=log,
            slot=slot,
            read=self._read,
            wrote=self._bound.written.wrote,
            trigger=self._triggers.pop(key, None),
        )
        self._runs[key] = run
        return run

    async def _reconcile(self, run: Run) -> Result | Exception:
        try:
            return await self._reconciler.reconcile(run)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # something this run awaited was cancelled by somebody else: a failure like any other
            return RuntimeError("an operation was cancelled from outside of the reconcile").with_traceback(
                error.__traceback__
            )
        except Exception as error:  # noqa: BLE001 - boundary: whatever a reconciler raises concerns one object only
            return error

    def _end(self, run: Run, outcome: Result | Exception, seconds: float) -> None:
        assert self._bound is not None
        key, queue, metrics = run.key, self._queue, self._bound.metrics
        terminal = panic = False
        if isinstance(outcome, Exception):
            result = "error"
            terminal = isinstance(outcome, TerminalError)
            panic = isinstance(outcome, _PROGRAMMING_ERRORS)
            self._log_failure(run.log, outcome, terminal, panic)
            if not terminal:
                queue.add_rate_limited(key)
        else:
            queue.forget(key)
            if outcome.immediately:
                result = "requeue"
                queue.add(key)
            elif outcome.requeue_after:
                result = "requeue_after"
                queue.add_after(key, outcome.requeue_after)
            else:
                result = "success"
        self.counters.runs += 1
        self.counters.errors += result == "error"
        self.counters.terminal_errors += terminal
        self.counters.panics += panic
        metrics.ended(result, seconds, terminal=terminal, panic=panic)
        current = self._bound.main.get(key.namespace, key.name)
        if current is None or _is_finalized(current):
            metrics.gone(key)
            if current is None:
                queue.discard(key)
        else:
            metrics.reconciled(key, seconds)

    def _log_failure(self, log: Logger, error: Exception, terminal: bool, panic: bool) -> None:
        if panic:
            log.error("Observed a panic", {"panic": f"{type(error).__name__} {_origin(error)}"}, error=error)
        elif terminal:
            log.error("Reconciler error", error=_with_text(error, f"terminal error: {error}"))
        else:
            log.error("Reconciler error", error=error)

    async def _read(self, key: ObjectKey) -> Object | None:
        assert self._bound is not None
        bound = self._bound

        def fresh(cache: WatchCache) -> bool:
            return bound.written.fresh(key, cache.get(key.namespace, key.name))

        if not fresh(bound.main):
            try:
                await bound.main.wait_for(fresh, _CATCH_UP_TIMEOUT)
            except TimeoutError:
                return await self._read_from_server(key)
        return bound.main.get(key.namespace, key.name)

    async def _read_from_server(self, key: ObjectKey) -> Object | None:
        assert self._bound is not None
        client, written = self._bound.client, self._bound.written
        try:
            current = await client.get(self.gvk, key.name, key.namespace)
        except errors.NotFound:
            written.forget(key)
            return None
        # what the server says now is the truth, even if it was set back to before the write
        written.wrote(key, current)
        return current

    def _observe(self, metrics: Metrics) -> ControllerMetrics:
        clock = self._queue.clock

        def work_in_progress() -> list[float]:
            return [clock.time() - started for started in self._queue.started_at()]

        self._queue.observer = metrics.queue(self.name, work_in_progress)
        return metrics.controller(self.name, self.gvk.kind, self._concurrency, lambda: self._slots.held)


def _is_finalized(obj: Object) -> bool:
    """The object is being deleted and the controllers' finalizer is gone already."""
    metadata = metadata_of(obj)
    return "deletionTimestamp" in metadata and FINALIZER not in (metadata.get("finalizers") or ())


def _origin(error: BaseException) -> str:
    """Where an unexpected exception came from, which a log without stack traces would otherwise not tell."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "[recovered]"
    last = frames[-1]
    return f"at {PurePath(last.filename).name}:{last.lineno} in {last.name} [recovered]"


def _with_text(error: Exception, text: str) -> Exception:
    wrapped = TerminalError(text)
    wrapped.__cause__ = error.__cause__
    return wrapped.with_traceback(error.__traceback__)
