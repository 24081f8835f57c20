"""What starts together: the controllers and services of one of upstream's programs, several of which share a process.

Each part leads by itself: of two processes that run different parts, or the same ones, every part works in exactly one
(fluxcd's ``main.go`` files, one Lease per program).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from fluxkit.kube import CacheRegistry, Client
from fluxkit.runtime.controller import Controller
from fluxkit.runtime.metrics import Metrics

__all__ = ["Leadership", "Part", "Service"]


class Service(Protocol):
    """A part of the process that runs until it is cancelled, for example the artifact server."""

    async def run(self) -> None: ...


class Leadership(Protocol):
    """An election that decides which of several processes works."""

    async def acquire(self) -> None: ...

    async def hold(self) -> None:
        """Keeps the leadership; returns or raises only when it is lost."""
        ...

    async def release(self) -> None: ...


class Part:
    """Controllers and services that work while this process leads, or always if there is no election."""

    def __init__(self, name: str, election: Leadership | None = None) -> None:
        self.name = name
        self.controllers: list[Controller] = []
        self.services: list[Service] = []
        self._election = election
        self._preparations: list[Callable[[], Awaitable[None]]] = []

    def add(self, controller: Controller) -> None:
        """Adds a controller; must be called before the manager runs."""
        self.controllers.append(controller)

    def add_service(self, service: Service) -> None:
        """Adds a service that runs while the part leads."""
        self.services.append(service)

    def prepare(self, preparation: Callable[[], Awaitable[None]]) -> None:
        """Adds what has to be done once, when the part leads and before anything of it starts."""
        self._preparations.append(preparation)

    async def begin(self) -> None:
        """Returns when this process leads and everything is prepared."""
        if self._election is not None:
            await self._election.acquire()
        for preparation in self._preparations:
            await preparation()

    def start(self, client: Client, caches: CacheRegistry, metrics: Metrics) -> list["asyncio.Task[None]"]:
        """Tasks that end only by being cancelled, or by a failure of the whole process."""
        tasks = [asyncio.create_task(service.run(), name=type(service).__name__) for service in self.services]
        tasks += [
            asyncio.create_task(controller.run(client, caches, metrics), name=controller.name)
            for controller in self.controllers
        ]
        if self._election is not None:
            tasks.append(asyncio.create_task(self._election.hold(), name=f"leader election of {self.name}"))
        return tasks

    async def release(self) -> None:
        """Lets another process lead."""
        if self._election is not None:
            await self._election.release()
