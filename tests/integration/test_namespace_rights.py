"""Controllers that may do something in one namespace only, as a Role and not a ClusterRole allows it."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from fluxkit import yaml
from fluxkit.kube import PatchKind, WatchCache
from fluxkit.objects import GroupVersionKind
from testbed import Controllers, Rig
from tests.integration.conftest import new_fleet
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment

RBAC = "rbac.authorization.k8s.io"
ACCOUNT = "controllers"


async def kubeconfig_of_account(fleet: Fleet, directory: Path) -> Path:
    """For a ServiceAccount that may do everything in the namespace, and nothing outside of it."""
    client, metadata = fleet.client, {"name": ACCOUNT, "namespace": fleet.namespace}
    await client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    await client.create({"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules})
    await client.create(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        }
    )
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = f"/api/v1/namespaces/{fleet.namespace}/serviceaccounts/{ACCOUNT}/token"
    answer = yaml.load(await client.raw("POST", path, body=orjson.dumps(request)), source="token")
    document = yaml.load(fleet.rig.cluster.kubeconfig.read_bytes(), source="kubeconfig")
    document["users"] = [{"name": each["name"], "user": answer["status"]} for each in document["users"]]
    found = directory / "kubeconfig"
    found.write_text(yaml.dump(document))
    return found


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    rig = Rig(tmp_path)
    await rig.cluster.start()
    await rig.server.run()
    try:
        async with rig.connected():
            found = await new_fleet(rig)
            flags = ("--watch-all-namespaces=false", f"--namespace={found.namespace}", "--enable-leader-election")
            kubeconfig = await kubeconfig_of_account(found, tmp_path)
            rig.controllers = Controllers(kubeconfig, tmp_path / "controllers", *flags)
            await rig.controllers.run()
            yield found
            await rig.controllers.stop()
    finally:
        await rig.server.stop()
        await rig.cluster.stop()


@pytest.mark.contract("KUS-353", "RUN-082", "RUN-088")
async def test_one_namespace_is_enough(fleet: Fleet) -> None:
    """Health is awaited, drift is corrected, what left Git is pruned: nothing starves."""
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    fleet.repository.write("app/b.yaml", deployment("b", fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True, timeout="20s")
    source = await fleet.source_where(lambda source: source.status.artifact is not None)
    assert source.status.artifact is not None
    await fleet.applied("app", source.status.artifact.revision)

    def restored(cache: WatchCache) -> bool:
        found = cache.get(fleet.namespace, "a")
        return found is not None and found["data"] == {"key": "1"}

    await fleet.client.patch(CONFIG_MAP, "a", fleet.namespace, patch={"data": {"key": "other"}}, kind=PatchKind.MERGE)
    await fleet.object_where(CONFIG_MAP, restored)
    await fleet.client.delete(DEPLOYMENT, "b", fleet.namespace)
    await fleet.object_where(DEPLOYMENT, lambda cache: cache.get(fleet.namespace, "b") is not None)

    fleet.repository.remove("app/b.yaml")
    await fleet.applied("app", await fleet.push("prune"))
    assert not await fleet.exists(DEPLOYMENT, "b")
    leases = await fleet.client.list(GroupVersionKind("coordination.k8s.io", "v1", "Lease"), fleet.namespace)
    assert len(leases.items) == 2

    # what lies outside fails, and says why
    fleet.repository.write("outside/a.yaml", config_map("a", "default"))
    await fleet.push("outside")
    await fleet.kustomize("outside", "./outside", wait=True, timeout="20s")
    message = await fleet.failed("outside", "ReconciliationFailed")
    assert 'cannot patch resource "configmaps"' in message
    assert 'in the namespace "default"' in message
