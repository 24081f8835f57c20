"""Waiting for health by watching a real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fluxkit.apply import (
    AppliedState,
    ApplySet,
    HealthCheckFailed,
    Owner,
    Status,
    StatusCode,
    StatusWatcher,
    jobs_with_ttl,
    wait_healthy,
)
from fluxkit.apply.kstatus import compute, is_unschedulable
from fluxkit.kube import Client, PatchKind
from fluxkit.objects import GroupVersionKind, ObjectRef, ref_of
from tests.apply.conftest import Objects, Things
from tests.sandbox_fixture import SandboxServer

SOON = 15.0


@pytest.fixture
async def watcher(client: Client) -> AsyncIterator[StatusWatcher]:
    async with StatusWatcher(client) as opened:
        yield opened


async def started(client: Client, watches: int) -> None:
    """Until the client has begun as many watches."""
    async with asyncio.timeout(SOON):
        while client.stats.requests["watch"] < watches:
            await client.raw("GET", "/version")


async def test_healthy_objects_cost_one_read_each(client: Client, watcher: StatusWatcher, things: Things) -> None:
    refs = await things.create("a", "b")
    before = client.stats.requests.copy()
    statuses = await watcher.wait_healthy(refs, timeout=SOON)
    assert {status.status for status in statuses.values()} == {StatusCode.CURRENT}
    assert client.stats.requests - before == {"get": 2}


async def test_all_objects_that_the_apply_saw_unhealthy_are_followed(
    client: Client, watcher: StatusWatcher, things: Things
) -> None:
    """Not only the first of them, also while the watch of definitions that tells of new kinds runs already."""
    with pytest.raises(HealthCheckFailed):
        await watcher.wait_healthy([ObjectRef(GroupVersionKind("x.y", "v1", "Z"), "", "z")], timeout=1)
    refs = await things.create("a", "b", "c")
    seen = {ref.identity: Status(StatusCode.IN_PROGRESS) for ref in refs}
    for name in "abc":
        await things.condition(name, "Ready")
    statuses = await watcher.wait_healthy(refs, timeout=SOON, statuses=seen)
    assert {status.status for status in statuses.values()} == {StatusCode.CURRENT}


@pytest.mark.contract("KUS-245")
async def test_waiting_watches_and_never_polls(client: Client, watcher: StatusWatcher, things: Things) -> None:
    refs = await things.create("a", "b")
    await things.condition("a", "Ready", "False")
    await things.condition("b", "Ready", "Unknown")
    before = client.stats.requests.copy()
    waits = [asyncio.create_task(watcher.wait_healthy(refs, timeout=SOON)) for _ in range(3)]
    await started(client, before["watch"] + 1)
    await things.condition("a", "Ready")
    assert not any(wait.done() for wait in waits)
    await things.condition("b", "Ready")
    await asyncio.gather(*waits)
    spent = client.stats.requests - before
    assert (spent["list"], spent["watch"], spent["get"]) == (1, 1, 6)


@pytest.mark.contract("KUS-245", "KUS-246")
async def test_the_first_failed_object_ends_the_wait(client: Client, watcher: StatusWatcher, things: Things) -> None:
    refs = await things.create("a", "b", "c")
    await things.condition("a", "Ready", "False")
    await things.condition("b", "Reconciling")
    wait = asyncio.create_task(watcher.wait_healthy(refs, timeout=SOON))
    await started(client, 1)
    await things.condition("b", "Stalled")
    with pytest.raises(HealthCheckFailed) as raised:
        await wait
    expected = f"failed early due to stalled resources: [Thing/{things.namespace}/b status: 'Failed']"
    assert str(raised.value) == expected
    assert not raised.value.timed_out
    assert raised.value.statuses[refs[0]].status is StatusCode.IN_PROGRESS


@pytest.mark.contract("KUS-245")
async def test_without_fail_fast_the_wait_goes_on_while_anything_may_change(
    client: Client, watcher: StatusWatcher, things: Things
) -> None:
    refs = await things.create("a", "b")
    await things.condition("a", "Stalled")
    await things.condition("b", "Ready", "False")
    wait = asyncio.create_task(watcher.wait_healthy(refs, timeout=SOON, fail_fast=False))
    await started(client, 1)
    assert not wait.done()
    await things.condition("b", "Ready")
    with pytest.raises(
        HealthCheckFailed, match=r"^failed early due to stalled resources: \[Thing/.*/a status: 'Failed'"
    ):
        await wait


@pytest.mark.contract("KUS-246", "KUS-247")
async def test_the_deadline_lists_what_is_not_current(watcher: StatusWatcher, things: Things) -> None:
    await things.create("fine", "slow", "stuck")
    await things.condition("slow", "Ready", "False")
    await things.condition("stuck", "Stalled")
    refs = [things.ref(name) for name in ("fine", "slow", "absent", "stuck")]
    with pytest.raises(HealthCheckFailed) as raised:
        await watcher.wait_healthy(refs, timeout=0.2, fail_fast=False)
    namespace = things.namespace
    assert str(raised.value) == (
        f"timeout waiting for: [Thing/{namespace}/slow status: 'InProgress', "
        f"Thing/{namespace}/absent status: 'NotFound', Thing/{namespace}/stuck status: 'Failed']"
    )
    assert raised.value.timed_out


@pytest.mark.contract("KUS-247", "RUN-030")
async def test_a_missing_object_may_still_appear(client: Client, watcher: StatusWatcher, things: Things) -> None:
    wait = asyncio.create_task(watcher.wait_healthy([things.ref("late")], timeout=SOON))
    await started(client, 1)
    await things.create("late")
    assert [status.status for status in (await wait).values()] == [StatusCode.CURRENT]


@pytest.mark.contract("KUS-249")
async def test_an_unknown_kind_stays_unknown_until_it_is_defined(
    client: Client, watcher: StatusWatcher, namespace: str
) -> None:
    late = Things(client, namespace)
    with pytest.raises(HealthCheckFailed, match=r"^timeout waiting for: \[Thing/.*/x status: 'Unknown': no matches"):
        await watcher.wait_healthy([late.ref("x")], timeout=0.1)
    wait = asyncio.create_task(watcher.wait_healthy([late.ref("x")], timeout=SOON))
    await started(client, 1)
    await ApplySet(client, Owner("x", namespace)).apply([late.definition(), late.make("x")])
    assert [status.status for status in (await wait).values()] == [StatusCode.CURRENT]


@pytest.mark.contract("KUS-249")
async def test_a_namespaced_check_without_namespace_fails_at_once(watcher: StatusWatcher, things: Things) -> None:
    with pytest.raises(HealthCheckFailed, match=r"Thing\..* x is namespace scoped, but namespace is not set"):
        await watcher.wait_healthy([ObjectRef(things.gvk, "", "x")], timeout=SOON)


@pytest.mark.contract("KUS-256")
async def test_an_unobserved_generation_is_awaited(client: Client, watcher: StatusWatcher, things: Things) -> None:
    await things.create("a")
    await things.condition("a", "Ready", observedGeneration=1)
    await client.patch(things.gvk, "a", things.namespace, patch={"spec": {"b": 2}})
    wait = asyncio.create_task(watcher.wait_healthy([things.ref("a")], timeout=SOON))
    await started(client, 1)
    assert not wait.done()
    await things.condition("a", "Ready", observedGeneration=2)
    await wait


@pytest.mark.contract("KUS-248")
async def test_a_job_with_ttl_may_be_gone(watcher: StatusWatcher, objects: Objects) -> None:
    template = {"spec": {"containers": [{"name": "a", "image": "b"}], "restartPolicy": "Never"}}
    fleeting = objects.make("batch/v1", "Job", "fleeting", spec={"template": template, "ttlSecondsAfterFinished": 0})
    lasting = objects.make("batch/v1", "Job", "lasting", spec={"template": template})
    jobs = jobs_with_ttl([fleeting, lasting, objects.config_map("c")])
    assert jobs == {ref_of(fleeting).identity}
    await watcher.wait_healthy([ref_of(fleeting)], timeout=SOON, ttl_jobs=jobs)
    with pytest.raises(HealthCheckFailed, match="status: 'NotFound'"):
        await watcher.wait_healthy([ref_of(lasting)], timeout=0.1, ttl_jobs=jobs)


async def test_what_the_apply_saw_is_not_read_again(
    client: Client, watcher: StatusWatcher, apply_set: ApplySet, objects: Objects
) -> None:
    changes = await apply_set.apply([objects.config_map("c"), objects.service_account("s")])
    before = client.stats.requests.copy()
    await watcher.wait_healthy(changes.refs(), timeout=SOON, statuses=changes.statuses, applied=changes.state)
    assert client.stats.requests == before


async def test_a_cache_from_before_the_apply_does_not_count(
    client: Client, watcher: StatusWatcher, apply_set: ApplySet, things: Things
) -> None:
    """The watch may be behind our own write, and then shows the old version as healthy."""
    changes = await apply_set.apply([things.make("a"), things.make("b")])
    await things.condition("b", "Ready", "False")
    newer = AppliedState()
    for state in changes.state:
        fingerprint = type(state.live)(state.live.uid, state.live.version + 1_000_000, state.live.digest)
        newer.put(type(state)(state.ref, state.desired, fingerprint, state.owner))
    hold = asyncio.create_task(watcher.wait_healthy([things.ref("b")], timeout=SOON))
    await started(client, 1)
    with pytest.raises(HealthCheckFailed, match="timeout waiting for"):
        await watcher.wait_healthy([things.ref("a")], timeout=0.3, applied=newer)
    await things.condition("b", "Ready")
    await hold


class View:
    def __init__(self, versions: dict[ObjectRef, tuple[str, int]]) -> None:
        self.versions = versions

    def version_of(self, ref: ObjectRef) -> tuple[str, int] | None:
        return self.versions.get(ref)


async def test_a_version_that_was_healthy_before_is_healthy_still(
    client: Client, watcher: StatusWatcher, things: Things
) -> None:
    (ref,) = await things.create("a")
    await watcher.wait_healthy([ref], timeout=SOON)
    metadata = (await client.get(things.gvk, "a", things.namespace))["metadata"]
    known = (metadata["uid"], int(metadata["resourceVersion"]))
    before = client.stats.requests.copy()
    await watcher.wait_healthy([ref], timeout=SOON, view=View({ref: known}))
    assert client.stats.requests == before
    await things.condition("a", "Stalled")
    with pytest.raises(HealthCheckFailed):
        await watcher.wait_healthy([ref], timeout=SOON, view=View({ref: (known[0], known[1] + 1)}))


async def test_looking_without_waiting(client: Client, watcher: StatusWatcher, things: Things) -> None:
    (ref,) = await things.create("a")
    metadata = (await client.get(things.gvk, "a", things.namespace))["metadata"]
    known = (metadata["uid"], int(metadata["resourceVersion"]))
    assert not watcher.known_healthy([ref], View({ref: known}))
    await watcher.wait_healthy([ref], timeout=SOON)
    assert watcher.known_healthy([ref], View({ref: known}))
    assert not watcher.known_healthy([ref], View({}))
    assert not watcher.known_healthy([ref], View({ref: (known[0], known[1] + 1)}))
    assert not watcher.known_healthy([ref, things.ref("b")], View({ref: known}))
    await watcher.wait_healthy([ref], timeout=0, view=View({ref: known}))
    with pytest.raises(HealthCheckFailed):
        await watcher.wait_healthy([ref], timeout=0, view=View({}))


async def test_own_rules_come_before_the_built_in_ones(watcher: StatusWatcher, things: Things) -> None:
    (ref,) = await things.create("a", ready=False)
    failed = Status(StatusCode.FAILED, "spec says no")
    with pytest.raises(HealthCheckFailed, match="failed early"):
        await watcher.wait_healthy([ref], timeout=SOON, evaluate=lambda obj: None if obj["spec"]["ready"] else failed)


async def test_managed_objects_of_all_namespaces_share_one_watch(
    client: Client, sandbox: SandboxServer, things: Things
) -> None:
    other = f"{things.namespace}-other"
    await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}})
    elsewhere = {**things.make("b"), "metadata": {"name": "b", "namespace": other}}
    await ApplySet(client, Owner("x", things.namespace)).apply([things.make("a"), elsewhere])
    refs = [things.ref("a"), ref_of(elsewhere)]
    status = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    for ref in refs:
        await client.patch(ref.gvk, ref.name, ref.namespace, patch=status, subresource="status")
    before = client.stats.requests.copy()
    async with StatusWatcher(client, managed_label="kustomize.toolkit.fluxcd.io/name") as watcher:
        wait = asyncio.create_task(watcher.wait_healthy(refs, timeout=SOON, managed=True))
        await started(client, before["watch"] + 1)
        status["status"]["conditions"][0]["status"] = "True"
        for ref in refs:
            await client.patch(ref.gvk, ref.name, ref.namespace, patch=status, subresource="status")
        await wait
    spent = client.stats.requests - before
    assert (spent["list"], spent["watch"]) == (1, 1)


@pytest.mark.parametrize("compacted", [False, True])
async def test_waiting_survives_dropped_watches(
    own_client: Client, own_sandbox: SandboxServer, compacted: bool
) -> None:
    things = Things(own_client, "default")
    await ApplySet(own_client, Owner("x", "default")).apply([things.definition()])
    refs = await things.create("a")
    await things.condition("a", "Ready", "False")
    async with StatusWatcher(own_client) as watcher:
        wait = asyncio.create_task(watcher.wait_healthy(refs, timeout=SOON))
        await started(own_client, 1)
        if compacted:
            own_sandbox.compact()
        own_sandbox.drop_watches()
        await things.condition("a", "Ready")
        await wait


async def test_wait_gone_follows_finalizers(client: Client, watcher: StatusWatcher, objects: Objects) -> None:
    gvk = GroupVersionKind("", "v1", "ConfigMap")
    held = objects.config_map("c", finalizers=["example.com/hold"])
    await client.create(held)
    await client.delete(gvk, "c", objects.namespace)
    with pytest.raises(HealthCheckFailed, match=r"^ConfigMap/.*/c termination timeout"):
        await watcher.wait_gone([ref_of(held)], timeout=0.2)
    wait = asyncio.create_task(watcher.wait_gone([ref_of(held)], timeout=SOON))
    await client.raw("GET", "/version")
    assert not wait.done()
    release = [{"op": "remove", "path": "/metadata/finalizers"}]
    await client.patch(gvk, "c", objects.namespace, patch=release, kind=PatchKind.JSON)
    await wait
    await watcher.wait_gone([ref_of(held)], timeout=SOON)


async def test_a_single_wait_needs_no_watcher(client: Client, things: Things) -> None:
    await wait_healthy(client, await things.create("a"), timeout=SOON)


def workload(objects: Objects, kind: str, failure: str = "") -> dict[str, Any]:
    labels = {"app": "web"}
    annotations = {"sandbox.fluxkit.dev/fail": failure} if failure else {}
    metadata = {"labels": labels, "annotations": annotations}
    template = {"metadata": metadata, "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return objects.make("apps/v1", kind, "web", spec=spec)


async def pods_that(client: Client, namespace: str, accept: Callable[[dict[str, Any]], bool]) -> None:
    """Until there is a pod, and it is as wanted."""
    async with asyncio.timeout(SOON):
        while True:
            pods = (await client.list(GroupVersionKind("", "v1", "Pod"), namespace)).items
            if pods and all(accept(pod) for pod in pods):
                return


@pytest.mark.contract("KUS-275")
@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet"])
async def test_a_crash_looping_pod_fails_its_owner(
    client: Client, watcher: StatusWatcher, objects: Objects, kind: str
) -> None:
    failing = workload(objects, kind, "CrashLoopBackOff")
    await client.create(failing)
    with pytest.raises(HealthCheckFailed, match=rf"^failed early .*\[{kind}/.*/web status: 'Failed'\]"):
        await watcher.wait_healthy([ref_of(failing)], timeout=SOON)


@pytest.mark.contract("KUS-268")
async def test_a_crash_looping_pod_leaves_its_deployment_in_progress(
    client: Client, watcher: StatusWatcher, objects: Objects
) -> None:
    failing = workload(objects, "Deployment", "CrashLoopBackOff")
    await client.create(failing)
    await pods_that(client, objects.namespace, lambda pod: compute(pod).status is StatusCode.FAILED)
    with pytest.raises(HealthCheckFailed, match=r"^timeout waiting for: \[Deployment/.*/web status: 'InProgress'\]"):
        await watcher.wait_healthy([ref_of(failing)], timeout=0.3)


@pytest.mark.contract("KUS-275")
async def test_pods_without_a_node_do_not_fail_their_owner(
    client: Client, watcher: StatusWatcher, objects: Objects
) -> None:
    failing = workload(objects, "StatefulSet", "Unschedulable")
    await client.create(failing)
    await pods_that(client, objects.namespace, is_unschedulable)
    with pytest.raises(HealthCheckFailed, match=r"^timeout waiting for: \[StatefulSet/.*/web status: 'InProgress'\]"):
        await watcher.wait_healthy([ref_of(failing)], timeout=0.3)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
async def test_workloads_become_healthy(
    apply_set: ApplySet, watcher: StatusWatcher, objects: Objects, kind: str
) -> None:
    changes = await apply_set.apply([workload(objects, kind)])
    statuses = await watcher.wait_healthy(
        changes.refs(), timeout=SOON, applied=changes.state, statuses=changes.statuses
    )
    assert [status.status for status in statuses.values()] == [StatusCode.CURRENT]
