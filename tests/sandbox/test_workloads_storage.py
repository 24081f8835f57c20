"""Claims, volumes and storage classes; ReplicationControllers; quotas of what controllers make."""

from collections.abc import Callable
from typing import Any

import pytest

from fluxkit.objects import Object
from fluxkit.sandbox import bootstrap
from fluxkit.sandbox.workloads import CLAIMS, DefaultClass
from tests.sandbox.world import World, obj, workload, world

__all__ = ["world"]

VOLUMES = "persistentvolumes"


def claim(name: str = "c", storage: str = "1Gi", **spec: Any) -> Object:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return obj("v1", "PersistentVolumeClaim", name, spec={**asked, **spec})


def volume(name: str, storage: str = "1Gi", **spec: Any) -> Object:
    offered = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": storage}, "hostPath": {"path": "/x"}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {**offered, **spec}}


def storage_class(name: str, **settings: Any) -> Object:
    named = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    return {**named, "provisioner": "example.com/disks", **settings}


def bound(made: Object) -> bool:
    return bool((made.get("status") or {}).get("phase") == "Bound")


def tells(world: World, reason: str) -> Callable[[], bool]:
    return lambda: bool(world.events_of(reason))


async def test_a_claim_without_class_gets_the_default_one(world: World) -> None:
    bootstrap.populate_classes(world.registry)
    world.registry.allocators[CLAIMS] = DefaultClass(world.store).allocate
    world.apply(claim())
    made = await world.when(CLAIMS, "c", bound)
    assert made["spec"]["storageClassName"] == "standard"
    (volume,) = world.objects(VOLUMES, "")
    assert volume["spec"]["storageClassName"] == "standard"
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert volume["metadata"]["annotations"] == {"pv.kubernetes.io/provisioned-by": bootstrap.PROVISIONER}
    (event,) = world.events_of("ProvisioningSucceeded")
    assert event["message"] == f"Successfully provisioned volume {volume['metadata']['name']} for claim c"


async def test_the_class_decides_what_becomes_of_the_volume(world: World) -> None:
    world.apply(storage_class("kept", reclaimPolicy="Retain"))
    world.apply(claim(storageClassName="kept"))
    await world.when(CLAIMS, "c", bound)
    world.delete(CLAIMS, "c")
    await world.until(lambda: [each["status"]["phase"] for each in world.objects(VOLUMES, "")] == ["Released"])


async def test_a_claim_waits_for_its_first_consumer(world: World) -> None:
    world.apply(storage_class("late", volumeBindingMode="WaitForFirstConsumer"))
    world.apply(claim(storageClassName="late"))
    await world.until(tells(world, "WaitForFirstConsumer"))
    assert world.objects(VOLUMES, "") == []
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]
    world.apply(workload(replicas=1, pod={"volumes": volumes}))
    await world.when(CLAIMS, "c", bound)


async def test_a_class_that_is_not_there_is_taken_for_one_that_makes_volumes(world: World) -> None:
    world.apply(claim(storageClassName="gp3"))
    await world.when(CLAIMS, "c", bound)


@pytest.mark.parametrize(
    "unfit",
    [volume("v", storage="1Mi"), volume("v", storageClassName="other"), volume("v", accessModes=["ReadOnlyMany"])],
)
async def test_a_claim_without_any_class_waits_for_a_volume_that_fits(world: World, unfit: Object) -> None:
    world.apply(claim(storageClassName=""))
    await world.until(tells(world, "FailedBinding"))
    world.apply(unfit)
    await world.settled()
    assert not bound(world.objects(CLAIMS)[0])
    world.apply(volume("fits", storage="2Gi"))
    made = await world.when(CLAIMS, "c", bound)
    assert made["spec"]["volumeName"] == "fits"
    assert made["status"]["capacity"] == {"storage": "2Gi"}
    fits = next(each for each in world.objects(VOLUMES, "") if each["metadata"]["name"] == "fits")
    assert fits["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]


async def test_a_volume_that_nobody_claims_is_available(world: World) -> None:
    world.apply(volume("v"))
    await world.until(
        lambda: [(each.get("status") or {}).get("phase") for each in world.objects(VOLUMES, "")] == ["Available"]
    )


async def test_a_bound_claim_grows(world: World) -> None:
    world.apply(claim(storageClassName="x"))
    await world.when(CLAIMS, "c", bound)
    world.change(CLAIMS, "c", lambda live: live["spec"]["resources"]["requests"].update(storage="3Gi"))
    await world.when(CLAIMS, "c", lambda each: each["status"]["capacity"] == {"storage": "3Gi"})
    assert world.objects(VOLUMES, "")[0]["spec"]["capacity"] == {"storage": "3Gi"}


async def test_a_replication_controller_keeps_its_pods(world: World) -> None:
    template = {"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    world.apply(
        obj("v1", "ReplicationController", "w", spec={"replicas": 2, "selector": {"app": "w"}, "template": template})
    )
    resource = "replicationcontrollers"
    await world.when(resource, "w", lambda each: (each.get("status") or {}).get("availableReplicas") == 2)
    first = world.objects("pods")[0]
    assert first["metadata"]["ownerReferences"][0]["kind"] == "ReplicationController"
    world.delete("pods", first["metadata"]["name"])
    await world.until(
        lambda: len({each["metadata"]["uid"] for each in world.objects("pods")} - {first["metadata"]["uid"]}) == 2
    )
    world.change(resource, "w", lambda live: live["spec"].update(replicas=0))
    await world.when(resource, "w", lambda each: each["status"]["replicas"] == 0)
