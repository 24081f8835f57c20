"""The contract between a controller and a reconciler.

A reconciler is level-based: it is told *which* object to look at, never what happened to it. It reads the object and
whatever it depends on, compares with what should be, takes the steps that are missing, and reports in the status. The
event that woke it may be stale, merged with others, or invented by a timer; acting on it would be wrong as often as
not. A reconcile that is interrupted at any point (an error, a shutdown, ``kill -9``) and run again must converge to
the same result, so each step is safe to repeat and the status is written from what was observed.

The model is controller-runtime's ``pkg/reconcile``; the interruption of a wait by a newer event is fluxcd/pkg
``runtime/controller/reconciler.go``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fluxkit.objects import Object, ObjectKey, gvk_of, metadata_of
from fluxkit.runtime.logging import Logger
from fluxkit.runtime.slots import Slot

__all__ = ["Reconciler", "Result", "Run", "Superseded", "TerminalError", "Trigger"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trigger:
    """The watched object whose change asked for a run (``QueueEventSource`` upstream)."""

    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""

    @classmethod
    def of(cls, obj: Object) -> "Trigger":
        metadata = metadata_of(obj)
        return cls(
            gvk_of(obj).kind,
            str(metadata.get("namespace", "")),
            str(metadata.get("name", "")),
            str(metadata.get("uid", "")),
            str(metadata.get("resourceVersion", "")),
        )

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class TerminalError(Exception):
    """A failure that a retry cannot mend: it is logged and counted, and the object runs again only when it changes."""


class Superseded(Exception):
    """An interruptible wait ended because a watch asked for a new run of the same object."""

    def __init__(self, trigger: Trigger) -> None:
        super().__init__(f"New reconciliation triggered by {trigger}")
        self.trigger = trigger


@dataclass(frozen=True, slots=True)
class Result:
    """How a run without an error ended, and when the object wants to run again.

    ``requeue_after`` is in seconds; None and 0 ask for no timer. ``immediately`` asks for a further run right away,
    without backoff. Either way the failure count of the object is reset. To retry with exponential backoff, raise.
    """

    requeue_after: float | None = None
    immediately: bool = False

    @property
    def empty(self) -> bool:
        """Whether no further run is asked for."""
        return not self.requeue_after and not self.immediately


class Run:
    """One reconcile of one object, and what the controller offers to it.

    ``trigger`` is what the last watch event before the run was about, None for timers and retries: material for log
    lines and messages, never for decisions.
    """

    def __init__(
        self,
        key: ObjectKey,
        *,
        id: str,
        log: Logger,
        slot: Slot,
        read: Callable[[ObjectKey], Awaitable[Object | None]],
        wrote: Callable[[ObjectKey, Object], None],
        trigger: Trigger | None = None,
    ) -> None:
        self.key = key
        self.id = id
        self.log = log
        self.trigger = trigger
        self._slot = slot
        self._read = read
        self._wrote = wrote
        self._superseded_by: Trigger | None = None
        self._superseded = asyncio.Event()

    @property
    def superseded_by(self) -> Trigger | None:
        """What asked for a new run of this object since this one started, if a watch did."""
        return self._superseded_by

    def supersede(self, trigger: Trigger) -> None:
        """Ends the interruptible wait of this run; called by the controller. The first trigger is kept."""
        if self._superseded_by is None:
            self._superseded_by = trigger
            self._superseded.set()

    async def read(self) -> Object | None:
        """The object of this run, at least as new as this controller's own last write to it; None if it is gone.

        The object comes from the shared watch cache and must not be modified.
        """
        return await self._read(self.key)

    def wrote(self, obj: Object) -> None:
        """Remembers the version of the object that a write by this run returned, for :meth:`read` of later runs."""
        self._wrote(self.key, obj)

    async def waiting(self, awaitable: Awaitable[T], *, interruptible: bool = False) -> T:
        """Awaits without occupying a concurrency slot, and takes one again before it returns.

        With ``interruptible``, a watch event that asks for a new run of the same object (also one that came earlier
        in this run) cancels the awaitable and raises :class:`Superseded`.
        """
        if not interruptible:
            return await self._slot.waiting(awaitable)
        return await self._slot.waiting(self._interruptible(awaitable))

    async def _interruptible(self, awaitable: Awaitable[T]) -> T:
        work = asyncio.ensure_future(awaitable)
        interrupt = asyncio.ensure_future(self._superseded.wait())
        try:
            await asyncio.wait({work, interrupt}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
        finally:
            interrupt.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        assert self._superseded_by is not None
        raise Superseded(self._superseded_by)


class Reconciler(Protocol):
    """Brings one object of a kind to its desired state; see the module's text for what level-based means."""

    async def reconcile(self, run: Run) -> Result:
        """Looks at the object ``run.key`` and does what is missing.

        Raising :class:`TerminalError` stops until the object changes; raising anything else retries with exponential
        backoff. :class:`asyncio.CancelledError` means that the process shuts down and must not be swallowed.
        """
        ...
