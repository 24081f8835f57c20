"""Fields of a Kustomization that decide how, as whom and where its objects are managed."""

from base64 import b64encode

import pytest

from fluxkit.kube import PatchKind
from fluxkit.objects import GroupVersionKind
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, definition, deployment


async def allow(fleet: Fleet, account: str, *verbs: str) -> None:
    """A ServiceAccount that may do this to ConfigMaps of the tenant's namespace."""
    metadata = {"name": account, "namespace": fleet.namespace}
    await fleet.client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    rbac = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": list(verbs)}]
    await fleet.client.create({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": metadata, "rules": rules})
    await fleet.client.create(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        }
    )


@pytest.mark.contract("KUS-308", "KUS-363", "RUN-140")
async def test_a_service_account_is_impersonated(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", serviceAccountName="tenant")
    message = await fleet.failed("app", "ReconciliationFailed")
    assert f"system:serviceaccount:{fleet.namespace}:tenant" in message
    assert not await fleet.exists(CONFIG_MAP, "a")
    await allow(fleet, "tenant", "get", "list", "watch", "create", "patch", "delete")
    await fleet.reconcile("app")
    await fleet.applied("app", revision)


@pytest.mark.contract("KUS-323", "RUN-142")
async def test_deletion_ends_when_the_account_is_gone(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await allow(fleet, "tenant", "get", "list", "watch", "create", "patch", "delete")
    await fleet.follow()
    await fleet.kustomize("app", "./app", serviceAccountName="tenant")
    kustomization = await fleet.applied("app", revision)
    await fleet.client.delete(GroupVersionKind("", "v1", "ServiceAccount"), "tenant", fleet.namespace)
    await fleet.client.delete(kustomization.GVK, "app", fleet.namespace)
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "app") is None, 30)
    assert await fleet.exists(CONFIG_MAP, "a")


@pytest.mark.contract("KUS-311", "RUN-143")
async def test_a_kubeconfig_leads_to_a_cluster(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", kubeConfig={"secretRef": {"name": "remote"}})
    message = await fleet.failed("app", "ReconciliationFailed")
    assert f"unable to read KubeConfig secret '{fleet.namespace}/remote' error:" in message
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "remote", "namespace": fleet.namespace},
        "data": {"other": ""},
    }
    await fleet.client.create(secret)
    await fleet.reconcile("app")
    text = f"KubeConfig secret '{fleet.namespace}/remote' does not contain a 'value' key with a kubeconfig"
    await fleet.kustomization_where(
        "app", lambda each: any(condition.message == text for condition in each.status.conditions)
    )
    encoded = b64encode(fleet.rig.cluster.kubeconfig.read_bytes()).decode()
    await fleet.client.apply(secret | {"data": {"value": encoded}}, field_manager="test")
    await fleet.reconcile("app")
    await fleet.applied("app", revision)
    assert await fleet.exists(CONFIG_MAP, "a")


@pytest.mark.contract("KUS-209", "KUS-010")
async def test_force_recreates_what_cannot_be_changed(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    kustomization = await fleet.applied("app", revision)
    before = await fleet.client.get(DEPLOYMENT, "a", fleet.namespace)
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace).replace("{app: a}", "{app: other}"))
    revision = await fleet.push("change the selector")
    message = await fleet.failed("app", "ReconciliationFailed")
    assert "field is immutable" in message
    patch = {"spec": {"force": True}}
    await fleet.client.patch(kustomization.GVK, "app", fleet.namespace, patch=patch, kind=PatchKind.MERGE)
    await fleet.applied("app", revision)
    after = await fleet.client.get(DEPLOYMENT, "a", fleet.namespace)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


@pytest.mark.contract("KUS-021", "KUS-243", "KUS-044", "KUS-246")
async def test_health_checks_name_what_decides(fleet: Fleet) -> None:
    fails = {"sandbox.fluxkit.dev/fail": "NoLuck"}
    fleet.repository.write("app/a.yaml", deployment("good", fleet.namespace))
    fleet.repository.write(
        "app/b.yaml",
        deployment("bad", fleet.namespace, annotations=fails).replace(
            "  replicas:", "  progressDeadlineSeconds: 1\n  replicas:"
        ),
    )
    revision = await fleet.repository.push("start")
    await fleet.follow()
    checks = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "good", "namespace": fleet.namespace}]
    await fleet.kustomize("app", "./app", healthChecks=checks)
    await fleet.applied("app", revision)
    await fleet.kustomize("all", "./app", wait=True)
    message = await fleet.failed("all", "HealthCheckFailed")
    assert f"Deployment/{fleet.namespace}/bad status: 'Failed'" in message
    assert "good" not in message


@pytest.mark.contract("KUS-295", "KUS-296", "RUN-119")
async def test_a_fix_interrupts_the_wait_for_what_is_broken(fleet: Fleet) -> None:
    never = {"sandbox.fluxkit.dev/ready-after": "1h"}
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace, annotations=never))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True, timeout="10m")
    await fleet.object_where(DEPLOYMENT, lambda cache: cache.get(fleet.namespace, "a") is not None)
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.applied("app", await fleet.push("fix"))


WIDGET = GroupVersionKind("example.com", "v1", "Widget")


@pytest.mark.contract("KUS-022", "KUS-283")
async def test_expressions_judge_the_health_of_custom_resources(fleet: Fleet) -> None:
    """Their version does not count; a failure ends the wait early, and expressions wake a dependant."""
    await fleet.client.apply(definition(WIDGET, "widgets"), field_manager="test")
    fleet.client.invalidate_discovery()
    widget = f"apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: w\n  namespace: {fleet.namespace}\n"
    fleet.repository.write("app/w.yaml", widget)
    fleet.repository.write("later/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    expressions = {
        "apiVersion": "example.com/v1beta1",
        "kind": "Widget",
        "failed": "status.phase == 'Broken'",
        "current": "status.phase == 'Done'",
    }
    await fleet.kustomize("app", "./app", wait=True, timeout="10m", healthCheckExprs=[expressions])
    failing = "dep.status.conditions.exists(e, e.type == 'Healthy' && e.status == 'False')"
    await fleet.kustomize("later", "./later", dependsOn=[{"name": "app", "readyExpr": failing}])
    await fleet.object_where(WIDGET, lambda cache: cache.get(fleet.namespace, "w") is not None)

    async def become(phase: str) -> None:
        patch = {"status": {"phase": phase}}
        await fleet.client.patch(WIDGET, "w", fleet.namespace, patch=patch, kind=PatchKind.MERGE, subresource="status")

    await become("Working")
    await become("Broken")
    message = await fleet.failed("app", "HealthCheckFailed")
    assert f"failed early due to stalled resources: [Widget/{fleet.namespace}/w status: 'Failed'" in message
    await fleet.applied("later", revision)
    await become("Done")
    await fleet.reconcile("app")
    await fleet.applied("app", revision)
