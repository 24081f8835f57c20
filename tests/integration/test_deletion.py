"""Deletions that come at a bad time."""

import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind
from fluxkit.objects import GroupVersionKind
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment

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
