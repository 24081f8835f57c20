"""The manager: starts what a process consists of, and ends it in good order.

Probes and metrics come first, then (with leader election) the leases, then services and controllers, each on its own: a
controller whose caches do not sync holds up no other, nor does a part of the process that another process leads. The
end is orderly: runs are cancelled and waited for up to the graceful timeout, events are drained, leases are released,
caches and endpoints close.

Upstream: controller-runtime ``pkg/manager`` as fluxcd's ``main.go`` files configure it.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from fluxkit.kube import CacheRegistry, Client
from fluxkit.runtime.controller import Controller
from fluxkit.runtime.logging import get_logger
from fluxkit.runtime.metrics import Metrics
from fluxkit.runtime.part import Leadership, Part, Service
from fluxkit.runtime.serve import Endpoints

__all__ = ["Drainable", "LeadershipLost", "Manager", "StopSignals"]

_DRAIN_TIMEOUT = 5.0


class Drainable(Protocol):
    """Something with a backlog that is worth a few seconds at shutdown, for example an event recorder."""

    async def drain(self, timeout: float) -> None: ...


class LeadershipLost(Exception):
    """Another process may be working by now: this one must end at once."""


class Manager:
    """Runs controllers against one API server.

    Addresses are ``[host]:port``; ``0`` or the empty text disables an endpoint. ``graceful_timeout`` is how many
    seconds running reconciles get to end after they were cancelled. ``metrics`` are new ones by default.
    """

    def __init__(
        self,
        client: Client,
        *,
        health_addr: str = ":9440",
        metrics_addr: str = ":8080",
        graceful_timeout: float = 30.0,
        metrics: Metrics | None = None,
        election: Leadership | None = None,
        services: Sequence[Service] = (),
    ) -> None:
        self.client = client
        self.caches = CacheRegistry(client)
        if metrics is None:
            metrics = Metrics()
            metrics.count_requests(client)
        self.metrics = metrics
        self.endpoints = Endpoints(self.metrics, metrics_addr=metrics_addr, health_addr=health_addr)
        self._graceful_timeout = graceful_timeout
        self._parts = [Part("manager", election)]
        self._drainables: list[Drainable] = []
        self._log = get_logger()
        for service in services:
            self._parts[0].add_service(service)

    def add(self, controller: Controller) -> None:
        """Adds a controller; must be called before :meth:`run`."""
        self._parts[0].add(controller)

    def part(self, name: str, election: Leadership | None = None) -> Part:
        """Adds a part that leads by itself; must be called before :meth:`run`."""
        part = Part(name, election)
        self._parts.append(part)
        return part

    def drain_at_shutdown(self, drainable: Drainable) -> None:
        self._drainables.append(drainable)

    async def run(self, stop: asyncio.Event) -> None:
        """Runs everything until ``stop`` is set, then shuts down.

        Raises ``OSError`` if an endpoint cannot be bound, :class:`LeadershipLost`, and whatever ended a service.
        """
        await self.endpoints.start()
        if self.endpoints.metrics_port is not None:
            self._log.info("Serving metrics server", {"port": self.endpoints.metrics_port})
        try:
            try:
                await self._work(stop)
            finally:
                for part in self._parts:
                    await part.release()
        finally:
            await self.caches.stop()
            await self.endpoints.stop()

    async def _work(self, stop: asyncio.Event) -> None:
        beginning = {asyncio.create_task(part.begin(), name=f"start of {part.name}"): part for part in self._parts}
        tasks: list[asyncio.Task[None]] = []
        ended: list[asyncio.Task[None]] = []
        stopped = asyncio.create_task(stop.wait())
        try:
            # nothing but the stop ends in normal operation: any other end is a failure of the whole process
            while not ended and not stopped.done():
                await asyncio.wait({stopped, *beginning, *tasks}, return_when=asyncio.FIRST_COMPLETED)
                ended = [task for task in tasks if task.done()]
                for begun in [task for task in beginning if task.done()]:
                    part = beginning.pop(begun)
                    if _failure(begun) is not None:
                        ended.append(begun)
                    elif not stopped.done():
                        tasks += part.start(self.client, self.caches, self.metrics)
        finally:
            stopped.cancel()
            lost = any(isinstance(_failure(task), LeadershipLost) for task in ended)
            # without the lease another process works already: nothing here may take time to end
            await self._end([*beginning, *tasks], 0.0 if lost else self._graceful_timeout)
        for task in ended:
            await task
            raise RuntimeError(f"{task.get_name()} ended unexpectedly")

    async def _end(self, tasks: Sequence[asyncio.Task[None]], timeout: float) -> None:
        running = [task for task in tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            done, pending = await asyncio.wait(running, timeout=timeout)
            for task in done:
                if failure := _failure(task):
                    self._log.error("Failure during shutdown", {"part": task.get_name()}, error=failure)
            if pending:
                names = ", ".join(sorted(task.get_name() for task in pending))
                self._log.error(
                    "Not all runs ended within the grace period", {"grace period": timeout, "running": names}
                )
        await asyncio.gather(*(drainable.drain(_DRAIN_TIMEOUT) for drainable in self._drainables))


def _failure(task: "asyncio.Task[None]") -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


class StopSignals:
    """SIGTERM and SIGINT set an event; the second one ends the process at once with status 1.

    Use as a context manager in the main thread, around :meth:`Manager.run`.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._signals = (signal.SIGTERM, signal.SIGINT)

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.add_signal_handler(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.remove_signal_handler(number)

    def _received(self) -> None:
        if self._stop.is_set():
            os._exit(1)
        self._stop.set()
