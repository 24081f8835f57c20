"""From a push to the cluster, and back when somebody interferes: the whole loop through real processes."""

import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind, WatchCache
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment


def value_of(cache: WatchCache, namespace: str, name: str) -> str | None:
    obj = cache.get(namespace, name)
    return None if obj is None else obj["data"]["key"]


@pytest.mark.contract("KUS-028", "KUS-035", "KUS-175", "KUS-195", "KUS-232", "SRC-065", "SRC-144", "SRC-145")
async def test_a_push_reaches_the_cluster(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    applied = await fleet.applied("app", revision)
    assert applied.status.observed_generation == applied.metadata.generation
    assert applied.status.last_attempted_revision == revision
    assert applied.status.inventory is not None
    assert [entry.id for entry in applied.status.inventory.entries] == [f"{fleet.namespace}_a__ConfigMap"]
    ready = next(condition for condition in applied.status.conditions if condition.type == "Ready")
    assert (ready.reason, ready.message) == ("ReconciliationSucceeded", f"Applied revision: {revision}")
    live = await fleet.client.get(CONFIG_MAP, "a", fleet.namespace)
    assert live["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": "app",
        "kustomize.toolkit.fluxcd.io/namespace": fleet.namespace,
    }
    assert [(each["manager"], each["operation"]) for each in live["metadata"]["managedFields"]] == [
        ("kustomize-controller", "Apply")
    ]
    source = await fleet.source_ready(revision)
    assert source.status.artifact is not None
    assert source.status.artifact.path.startswith(f"gitrepository/{fleet.namespace}/fleet/")


@pytest.mark.contract("KUS-236", "KUS-238")
async def test_changes_are_applied_and_removals_pruned(fleet: Fleet) -> None:
    for name in "ab":
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await fleet.applied("app", revision)
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
    fleet.repository.remove("app/b.yaml")
    await fleet.applied("app", await fleet.push())
    assert (await fleet.client.get(CONFIG_MAP, "a", fleet.namespace))["data"] == {"key": "2"}
    assert not await fleet.exists(CONFIG_MAP, "b")


@pytest.mark.contract("KUS-237")
async def test_without_prune_removals_are_forgotten(fleet: Fleet) -> None:
    for name in "ab":
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", prune=False)
    await fleet.applied("app", revision)
    fleet.repository.remove("app/b.yaml")
    applied = await fleet.applied("app", await fleet.push())
    assert applied.status.inventory is not None
    assert len(applied.status.inventory.entries) == 1
    assert await fleet.exists(CONFIG_MAP, "b")


@pytest.mark.contract("KUS-334")
async def test_drift_is_corrected_at_once(fleet: Fleet) -> None:
    for name in "ab":
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await fleet.applied("app", revision)
    await fleet.client.patch(
        CONFIG_MAP,
        "a",
        fleet.namespace,
        patch={"data": {"key": "by hand"}},
        kind=PatchKind.MERGE,
        field_manager="kubectl",
    )
    await fleet.client.delete(CONFIG_MAP, "b", fleet.namespace)
    await fleet.object_where(
        CONFIG_MAP,
        lambda cache: value_of(cache, fleet.namespace, "a") == "1" and value_of(cache, fleet.namespace, "b") == "1",
    )


@pytest.mark.contract("KUS-320", "KUS-322", "RUN-124")
async def test_deletion_takes_the_objects_along(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await fleet.applied("app", revision)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await fleet.object_where(CONFIG_MAP, lambda cache: cache.synced and cache.get(fleet.namespace, "a") is None)
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "app") is None, 30)


@pytest.mark.contract("KUS-011", "KUS-320")
async def test_orphaned_objects_stay(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", deletionPolicy="Orphan")
    await fleet.applied("app", revision)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "app") is None, 30)
    assert await fleet.exists(CONFIG_MAP, "a")


@pytest.mark.contract("KUS-238")
async def test_an_object_that_moves_between_kustomizations_stays(fleet: Fleet) -> None:
    fleet.repository.write("one/a.yaml", config_map("a", fleet.namespace))
    fleet.repository.write("two/b.yaml", config_map("b", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    for name in ("one", "two"):
        await fleet.kustomize(name, f"./{name}")
        await fleet.applied(name, revision)
    fleet.repository.remove("one/a.yaml")
    fleet.repository.write("one/.keep", "")
    fleet.repository.write("two/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.push("move")
    await fleet.applied("two", revision)
    await fleet.applied("one", revision)
    live = await fleet.client.get(CONFIG_MAP, "a", fleet.namespace)
    assert live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "two"


@pytest.mark.contract("KUS-072", "KUS-073", "KUS-046")
async def test_dependencies_order_what_is_applied(fleet: Fleet) -> None:
    fleet.repository.write("infra/a.yaml", config_map("infra", fleet.namespace))
    fleet.repository.write("app/a.yaml", config_map("app", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", dependsOn=[{"name": "infra"}])
    message = await fleet.failed("app", "DependencyNotReady")
    assert message.startswith(f"dependency '{fleet.namespace}/infra' not found")
    await fleet.kustomize("infra", "./infra")
    await fleet.applied("infra", revision)
    await fleet.applied("app", revision)


@pytest.mark.contract("KUS-373")
async def test_a_cycle_is_named(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("app", fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("a", "./app", dependsOn=[{"name": "b"}])
    await fleet.kustomize("b", "./app", dependsOn=[{"name": "a"}])
    ns = fleet.namespace
    message = await fleet.failed("b", "DependencyNotReady")
    assert message == f"circular dependency detected: {ns}/b -> {ns}/a -> {ns}/b"


@pytest.mark.contract("KUS-243", "KUS-050", "KUS-044", "KUS-245")
async def test_wait_holds_readiness_until_workloads_are_healthy(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True)
    applied = await fleet.applied("app", revision)
    healthy = next(condition for condition in applied.status.conditions if condition.type == "Healthy")
    assert (healthy.status, healthy.reason) == ("True", "Succeeded")
    live = await fleet.client.get(DEPLOYMENT, "a", fleet.namespace)
    assert live["status"]["readyReplicas"] == 1


@pytest.mark.contract("KUS-299", "KUS-307", "RUN-122", "RUN-123")
async def test_suspended_objects_stay_as_they_are(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await fleet.applied("app", revision)
    await fleet.client.patch(
        Kustomization.GVK, "app", fleet.namespace, patch={"spec": {"suspend": True}}, kind=PatchKind.MERGE
    )
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
    newer = await fleet.push()
    await fleet.source_ready(newer)
    await fleet.reconcile("app")
    handled = await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at != "")
    assert handled.status.last_applied_revision == revision
    await fleet.client.patch(
        Kustomization.GVK, "app", fleet.namespace, patch={"spec": {"suspend": False}}, kind=PatchKind.MERGE
    )
    await fleet.applied("app", newer)


@pytest.mark.contract("KUS-029", "RUN-022", "RUN-045")
async def test_a_requested_reconcile_is_answered(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await fleet.applied("app", revision)
    await fleet.reconcile("app")
    requested = (await fleet.client.get(Kustomization.GVK, "app", fleet.namespace))["metadata"]["annotations"]
    await fleet.kustomization_where(
        "app", lambda each: each.status.last_handled_reconcile_at == requested["reconcile.fluxcd.io/requestedAt"]
    )


@pytest.mark.contract("KUS-012", "KUS-016", "KUS-138", "KUS-139")
async def test_the_spec_shapes_the_objects(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", "anywhere", "${colour}-${missing:=none}"))
    revision = await fleet.repository.push("start")
    await fleet.client.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "vars", "namespace": fleet.namespace},
            "data": {"colour": "green\n"},
        }
    )
    await fleet.follow()
    await fleet.kustomize(
        "app",
        "./app",
        targetNamespace=fleet.namespace,
        namePrefix="my-",
        commonMetadata={"labels": {"team": "a"}},
        postBuild={"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]},
    )
    await fleet.applied("app", revision)
    live = await fleet.client.get(CONFIG_MAP, "my-a", fleet.namespace)
    assert live["data"] == {"key": "green-none"}
    assert live["metadata"]["labels"]["team"] == "a"


async def test_a_revision_that_changes_nothing_is_recorded_without_work(fleet: Fleet) -> None:
    for name in ("one", "two"):
        fleet.repository.write(f"{name}/a.yaml", config_map(name, fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    for name in ("one", "two"):
        await fleet.kustomize(name, f"./{name}")
        await fleet.applied(name, revision)
    before = (await fleet.client.get(CONFIG_MAP, "one", fleet.namespace))["metadata"]["resourceVersion"]
    fleet.repository.write("two/a.yaml", config_map("two", fleet.namespace, "2"))
    revision = await fleet.push()
    await fleet.applied("two", revision)
    recorded = await fleet.applied("one", revision)
    assert (await fleet.client.get(CONFIG_MAP, "one", fleet.namespace))["metadata"]["resourceVersion"] == before
    assert recorded.status.history[0].metadata == {"revision": revision}
