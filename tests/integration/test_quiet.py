"""What must not happen: writes, events and runs that nobody asked for."""

import orjson
import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import WatchCache
from fluxkit.objects import GroupVersionKind
from fluxkit.runtime.status_check import check_final
from testbed.githttp import GitHTTPServer
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment

EVENT = GroupVersionKind("", "v1", "Event")
SERVICE = "apiVersion: v1\nkind: Service\nmetadata:\n  name: broken\n  namespace: {0}\nspec:\n  ports: 80\n"


async def events_about(fleet: Fleet, name: str) -> list[tuple[str, str, int]]:
    """(type, message, count) of the events about an object, sorted."""
    events = await fleet.client.list(EVENT, fleet.namespace)
    about = [event for event in events.items if event["involvedObject"]["name"] == name]
    return sorted((event["type"], event["message"], event["count"]) for event in about)


def logged(fleet: Fleet, text: str) -> list[dict[str, object]]:
    """The controllers' log lines with this message about the tenant's objects."""
    written = fleet.rig.controllers.log_file.read_text().splitlines()
    lines = [orjson.loads(line) for line in written if line.startswith("{") and fleet.namespace in line]
    return [line for line in lines if line.get("msg") == text]


async def ticks(fleet: Fleet, count: int) -> None:
    """Waits until the failing Kustomization ``clock`` has been retried that often from now on."""

    def retries(kustomization: Kustomization) -> int:
        return sum(entry.total_reconciliations for entry in kustomization.status.history)

    now = retries(await fleet.kustomization_where("clock", lambda each: retries(each) > 0))
    await fleet.kustomization_where("clock", lambda each: retries(each) >= now + count)


async def test_own_writes_and_prunes_are_no_drift(fleet: Fleet) -> None:
    """A large change takes long enough for the watches to hear of its beginning before its end."""
    names = [f"c{number}" for number in range(30)]
    for name in names:
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    fleet.repository.write("app/z.yaml", deployment("z", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True)
    await fleet.applied("app", revision)
    for name in names[:20]:
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace, "2"))
    for name in names[20:]:
        fleet.repository.remove(f"app/{name}.yaml")
    await fleet.applied("app", await fleet.push())
    assert logged(fleet, "drift detected") == []
    assert not [text for _, text, _ in await events_about(fleet, "app") if text.startswith("Health checks canceled")]


@pytest.mark.contract("KUS-032", "KUS-332", "KUS-336", "SRC-038", "SRC-052")
async def test_quiet_intervals_write_nothing(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    fleet.repository.write("app/b.yaml", deployment("b", fleet.namespace))
    fleet.repository.write("clock/a.yaml", SERVICE.format(fleet.namespace))
    revision = await fleet.repository.push("start")
    async with GitHTTPServer(fleet.repository.bare.parent) as server:
        await fleet.follow(server.url(fleet.repository.bare.name), interval="200ms")
        await fleet.kustomize("app", "./app", wait=True, interval="200ms")
        await fleet.applied("app", revision)
        await fleet.kustomize("clock", "./clock", retryInterval="200ms")
        await ticks(fleet, 2)
        objects = f"ConfigMap/{fleet.namespace}/a created\nDeployment/{fleet.namespace}/b created"
        assert (await fleet.event(objects))["reason"] == "Progressing"
        first_run: dict[str, str] = {}

        def complete(cache: WatchCache) -> bool:
            about = [event for event in cache.list() if event["involvedObject"]["name"] == "app"]
            first_run.update((event["message"].partition(" in ")[0], event["reason"]) for event in about)
            return len(first_run) == 3

        await fleet.object_where(EVENT, complete)
        assert first_run == {
            objects: "Progressing",
            "Health check passed": "Progressing",
            "Reconciliation finished": "ReconciliationSucceeded",
        }

        async def state() -> list[object]:
            objects = [
                await fleet.client.get(Kustomization.GVK, "app", fleet.namespace),
                await fleet.client.get(fleet.rig.sources.gvk, "fleet", fleet.namespace),
                await fleet.client.get(CONFIG_MAP, "a", fleet.namespace),
                await fleet.client.get(DEPLOYMENT, "b", fleet.namespace),
            ]
            return [*objects, await events_about(fleet, "app"), await events_about(fleet, "fleet")]

        before, asked = await state(), len(server.requests)
        await ticks(fleet, 5)
        assert len(server.requests) > asked
        assert await state() == before
    app, source = fleet.kustomization("app"), fleet.source()
    assert app is not None
    assert source is not None
    for obj in (app, source):
        report = check_final(obj, ("Stalled", "Reconciling"))
        assert (report.failures, report.warnings) == ([], [])
    finished = [text for _, text, count in await events_about(fleet, "app") for _ in range(count)]
    assert [text.partition(" in ")[0] for text in finished if text.startswith("Reconciliation")] == [
        "Reconciliation finished"
    ]
