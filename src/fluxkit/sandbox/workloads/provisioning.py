"""What a cluster's surroundings provide: volumes, addresses, bounds of autoscalers, counts of disruption budgets.

Follows the shapes that kubernetes/kubernetes ``pkg/controller/volume/persistentvolume``, ``podautoscaler`` and
``disruption`` write; volumes and addresses are granted at once.
"""

from typing import Any

from fluxkit.objects import GroupVersionKind, Object, labels_of
from fluxkit.sandbox.admission.quotas import QUOTAS, Quotas
from fluxkit.sandbox.workloads import control
from fluxkit.sandbox.workloads.building import is_pod_active, is_pod_ready, matches_selector, scaled, set_condition
from fluxkit.sandbox.workloads.cluster import Cluster

__all__ = ["Autoscalers", "Budgets", "Claims", "Ingresses", "QuotaStatus"]


class Claims:
    """Binds each PersistentVolumeClaim to a volume made for it, or to the one it names."""

    RESOURCE = "persistentvolumeclaims"
    _VOLUMES = "persistentvolumes"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, claim: Object) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        status = claim.get("status") or {}
        if "deletionTimestamp" in metadata or control.failure(claim):
            return
        capacity = {"storage": ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")}
        if status.get("phase") == "Bound":
            if status.get("capacity") != capacity:
                self._cluster.set_status(self.RESOURCE, claim, {**status, "capacity": capacity})
            return
        name = spec.get("volumeName") or f"pvc-{metadata['uid']}"
        volume = self._cluster.get(self._VOLUMES, "", name)
        if volume is None:
            if spec.get("volumeName"):
                return
            volume = self._provision(claim, name, capacity)
        else:
            reference = volume["spec"].get("claimRef")
            if reference is not None and reference.get("uid") not in (None, metadata["uid"]):
                return
            volume["spec"] = {**volume["spec"], "claimRef": self._reference(claim)}
            volume = self._cluster.update(self._VOLUMES, volume)
        self._cluster.set_status(self._VOLUMES, volume, {"phase": "Bound"})
        annotations = {**(metadata.get("annotations") or {}), "pv.kubernetes.io/bind-completed": "yes"}
        if "volumeName" not in spec:
            annotations["pv.kubernetes.io/bound-by-controller"] = "yes"
        claim["metadata"] = {**metadata, "annotations": annotations}
        claim["spec"] = {**spec, "volumeName": name}
        claim = self._cluster.update(self.RESOURCE, claim)
        self._cluster.set_status(
            self.RESOURCE,
            claim,
            {"phase": "Bound", "accessModes": spec.get("accessModes") or [], "capacity": capacity},
        )

    def _reference(self, claim: Object) -> dict[str, Any]:
        metadata = claim["metadata"]
        return {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }

    def _provision(self, claim: Object, name: str, capacity: dict[str, str]) -> Object:
        spec = claim["spec"]
        made: dict[str, Any] = {
            "capacity": capacity,
            "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
            "claimRef": self._reference(claim),
            "persistentVolumeReclaimPolicy": "Delete",
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "hostPath": {"path": f"/var/lib/sandbox/{name}", "type": "DirectoryOrCreate"},
        }
        if spec.get("storageClassName"):
            made["storageClassName"] = spec["storageClassName"]
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": made}
        return self._cluster.create(self._VOLUMES, volume)

    def released(self, claim: Object) -> None:
        """A claim is gone: its volume goes too, or stays released, as its reclaim policy says."""
        volume = self._cluster.get(self._VOLUMES, "", claim["spec"].get("volumeName") or "")
        if volume is None or (volume["spec"].get("claimRef") or {}).get("uid") != claim["metadata"]["uid"]:
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._cluster.delete(self._VOLUMES, volume)
        else:
            self._cluster.set_status(self._VOLUMES, volume, {"phase": "Released"})


class Ingresses:
    """Gives each Ingress an address."""

    RESOURCE = "ingresses.networking.k8s.io"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, ingress: Object) -> None:
        if "deletionTimestamp" not in ingress["metadata"] and not control.failure(ingress):
            status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
            self._cluster.set_status(self.RESOURCE, ingress, status, "ingress-controller")


_SCALABLE = {
    "Deployment": "deployments.apps",
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
}


class Autoscalers:
    """Keeps the target of a HorizontalPodAutoscaler within its bounds; there are no metrics to follow."""

    RESOURCE = "horizontalpodautoscalers.autoscaling"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, scaler: Object) -> None:
        metadata, spec = scaler["metadata"], scaler["spec"]
        if "deletionTimestamp" in metadata:
            return
        reference = spec.get("scaleTargetRef") or {}
        moment = self._cluster.now()
        status: dict[str, Any] = {"conditions": [dict(e) for e in (scaler.get("status") or {}).get("conditions") or ()]}
        group = GroupVersionKind.parse(reference.get("apiVersion") or "", "").group
        resource = _SCALABLE.get(reference.get("kind") or "") if group == "apps" else None
        target = self._cluster.get(resource, metadata["namespace"], reference.get("name") or "") if resource else None
        if target is None or resource is None:
            text = "the HPA controller was unable to get the target's current scale: not found"
            set_condition(status, "AbleToScale", "False", "FailedGetScale", text, moment)
            status.update(currentReplicas=0, desiredReplicas=0)
            self._cluster.set_status(self.RESOURCE, scaler, status)
            return
        current = target["spec"].get("replicas", 1)
        desired = current and max(spec.get("minReplicas", 1), min(spec["maxReplicas"], current))
        text = "recommended size matches current size"
        set_condition(status, "AbleToScale", "True", "ReadyForNewScale", text, moment)
        if current == 0:
            text = "scaling is disabled since the replica count of the target is zero"
            set_condition(status, "ScalingActive", "False", "ScalingDisabled", text, moment)
        else:
            text = "the HPA was able to successfully calculate a replica count"
            set_condition(status, "ScalingActive", "True", "ValidMetricFound", text, moment)
            text = "the desired count is within the acceptable range"
            set_condition(status, "ScalingLimited", "False", "DesiredWithinRange", text, moment)
        if desired != current:
            target["spec"] = {**target["spec"], "replicas": desired}
            self._cluster.update(resource, target)
        status.update(currentReplicas=current, desiredReplicas=desired, currentMetrics=None)
        if "generation" in metadata:
            status["observedGeneration"] = metadata["generation"]
        self._cluster.set_status(self.RESOURCE, scaler, status)

    def concerning(self, namespace: str, kind: str, name: str) -> list[Object]:
        """The autoscalers whose target is the named workload."""
        out = []
        for scaler in self._cluster.objects(self.RESOURCE, namespace):
            reference = scaler["spec"].get("scaleTargetRef") or {}
            if reference.get("kind") == kind and reference.get("name") == name:
                out.append(scaler)
        return out


class QuotaStatus:
    """Tells what a ResourceQuota bounds and what is used of it."""

    RESOURCE = QUOTAS

    def __init__(self, cluster: Cluster, quotas: Quotas) -> None:
        self._cluster = cluster
        self._quotas = quotas

    def reconcile(self, quota: Object) -> None:
        self._cluster.set_status(self.RESOURCE, quota, self._quotas.status(quota))


class Budgets:
    """Counts what a PodDisruptionBudget still allows."""

    RESOURCE = "poddisruptionbudgets.policy"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, budget: Object) -> None:
        metadata, spec = budget["metadata"], budget["spec"]
        if "deletionTimestamp" in metadata:
            return
        selector = spec.get("selector") or {}
        pods = [
            pod
            for pod in self._cluster.labelled("pods", metadata["namespace"], selector.get("matchLabels") or {})
            if is_pod_active(pod) and matches_selector(spec.get("selector"), labels_of(pod))
        ]
        expected = len(pods)
        healthy = sum(is_pod_ready(pod) for pod in pods)
        if "maxUnavailable" in spec:
            desired = max(0, expected - scaled(spec["maxUnavailable"], expected, up=True))
        else:
            desired = scaled(spec.get("minAvailable", 1), expected, up=True)
        allowed = max(0, healthy - desired) if expected else 0
        status: dict[str, Any] = {
            "conditions": [dict(each) for each in (budget.get("status") or {}).get("conditions") or ()],
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": metadata.get("generation", 0),
        }
        value, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
        set_condition(status, "DisruptionAllowed", value, reason, "", self._cluster.now())
        for each in status["conditions"]:
            each.setdefault("message", "")
            each["observedGeneration"] = metadata.get("generation", 0)
        self._cluster.set_status(self.RESOURCE, budget, status)
