"""Telling, in the status of an object, how its reconcile goes: lazily while it lasts, surely when it ends.

Upstream writes the status at every step. A run that takes a few milliseconds would spend most of them on that, and
nobody could see it; so progress is written when a step has lasted for a moment, and the outcome always. Nothing is
written when nothing changed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from fluxkit.kube.errors import KubeError
from fluxkit.runtime.patcher import ConditionConflict

__all__ = ["StatusReport"]

_PATIENCE = 0.2
"""Seconds that a step may last before its progress is written."""


class StatusReport:
    """The status writes of one run, as an async context manager around it.

    ``write`` patches what changed in the object since the last write; ``conclude`` brings the conditions into their
    final form and patches. Leaving the context concludes, unless the process is shutting down. ``failed`` receives the
    error of a progress write, which never fails the run.
    """

    def __init__(
        self,
        write: Callable[[], Awaitable[None]],
        conclude: Callable[[], Awaitable[None]],
        failed: Callable[[Exception], None],
    ) -> None:
        self.abandoned = False
        """Whether the run ended before it did anything, so that what asked for it still stands."""
        self._write = write
        self._conclude = conclude
        self._failed = failed
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._settle()
        if kind is None or not issubclass(kind, asyncio.CancelledError):
            await self._conclude()

    def progress(self) -> None:
        """Says that the conditions tell of a new step; they are written if the step turns out to last."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE, self._start_writing)

    async def now(self) -> None:
        """Writes the present state at once, because what follows must not happen before it is recorded."""
        await self._settle()
        await self._write()

    def _start_writing(self) -> None:
        self._timer = None
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_progress())
        else:
            self.progress()

    async def _write_progress(self) -> None:
        try:
            await self._write()
        except (KubeError, ConditionConflict, ExceptionGroup) as error:
            self._failed(error)

    async def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await asyncio.wait({self._writing})
            self._writing = None
