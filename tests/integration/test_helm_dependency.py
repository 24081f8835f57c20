"""A Kustomization may wait for a HelmRelease, whoever looks after those."""

from typing import Any

from fluxkit.kube import PatchKind
from fluxkit.objects import GroupVersionKind
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map, definition

HELM_RELEASE = GroupVersionKind("helm.toolkit.fluxcd.io", "v2", "HelmRelease")


async def test_a_helm_release_is_waited_for_and_wakes(fleet: Fleet) -> None:
    await fleet.client.apply(definition(HELM_RELEASE, "helmreleases"), field_manager="test")
    fleet.client.invalidate_discovery()
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", dependsOn=[{"kind": "HelmRelease", "name": "db"}])
    told = await fleet.failed("app", "DependencyNotReady")
    name = f"{fleet.namespace}/db"
    assert told == f"dependency 'HelmRelease/{name}' not found: HelmRelease '{name}' does not exist"
    release: dict[str, Any] = {
        "apiVersion": HELM_RELEASE.api_version,
        "kind": HELM_RELEASE.kind,
        "metadata": {"name": "db", "namespace": fleet.namespace},
        # suspended, so that a controller for it would leave the status to this test
        "spec": {
            "suspend": True,
            "interval": "1h",
            "chart": {"spec": {"chart": "db", "sourceRef": {"kind": "GitRepository", "name": "x"}}},
        },
    }
    created = await fleet.client.create(release)

    async def become(observed: int) -> None:
        condition = {"type": "Ready", "status": "True", "reason": "Test", "message": ""}
        condition["lastTransitionTime"] = "2026-01-01T00:00:00Z"
        status = {"status": {"observedGeneration": observed, "conditions": [condition]}}
        await fleet.client.patch(
            HELM_RELEASE, "db", fleet.namespace, patch=status, kind=PatchKind.MERGE, subresource="status"
        )

    generation = int(created["metadata"]["generation"])
    await become(generation - 1)
    await fleet.reconcile("app")
    waiting = f"dependency 'HelmRelease/{name}' is not ready"
    await fleet.kustomization_where("app", lambda each: any(one.message == waiting for one in each.status.conditions))
    assert not await fleet.exists(CONFIG_MAP, "a")
    await become(generation)
    await fleet.applied("app", revision)
