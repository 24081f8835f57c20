import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fluxkit.kube import Client, ClusterConfig
from fluxkit.objects import ObjectKey
from fluxkit.runtime import Manager, Metrics, Result, Run
from fluxkit.runtime.serve import Address, AddressError, Endpoints
from tests.runtime.conftest import SandboxServer, install_crds
from tests.runtime.running import DEADLINE, Recorder, controller, managed, repository


@pytest.mark.contract("RUN-068", "RUN-074", "RUN-110", "KUS-347")
async def test_metrics_and_probes_are_served(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    subject = controller(Recorder(), namespace)
    async with managed(client, subject) as manager, aiohttp.ClientSession() as http:
        async with asyncio.timeout(DEADLINE):
            await subject.wait_for_runs(1)
        for path in ("/healthz", "/readyz"):
            async with http.get(f"http://127.0.0.1:{manager.endpoints.health_port}{path}") as answer:
                assert (answer.status, await answer.text()) == (200, "ok")
        async with http.get(f"http://127.0.0.1:{manager.endpoints.metrics_port}/metrics") as answer:
            text = await answer.text()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for expected in [
        f'gotk_reconcile_duration_seconds_bucket{{kind="GitRepository",le="0.01",name="a",namespace="{namespace}"}}',
        'controller_runtime_reconcile_total{controller="gitrepository",result="success"} 1.0',
        'controller_runtime_reconcile_time_seconds_count{controller="gitrepository"} 1.0',
        'controller_runtime_max_concurrent_reconciles{controller="gitrepository"} 2.0',
        'workqueue_depth{controller="gitrepository",name="gitrepository"} 0.0',
        'workqueue_adds_total{controller="gitrepository",name="gitrepository"} 1.0',
        'rest_client_requests_total{code="201",host="127.0.0.1:',
    ]:
        assert expected in text
    assert "_created" not in text


async def test_metrics_are_served_before_anything_was_reconciled(client: Client, namespace: str) -> None:
    subject = controller(Recorder(), namespace)
    async with managed(client, subject) as manager, aiohttp.ClientSession() as http:
        async with asyncio.timeout(DEADLINE):
            await client.mapping(subject.gvk)
            await manager.caches.cache(subject.gvk, namespace).wait_synced()
            url = f"http://127.0.0.1:{manager.endpoints.metrics_port}/metrics"
            async with http.get(url) as answer:
                assert answer.status == 200
                assert "workqueue_longest_running_processor_seconds" in await answer.text()


@pytest.mark.contract("KUS-347")
async def test_stacks_of_tasks_and_threads_are_served(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "stuck"))

    async def wait_for_godot(run: Run) -> Result:
        await run.waiting(asyncio.Event().wait())
        return Result()

    seen = Recorder(wait_for_godot)
    answers: dict[str, tuple[int, str]] = {}
    async with managed(client, controller(seen, namespace)) as manager, aiohttp.ClientSession() as http:
        await seen.started(1)
        for profile in ("", "goroutine", "threadcreate", "cmdline", "heap"):
            url = f"http://127.0.0.1:{manager.endpoints.metrics_port}/debug/pprof/{profile}"
            async with http.get(url) as answer:
                answers[profile] = (answer.status, await answer.text())
    assert answers[""] == (200, "cmdline\ngoroutine\nthreadcreate\n")
    stack = answers["goroutine"][1].partition(f"task gitrepository {namespace}/stuck:")[2].partition("\n\n")[0]
    assert "in wait_for_godot" in stack
    assert stack.index("in wait_for_godot") < stack.index("in waiting"), "outermost first"
    assert "thread MainThread:" in answers["threadcreate"][1]
    assert answers["cmdline"] == (200, "\0".join(sys.argv))
    assert answers["heap"][0] == 404


async def test_the_active_workers_are_those_that_hold_a_slot(client: Client, namespace: str) -> None:
    for name in ("a-waits", "b-works"):
        await client.create(repository(namespace, name))

    async def work(run: Run) -> Result:
        forever = asyncio.Event().wait()
        await (run.waiting(forever) if run.key.name == "a-waits" else forever)
        return Result()

    seen = Recorder(work)
    async with managed(client, controller(seen, namespace, concurrency=1)) as manager:
        await seen.started(2)
        text = manager.metrics.render().decode()
    assert 'controller_runtime_active_workers{controller="gitrepository"} 1.0' in text
    working = [line for line in text.splitlines() if line.startswith("workqueue_longest_running_processor_seconds{")]
    assert float(working[0].split()[-1]) > 0


async def test_endpoints_can_be_disabled(client: Client) -> None:
    manager = Manager(client, health_addr="", metrics_addr="0")
    stop = asyncio.Event()
    stop.set()
    await manager.run(stop)
    assert (manager.endpoints.health_port, manager.endpoints.metrics_port) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":8080", Address(None, 8080)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:9440", Address("::1", 9440)),
        ("", None),
        ("0", None),
    ],
)
def test_listen_addresses(text: str, expected: Address | None) -> None:
    assert Address.parse(text) == expected


@pytest.mark.parametrize("text", ["8080", "host", ":http", ":70000", ":-1"])
def test_malformed_listen_addresses_are_refused(text: str) -> None:
    with pytest.raises(AddressError, match="listen address"):
        Address.parse(text)


async def test_an_address_in_use_ends_the_manager(client: Client) -> None:
    first = Endpoints(Metrics(), metrics_addr="0", health_addr="127.0.0.1:0")
    await first.start()
    second = Manager(client, health_addr=f"127.0.0.1:{first.health_port}", metrics_addr="0")
    with pytest.raises(OSError, match="address already in use"):
        await second.run(asyncio.Event())
    await first.stop()


@pytest.mark.contract("RUN-113")
async def test_stopping_cancels_runs_and_waits_for_their_cleanup(client: Client, namespace: str) -> None:
    for name in ("a-waits", "b-works", "c-queued"):
        await client.create(repository(namespace, name))
    cleaned: list[str] = []

    async def work(run: Run) -> Result:
        try:
            if run.key.name == "a-waits":
                await run.waiting(asyncio.Event().wait())
            await asyncio.Event().wait()
        finally:
            await client.get(controller_gvk, run.key.name, namespace)
            cleaned.append(run.key.name)
        return Result()

    seen = Recorder(work)
    subject = controller(seen, namespace, concurrency=1)
    controller_gvk = subject.gvk
    async with managed(client, subject):
        await seen.started(2)
    assert set(cleaned) == {"a-waits", "b-works"}, "a run that had not begun does not begin any more"
    assert subject.counters.active == 0
    assert subject.counters.runs == 0, "a cancelled run is not counted"


async def test_a_run_that_does_not_end_is_left_behind_after_the_grace_period(client: Client, namespace: str) -> None:
    await client.create(repository(namespace, "a"))
    release = asyncio.Event()

    async def stubborn(run: Run) -> Result:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return Result()

    seen = Recorder(stubborn)
    subject = controller(seen, namespace)
    async with managed(client, subject, graceful_timeout=0.05):
        await seen.started(1)
    left_behind = subject.counters.active
    release.set()
    async with asyncio.timeout(DEADLINE):
        await subject.wait_for_runs(1)
    assert left_behind == 1


async def test_a_waiting_run_cleans_up_even_if_the_only_slot_is_never_given_back(
    client: Client, namespace: str
) -> None:
    for name in ("a-waits", "b-stuck"):
        await client.create(repository(namespace, name))
    release, cleaned = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> Result:
        if run.key.name == "a-waits":
            try:
                await run.waiting(asyncio.Event().wait())
            finally:
                cleaned.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return Result()

    seen = Recorder(work)
    subject = controller(seen, namespace, concurrency=1)
    async with managed(client, subject, graceful_timeout=0.05):
        await seen.started(2)
    in_time = cleaned.is_set()
    release.set()
    async with asyncio.timeout(DEADLINE):
        await subject.wait_for_runs(1)
    assert in_time


async def test_a_service_that_fails_ends_the_manager(client: Client, namespace: str) -> None:
    class Failing:
        async def run(self) -> None:
            raise OSError("disk full")

    class Ending:
        async def run(self) -> None:
            return

    for service, error in [(Failing(), "disk full"), (Ending(), "Ending ended unexpectedly")]:
        manager = Manager(client, health_addr="0", metrics_addr="0", services=[service])
        manager.add(controller(Recorder(), namespace))
        with pytest.raises((OSError, RuntimeError), match=error):
            async with asyncio.timeout(DEADLINE):
                await manager.run(asyncio.Event())


async def test_a_failure_during_shutdown_is_logged(
    client: Client, namespace: str, capture: Callable[[], list[dict[str, Any]]]
) -> None:
    class Sloppy:
        async def run(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("cannot flush")

    async with managed(client, services=[Sloppy()]):
        await client.server_version()
    (line,) = [line for line in capture() if line["msg"] == "Failure during shutdown"]
    assert (line["part"], line["error"]) == ("Sloppy", "cannot flush")


async def test_what_is_to_be_drained_is_drained_after_the_runs_ended(client: Client, namespace: str) -> None:
    order: list[str] = []

    class Backlog:
        async def drain(self, timeout: float) -> None:
            order.append("drained")

    async def work(run: Run) -> Result:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("ended")
        return Result()

    await client.create(repository(namespace, "a"))
    seen = Recorder(work)
    async with managed(client, controller(seen, namespace)) as manager:
        manager.drain_at_shutdown(Backlog())
        await seen.started(1)
    assert order == ["ended", "drained"]


async def test_the_manager_survives_a_restart_of_the_api_server(own_sandbox: SandboxServer) -> None:
    install_crds(own_sandbox)
    async with Client(ClusterConfig.load(str(own_sandbox.kubeconfig))) as client:
        await client.create(repository("default", "before"))
        seen = Recorder()
        async with managed(client, controller(seen, "default")):
            await seen.started(1, "before")
            await asyncio.to_thread(own_sandbox.process.kill)
            await asyncio.to_thread(own_sandbox.process.start)
            await client.create(repository("default", "after"))
            await seen.started(1, "after")


PROGRAM = """
import asyncio, sys
from fluxkit.runtime import StopSignals

class Slow:
    pass

async def main():
    stop = asyncio.Event()
    with StopSignals(stop):
        print("ready", flush=True)
        await stop.wait()
        print("stopping", flush=True)
        if sys.argv[1] == "hang":
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.contract("RUN-113")
@pytest.mark.parametrize(("mode", "signals", "status"), [("end", 1, 0), ("hang", 2, 1)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_stops_and_the_second_exits_at_once(
    tmp_path: Path, mode: str, signals: int, status: int, number: signal.Signals
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), mode, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        for expected in [b"ready\n", b"stopping\n"][:signals]:
            assert await process.stdout.readline() == expected
            process.send_signal(number)
        assert await process.wait() == status


async def test_enqueueing_before_the_start_is_not_lost(client: Client, namespace: str) -> None:
    seen = Recorder()
    subject = controller(seen, namespace)
    subject.enqueue(ObjectKey(namespace, "early"))
    async with managed(client, subject):
        await seen.started(1, "early")
