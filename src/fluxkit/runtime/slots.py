"""The concurrency bound of a controller, which a reconcile that only waits does not occupy.

Upstream gives each run a worker for as long as it lasts, so a few health checks that wait starve everybody else. Here a
run holds a slot while it works and hands it back while it waits. Slots go to whoever asked first, whether that is a new
run or one that resumes, so neither kind can starve the other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["Slot", "Slots"]

T = TypeVar("T")


class Slots:
    """A fair bound on concurrent work, handing out :class:`Slot` objects."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"concurrency must be at least 1, got {size}")
        self.size = size
        self._held = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._unbounded = False

    @property
    def held(self) -> int:
        """How many slots are occupied now."""
        return self._held

    async def acquire(self) -> "Slot":
        """A held slot, after everybody who asked before was served."""
        slot = Slot(self)
        await slot.acquire()
        return slot

    def lift(self) -> None:
        """Lets everybody through from now on: at shutdown no run may wait for another one just to clean up."""
        self._unbounded = True
        self._grant()

    async def _take(self) -> None:
        if self._unbounded or (self._held < self.size and not self._queue):
            self._held += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()
            else:
                self._queue.remove(turn)
            raise

    def _give(self) -> None:
        self._held -= 1
        self._grant()

    def _grant(self) -> None:
        while self._queue and (self._unbounded or self._held < self.size):
            turn = self._queue.popleft()
            if turn.done():
                continue
            self._held += 1
            turn.set_result(None)


class Slot:
    """One run's claim on a slot; not held while the run waits."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._holding = False
        self._waits = 0
        self._resume = asyncio.Lock()

    @property
    def holding(self) -> bool:
        return self._holding

    async def acquire(self) -> None:
        await self._slots._take()
        self._holding = True

    def release(self) -> None:
        """Gives the slot back; harmless when it is not held."""
        if self._holding:
            self._holding = False
            self._slots._give()

    async def waiting(self, awaitable: Awaitable[T]) -> T:
        """Awaits without holding the slot and ends with it held again, however the wait ended.

        Several waits of one run may overlap; the slot is taken again when the last of them is over.
        """
        self._waits += 1
        self.release()
        try:
            return await awaitable
        finally:
            self._waits -= 1
            await self._reacquire()

    async def _reacquire(self) -> None:
        async with self._resume:
            if self._waits == 0 and not self._holding:
                await self.acquire()
