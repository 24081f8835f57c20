"""Reconcilers and managers for tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fluxkit.api import GitRepository
from fluxkit.kube import Client
from fluxkit.runtime import Controller, Manager, Result, Run

DEADLINE = 20.0

Behaviour = Callable[[Run], Awaitable[Result]]


class Recorder:
    """A reconciler that notes its runs and does what the test says."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.runs: list[Run] = []
        self.names: list[str] = []
        self._behaviour = behaviour
        self._changed = asyncio.Condition()

    async def reconcile(self, run: Run) -> Result:
        self.runs.append(run)
        self.names.append(run.key.name)
        async with self._changed:
            self._changed.notify_all()
        return await self._behaviour(run) if self._behaviour is not None else Result()

    async def started(self, count: int, name: str | None = None) -> None:
        """Returns once that many runs (of an object, if named) have started."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(lambda: len(self._of(name)) >= count)

    def _of(self, name: str | None) -> list[str]:
        return [seen for seen in self.names if name in (None, seen)]


def controller(reconciler: Recorder, namespace: str, *, concurrency: int = 2, **options: Any) -> Controller:
    """A controller of the GitRepositories of a namespace, with short retry delays."""
    settings: dict[str, Any] = {"min_retry_delay": 0.005, "max_retry_delay": 0.05, **options}
    return Controller(
        "gitrepository", GitRepository.GVK, reconciler, concurrency=concurrency, namespace=namespace, **settings
    )


@asynccontextmanager
async def managed(client: Client, *controllers: Controller, **options: Any) -> AsyncIterator[Manager]:
    """A running manager, stopped in good order at the end."""
    manager = Manager(client, health_addr="127.0.0.1:0", metrics_addr="127.0.0.1:0", **options)
    for each in controllers:
        manager.add(each)
    stop = asyncio.Event()
    task = asyncio.create_task(manager.run(stop))
    try:
        yield manager
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE):
            await task


def repository(namespace: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {"interval": "1m", "url": "https://example.com/podinfo.git"},
    }


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}
