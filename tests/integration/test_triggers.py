"""What wakes a Kustomization whose interval is far away, and what a run that is under way makes of it."""

from typing import Any

import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import CacheEvent, PatchKind
from fluxkit.objects import GroupVersionKind, Object
from fluxkit.runtime.status_check import check_final
from testbed import kustomization
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, SOURCE, Fleet, config_map, definition, deployment

CRD = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
NEGATIVE = ("Stalled", "Reconciling")
OCI_REPOSITORY = GroupVersionKind("source.toolkit.fluxcd.io", "v1", "OCIRepository")


async def patch(fleet: Fleet, name: str, spec: dict[str, Any]) -> None:
    await fleet.client.patch(Kustomization.GVK, name, fleet.namespace, patch={"spec": spec}, kind=PatchKind.MERGE)


@pytest.mark.contract("KUS-303", "KUS-138")
@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
async def test_watched_configuration(fleet: Fleet, kind: str) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "${colour}"))
    revision = await fleet.repository.push("start")
    values = "data" if kind == "ConfigMap" else "stringData"
    metadata = {"name": "vars", "namespace": fleet.namespace, "labels": {"reconcile.fluxcd.io/watch": "Enabled"}}
    variables = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    await fleet.client.create(variables | {values: {"colour": "green"}})
    await fleet.follow()
    await fleet.kustomize("app", "./app", postBuild={"substituteFrom": [{"kind": kind, "name": "vars"}]})
    await fleet.applied("app", revision)
    gvk = GroupVersionKind("", "v1", kind)
    await fleet.client.patch(gvk, "vars", fleet.namespace, patch={values: {"colour": "blue"}}, kind=PatchKind.MERGE)
    await fleet.object_where(
        CONFIG_MAP, lambda cache: (cache.get(fleet.namespace, "a") or {}).get("data") == {"key": "blue"}
    )
    await fleet.client.delete(gvk, "vars", fleet.namespace)
    assert f"substitute from '{kind}/vars' error:" in await fleet.failed("app", "BuildFailed")


@pytest.mark.contract("KUS-009", "KUS-067", "KUS-028", "KUS-062", "KUS-064", "KUS-070")
async def test_a_source_of_a_kind_that_others_own(fleet: Fleet) -> None:
    """The kind is not even installed at first; then its controller, played by the test, sets an artifact."""
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    artifact = (await fleet.source_ready(revision)).status.artifact
    assert artifact is not None
    obj = kustomization("app", fleet.namespace, "fleet", "./app", retryInterval="100ms")
    obj["spec"]["sourceRef"]["kind"] = "OCIRepository"
    await fleet.client.create(obj)
    assert "source `fleet` kind 'OCIRepository' not supported" in await fleet.failed("app", "ArtifactFailed")
    await fleet.client.apply(definition(OCI_REPOSITORY, "ocirepositories"), field_manager="test")
    await fleet.kustomization_where(
        "app", lambda each: each.status.conditions[-1].message.startswith("Source 'OCIRepository/")
    )
    fleet.client.invalidate_discovery()
    metadata = {"name": "fleet", "namespace": fleet.namespace}
    await fleet.client.create(
        {"apiVersion": OCI_REPOSITORY.api_version, "kind": OCI_REPOSITORY.kind, "metadata": metadata, "spec": {}}
    )

    async def publish(version: str, url: str = artifact.url, digest: str = artifact.digest) -> None:
        status = {
            "artifact": {
                "url": url,
                "path": artifact.path,
                "digest": digest,
                "revision": version,
                "lastUpdateTime": artifact.last_update_time,
                "metadata": {"org.opencontainers.image.revision": f"main@{version}"},
            }
        }
        await fleet.client.patch(
            OCI_REPOSITORY,
            "fleet",
            fleet.namespace,
            patch={"status": status},
            kind=PatchKind.MERGE,
            subresource="status",
        )

    await publish("0.1", url=f"{artifact.url}.gone")
    gone = "Source is not ready, artifact not found, retrying in 10m0s"
    await fleet.kustomization_where("app", lambda each: any(one.message == gone for one in each.status.conditions))
    assert await fleet.warnings("app") == []
    await publish("0.2", digest=f"sha256:{'0' * 64}")
    broken = await fleet.kustomization_where(
        "app", lambda each: any("failed to verify archive" in one.message for one in each.status.conditions)
    )
    assert broken.status.last_attempted_revision == ""
    for version in ("1.0@sha256:a", "1.1@sha256:b"):
        await publish(version)
        applied = await fleet.applied("app", version)
        assert applied.status.last_applied_origin_revision == f"main@{version}"
        assert applied.status.history[0].metadata == {"revision": version, "originRevision": f"main@{version}"}
    assert await fleet.exists(CONFIG_MAP, "a")
    await fleet.client.delete(CRD, "ocirepositories.source.toolkit.fluxcd.io")


@pytest.mark.contract("KUS-069")
async def test_what_stalled_is_over_when_something_else_is_waited_for(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    obj = kustomization("app", fleet.namespace, SOURCE, "./app")
    obj["spec"]["sourceRef"]["kind"] = "ExternalArtifact"
    await fleet.client.create(obj)
    message = await fleet.failed("app", "AccessDenied")
    assert message.endswith("ExternalArtifact feature gate is disabled")
    stalled = fleet.kustomization("app")
    assert stalled is not None
    assert check_final(stalled, NEGATIVE).failures == []
    assert [condition.type for condition in stalled.status.conditions] == ["Stalled", "Ready"]
    assert stalled.status.observed_generation == -1
    await patch(fleet, "app", {"sourceRef": {"kind": "GitRepository", "name": "missing"}})
    await fleet.failed("app", "ArtifactFailed")
    waiting = await fleet.kustomization_where("app", lambda each: len(each.status.conditions) == 1)
    assert check_final(waiting, NEGATIVE).failures == []
    await patch(fleet, "app", {"sourceRef": {"kind": "GitRepository", "name": SOURCE}})
    await fleet.applied("app", revision)


@pytest.mark.contract("KUS-045", "KUS-296", "KUS-339", "RUN-120")
async def test_a_changed_spec_interrupts_a_health_check(fleet: Fleet) -> None:
    never = {"sandbox.fluxkit.dev/ready-after": "1h"}
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace, annotations=never))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True, timeout="10m")
    await fleet.kustomization_where(
        "app", lambda each: any(condition.message.startswith("Running health") for condition in each.status.conditions)
    )
    await patch(fleet, "app", {"wait": False, "commonMetadata": {"labels": {"second": "spec"}}})
    applied = await fleet.applied("app", revision)
    assert applied.status.observed_generation == applied.metadata.generation == 2
    assert [entry.last_reconciled_status for entry in applied.status.history] == ["ReconciliationSucceeded"]
    assert check_final(applied, NEGATIVE).failures == []
    assert [condition.type for condition in applied.status.conditions] == ["Ready"]
    live = await fleet.client.get(DEPLOYMENT, "a", fleet.namespace)
    assert live["metadata"]["labels"]["second"] == "spec"
    told = f"Health checks canceled due to new reconciliation triggered by Kustomization/{fleet.namespace}/app"
    assert (await fleet.event(told))["reason"] == "HealthCheckCanceled"


async def test_two_owners_of_one_object(fleet: Fleet) -> None:
    """The last one to apply has it, and the end of the loser is not the end of the object."""
    for owner in ("one", "two"):
        fleet.repository.write(f"{owner}/a.yaml", config_map("a", fleet.namespace, owner))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    for owner in ("one", "two"):
        await fleet.kustomize(owner, f"./{owner}")
        await fleet.applied(owner, revision)
    taken = await fleet.client.get(CONFIG_MAP, "a", fleet.namespace)
    assert taken["data"] == {"key": "two"}
    for owner in ("one", "two"):
        applied = fleet.kustomization(owner)
        assert applied is not None
        assert applied.status.inventory is not None
        assert [entry.id for entry in applied.status.inventory.entries] == [f"{fleet.namespace}_a__ConfigMap"]
    await fleet.client.delete(Kustomization.GVK, "one", fleet.namespace)
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "one") is None, 30)
    assert await fleet.client.get(CONFIG_MAP, "a", fleet.namespace) == taken


@pytest.mark.contract("KUS-052", "SRC-034")
async def test_the_first_pass_adds_the_finalizer_and_nothing_else(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    seen: dict[str, list[Object]] = {"app": [], SOURCE: []}

    def record(event: CacheEvent) -> None:
        if event.new is not None and event.new["metadata"]["namespace"] == fleet.namespace:
            seen[event.new["metadata"]["name"]].append(event.new)

    fleet.rig.kustomizations.subscribe(record)
    fleet.rig.sources.subscribe(record)
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    applied = await fleet.applied("app", revision)
    assert check_final(applied, NEGATIVE) == check_final(await fleet.source_ready(revision), NEGATIVE)
    for states in seen.values():
        claimed = next(state for state in states if state["metadata"].get("finalizers"))
        assert claimed["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
        assert claimed["status"] == {"observedGeneration": -1}
        assert len(states) <= 6  # created, finalizer, and what one run tells of itself
