import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from fluxkit.api import GitRepository
from fluxkit.kube import CacheEvent, Client, ClusterConfig, PatchKind
from fluxkit.objects import GroupVersionKind, ObjectKey, key_of
from fluxkit.runtime import Controller, Result, Run, Superseded, TerminalError
from tests.runtime.conftest import SandboxServer, install_crds
from tests.runtime.running import DEADLINE, Recorder, config_map, controller, managed, repository

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")


async def change(client: Client, namespace: str, name: str, patch: dict[str, Any], subresource: str = "") -> Any:
    return await client.patch(
        GitRepository.GVK, name, namespace, patch=patch, kind=PatchKind.MERGE, subresource=subresource
    )


async def ended(subject: Controller, runs: int) -> None:
    async with asyncio.timeout(DEADLINE):
        await subject.wait_for_runs(runs)


async def test_existing_and_new_objects_are_reconciled(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "old"))
    seen = Recorder()
    async with managed(client, controller(seen, namespace)):
        await seen.started(1, "old")
        await client.create(repository(namespace, "new"))
        await seen.started(1, "new")
    assert seen.names == ["old", "new"]
    assert seen.runs[0].key == ObjectKey(namespace, "old")
    assert str(seen.runs[1].trigger) == f"GitRepository/{namespace}/new"
    assert seen.runs[0].id != seen.runs[1].id


@pytest.mark.contract("RUN-045", "RUN-048")
async def test_only_spec_requests_and_deletion_wake_a_controller(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a", finalizers=["finalizers.fluxcd.io"]))
    seen = Recorder()
    subject = controller(seen, namespace)
    async with managed(client, subject):
        await ended(subject, 1)
        await change(client, namespace, "a", {"status": {"observedGeneration": 1}}, "status")
        await change(client, namespace, "a", {"metadata": {"labels": {"a": "b"}}})
        await change(client, namespace, "a", {"spec": {"interval": "2m"}})
        await ended(subject, 2)
        request = {"reconcile.fluxcd.io/requestedAt": "now"}
        await change(client, namespace, "a", {"metadata": {"annotations": request}})
        await ended(subject, 3)
        await client.delete(GitRepository.GVK, "a", namespace)
        await ended(subject, 4)
        last = await change(client, namespace, "a", {"metadata": {"finalizers": None}})
        await ended(subject, 5)
        assert await seen.runs[-1].read() is None
    assert subject.counters.runs == 5, "status and labels woke nobody"
    assert last["metadata"]["name"] == "a"


@pytest.mark.contract("RUN-118", "KUS-298")
async def test_what_happens_during_a_run_leads_to_one_further_run(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    gate = asyncio.Event()
    active = 0
    most = 0

    async def work(run: Run) -> Result:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await gate.wait()
        active -= 1
        return Result()

    seen = Recorder(work)
    subject = controller(seen, namespace)
    async with managed(client, subject):
        await seen.started(1)
        for minutes in range(2, 6):
            await change(client, namespace, "a", {"spec": {"interval": f"{minutes}m"}})
        async with asyncio.timeout(DEADLINE):
            await subject.cache.wait_for(lambda cache: cache.get(namespace, "a")["spec"]["interval"] == "5m", DEADLINE)
        gate.set()
        await ended(subject, 2)
    assert subject.counters.runs == 2
    assert most == 1


async def test_a_waiting_run_does_not_occupy_the_only_slot(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "waits"))
    await client.create(repository(namespace, "works"))
    gate = asyncio.Event()

    async def work(run: Run) -> Result:
        if run.key.name == "waits":
            await run.waiting(gate.wait())
        return Result()

    seen = Recorder(work)
    subject = controller(seen, namespace, concurrency=1)
    async with managed(client, subject):
        await seen.started(1, "waits")
        await ended(subject, 1)
        assert subject.counters.active == 1
        assert "works" in seen.names
        gate.set()
        await ended(subject, 2)
    assert subject.counters.active == 0


@pytest.mark.contract("RUN-119")
async def test_an_interruptible_wait_ends_when_the_object_changes(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    outcomes: list[object] = []
    cancelled = asyncio.Event()

    async def health_check() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def work(run: Run) -> Result:
        if outcomes:
            return Result()
        try:
            await run.waiting(health_check(), interruptible=True)
        except Superseded as superseded:
            outcomes.append(superseded)
        return Result(immediately=True)

    seen = Recorder(work)
    subject = controller(seen, namespace)
    async with managed(client, subject):
        await seen.started(1)
        changed = await change(client, namespace, "a", {"spec": {"interval": "3m"}})
        await ended(subject, 2)
    assert cancelled.is_set()
    assert isinstance(outcomes[0], Superseded)
    trigger = outcomes[0].trigger
    assert str(outcomes[0]) == f"New reconciliation triggered by GitRepository/{namespace}/a"
    assert (trigger.uid, trigger.resource_version) == (
        changed["metadata"]["uid"],
        changed["metadata"]["resourceVersion"],
    )


@pytest.mark.contract("RUN-119", "KUS-297")
async def test_a_trigger_that_came_before_the_wait_counts(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    changed = asyncio.Event()
    superseded: list[Run] = []

    async def work(run: Run) -> Result:
        if superseded:
            return Result()
        await changed.wait()
        with pytest.raises(Superseded):
            await run.waiting(asyncio.Event().wait(), interruptible=True)
        superseded.append(run)
        return Result()

    seen = Recorder(work)
    subject = controller(seen, namespace)
    async with managed(client, subject):
        await seen.started(1)
        await change(client, namespace, "a", {"spec": {"interval": "3m"}})
        await subject.cache.wait_for(lambda cache: cache.get(namespace, "a")["spec"]["interval"] == "3m", DEADLINE)
        changed.set()
        await ended(subject, 2)
    assert superseded == [seen.runs[0]]


@pytest.mark.contract("RUN-081", "RUN-112", "RUN-118", "KUS-058")
async def test_errors_and_bugs_are_retried_with_backoff_and_counted(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    failures: list[int] = []
    subject: Controller

    async def work(run: Run) -> Result:
        failures.append(subject.queue.failures(run.key))
        match len(failures):
            case 1:
                raise OSError("no route to host")
            case 2:
                raise TypeError("a bug in the reconciler")
            case 3:
                asyncio.get_running_loop().call_soon((cancelled := asyncio.Future[None]()).cancel)
                await cancelled
            case _:
                pass
        return Result()

    subject = controller(Recorder(work), namespace)
    async with managed(client, subject) as manager:
        await ended(subject, 4)
        text = manager.metrics.render().decode()
    assert failures == [0, 1, 2, 3]
    assert subject.queue.failures(ObjectKey(namespace, "a")) == 0, "success resets the backoff"
    counters = subject.counters
    assert (counters.runs, counters.errors, counters.panics, counters.active) == (4, 3, 1, 0)
    assert 'controller_runtime_reconcile_errors_total{controller="gitrepository"} 3.0' in text
    assert 'controller_runtime_reconcile_panics_total{controller="gitrepository"} 1.0' in text
    assert 'controller_runtime_reconcile_total{controller="gitrepository",result="success"} 1.0' in text
    assert 'workqueue_retries_total{controller="gitrepository",name="gitrepository"} 3.0' in text


@pytest.mark.contract("RUN-121")
async def test_a_terminal_error_waits_for_a_change(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))

    async def work(run: Run) -> Result:
        raise TerminalError("invalid CEL expression")

    subject = controller(Recorder(work), namespace)
    async with managed(client, subject):
        await ended(subject, 1)
        assert subject.queue.due_in(ObjectKey(namespace, "a")) is None
        assert len(subject.queue) == 0
        await change(client, namespace, "a", {"spec": {"interval": "3m"}})
        await ended(subject, 2)
    assert subject.counters.terminal_errors == 2


@pytest.mark.contract("RUN-116", "RUN-118")
async def test_results_ask_for_further_runs(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    key = ObjectKey(namespace, "a")
    results = [Result(immediately=True), Result(requeue_after=0.001), Result(requeue_after=300.0)]

    async def work(run: Run) -> Result:
        return results.pop(0)

    subject = controller(Recorder(work), namespace)
    async with managed(client, subject):
        await ended(subject, 3)
        due = subject.queue.due_in(key)
        assert due is not None
        assert 290 < due <= 300
    assert subject.queue.due_in(key) is None, "a stopped controller leaves no timers"


@pytest.mark.contract("RUN-115")
async def test_a_run_never_reads_what_is_older_than_its_controllers_last_write(
    client: Client, namespace: str, sandbox_with_crds: SandboxServer
) -> None:
    await client.create(repository(namespace, "a"))
    read: list[str] = []

    async def work(run: Run) -> Result:
        current = await run.read()
        assert current is not None
        read.append(current["metadata"].get("labels", {}).get("step", ""))
        if len(read) == 25:
            return Result()
        written = await change(client, namespace, "a", {"metadata": {"labels": {"step": str(len(read))}}})
        run.wrote(written)
        return Result(immediately=True)

    subject = controller(Recorder(work), namespace)
    async with managed(client, subject):
        await ended(subject, 25)
    assert read == ["", *map(str, range(1, 25))]


@pytest.mark.contract("RUN-115")
async def test_a_cache_that_stays_behind_is_bypassed(own_sandbox: SandboxServer) -> None:
    install_crds(own_sandbox)
    read: list[str] = []

    async def work(run: Run) -> Result:
        if not read:
            # from here on the cache hears of nothing any more
            await asyncio.to_thread(own_sandbox.fault, 500, verb="watch", resource="gitrepositories", count=100000)
            await asyncio.to_thread(own_sandbox.drop_watches)
        current = await run.read()
        read.append("" if current is None else current["metadata"].get("labels", {}).get("step", "none"))
        match len(read):
            case 1:
                run.wrote(await change(client, "default", "a", {"metadata": {"labels": {"step": "1"}}}))
            case 2:
                await client.delete(GitRepository.GVK, "a", "default")
            case _:
                return Result()
        return Result(immediately=True)

    async with Client(ClusterConfig.load(str(own_sandbox.kubeconfig))) as client:
        await client.create(repository("default", "a"))
        subject = controller(Recorder(work), "default")
        async with managed(client, subject):
            await ended(subject, 3)
    assert read == ["none", "1", ""]


async def test_a_watched_object_wakes_those_that_refer_to_it(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    await client.create(repository(namespace, "b"))
    await client.create(config_map(namespace, "b", x="1"))
    seen = Recorder()
    subject = controller(seen, namespace)

    def same_name(event: CacheEvent) -> Iterable[ObjectKey]:
        key = key_of(event.object)
        return [key] if key.namespace == namespace else []

    subject.watch(CONFIG_MAP, same_name, metadata_only=True)
    async with managed(client, subject):
        await seen.started(1, "a")
        await seen.started(1, "b")
        runs = subject.counters.runs
        patch = {"data": {"x": "2"}}
        await client.patch(CONFIG_MAP, "b", namespace, patch=patch, kind=PatchKind.MERGE)
        await seen.started(2, "b")
    assert runs == 2, "an object that two watches name at the start runs once"
    assert seen.names.count("a") == 1
    assert str(seen.runs[-1].trigger) == f"ConfigMap/{namespace}/b"


async def test_a_failing_map_function_harms_nobody(client: Client, namespace: str) -> None:
    def broken(event: CacheEvent) -> Iterable[ObjectKey]:
        raise KeyError("spec")

    await client.create(config_map(namespace, "b"))
    seen = Recorder()
    subject = controller(seen, namespace)
    subject.watch(CONFIG_MAP, broken)
    async with managed(client, subject):
        await client.create(repository(namespace, "a"))
        await seen.started(1, "a")


async def test_a_missing_kind_holds_up_only_who_requires_it(client: Client, namespace: str) -> None:
    missing = GroupVersionKind("example.com", "v1", "Absent")
    await client.create(repository(namespace, "a"))
    tolerant, strict, absent = Recorder(), Recorder(), Recorder()
    first = controller(tolerant, namespace)
    first.watch(missing, lambda event: [], required=False)
    second = controller(strict, namespace)
    second.watch(missing, lambda event: [])
    third = Controller("absent", missing, absent, concurrency=1)
    async with managed(client, first, second, third):
        await tolerant.started(1, "a")
    assert strict.names == []
    assert absent.names == []


@pytest.mark.contract("RUN-068", "RUN-070")
async def test_duration_series_live_as_long_as_their_object(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))

    async def fail(run: Run) -> Result:
        if await run.read() is not None:
            raise TerminalError("failing runs count as well")
        return Result()

    subject = controller(Recorder(fail), namespace)
    series = f'gotk_reconcile_duration_seconds_count{{kind="GitRepository",name="a",namespace="{namespace}"}}'
    async with managed(client, subject) as manager:
        await ended(subject, 1)
        assert f"{series} 1.0" in manager.metrics.render().decode()
        await client.delete(GitRepository.GVK, "a", namespace)
        await ended(subject, 2)
        assert series not in manager.metrics.render().decode()


async def test_the_label_selector_restricts_the_main_watch(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a", labels={"sharding.fluxcd.io/key": "one"}))
    await client.create(repository(namespace, "b", labels={"sharding.fluxcd.io/key": "two"}))
    await client.create(repository(namespace, "c"))
    mine, rest = Recorder(), Recorder()
    shard = controller(mine, namespace, label_selector="sharding.fluxcd.io/key=one")
    default = controller(rest, namespace, label_selector="!sharding.fluxcd.io/key")
    async with managed(client, shard, default):
        await mine.started(1)
        await rest.started(1)
    assert (mine.names, rest.names) == (["a"], ["c"])
