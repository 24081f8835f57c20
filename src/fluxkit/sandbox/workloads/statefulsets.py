"""StatefulSets: Pods with names and claims of their own, in order.

Follows kubernetes/kubernetes ``pkg/controller/statefulset``.
"""

from typing import Any

from fluxkit.objects import Object, labels_of
from fluxkit.sandbox.workloads.building import (
    is_pod_ready,
    pod_from_template,
    private,
    without_zeros,
)
from fluxkit.sandbox.workloads.children import create_pod
from fluxkit.sandbox.workloads.cluster import Cluster
from fluxkit.sandbox.workloads.replicasets import available_pods
from fluxkit.sandbox.workloads.revisions import REVISION_LABEL, current_revision, forget_revisions

__all__ = ["RESOURCE", "StatefulSets"]

RESOURCE = "statefulsets.apps"
_PODS = "pods"
_CLAIMS = "persistentvolumeclaims"
_COMPONENT = "statefulset-controller"


def _ordinal(pod: Object) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


class StatefulSets:
    """Creates from the lowest ordinal up, updates and deletes from the highest down."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, stateful: Object) -> None:
        metadata, spec = stateful["metadata"], stateful["spec"]
        update = current_revision(self._cluster, stateful)
        if "deletionTimestamp" not in metadata:
            self._step(stateful, update)
        pods = self._pods(stateful)
        ready = sum(is_pod_ready(pod) for pod in pods)
        updated = sum(labels_of(pod).get(REVISION_LABEL) == update for pod in pods)
        before = stateful.get("status") or {}
        replicas = spec.get("replicas", 1)
        current = before.get("currentRevision") or update
        if updated == len(pods) == replicas == ready:
            current = update
        on_current = sum(labels_of(pod).get(REVISION_LABEL) == current for pod in pods)
        status = without_zeros(
            {
                "observedGeneration": metadata.get("generation", 0),
                "replicas": len(pods),
                "readyReplicas": ready,
                "availableReplicas": available_pods(
                    self._cluster, RESOURCE, stateful, pods, spec.get("minReadySeconds", 0)
                ),
                "currentReplicas": on_current,
                "updatedReplicas": updated,
                "currentRevision": current,
                "updateRevision": update,
                "collisionCount": 0,
            },
            "replicas",
            "availableReplicas",
            "collisionCount",
        )
        self._cluster.set_status(RESOURCE, stateful, status)
        forget_revisions(self._cluster, stateful, pods, current, update)

    def _pods(self, stateful: Object) -> list[Object]:
        prefix = stateful["metadata"]["name"] + "-"
        found = [
            pod
            for pod in self._cluster.owned(stateful["metadata"]["uid"], _PODS)
            if pod["metadata"]["name"].startswith(prefix) and pod["metadata"]["name"][len(prefix) :].isdigit()
        ]
        return sorted(found, key=_ordinal)

    def _step(self, stateful: Object, update: str) -> None:
        spec = stateful["spec"]
        parallel = spec.get("podManagementPolicy") == "Parallel"
        start = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(start, start + spec.get("replicas", 1))
        pods = {_ordinal(pod): pod for pod in self._pods(stateful)}
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is None:
                self._create(stateful, ordinal, update)
            elif (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
                self._cluster.delete(_PODS, pod)
                self._create(stateful, ordinal, update)
            elif "deletionTimestamp" not in pod["metadata"] and is_pod_ready(pod):
                continue
            if not parallel:
                break
        else:
            self._update(stateful, pods, update)
        condemned = sorted((ordinal for ordinal in pods if ordinal not in wanted), reverse=True)
        settled = all(ordinal in pods and is_pod_ready(pods[ordinal]) for ordinal in wanted)
        for ordinal in condemned:
            if not parallel and not settled:
                break
            self._delete(stateful, pods[ordinal])

    def _update(self, stateful: Object, pods: dict[int, Object], update: str) -> None:
        """Replaces one Pod of an old revision, the highest ordinal first; called when all are ready."""
        strategy = stateful["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for ordinal in sorted(pods, reverse=True):
            if ordinal < partition:
                return
            pod = pods[ordinal]
            if labels_of(pod).get(REVISION_LABEL) != update:
                self._delete(stateful, pod)
                return
            if not is_pod_ready(pod):
                return

    def _create(self, stateful: Object, ordinal: int, update: str) -> None:
        name = f"{stateful['metadata']['name']}-{ordinal}"
        spec = stateful["spec"]
        pod = pod_from_template(stateful, spec.get("template") or {})
        strategy = spec.get("updateStrategy") or {}
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        current = (stateful.get("status") or {}).get("currentRevision")
        revision = current if current and ordinal < partition else update
        pod["metadata"]["name"] = name
        pod["metadata"]["labels"] = {
            **(pod["metadata"].get("labels") or {}),
            REVISION_LABEL: revision,
            "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": str(ordinal),
        }
        pod["spec"]["hostname"] = name
        if spec.get("serviceName"):
            pod["spec"]["subdomain"] = spec["serviceName"]
        claims = spec.get("volumeClaimTemplates") or ()
        volumes = [
            each
            for each in pod["spec"].get("volumes") or ()
            if all(each["name"] != c["metadata"]["name"] for c in claims)
        ]
        for claim in claims:
            claim_name = f"{claim['metadata']['name']}-{name}"
            volumes.append({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name}})
            self._claim(stateful, claim, claim_name)
        if volumes:
            pod["spec"]["volumes"] = volumes
        failed = f"create Pod {name} in StatefulSet {stateful['metadata']['name']} failed error"
        made, _ = create_pod(self._cluster, RESOURCE, stateful, pod, _COMPONENT, failed)
        if made is None:
            return
        text = f"create Pod {name} in StatefulSet {stateful['metadata']['name']} successful"
        self._cluster.event(stateful, "Normal", "SuccessfulCreate", text, _COMPONENT)

    def _claim(self, stateful: Object, template: dict[str, Any], name: str) -> None:
        namespace = stateful["metadata"]["namespace"]
        if self._cluster.get(_CLAIMS, namespace, name) is not None:
            return
        given = template["metadata"]
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        if given.get("annotations"):
            metadata["annotations"] = dict(given["annotations"])
        selector = (stateful["spec"].get("selector") or {}).get("matchLabels") or {}
        metadata["labels"] = {**(given.get("labels") or {}), **selector}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": private(template.get("spec") or {}),
        }
        self._cluster.create(_CLAIMS, claim)

    def _delete(self, stateful: Object, pod: Object) -> None:
        name = pod["metadata"]["name"]
        self._cluster.delete(_PODS, pod)
        text = f"delete Pod {name} in StatefulSet {stateful['metadata']['name']} successful"
        self._cluster.event(stateful, "Normal", "SuccessfulDelete", text, _COMPONENT)
