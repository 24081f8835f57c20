"""The work queue of a controller: what has to be reconciled, at most once at a time, and when at the earliest.

It is where upstream's guarantees about runs come from (kubernetes/client-go ``util/workqueue`` with the per-item
exponential limiter that fluxcd/pkg ``runtime/controller/rate_limiter.go`` configures):

* an item is handed out to one run at a time; adding it while it is queued changes nothing, adding it while it is being
  processed leads to exactly one further run;
* a delayed add keeps the soonest due time, and an item that is added at once keeps its pending timer;
* failures back off per item, doubling from a minimum to a maximum, without any limit over all items.

Beyond upstream: what somebody asked for goes before what only its time has come for, retries and intervals, which get
every fifth turn while there is more to do than can be done. So a hundred that fail for ever do not stand in the way of
a change.

The queue belongs to one event loop, does no I/O and refuses nothing: bounding concurrency is the controller's business.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

__all__ = ["Clock", "QueueClosed", "QueueObserver", "Timer", "WorkQueue"]

K = TypeVar("K", bound=Hashable)

_TURNS = 5
"""Every so many items that are handed out, one is taken for which only its time has come."""


class QueueClosed(Exception):
    """The queue was closed and will hand out nothing more."""


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """Monotonic seconds and one-shot timers; every asyncio event loop is one."""

    def time(self) -> float: ...

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer: ...


class QueueObserver(Protocol):
    """Receives what the ``workqueue_*`` metrics are made of; durations in seconds."""

    def added(self) -> None: ...

    def depth(self, ready: int) -> None: ...

    def started(self, queued_for: float) -> None: ...

    def finished(self, worked_for: float) -> None: ...

    def retried(self) -> None: ...


class WorkQueue(Generic[K]):
    """Items to work on, in each of two lanes first in, first out; see the module's text for the guarantees.

    ``min_delay`` and ``max_delay`` bound the failure backoff in seconds. ``clock`` is the running event loop by
    default. Usage: ``item = await queue.get()``, work, ``queue.done(item)``.
    """

    def __init__(
        self,
        *,
        min_delay: float = 0.75,
        max_delay: float = 900.0,
        clock: Clock | None = None,
        observer: QueueObserver | None = None,
    ) -> None:
        self._min_delay = min_delay
        self._max_delay = max_delay
        self._clock = clock
        self.observer = observer
        """Where metrics go; may be set later."""
        self._asked: deque[K] = deque()
        self._timed: dict[K, None] = {}
        """Items whose time has come, in order, and for which nobody has asked since."""
        self._turn = 0
        self._dirty: dict[K, float] = {}
        """Items that need a run, queued or not yet, with the time since when."""
        self._processing: dict[K, float] = {}
        self._timers: dict[K, tuple[float, Timer]] = {}
        self._failures: dict[K, int] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def clock(self) -> Clock:
        if self._clock is None:
            self._clock = asyncio.get_running_loop()
        return self._clock

    def __len__(self) -> int:
        """The number of items that are ready to be handed out."""
        return len(self._asked) + len(self._timed)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def processing(self) -> frozenset[K]:
        return frozenset(self._processing)

    def started_at(self) -> list[float]:
        """When each item that is being processed was handed out, on the queue's clock."""
        return list(self._processing.values())

    def due_in(self, item: K) -> float | None:
        """Seconds until the pending timer of an item fires; None without a timer."""
        entry = self._timers.get(item)
        return None if entry is None else max(0.0, entry[0] - self.clock.time())

    def failures(self, item: K) -> int:
        """How often the item failed since it was last forgotten."""
        return self._failures.get(item, 0)

    def add(self, item: K) -> None:
        """Asks for a run as soon as possible; a pending timer of the item stays."""
        if self._closed:
            return
        if item in self._timed:
            del self._timed[item]
            self._asked.append(item)
        if item not in self._dirty:
            self._demand(item, self._asked.append)

    def add_after(self, item: K, delay: float) -> None:
        """Asks for a run in ``delay`` seconds; of several pending due times the soonest counts."""
        if self._closed:
            return
        if delay <= 0:
            self.add(item)
            return
        due = self.clock.time() + delay
        pending = self._timers.get(item)
        if pending is not None:
            if pending[0] <= due:
                return
            pending[1].cancel()
        self._timers[item] = (due, self.clock.call_at(due, lambda: self._fire(item)))

    def add_rate_limited(self, item: K) -> float:
        """Counts a failure and asks for a run after its backoff, whose length in seconds is returned."""
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        # the exponent is bounded because a float overflows long before anybody fixes a hopeless object
        delay = min(self._max_delay, self._min_delay * 2.0 ** min(failures, 62))
        if self.observer is not None:
            self.observer.retried()
        self.add_after(item, delay)
        return delay

    def forget(self, item: K) -> None:
        """Resets the failure count of an item; pending runs stay."""
        self._failures.pop(item, None)

    def discard(self, item: K) -> None:
        """Forgets all about an item that is gone: failures and the pending timer."""
        self.forget(item)
        pending = self._timers.pop(item, None)
        if pending is not None:
            pending[1].cancel()

    async def wait_ready(self) -> None:
        """Returns once an item can be taken; raises :class:`QueueClosed` when the queue is closed."""
        while not len(self):
            if self._closed:
                raise QueueClosed
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()  # the call was meant for somebody who takes the item
                raise
            finally:
                self._waiters.remove(waiter)
        if self._closed:
            raise QueueClosed

    def take(self) -> K | None:
        """Hands out the next item, which is then processed until :meth:`done`; None when nothing is ready."""
        if not len(self):
            return None
        self._turn = (self._turn + 1) % _TURNS
        if self._asked and (self._turn or not self._timed):
            item = self._asked.popleft()
        else:
            item = next(iter(self._timed))
            del self._timed[item]
        now = self.clock.time()
        queued_since = self._dirty.pop(item)
        self._processing[item] = now
        if self.observer is not None:
            self.observer.depth(len(self))
            self.observer.started(now - queued_since)
        return item

    async def get(self) -> K:
        """Waits for an item and hands it out; raises :class:`QueueClosed`."""
        while True:
            await self.wait_ready()
            item = self.take()
            if item is not None:
                return item

    def done(self, item: K) -> None:
        """Ends the processing of an item; if it was added meanwhile it is queued again."""
        started = self._processing.pop(item)
        if self.observer is not None:
            self.observer.finished(self.clock.time() - started)
        if item in self._dirty and not self._closed:
            self._asked.append(item)
            self._pushed()

    def close(self) -> None:
        """Drops everything that is pending and wakes all who wait; items in process may still be marked done."""
        self._closed = True
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._asked.clear()
        self._timed.clear()
        self._dirty.clear()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _demand(self, item: K, push: Callable[[K], object]) -> None:
        self._dirty[item] = self.clock.time()
        if self.observer is not None:
            self.observer.added()
        if item not in self._processing:
            push(item)
            self._pushed()

    def _pushed(self) -> None:
        if self.observer is not None:
            self.observer.depth(len(self))
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
                break

    def _fire(self, item: K) -> None:
        del self._timers[item]
        if item not in self._dirty:
            self._demand(item, lambda each: self._timed.setdefault(each))
