"""Which events tell of applying, pruning and health, when, and with which metadata."""

import hashlib

import aiohttp
import pytest

from fluxkit.kube import PatchKind
from fluxkit.objects import GroupVersionKind, Object
from fluxkit.runtime import conditions
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map, deployment
from tests.integration.test_spec import allow

GROUP = "kustomize.toolkit.fluxcd.io"
EVENT = GroupVersionKind("", "v1", "Event")


async def about(fleet: Fleet, name: str, beginning: str) -> list[Object]:
    """Events about an object that begin like this; what was recorded before the last run ended has arrived."""
    found = await fleet.client.list(EVENT, fleet.namespace)
    return [
        event
        for event in found.items
        if event["involvedObject"]["name"] == name and event["message"].startswith(beginning)
    ]


async def finished(fleet: Fleet, revision: str) -> None:
    """Until the event of the end of a run at this revision has arrived: events keep their order."""
    await fleet.applied("app", revision)

    def told(event: Object) -> bool:
        annotations = event["metadata"].get("annotations") or {}
        ended = event["message"].startswith("Reconciliation finished in")
        return ended and annotations.get(f"{GROUP}/revision") == revision

    await fleet.object_where(EVENT, lambda cache: any(told(event) for event in cache.list()))


@pytest.mark.contract("KUS-253", "KUS-333", "KUS-335", "RUN-058")
async def test_health_is_told_when_it_is_news(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace, replicas=0))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True)
    await finished(fleet, revision)
    assert len(await about(fleet, "app", "Health check passed in")) == 1

    # asked again, nothing new and nothing applied
    await fleet.reconcile("app")
    await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at != "")
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace, replicas=0).replace("app:1", "app:2"))
    changed = await fleet.push("change")
    await finished(fleet, changed)
    passed = await about(fleet, "app", "Health check passed in")
    assert [event["metadata"]["annotations"][f"{GROUP}/revision"] for event in passed] == [revision, changed]
    ended = await about(fleet, "app", "Reconciliation finished in")
    assert all("next run in 10m0s" in event["message"] for event in ended)
    assert {event["metadata"]["annotations"][f"{GROUP}/commit_status"] for event in ended} == {"update"}
    applied = await about(fleet, "app", f"Deployment/{fleet.namespace}/a configured")
    assert f"{GROUP}/commit_status" not in applied[0]["metadata"]["annotations"]


@pytest.mark.contract("KUS-242", "KUS-043")
async def test_a_prune_tells_of_all_and_its_failure_ends_the_run(fleet: Fleet) -> None:
    keep = {f"{GROUP}/prune": "disabled"}
    kept = config_map("kept", fleet.namespace).replace("\ndata:", f"\n  annotations: {keep!r}\ndata:")
    fleet.repository.write("app/stays.yaml", config_map("stays", fleet.namespace))
    fleet.repository.write("app/goes.yaml", config_map("goes", fleet.namespace))
    fleet.repository.write("app/kept.yaml", kept)
    await fleet.repository.push("start")
    await allow(fleet, "tenant", "get", "list", "watch", "create", "patch", "delete")
    await fleet.follow()
    await fleet.kustomize("app", "./app", serviceAccountName="tenant", wait=True)
    source = await fleet.source_where(lambda source: source.status.artifact is not None)
    assert source.status.artifact is not None
    await fleet.applied("app", source.status.artifact.revision)
    for name in ("goes", "kept"):
        fleet.repository.remove(f"app/{name}.yaml")
    await fleet.applied("app", await fleet.push("remove"))
    name = f"ConfigMap/{fleet.namespace}"
    await fleet.event(f"{name}/kept skipped\n{name}/goes deleted")
    assert await fleet.exists(CONFIG_MAP, "kept")

    # without the right to delete: a failure, before health is looked at
    role = GroupVersionKind("rbac.authorization.k8s.io", "v1", "Role")
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch", "create", "patch"]}]
    await fleet.client.patch(role, "tenant", fleet.namespace, patch={"rules": rules}, kind=PatchKind.MERGE)
    fleet.repository.write("app/other.yaml", config_map("other", fleet.namespace))
    fleet.repository.remove("app/stays.yaml")
    revision = await fleet.push("remove more")
    message = await fleet.failed("app", "PruneFailed")
    assert f"{name}/stays delete failed: " in message
    found = fleet.kustomization("app")
    assert found is not None
    assert found.status.last_attempted_revision == revision
    healthy = conditions.get(found, conditions.HEALTHY)
    assert healthy is not None
    assert healthy.status == "True", "what the last check found still stands"
    assert not await about(fleet, "app", "health check failed")
    assert await fleet.exists(CONFIG_MAP, "stays")


@pytest.mark.contract("RUN-166")
async def test_artifacts_are_served_to_whoever_knows_the_address(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    source = await fleet.source_ready(revision)
    assert source.status.artifact is not None
    folder, _, file = source.status.artifact.path.rpartition("/")
    assert folder == f"gitrepository/{fleet.namespace}/fleet"
    assert source.status.artifact.url.endswith(f"/{folder}/{file}")
    async with aiohttp.ClientSession() as session, session.get(source.status.artifact.url) as answer:
        assert answer.status == 200
        digest = hashlib.sha256(await answer.read()).hexdigest()
    assert source.status.artifact.digest == f"sha256:{digest}"
