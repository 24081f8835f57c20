"""Several processes of the same controllers: one works, the next takes over, and nobody works twice."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fluxkit.kube import WatchCache
from fluxkit.objects import GroupVersionKind, Object
from fluxkit.runtime import election_id
from testbed import Controllers, Rig
from tests.integration.conftest import new_fleet
from tests.integration.fleet import Fleet, config_map

LEASE = GroupVersionKind("coordination.k8s.io", "v1", "Lease")
LEASES = ("kustomize-controller-leader-election", "source-controller-leader-election")
FLAGS = (
    "--enable-leader-election",
    "--leader-election-lease-duration=2s",
    "--leader-election-renew-deadline=1s",
    "--leader-election-retry-period=200ms",
    "--min-retry-delay=50ms",
)
DEADLINE = 30.0


class Replicas:
    """Processes of the same controllers on one cluster, and who of them leads."""

    def __init__(self, rig: Rig, directory: Path) -> None:
        self.rig = rig
        self._directory = directory
        self._leases: WatchCache
        self.processes: list[Controllers] = []

    async def start(self, *flags: str) -> Controllers:
        directory = self._directory / f"replica-{len(self.processes)}"
        process = Controllers(self.rig.cluster.kubeconfig, directory, *(flags or FLAGS))
        self.processes.append(process)
        await process.run()
        return process

    def holders(self) -> dict[str, str]:
        """Lease to holder, empty for one that was released."""
        return {
            lease["metadata"]["name"]: lease["spec"].get("holderIdentity") or ""
            for lease in self._leases.list("flux-system")
        }

    async def led_by_other_than(self, *former: str) -> str:
        """Until somebody else holds all leases; who it is."""

        def led(_: WatchCache) -> bool:
            holders = set(self.holders().values())
            return len(self.holders()) == len(LEASES) and len(holders) == 1 and not holders & {"", *former}

        self._leases = WatchCache(self.rig.client, LEASE, "flux-system")
        following = asyncio.create_task(self._leases.run())
        try:
            await self._leases.wait_for(led, DEADLINE)
        finally:
            following.cancel()
            await asyncio.wait({following})
        return next(iter(self.holders().values()))


@pytest.fixture
async def replicas(tmp_path: Path) -> AsyncIterator[Replicas]:
    rig = Rig(tmp_path)
    await rig.cluster.start()
    await rig.server.run()
    try:
        async with rig.connected():
            found = Replicas(rig, tmp_path)
            yield found
            for process in found.processes:
                await process.stop()
    finally:
        await rig.server.stop()
        await rig.cluster.stop()


def works(process: Controllers) -> bool:
    return "Starting workers" in process.log_file.read_text()


async def reconciled(fleet: Fleet, revision: str) -> int:
    """How often the revision was applied, as the events tell."""
    events = await fleet.client.list(GroupVersionKind("", "v1", "Event"), fleet.namespace)
    return sum(event["count"] for event in events.items if _tells_of(event, revision))


def _tells_of(event: Object, revision: str) -> bool:
    annotations = event["metadata"].get("annotations") or {}
    applied = event["message"].startswith("ConfigMap/")
    return applied and annotations.get("kustomize.toolkit.fluxcd.io/revision") == revision


async def change(fleet: Fleet, value: str) -> None:
    """A commit that is applied exactly once, whoever does it."""
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, value))
    revision = await fleet.repository.push(value)
    if fleet.source() is None:
        await fleet.follow()
        await fleet.kustomize("app", "./app")
    else:
        await fleet.reconcile_source()
    await fleet.applied("app", revision)
    await fleet.event(f"ConfigMap/{fleet.namespace}/a {'created' if value == '1' else 'configured'}")
    assert await reconciled(fleet, revision) == 1


@pytest.mark.contract("KUS-354", "KUS-355", "RUN-080", "RUN-107", "RUN-110", "RUN-113", "RUN-114")
async def test_one_of_several_processes_works(replicas: Replicas) -> None:
    fleet = await new_fleet(replicas.rig)
    replicas.rig.controllers = first = await replicas.start()
    leader = await replicas.led_by_other_than()
    assert sorted(replicas.holders()) == sorted(LEASES)
    second = await replicas.start()
    await change(fleet, "1")
    assert not works(second)

    await first.kill()  # the lease runs out
    replicas.rig.controllers = second
    heir = await replicas.led_by_other_than(leader)
    await change(fleet, "2")

    third = await replicas.start()
    assert not works(third)
    await second.stop()  # the lease is released
    assert "Not all runs ended" not in second.log_file.read_text()
    replicas.rig.controllers = third
    last = await replicas.led_by_other_than(leader, heir)
    await change(fleet, "3")

    # a leader that slept for longer than its lease finds another at work and ends
    fourth = await replicas.start()
    assert third.pid is not None
    third.send(signal.SIGSTOP)
    replicas.rig.controllers = fourth
    await replicas.led_by_other_than(leader, heir, last)
    third.send(signal.SIGCONT)
    assert await third.ended(DEADLINE) == 1
    assert "leader election lost" in third.log_file.read_text()
    await change(fleet, "4")
    await fourth.stop()
    await shards_elect_on_their_own(replicas, fleet)


async def shards_elect_on_their_own(replicas: Replicas, fleet: Fleet) -> None:
    shard = "--watch-label-selector=sharding.fluxcd.io/key=one"
    await replicas.start(*FLAGS, shard, "--controllers=kustomize-controller")
    rest = await replicas.start(*FLAGS, "--watch-label-selector=!sharding.fluxcd.io/key")
    replicas.rig.controllers = rest
    await change(fleet, "5")
    leases = WatchCache(replicas.rig.client, LEASE, "flux-system")
    following = asyncio.create_task(leases.run())
    selectors = ("sharding.fluxcd.io/key=one", "!sharding.fluxcd.io/key")
    names = {election_id("kustomize-controller", selector) for selector in selectors} | set(LEASES)
    names.add(election_id("source-controller", selectors[1]))
    await leases.wait_for(
        lambda cache: {obj["metadata"]["name"] for obj in cache.list()} == names | {*LEASES}, DEADLINE
    )
    following.cancel()
    await asyncio.wait({following})
