"""An API server that refuses, conflicts, forgets, hangs up and dies: the controllers carry on where they were."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from testbed import Rig
from tests.integration.conftest import new_fleet
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Fleet]:
    """A fleet on a rig of its own, whose API server may be broken."""
    async with Rig.open(tmp_path, "--min-retry-delay=50ms", "--max-retry-delay=500ms") as rig:
        fleet = await new_fleet(rig)
        fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "0"))
        revision = await fleet.repository.push("start")
        await fleet.follow()
        await fleet.kustomize("app", "./app", retryInterval="100ms")
        await fleet.applied("app", revision)
        yield fleet


async def change(fleet: Fleet, value: str) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, value))
    await fleet.applied("app", await fleet.push())
    assert (await fleet.client.get(CONFIG_MAP, "a", fleet.namespace))["data"] == {"key": value}


async def test_faults_of_every_kind_are_survived(own: Fleet) -> None:
    """One server, one fault after the other, each with a change that has to arrive."""
    client = own.client
    number = 0
    for code in (409, 429, 500, 503):
        for resource, subresource in (("configmaps", ""), ("kustomizations", "status"), ("gitrepositories", "status")):
            number += 1
            fault = {"code": code, "resource": resource, "subresource": subresource, "verb": "patch", "count": 3}
            await client.raw("POST", "/sandbox/faults", body=orjson.dumps(fault))
            await change(own, str(number))
    for trouble in ("/sandbox/watches/drop", "/sandbox/compact", "/sandbox/watches/drop"):
        number += 1
        await client.raw("POST", trouble)
        await change(own, str(number))


async def test_the_api_server_restarts(own: Fleet) -> None:
    await own.rig.cluster.kill()
    await own.rig.cluster.start()
    await change(own, "after kill -9")
    await own.rig.cluster.stop()
    own.repository.write("app/a.yaml", config_map("a", own.namespace, "while it was away"))
    revision = await own.repository.push("change")
    await own.rig.cluster.start()
    await own.reconcile_source()
    await own.applied("app", revision)
