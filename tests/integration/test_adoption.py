"""A cluster as Flux's kustomize-controller leaves it: taken over without touching an object or losing one.

The state is written as that controller writes it, field managers included; ``test_migration`` does the same with the
real one where it has been built.
"""

from pathlib import Path
from typing import Any

import pytest

from fluxkit import yaml
from fluxkit.api import Kustomization
from fluxkit.kube import Client, PatchKind
from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind, Object, ref_of
from testbed import Rig, git_repository, kustomization
from tests.integration.fleet import config_map, deployment

NAMESPACE = "apps"
ROLE = GroupVersionKind("rbac.authorization.k8s.io", "v1", "Role")
MANIFESTS = {
    "deployment.yaml": deployment("web", NAMESPACE, replicas=2),
    "config.yaml": config_map("settings", NAMESPACE),
    "service.yaml": (
        f"apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: {NAMESPACE}\n"
        "spec:\n  selector: {app: web}\n  ports: [{port: 80, targetPort: 8080}]\n"
    ),
    "secret.yaml": (
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\n  namespace: {NAMESPACE}\n"
        "stringData:\n  user: admin\n"
    ),
    "role.yaml": (
        f"apiVersion: {ROLE.api_version}\nkind: Role\nmetadata:\n  name: web:read\n  namespace: {NAMESPACE}\n"
        "rules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}]\n"
    ),
}
INVENTORY = [
    f"{NAMESPACE}_web__read_rbac.authorization.k8s.io_Role",
    f"{NAMESPACE}_settings__ConfigMap",
    f"{NAMESPACE}_login__Secret",
    f"{NAMESPACE}_web__Service",
    f"{NAMESPACE}_web_apps_Deployment",
]


def as_upstream_applies(text: str) -> Object:
    obj: Object = yaml.load(text)
    obj["metadata"]["labels"] = {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    if "stringData" in obj:
        del obj["stringData"]
        obj["data"] = {"user": "YWRtaW4="}
    if obj["kind"] == "Service":
        obj["spec"]["ports"][0]["protocol"] = "TCP"
    return obj


async def as_upstream_leaves(rig: Rig, revision: str) -> list[Object]:
    """Objects, finalizer and status. ``gone`` has left Git while upstream was down."""
    client = rig.client
    applied = []
    for text in (*MANIFESTS.values(), config_map("gone", NAMESPACE)):
        applied.append(await client.apply(as_upstream_applies(text), field_manager="kustomize-controller"))
    # others have their fields, too
    scaled = {"spec": {"replicas": 2}, "metadata": {"annotations": {"example.com/by": "somebody"}}}
    web = GroupVersionKind("apps", "v1", "Deployment")
    await client.patch(web, "web", NAMESPACE, patch=scaled, kind=PatchKind.MERGE, field_manager="autoscaler")
    obj = kustomization("apps", "flux-system", "flux-system", "./apps", wait=True)
    obj["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "2026-01-01T00:00:00Z"}
    await client.create(obj, field_manager="flux")
    finalizers = {"metadata": {"finalizers": ["finalizers.fluxcd.io"]}}
    manager = "kustomize-controller"
    await client.patch(
        Kustomization.GVK, "apps", "flux-system", patch=finalizers, kind=PatchKind.MERGE, field_manager=manager
    )
    then = "2026-01-01T00:00:00Z"

    def condition(type: str, reason: str, message: str) -> dict[str, Any]:
        facts = {"lastTransitionTime": then, "observedGeneration": 1, "status": "True"}
        return facts | {"type": type, "reason": reason, "message": message}

    digest = "sha256:" + "0" * 64
    snapshot = {
        "digest": digest,
        "firstReconciled": then,
        "lastReconciled": then,
        "lastReconciledDuration": "1.1s",
        "lastReconciledStatus": "ReconciliationSucceeded",
        "metadata": {"revision": revision},
        "totalReconciliations": 7,
    }
    versions = {"_apps_Deployment": "v1"}
    status = {
        "conditions": [
            condition("Ready", "ReconciliationSucceeded", f"Applied revision: {revision}"),
            condition("Healthy", "Succeeded", "Health check passed in 10.2ms"),
        ],
        "history": [snapshot],
        "inventory": {
            "entries": [
                {"id": name, "v": versions.get(name, "v1")} for name in [*INVENTORY, f"{NAMESPACE}_gone__ConfigMap"]
            ]
        },
        "lastAppliedRevision": revision,
        "lastAttemptedRevision": revision,
        "lastHandledReconcileAt": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    await client.patch(
        Kustomization.GVK,
        "apps",
        "flux-system",
        patch={"status": status},
        kind=PatchKind.MERGE,
        subresource="status",
        field_manager="gotk-kustomize-controller",
    )
    return applied


async def state(client: Client, objects: list[Object]) -> dict[str, Any]:
    """Everything about the objects that a person could notice; a status belongs to its own controller."""
    found = {}
    for obj in objects:
        ref = ref_of(obj)
        live = await client.get(ref.gvk, ref.name, ref.namespace)
        metadata = {key: value for key, value in live["metadata"].items() if key != "resourceVersion"}
        metadata["managedFields"] = [entry for entry in metadata["managedFields"] if not entry.get("subresource")]
        found[str(ref)] = {**live, "metadata": metadata, "status": None}
    return found


@pytest.mark.contract("KUS-369", "KUS-232", "KUS-233", "KUS-031")
async def test_nothing_changes_but_the_controllers(tmp_path: Path) -> None:
    async with Rig.prepared(tmp_path) as rig:
        for name in ("flux-system", NAMESPACE):
            await rig.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        await rig.create_credentials("flux-system")
        repository = await rig.create_repository("fleet")
        for name, text in MANIFESTS.items():
            repository.write(f"apps/{name}", text)
        revision = await repository.push("start")
        applied = await as_upstream_leaves(rig, revision)
        kept, gone = applied[:-1], applied[-1]
        replicas = GroupVersionKind("apps", "v1", "ReplicaSet")
        before = await state(rig.client, kept)
        sets = [obj["metadata"]["name"] for obj in (await rig.client.list(replicas, NAMESPACE)).items]
        await rig.client.create(git_repository("flux-system", "flux-system", rig.url(repository)))
        for turn in range(2):
            await rig.controllers.run()
            await rig.reconcile(Kustomization.GVK, "apps", "flux-system")
            taken = await _handled(rig)
            assert await state(rig.client, kept) == before
            assert [obj["metadata"]["name"] for obj in (await rig.client.list(replicas, NAMESPACE)).items] == sets
            with pytest.raises(NotFound):
                await rig.client.get(ref_of(gone).gvk, "gone", NAMESPACE)
            status = taken.status
            assert taken.metadata.finalizers == ["finalizers.fluxcd.io"]
            assert status.inventory is not None
            assert [entry.id for entry in status.inventory.entries] == INVENTORY, turn
            assert {entry.v for entry in status.inventory.entries} == {"v1"}
            assert [each.type for each in status.conditions] == ["Ready", "Healthy"]
            assert status.history[-1].total_reconciliations == 7
            await rig.controllers.stop()
        managers = {
            (entry["manager"], entry.get("subresource", ""))
            for entry in (await rig.client.get(Kustomization.GVK, "apps", "flux-system"))["metadata"]["managedFields"]
        }
        assert ("gotk-kustomize-controller", "status") in managers


async def _handled(rig: Rig) -> Kustomization:
    """The Kustomization once its request is handled and it is ready."""
    found: list[Kustomization] = []

    def handled(_: object) -> bool:
        obj = rig.kustomizations.get("flux-system", "apps")
        each = Kustomization.decode(obj) if obj is not None else None
        if each is None:
            return False
        asked = each.metadata.annotations["reconcile.fluxcd.io/requestedAt"]
        ready = any(one.type == "Ready" and one.status == "True" for one in each.status.conditions)
        found[:] = [each]
        return ready and each.status.last_handled_reconcile_at == asked != "2026-01-01T00:00:00Z"

    await rig.kustomizations.wait_for(handled, 60)
    return found[0]
