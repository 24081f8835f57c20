"""Claims and the volumes that they are bound to.

Follows the shapes that kubernetes/kubernetes ``pkg/controller/volume/persistentvolume`` writes, and its admission
plugin ``storage/storageclass/setdefault``. Volumes are made at once. A class that is not there is taken for one that
makes them: the classes of the cluster that a fleet is written for are seldom in a sandbox.
"""

from collections.abc import Mapping
from typing import Any

from fluxkit.objects import Object, annotations_of, labels_of
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.store import Store
from fluxkit.sandbox.validation import quantity
from fluxkit.sandbox.workloads import control
from fluxkit.sandbox.workloads.building import matches_selector
from fluxkit.sandbox.workloads.cluster import Cluster

__all__ = ["CLAIMS", "VOLUMES", "Claims", "DefaultClass"]

CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"
_CLASSES = "storageclasses.storage.k8s.io"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_COMPONENT = "persistentvolume-controller"


class DefaultClass:
    """Names the default class in claims that name none; an allocator of the registry."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def allocate(self, resource: Resource, claim: Object, old: Object | None, dry_run: bool) -> None:
        spec = claim.get("spec") or {}
        if old is not None or spec.get("storageClassName") is not None:
            return
        defaults = [
            record for record in self._store.records(_CLASSES) if annotations_of(record.view()).get(_DEFAULT) == "true"
        ]
        if defaults:
            # The newest, as upstream chooses between several.
            chosen = max(defaults, key=lambda record: (record.view()["metadata"]["creationTimestamp"], record.key))
            claim["spec"] = {**spec, "storageClassName": chosen.key[1]}


class Claims:
    """Binds each PersistentVolumeClaim to the volume it names, to a free one that fits, or to one made for it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, claim: Object) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        status = claim.get("status") or {}
        if "deletionTimestamp" in metadata or control.failure(claim):
            return
        asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
        if status.get("phase") == "Bound":
            if quantity.parse((status.get("capacity") or {}).get("storage", "0")) < quantity.parse(asked):
                self._grow(claim, asked)
            return
        volume = self._chosen(claim, asked)
        if volume is None:
            return
        volume["spec"] = {**volume["spec"], "claimRef": _reference(claim)}
        volume = self._cluster.update(VOLUMES, volume, status={**(volume.get("status") or {}), "phase": "Bound"})
        annotations = {**(metadata.get("annotations") or {}), "pv.kubernetes.io/bind-completed": "yes"}
        if "volumeName" not in spec:
            annotations["pv.kubernetes.io/bound-by-controller"] = "yes"
        claim["metadata"] = {**metadata, "annotations": annotations}
        claim["spec"] = {**spec, "volumeName": volume["metadata"]["name"]}
        bound = {
            "phase": "Bound",
            "accessModes": volume["spec"].get("accessModes") or [],
            "capacity": volume["spec"].get("capacity") or {"storage": asked},
        }
        self._cluster.update(CLAIMS, claim, status=bound)

    def _chosen(self, claim: Object, asked: str) -> Object | None:
        """The volume for a claim; None while it has to wait, which an Event tells."""
        spec, name = claim["spec"], claim["metadata"]["name"]
        named = spec.get("volumeName")
        if named:
            volume = self._cluster.get(VOLUMES, "", named)
            return volume if volume is not None and _is_free(volume, claim) else None
        for volume in self._cluster.objects(VOLUMES):
            if _is_free(volume, claim) and _fits(volume, spec, asked):
                return volume
        storage_class = spec.get("storageClassName")
        if storage_class == "":
            text = "no persistent volumes available for this claim and no storage class is set"
            self._cluster.event(claim, "Normal", "FailedBinding", text, _COMPONENT)
            return None
        found = self._cluster.get(_CLASSES, "", storage_class) if storage_class else None
        if found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer" and not self._used(claim):
            text = "waiting for first consumer to be created before binding"
            self._cluster.event(claim, "Normal", "WaitForFirstConsumer", text, _COMPONENT)
            return None
        volume = self._provision(claim, found or {}, asked)
        text = f"Successfully provisioned volume {volume['metadata']['name']} for claim {name}"
        self._cluster.event(claim, "Normal", "ProvisioningSucceeded", text, _COMPONENT)
        return volume

    def _used(self, claim: Object) -> bool:
        """Whether a Pod mounts a claim."""
        metadata = claim["metadata"]
        return any(
            (volume.get("persistentVolumeClaim") or {}).get("claimName") == metadata["name"]
            for pod in self._cluster.objects("pods", metadata["namespace"])
            for volume in pod["spec"].get("volumes") or ()
        )

    def _provision(self, claim: Object, storage_class: Mapping[str, Any], asked: str) -> Object:
        spec = claim["spec"]
        name = f"pvc-{claim['metadata']['uid']}"
        made: dict[str, Any] = {
            "capacity": {"storage": asked},
            "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
            "claimRef": _reference(claim),
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete",
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "hostPath": {"path": f"/var/lib/sandbox/{name}", "type": "DirectoryOrCreate"},
        }
        if spec.get("storageClassName"):
            made["storageClassName"] = spec["storageClassName"]
        metadata: dict[str, Any] = {"name": name}
        if storage_class.get("provisioner"):
            metadata["annotations"] = {"pv.kubernetes.io/provisioned-by": storage_class["provisioner"]}
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": made}
        return self._cluster.create(VOLUMES, volume)

    def _grow(self, claim: Object, asked: str) -> None:
        """A bound claim asks for more."""
        volume = self._cluster.get(VOLUMES, "", claim["spec"].get("volumeName") or "")
        if volume is not None and quantity.parse(volume["spec"]["capacity"]["storage"]) < quantity.parse(asked):
            volume["spec"] = {**volume["spec"], "capacity": {"storage": asked}}
            self._cluster.update(VOLUMES, volume)
        self._cluster.set_status(CLAIMS, claim, {**claim["status"], "capacity": {"storage": asked}})

    def note_volume(self, volume: Object) -> None:
        """A volume that nobody claims is available; claims may be waiting for it."""
        if not volume["spec"].get("claimRef") and (volume.get("status") or {}).get("phase") in (None, "Pending"):
            self._cluster.set_status(VOLUMES, volume, {**(volume.get("status") or {}), "phase": "Available"})

    def waiting(self, volume: Object) -> list[Object]:
        """Unbound claims that might take a volume."""
        reference = volume["spec"].get("claimRef") or {}
        return [
            claim
            for claim in self._cluster.objects(CLAIMS, reference.get("namespace", ""))
            if (claim.get("status") or {}).get("phase") != "Bound"
        ]

    def released(self, claim: Object) -> None:
        """A claim is gone: its volume goes too, or stays released, as its reclaim policy says."""
        volume = self._cluster.get(VOLUMES, "", claim["spec"].get("volumeName") or "")
        if volume is None or (volume["spec"].get("claimRef") or {}).get("uid") != claim["metadata"]["uid"]:
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._cluster.delete(VOLUMES, volume)
        else:
            self._cluster.set_status(VOLUMES, volume, {"phase": "Released"})


def _reference(claim: Object) -> dict[str, Any]:
    metadata = claim["metadata"]
    return {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def _is_free(volume: Object, claim: Object) -> bool:
    """Whether nobody else has claimed a volume."""
    reference = volume["spec"].get("claimRef")
    if reference is None:
        return "deletionTimestamp" not in volume["metadata"]
    metadata = claim["metadata"]
    if reference.get("uid"):
        return bool(reference["uid"] == metadata["uid"])
    return (reference.get("namespace"), reference.get("name")) == (metadata["namespace"], metadata["name"])


def _fits(volume: Object, spec: Mapping[str, Any], asked: str) -> bool:
    offered = volume["spec"]
    if (offered.get("storageClassName") or "") != (spec.get("storageClassName") or ""):
        return False
    if spec.get("selector") and not matches_selector(spec["selector"], labels_of(volume)):
        return False
    if not set(spec.get("accessModes") or ()) <= set(offered.get("accessModes") or ()):
        return False
    if spec.get("volumeMode", "Filesystem") != offered.get("volumeMode", "Filesystem"):
        return False
    return quantity.parse((offered.get("capacity") or {}).get("storage", "0")) >= quantity.parse(asked)
