"""What a run tells on its way: conditions, events, history, metrics."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fluxkit.api import Artifact, Kustomization
from fluxkit.kube import CacheEvent, PatchKind
from fluxkit.objects import GroupVersionKind, Object, key_of
from testbed import git_repository, kustomization
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment
from tests.integration.hooks import admission_hook, refusal, server
from tests.integration.test_fetching import publish
from tests.integration.test_moving import message
from tests.sandbox.hooks import HookServer

__all__ = ["admission_hook", "server"]

EVENT = GroupVersionKind("", "v1", "Event")
NEVER = {"sandbox.fluxkit.dev/ready-after": "1h"}


class Gates:
    """A web server whose answers the test lets go."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.open: dict[str, asyncio.Event] = {}
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        await self.open.setdefault(request.path, asyncio.Event()).wait()
        return web.Response(body=self.files[request.path])

    def release(self, path: str) -> None:
        self.open.setdefault(path, asyncio.Event()).set()


@pytest.fixture
async def gates() -> AsyncIterator[Gates]:
    made = Gates()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    for path in list(made.open):
        made.release(path)
    await runner.cleanup()


@pytest.fixture
def states(fleet: Fleet) -> Iterator[list[dict[str, Any]]]:
    """Every status of the Kustomization ``app`` that a watcher got to see."""
    seen: list[dict[str, Any]] = []

    def note(event: CacheEvent) -> None:
        if event.new is not None and key_of(event.new).namespace == fleet.namespace:
            seen.append(event.new.get("status") or {})

    stop = fleet.rig.kustomizations.subscribe(note)
    yield seen
    stop()


def stored(fleet: Fleet, artifact: Artifact) -> bytes:
    root = fleet.rig.controllers.log_file.parent / "artifacts"
    return (Path(root) / artifact.path).read_bytes()


def condition(kustomization: Kustomization, type: str) -> tuple[str, str, str]:
    found = next(each for each in kustomization.status.conditions if each.type == type)
    return found.status, found.reason, found.message


@pytest.mark.contract("KUS-036", "KUS-037", "KUS-055", "KUS-033", "KUS-034", "KUS-050")
async def test_every_step_that_lasts_is_told(
    fleet: Fleet, gates: Gates, admission_hook: HookServer, states: list[dict[str, Any]]
) -> None:
    """Each step is held up until it has been seen."""
    applying = threading.Event()

    def hold(request: Any) -> dict[str, Any]:
        applying.wait(20)
        return {"allowed": True}

    admission_hook.answer = hold
    fleet.repository.write("app/base.yaml", config_map("a", fleet.namespace))
    fleet.repository.write("app/d.yaml", deployment("d", fleet.namespace, annotations=NEVER))
    fleet.repository.write("app/kustomization.yaml", f"resources: [base.yaml, d.yaml, '{gates.url}/remote.yaml']\n")
    gates.files["/remote.yaml"] = config_map("remote", fleet.namespace).encode()
    revision = await fleet.repository.push("start")
    await fleet.follow()
    artifact = (await fleet.source_ready(revision)).status.artifact
    assert artifact is not None
    gates.files["/a.tar.gz"] = stored(fleet, artifact)
    await fleet.client.create(git_repository("manual", fleet.namespace, "https://example.com/none", suspend=True))
    await publish(fleet, artifact, f"{gates.url}/a.tar.gz")
    await fleet.client.create(kustomization("app", fleet.namespace, "manual", "./app", wait=True, timeout="2m"))

    async def told(step: str) -> Kustomization:
        text = f"{step} for revision {revision} with a timeout of 2m0s"
        return await fleet.kustomization_where("app", lambda each: message(each, "Reconciling") == text)

    fetching = await told("Fetching manifests")
    assert condition(fetching, "Ready") == ("Unknown", "Progressing", "Reconciliation in progress")
    assert condition(fetching, "Reconciling")[:2] == ("True", "Progressing")
    assert fetching.status.last_attempted_revision == ""
    gates.release("/a.tar.gz")
    await told("Building manifests")
    gates.release("/remote.yaml")
    await told("Detecting drift")
    applying.set()
    checking = await told("Running health checks")
    assert condition(checking, "Healthy")[:2] == ("Unknown", "Progressing")
    assert [each.type for each in checking.status.conditions] == ["Reconciling", "Ready", "Healthy"]
    ready = {"metadata": {"annotations": {"sandbox.fluxkit.dev/ready-after": None}}}
    await fleet.client.patch(DEPLOYMENT, "d", fleet.namespace, patch=ready, kind=PatchKind.MERGE)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "app") is None, 30)
    # conditions that only exist when they are true, and never both
    for state in states:
        types = {each["type"]: each["status"] for each in state.get("conditions") or ()}
        assert types.get("Reconciling", "True") == "True"
        assert not {"Reconciling", "Stalled"} <= types.keys()


@pytest.mark.contract("KUS-051", "KUS-253", "KUS-335", "KUS-333", "KUS-336", "KUS-334")
async def test_health_and_events_of_some_runs(fleet: Fleet) -> None:
    fleet.repository.write("app/d.yaml", deployment("d", fleet.namespace))
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    obj = kustomization("app", fleet.namespace, "fleet", "./app", wait=True)
    obj["metadata"]["annotations"] = {"event.toolkit.fluxcd.io/team": "blue"}
    await fleet.client.create(obj)
    await fleet.applied("app", revision)
    first = await finished(fleet, 1)
    assert [event["reason"] for event in first] == ["Progressing", "Progressing", "ReconciliationSucceeded"]
    lines = [f"ConfigMap/{fleet.namespace}/a created", f"Deployment/{fleet.namespace}/d created"]
    assert first[0]["message"].splitlines() == lines
    assert first[1]["message"].startswith("Health check passed in ")
    assert first[2]["message"].startswith("Reconciliation finished in ")
    assert first[2]["message"].endswith(", next run in 10m0s")
    annotations = first[2]["metadata"]["annotations"]
    group = "kustomize.toolkit.fluxcd.io"
    assert annotations[f"{group}/revision"] == revision
    assert annotations[f"{group}/commit_status"] == "update"
    assert annotations["event.toolkit.fluxcd.io/team"] == "blue"
    assert f"{group}/commit_status" not in first[0]["metadata"]["annotations"]
    # healthy before and after, at the same revision: the check passes without an event of its own
    await fleet.reconcile("app")
    await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at != "")
    later = await finished(fleet, 2)
    assert sum(event["message"].startswith("Health check passed") for event in later) == 1
    unhealthy = fleet.kustomization("app")
    assert unhealthy is not None
    assert condition(unhealthy, "Healthy")[:2] == ("True", "Succeeded")
    patch = {"spec": {"wait": False}}
    await fleet.client.patch(Kustomization.GVK, "app", fleet.namespace, patch=patch, kind=PatchKind.MERGE)
    await fleet.kustomization_where("app", lambda each: [one.type for one in each.status.conditions] == ["Ready"])


async def finished(fleet: Fleet, count: int) -> list[Object]:
    """The events about ``app`` in order, once so many runs have told their end."""
    found: list[Object] = []

    def told(cache: Any) -> bool:
        found[:] = [event for event in cache.list() if event["involvedObject"]["name"] == "app"]
        ends = [event for event in found if event["message"].startswith("Reconciliation finished")]
        return sum(event.get("count") or 1 for event in ends) >= count

    await fleet.object_where(EVENT, told)
    return sorted(found, key=lambda event: int(event["metadata"]["resourceVersion"]))


@pytest.mark.contract("KUS-074")
async def test_a_dependency_that_is_not_ready_is_an_event(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("base", "./app", suspend=True)
    await fleet.kustomize("app", "./app", dependsOn=[{"name": "base"}])
    assert await fleet.failed("app", "DependencyNotReady") == f"dependency '{fleet.namespace}/base' is not ready"
    event = await fleet.event("Dependencies do not meet ready condition, retrying in 10m0s")
    assert (event["type"], event["reason"]) == ("Normal", "DependencyNotReady")
    assert event["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/revision"] == revision


@pytest.mark.contract("KUS-338", "KUS-307")
async def test_what_is_not_worth_an_event(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.kustomize("app", "./app")
    await fleet.failed("app", "ArtifactFailed")
    await fleet.kustomize("resting", "./app", suspend=True)
    await fleet.reconcile("resting")
    await fleet.kustomization_where("resting", lambda each: each.status.last_handled_reconcile_at != "")
    await fleet.follow()
    await fleet.applied("app", revision)
    await finished(fleet, 1)
    events = (await fleet.client.list(EVENT, fleet.namespace)).items
    about = [event["message"] for event in events if event["involvedObject"]["name"] in ("app", "resting")]
    assert len(about) == 2, about
    assert about[0] == f"ConfigMap/{fleet.namespace}/a created"


@pytest.mark.contract("KUS-341", "KUS-030", "KUS-339", "KUS-041")
async def test_the_history_knows_all_four_ends(fleet: Fleet, admission_hook: HookServer) -> None:
    """Failed builds leave no trace; the list keeps the five latest."""
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    fleet.repository.write("app/b.yaml", config_map("b", fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True)

    async def outcome(*expected: str) -> None:
        def shows(each: Kustomization) -> bool:
            return [entry.last_reconciled_status for entry in each.status.history] == list(expected)

        found = await fleet.kustomization_where("app", shows)
        assert found.status.history[0].metadata == {"revision": found.status.last_attempted_revision}

    await outcome("ReconciliationSucceeded")
    admission_hook.answer = lambda request: refusal("no") if request["operation"] != "DELETE" else {"allowed": True}
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
    await fleet.push("refused")
    await outcome("ReconciliationFailed", "ReconciliationSucceeded")
    admission_hook.answer = lambda request: refusal("no") if request["operation"] == "DELETE" else {"allowed": True}
    fleet.repository.remove("app/b.yaml")
    await fleet.push("not deleted")
    await outcome("PruneFailed", "ReconciliationFailed", "ReconciliationSucceeded")
    admission_hook.answer = lambda request: {"allowed": True}
    fleet.repository.write("app/c.yaml", "kind: [")
    await fleet.push("not built")
    await fleet.failed("app", "BuildFailed")
    fails = deployment("d", fleet.namespace, annotations={"sandbox.fluxkit.dev/fail": "NoLuck"})
    fleet.repository.write("app/c.yaml", fails.replace("  replicas:", "  progressDeadlineSeconds: 1\n  replicas:"))
    await fleet.push("not healthy")
    so_far = ("HealthCheckFailed", "PruneFailed", "ReconciliationFailed", "ReconciliationSucceeded")
    await outcome(*so_far)
    for number in range(3, 6):
        fleet.repository.write("app/c.yaml", config_map("c", fleet.namespace, str(number)))
        await fleet.applied("app", await fleet.push(str(number)))
    await outcome(*["ReconciliationSucceeded"] * 3, "HealthCheckFailed", "PruneFailed")


@pytest.mark.contract("KUS-291", "KUS-292", "KUS-343", "KUS-330", "KUS-344")
async def test_runs_repeat_by_their_intervals_and_are_counted(fleet: Fleet) -> None:
    """Neither a success nor a failure within the run is a matter of backoff, which starts over with each."""
    # an object that is left alone makes every run a full one, which the history counts
    once = "  annotations: {kustomize.toolkit.fluxcd.io/ssa: Ignore}\n"
    text = config_map("a", fleet.namespace).replace("  name: a\n", f"  name: a\n{once}")
    fleet.repository.write("app/a.yaml", text)
    fleet.repository.write("bad/a.yaml", "kind: [")
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", interval="200ms")
    await fleet.applied("app", revision)
    await fleet.kustomize("bad", "./bad", interval="1h", retryInterval="200ms")
    counter = "gotk_reconcile_duration_seconds_count"
    place = f'namespace="{fleet.namespace}"'
    runs = {name: f'{counter}{{kind="Kustomization",name="{name}",{place}}}' for name in ("app", "bad")}
    await fleet.kustomization_where("app", lambda each: each.status.history[0].total_reconciliations >= 4)
    failed = await fleet.failed("bad", "BuildFailed")

    def repeated(cache: Any) -> bool:
        return any(event["message"] == failed and (event.get("count") or 1) >= 4 for event in cache.list())

    await fleet.object_where(EVENT, repeated)
    text = await fleet.metrics()
    assert all(sample(text, each) >= 4 for each in runs.values())
    log = fleet.rig.controllers.log_file.read_text().splitlines()
    assert not [line for line in log if "Reconciler error" in line and f'"{fleet.namespace}"' in line]
    own = f'name="app",namespace="{fleet.namespace}"'
    series = [line for line in text.splitlines() if line.startswith("gotk_reconcile_duration_seconds_bucket")]
    buckets = [line for line in series if own in line]
    bounds = [float(line.partition('le="')[2].partition('"')[0]) for line in buckets]
    assert (len(bounds), bounds[0], round(bounds[-2], 6)) == (11, 0.01, 1800.0)
    assert 'controller_runtime_max_concurrent_reconciles{controller="kustomization"} 4.0' in text
    for name in ("gotk_reconcile_condition", "gotk_suspend_status"):
        assert f"# HELP {name} " in text
        assert f"{name}{{" not in text
    for name in ("app", "bad"):
        await fleet.client.delete(Kustomization.GVK, name, fleet.namespace)
    async with asyncio.timeout(30):
        while any(each in text for each in runs.values()):
            text = await fleet.metrics()
    assert not await fleet.exists(CONFIG_MAP, "a")


def sample(text: str, series: str) -> float:
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(series)), 0.0)
