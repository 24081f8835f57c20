"""Deletions that come at a bad time."""

import asyncio

import orjson
import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind, WatchCache
from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment

CLUSTER_ROLE = GroupVersionKind("rbac.authorization.k8s.io", "v1", "ClusterRole")
NAMESPACE = GroupVersionKind("", "v1", "Namespace")


async def gone(fleet: Fleet, name: str) -> None:
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, name) is None, 30)


async def test_deleted_while_its_health_is_awaited(fleet: Fleet) -> None:
    never = {"sandbox.fluxkit.dev/ready-after": "1h"}
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace, annotations=never))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True)
    await fleet.object_where(DEPLOYMENT, lambda cache: cache.get(fleet.namespace, "a") is not None)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await gone(fleet, "app")
    assert not await fleet.exists(DEPLOYMENT, "a")


async def hold_up(fleet: Fleet) -> None:
    """An apply of the repository's ``app`` gets as far as its ClusterRole and is then sent away for a second."""
    name = f"{fleet.namespace}-reader"
    rbac = "rbac.authorization.k8s.io/v1"
    fleet.repository.write(
        "app/role.yaml", f"apiVersion: {rbac}\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules: []\n"
    )
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.repository.push("start")
    fault = {"code": 429, "resource": "configmaps", "namespace": fleet.namespace, "verb": "patch", "retryAfter": 1}
    await fleet.client.raw("POST", "/sandbox/faults", body=orjson.dumps(fault | {"count": 1}))
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    roles = WatchCache(fleet.client, CLUSTER_ROLE)
    following = asyncio.create_task(roles.run())
    try:
        await roles.wait_for(lambda cache: cache.get("", name) is not None, 30)
    finally:
        following.cancel()
        await asyncio.wait({following})
    assert not await fleet.exists(CONFIG_MAP, "a")


async def test_deleted_while_it_is_being_applied(fleet: Fleet) -> None:
    await hold_up(fleet)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await gone(fleet, "app")
    assert not await fleet.exists(CONFIG_MAP, "a")
    with pytest.raises(NotFound):
        await fleet.client.get(CLUSTER_ROLE, f"{fleet.namespace}-reader")


async def test_the_source_moves_while_it_is_being_applied(fleet: Fleet) -> None:
    await hold_up(fleet)
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
    (fleet.repository.clone / "app/role.yaml").unlink()
    await fleet.applied("app", await fleet.push())
    assert (await fleet.client.get(CONFIG_MAP, "a", fleet.namespace))["data"] == {"key": "2"}
    with pytest.raises(NotFound):
        await fleet.client.get(CLUSTER_ROLE, f"{fleet.namespace}-reader")


@pytest.mark.contract("KUS-321")
async def test_deleted_together_with_its_source(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await fleet.applied("app", revision)
    source = fleet.source()
    assert source is not None
    await fleet.client.delete(source.GVK, source.metadata.name, fleet.namespace)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await gone(fleet, "app")
    assert not await fleet.exists(CONFIG_MAP, "a")


async def test_an_object_in_a_terminating_namespace_holds_up_nobody_else(fleet: Fleet) -> None:
    """A namespace that cannot end: its Kustomization says so, another one goes on, and the deletion finishes later."""
    stuck = f"{fleet.namespace}-stuck"
    await fleet.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stuck}})
    holder = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "holder", "namespace": stuck, "finalizers": ["example.com/never"]},
    }
    await fleet.client.create(holder)
    await fleet.client.delete(NAMESPACE, stuck)
    fleet.repository.write("stuck/a.yaml", config_map("a", stuck))
    fleet.repository.write("other/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("stuck", "./stuck")
    await fleet.kustomize("other", "./other")
    message = await fleet.failed("stuck", "ReconciliationFailed")
    assert f"ConfigMap/{stuck}/a" in message
    assert "is being terminated" in message
    await fleet.applied("other", revision)
    await fleet.client.delete(Kustomization.GVK, "stuck", fleet.namespace)
    await gone(fleet, "stuck")
    free = {"metadata": {"finalizers": None}}
    await fleet.client.patch(CONFIG_MAP, "holder", stuck, patch=free, kind=PatchKind.MERGE)


@pytest.mark.contract("KUS-325", "RUN-125")
async def test_a_lost_kubeconfig_holds_the_deletion_until_it_is_given_up(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    metadata = {"name": "remote", "namespace": fleet.namespace}
    kubeconfig = fleet.rig.cluster.kubeconfig.read_text()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"value": kubeconfig}}
    await fleet.client.create(secret)
    await fleet.follow()
    await fleet.kustomize("app", "./app", kubeConfig={"secretRef": {"name": "remote"}})
    await fleet.applied("app", revision)
    await fleet.client.delete(GroupVersionKind("", "v1", "Secret"), "remote", fleet.namespace)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await fleet.reconcile("app")
    held = await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at != "")
    assert held.metadata.finalizers == ["finalizers.fluxcd.io"]
    patch = {"spec": {"deletionPolicy": "Orphan"}}
    await fleet.client.patch(Kustomization.GVK, "app", fleet.namespace, patch=patch, kind=PatchKind.MERGE)
    await gone(fleet, "app")
    assert await fleet.exists(CONFIG_MAP, "a")


@pytest.mark.contract("KUS-327")
async def test_termination_is_awaited_if_the_policy_says_so(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", deletionPolicy="WaitForTermination")
    await fleet.applied("app", revision)
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    await fleet.client.patch(CONFIG_MAP, "a", fleet.namespace, patch=hold, kind=PatchKind.MERGE)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await fleet.object_where(
        CONFIG_MAP, lambda cache: "deletionTimestamp" in (cache.get(fleet.namespace, "a") or {}).get("metadata", {})
    )
    assert await fleet.exists(Kustomization.GVK, "app")
    await fleet.client.patch(
        CONFIG_MAP, "a", fleet.namespace, patch={"metadata": {"finalizers": None}}, kind=PatchKind.MERGE
    )
    await gone(fleet, "app")
    event = await fleet.event(f"ConfigMap/{fleet.namespace}/a deleted")
    assert event["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/revision"] == revision
