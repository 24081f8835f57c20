"""``fluxkit.dev/rollback: last-healthy``: what fails its health checks is replaced by what passed them last.

Restarts in the middle of it: ``test_kill_decisions``.
"""

import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind
from fluxkit.objects import GroupVersionKind
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment
from tests.integration.test_moving import entries, message
from tests.integration.test_prune_limit import annotate

ROLLED_BACK = "fluxkit.dev/RolledBack"
SECRET = GroupVersionKind("", "v1", "Secret")
FAILS = {"sandbox.fluxkit.dev/fail": "NoLuck"}


def workload(fleet: Fleet, image: str, *, fails: bool = False) -> str:
    text = deployment("a", fleet.namespace, annotations=FAILS if fails else None)
    return text.replace("example.com/app:1", image).replace("  replicas:", "  progressDeadlineSeconds: 1\n  replicas:")


async def start(fleet: Fleet) -> str:
    fleet.repository.write("app/a.yaml", workload(fleet, "good:1"))
    fleet.repository.write("app/c.yaml", config_map("c", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True)
    await annotate(fleet, "app", rollback="last-healthy")
    await fleet.kustomization_where("app", lambda each: each.status.last_healthy is not None)
    await fleet.applied("app", revision)
    return revision


async def break_it(fleet: Fleet) -> str:
    fleet.repository.write("app/a.yaml", workload(fleet, "bad:2", fails=True))
    fleet.repository.write("app/b.yaml", config_map("b", fleet.namespace))
    fleet.repository.write("app/c.yaml", config_map("c", fleet.namespace, "2"))
    return await fleet.push("break")


async def image(fleet: Fleet) -> str:
    found = await fleet.client.get(DEPLOYMENT, "a", fleet.namespace)
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def healthy(kustomization: Kustomization) -> bool:
    return any(each.type == "Healthy" and each.status == "True" for each in kustomization.status.conditions)


async def check_back(fleet: Fleet, good: str, bad: str) -> Kustomization:
    back = await fleet.kustomization_where("app", lambda each: bool(message(each, ROLLED_BACK)) and healthy(each))
    told = await fleet.failed("app", "RolledBack")
    assert told.startswith(f"revision {bad} failed: health check failed after ")
    assert f"Deployment/{fleet.namespace}/a status: 'Failed'" in told
    assert told.endswith(f"; going back to {good}")
    assert message(back, ROLLED_BACK) == told
    assert back.status.last_applied_revision == good
    assert entries(back) == {"a", "c"}
    assert await image(fleet) == "good:1"
    assert (await fleet.client.get(CONFIG_MAP, "c", fleet.namespace))["data"] == {"key": "1"}
    assert not await fleet.exists(CONFIG_MAP, "b")
    return back


async def test_there_and_back_and_forward_again(fleet: Fleet) -> None:
    good = await start(fleet)
    bad = await break_it(fleet)
    back = await check_back(fleet, good, bad)
    told = message(back, ROLLED_BACK)
    assert (await fleet.event(told))["type"] == "Warning"
    assert f'fluxkit_kustomization_rolled_back{{name="app",namespace="{fleet.namespace}"}} 1.0' in await fleet.metrics()
    # neither a request nor a commit elsewhere nor drift brings the bad one back
    await fleet.reconcile("app")
    await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at != "")
    fleet.repository.write("README.md", "elsewhere")
    elsewhere = await fleet.push("elsewhere")
    await fleet.kustomization_where("app", lambda each: each.status.last_attempted_revision == elsewhere)
    drift = {"data": {"key": "drift"}}
    await fleet.client.patch(CONFIG_MAP, "c", fleet.namespace, patch=drift, kind=PatchKind.MERGE)
    await fleet.object_where(
        CONFIG_MAP, lambda cache: (cache.get(fleet.namespace, "c") or {}).get("data") == {"key": "1"}
    )
    await check_back(fleet, good, bad)
    fleet.repository.write("app/a.yaml", workload(fleet, "good:3"))
    mended = await fleet.applied("app", await fleet.push("mend"))
    assert not message(mended, ROLLED_BACK)
    assert await image(fleet) == "good:3"
    assert await fleet.exists(CONFIG_MAP, "b")
    assert mended.status.last_healthy is not None
    assert mended.status.last_healthy.revision == mended.status.last_applied_revision
    kept = await fleet.client.list(SECRET, fleet.namespace, label_selector="fluxkit.dev/last-healthy-of")
    assert len(kept.items) == 1
    await annotate(fleet, "app", rollback=None)
    await fleet.kustomization_where("app", lambda each: each.status.last_healthy is None)
    kept = await fleet.client.list(SECRET, fleet.namespace, label_selector="fluxkit.dev/last-healthy-of")
    assert kept.items == []


@pytest.mark.parametrize("tampered", [False, True], ids=["lost", "tampered"])
async def test_what_was_kept_is_lost(fleet: Fleet, tampered: bool) -> None:
    await start(fleet)
    (kept,) = (await fleet.client.list(SECRET, fleet.namespace, label_selector="fluxkit.dev/last-healthy-of")).items
    name = kept["metadata"]["name"]
    if tampered:
        patch = {"data": {"content": "eJwDAAAAAAE="}}
        await fleet.client.patch(SECRET, name, fleet.namespace, patch=patch, kind=PatchKind.MERGE)
    else:
        await fleet.client.delete(SECRET, name, fleet.namespace)
    await break_it(fleet)
    told = await fleet.failed("app", "RollbackFailed")
    assert f", which is not possible: Secret '{fleet.namespace}/{name}': " in told
    assert ("its content is not what was stored" in told) is tampered
    fleet.repository.write("app/a.yaml", workload(fleet, "good:3"))
    await fleet.applied("app", await fleet.push("mend"))


async def test_without_the_annotation_nothing_goes_back(fleet: Fleet) -> None:
    await start(fleet)
    await annotate(fleet, "app", rollback=None)
    await fleet.kustomization_where("app", lambda each: each.status.last_healthy is None)
    await break_it(fleet)
    await fleet.failed("app", "HealthCheckFailed")
    assert await image(fleet) == "bad:2"
