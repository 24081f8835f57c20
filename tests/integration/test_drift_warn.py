"""``fluxkit.dev/drift: warn``: what differs from Git is told, corrected only when Git changes it, and forgotten."""

from typing import Any

from fluxkit.kube import PatchKind
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment
from tests.integration.test_moving import message
from tests.integration.test_prune_limit import annotate

DRIFTED = "fluxkit.dev/Drifted"
LEFT = "objects differ from the source and are left so: "


async def patch(fleet: Fleet, name: str, body: dict[str, Any]) -> None:
    await fleet.client.patch(CONFIG_MAP, name, fleet.namespace, patch=body, kind=PatchKind.MERGE)


async def value(fleet: Fleet, name: str) -> str:
    return str((await fleet.client.get(CONFIG_MAP, name, fleet.namespace))["data"]["key"])


async def start(fleet: Fleet) -> str:
    for name in "ab":
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    fleet.repository.write("app/d.yaml", deployment("d", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True)
    await annotate(fleet, "app", drift="warn")
    await fleet.applied("app", revision)
    return revision


async def test_drift_is_told_and_left_and_its_end_is_told_too(fleet: Fleet) -> None:
    revision = await start(fleet)
    await patch(fleet, "a", {"data": {"key": "other"}})
    told = f"{LEFT}ConfigMap/{fleet.namespace}/a differs at /data/key"
    drifted = await fleet.kustomization_where("app", lambda each: message(each, DRIFTED) == told)
    await fleet.applied("app", revision)
    assert await value(fleet, "a") == "other"
    assert drifted.status.last_applied_revision == revision
    assert (await fleet.event(told))["type"] == "Warning"
    gauge = f'fluxkit_kustomization_drifted_objects{{name="app",namespace="{fleet.namespace}"}}'
    assert f"{gauge} 1.0" in await fleet.metrics()
    # asked for, too, it is left as it is
    await fleet.reconcile("app")
    await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at != "")
    assert await value(fleet, "a") == "other"
    await patch(fleet, "a", {"data": {"key": "1"}})
    await fleet.kustomization_where("app", lambda each: not message(each, DRIFTED))
    await fleet.event("no object differs from the source any more")
    assert gauge not in await fleet.metrics()


async def test_what_is_missing_is_told_and_does_not_count_as_unhealthy(fleet: Fleet) -> None:
    revision = await start(fleet)
    await fleet.client.delete(DEPLOYMENT, "d", fleet.namespace)
    told = f"{LEFT}Deployment/{fleet.namespace}/d is missing"
    await fleet.kustomization_where("app", lambda each: message(each, DRIFTED) == told)
    await fleet.applied("app", revision)
    assert not await fleet.exists(DEPLOYMENT, "d")


async def test_a_commit_changes_what_it_is_about_and_nothing_else(fleet: Fleet) -> None:
    await start(fleet)
    for name in "ab":
        await patch(fleet, name, {"data": {"key": "other"}})
    await fleet.kustomization_where("app", lambda each: "/b differs" in message(each, DRIFTED))
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
    applied = await fleet.applied("app", await fleet.push())
    assert message(applied, DRIFTED) == f"{LEFT}ConfigMap/{fleet.namespace}/b differs at /data/key"
    assert (await value(fleet, "a"), await value(fleet, "b")) == ("2", "other")
    await annotate(fleet, "app", drift=None)
    await fleet.kustomization_where("app", lambda each: not message(each, DRIFTED))
    assert await value(fleet, "b") == "1"


async def test_a_restart_does_not_correct_either(fleet: Fleet) -> None:
    revision = await start(fleet)
    await patch(fleet, "a", {"data": {"key": "other"}})
    await fleet.kustomization_where("app", lambda each: bool(message(each, DRIFTED)))
    await fleet.rig.controllers.kill()
    await patch(fleet, "b", {"data": {"key": "other"}})
    await fleet.rig.controllers.run()
    await fleet.kustomization_where("app", lambda each: "/b differs" in message(each, DRIFTED))
    await fleet.applied("app", revision)
    assert (await value(fleet, "a"), await value(fleet, "b")) == ("other", "other")
