"""What a cluster's surroundings provide: addresses, bounds of autoscalers, counts of disruption budgets and quotas.

Follows the shapes that kubernetes/kubernetes ``pkg/controller/podautoscaler``, ``disruption`` and ``resourcequota``
write; addresses are granted at once.
"""

from typing import Any

from fluxkit.objects import GroupVersionKind, Object, labels_of
from fluxkit.sandbox.admission.quotas import QUOTAS, Quotas
from fluxkit.sandbox.workloads import control
from fluxkit.sandbox.workloads.building import is_pod_active, is_pod_ready, matches_selector, scaled, set_condition
from fluxkit.sandbox.workloads.cluster import Cluster

__all__ = ["Autoscalers", "Budgets", "Ingresses", "QuotaStatus"]


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
