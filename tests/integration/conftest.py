"""The shared rig: real processes for the whole session of a worker, a namespace and a repository for each test."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from testbed import Rig
from tests.integration.fleet import Fleet

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """API server, Git server and controllers."""
    rig = Rig(
        tmp_path_factory.mktemp("rig"),
        "--min-retry-delay=100ms",
        "--max-retry-delay=1s",
        "--http-retry=1",
        "--metrics-addr=127.0.0.1:0",
        "--requeue-dependency=10m",  # longer than any test: what is waited for has to wake whoever waits
    )

    async def start() -> None:
        await rig.cluster.start()
        await rig.server.run()
        async with rig.connected():
            await rig.controllers.run()

    async def stop() -> None:
        await rig.controllers.stop()
        await rig.server.stop()
        await rig.cluster.stop()

    asyncio.run(start())
    yield rig
    asyncio.run(stop())


@pytest.fixture
async def rig(processes: Rig) -> AsyncIterator[Rig]:
    """The rig with a client for this test's event loop."""
    async with processes.connected():
        yield processes


@pytest.fixture
async def fleet(rig: Rig) -> Fleet:
    """A tenant of its own."""
    return await new_fleet(rig)


async def new_fleet(rig: Rig, namespace: str = "") -> Fleet:
    namespace = namespace or f"tenant-{next(_numbers)}"
    await rig.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    await rig.create_credentials(namespace)
    return Fleet(rig, namespace, await rig.create_repository(namespace))
