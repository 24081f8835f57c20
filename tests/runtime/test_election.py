import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from fluxkit.kube import Client
from fluxkit.objects import GroupVersionKind, Object
from fluxkit.runtime import LeaderElection, LeadershipLost, Manager, Result, Run, election_id
from fluxkit.timestamps import format_micro_time, now
from tests.runtime.conftest import SandboxServer
from tests.runtime.running import DEADLINE, Recorder, controller, managed, repository

LEASE = GroupVersionKind("coordination.k8s.io", "v1", "Lease")


class Steps:
    """Stands in for the waits between attempts: each goes on when the test says so."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def __call__(self, seconds: float) -> None:
        step = asyncio.Event()
        self._waiting.put_nowait(step)
        await step.wait()

    async def next(self) -> asyncio.Event:
        """The wait that the election is in now; set it to go on."""
        async with asyncio.timeout(DEADLINE):
            return await self._waiting.get()


def elected(client: Client, namespace: str, identity: str, steps: Steps, **options: float) -> LeaderElection:
    return LeaderElection(client, "test-leader-election", namespace, identity=identity, pause=steps, **options)


async def lease(client: Client, namespace: str) -> Object:
    return (await client.get(LEASE, "test-leader-election", namespace))["spec"]  # type: ignore[no-any-return]


async def foreign_lease(client: Client, namespace: str, holder: str, seconds: int = 35) -> None:
    moment = format_micro_time(now())
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": seconds,
        "acquireTime": moment,
        "renewTime": moment,
        "leaseTransitions": 4,
    }
    metadata = {"name": "test-leader-election", "namespace": namespace}
    await client.create({"apiVersion": LEASE.api_version, "kind": "Lease", "metadata": metadata, "spec": spec})


@pytest.mark.contract("RUN-107")
@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", "kustomize-controller-leader-election"),
        ("sharding.fluxcd.io/key=one", "kustomize-controller-leader-election-3bbc7129"),
    ],
)
def test_lease_names(selector: str, expected: str) -> None:
    assert election_id("kustomize-controller", selector) == expected


@pytest.mark.contract("RUN-107")
async def test_the_first_process_leads_and_the_next_waits_until_it_releases(client: Client, namespace: str) -> None:
    first_steps, second_steps = Steps(), Steps()
    changes: list[bool] = []
    first = LeaderElection(
        client, "test-leader-election", namespace, identity="first", pause=first_steps, on_change=changes.append
    )
    second = elected(client, namespace, "second", second_steps)
    await first.acquire()
    spec = await lease(client, namespace)
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("first", 35, 0)

    waiting = asyncio.create_task(second.acquire())
    (await second_steps.next()).set()
    step = await second_steps.next()
    assert not second.leading
    await first.release()
    step.set()
    async with asyncio.timeout(DEADLINE):
        await waiting
    spec = await lease(client, namespace)
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("second", 1)
    assert changes == [True, False]
    await first.release()
    assert (await lease(client, namespace))["holderIdentity"] == "second", "only one's own lease is released"


async def test_renewing_keeps_the_time_of_acquisition(client: Client, namespace: str) -> None:
    clock = ticking()
    steps = Steps()
    election = LeaderElection(client, "test-leader-election", namespace, identity="a", pause=steps, now=clock)
    await election.acquire()
    before = await lease(client, namespace)
    holding = asyncio.create_task(election.hold())
    (await steps.next()).set()
    await steps.next()
    after = await lease(client, namespace)
    holding.cancel()
    assert after["renewTime"] > before["renewTime"]
    assert (after["acquireTime"], after["leaseTransitions"]) == (before["acquireTime"], 0)


def ticking() -> Callable[[], datetime]:
    moment = now()

    def tick() -> datetime:
        nonlocal moment
        moment += timedelta(seconds=1)
        return moment

    return tick


async def test_a_lease_that_is_not_renewed_is_taken_over(client: Client, namespace: str) -> None:
    # a released lease may be as short as the API allows; the judgement is by our own clock since we first saw it
    await foreign_lease(client, namespace, "dead", seconds=1)
    election = LeaderElection(
        client, "test-leader-election", namespace, identity="heir", retry_period=0.2, renew_deadline=0.5
    )
    async with asyncio.timeout(DEADLINE):
        await election.acquire()
    spec = await lease(client, namespace)
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("heir", 5)


@pytest.mark.contract("RUN-114")
async def test_a_lease_that_another_took_is_lost(client: Client, namespace: str) -> None:
    steps = Steps()
    election = elected(client, namespace, "a", steps)
    await election.acquire()
    holding = asyncio.create_task(election.hold())
    step = await steps.next()
    await client.delete(LEASE, "test-leader-election", namespace)
    await foreign_lease(client, namespace, "thief")
    step.set()
    with pytest.raises(LeadershipLost, match="failed to renew lease"):
        async with asyncio.timeout(DEADLINE):
            await holding
    assert not election.leading
    await election.release()
    assert (await lease(client, namespace))["holderIdentity"] == "thief"


@pytest.mark.contract("RUN-114")
async def test_a_lease_that_cannot_be_renewed_in_time_is_lost(
    client: Client, namespace: str, sandbox_with_crds: SandboxServer
) -> None:
    election = LeaderElection(
        client, "test-leader-election", namespace, identity="a", retry_period=0.01, renew_deadline=0.05
    )
    await election.acquire()
    sandbox_with_crds.fault(500, resource="leases", namespace=namespace, count=10000)
    with pytest.raises(LeadershipLost):
        async with asyncio.timeout(DEADLINE):
            await election.hold()
    sandbox_with_crds.fault(500, resource="leases", namespace=namespace, count=0)


@pytest.mark.contract("RUN-107", "RUN-110", "RUN-113")
async def test_a_manager_works_only_while_it_leads(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    await foreign_lease(client, namespace, "other")
    steps = Steps()
    seen = Recorder()
    election = elected(client, namespace, "me", steps)
    async with managed(client, controller(seen, namespace), election=election) as manager:
        step = await steps.next()
        assert manager.endpoints.health_port is not None, "probes answer before leadership"
        assert seen.names == []
        await client.delete(LEASE, "test-leader-election", namespace)
        step.set()
        await seen.started(1)
    assert (await lease(client, namespace))["holderIdentity"] == "", "the lease is released at the end"


@pytest.mark.contract("RUN-114")
async def test_a_manager_that_lost_the_lease_fails_without_waiting_for_runs(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    release = asyncio.Event()

    async def stubborn(run: Run) -> Result:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return Result()

    steps, seen = Steps(), Recorder(stubborn)
    election = elected(client, namespace, "me", steps)
    manager = Manager(client, health_addr="0", metrics_addr="0", election=election, graceful_timeout=3600)
    subject = controller(seen, namespace)
    manager.add(subject)
    running = asyncio.create_task(manager.run(asyncio.Event()))
    step = await steps.next()
    await seen.started(1)
    await client.delete(LEASE, "test-leader-election", namespace)
    await foreign_lease(client, namespace, "thief")
    step.set()
    with pytest.raises(LeadershipLost):
        async with asyncio.timeout(DEADLINE):
            await running
    release.set()
    async with asyncio.timeout(DEADLINE):
        await subject.wait_for_runs(1)


async def test_a_manager_that_never_led_stops_when_told(client: Client, namespace: str) -> None:
    await foreign_lease(client, namespace, "other")
    steps = Steps()
    manager = Manager(client, health_addr="0", metrics_addr="0", election=elected(client, namespace, "me", steps))
    stop = asyncio.Event()
    running = asyncio.create_task(manager.run(stop))
    await steps.next()
    stop.set()
    async with asyncio.timeout(DEADLINE):
        await running
    assert (await lease(client, namespace))["holderIdentity"] == "other"


def test_durations_that_cannot_work_are_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="renew deadline < lease duration"):
        LeaderElection(client, "a", "b", lease_duration=10, renew_deadline=10)
