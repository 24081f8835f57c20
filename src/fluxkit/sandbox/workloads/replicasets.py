"""ReplicaSets and ReplicationControllers: as many Pods as asked for.

Follows kubernetes/kubernetes ``pkg/controller/replicaset``, which serves both kinds upstream as well.
"""

from fluxkit.objects import Object, labels_of
from fluxkit.sandbox.workloads.building import (
    condition_of,
    is_pod_active,
    is_pod_ready,
    pod_from_template,
    seconds_since,
    set_condition,
    without_zeros,
)
from fluxkit.sandbox.workloads.children import create_pod
from fluxkit.sandbox.workloads.cluster import Cluster

__all__ = ["REPLICATION_CONTROLLERS", "RESOURCE", "ReplicaSets", "available_pods"]

RESOURCE = "replicasets.apps"
REPLICATION_CONTROLLERS = "replicationcontrollers"
_PODS = "pods"
_COMPONENTS = {RESOURCE: "replicaset-controller", REPLICATION_CONTROLLERS: "replication-controller"}


def available_pods(cluster: Cluster, resource: str, owner: Object, pods: list[Object], min_ready: int) -> int:
    """How many Pods have been ready for long enough; asks to be called again when one of them soon will have been."""
    count = 0
    moment = cluster.now()
    for pod in pods:
        ready = condition_of(pod.get("status") or {}, "Ready")
        if ready is None or ready["status"] != "True":
            continue
        lacking = min_ready - seconds_since(moment, ready["lastTransitionTime"])
        if min_ready == 0 or lacking <= 0:
            count += 1
        else:
            cluster.again(resource, owner, lacking)
    return count


class ReplicaSets:
    """Creates and deletes Pods, and counts them."""

    def __init__(self, cluster: Cluster, resource: str = RESOURCE) -> None:
        self._cluster = cluster
        self._resource = resource
        self._component = _COMPONENTS[resource]

    def reconcile(self, replica_set: Object) -> None:
        metadata, spec = replica_set["metadata"], replica_set["spec"]
        pods = [pod for pod in self._cluster.owned(metadata["uid"], _PODS) if is_pod_active(pod)]
        problem = ""
        if "deletionTimestamp" not in metadata:
            problem = self._scale(replica_set, pods, spec.get("replicas", 1))
            pods = [pod for pod in self._cluster.owned(metadata["uid"], _PODS) if is_pod_active(pod)]
        wanted = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        status = without_zeros(
            {
                "replicas": len(pods),
                "fullyLabeledReplicas": sum(wanted.items() <= labels_of(pod).items() for pod in pods),
                "readyReplicas": sum(is_pod_ready(pod) for pod in pods),
                "availableReplicas": available_pods(
                    self._cluster, self._resource, replica_set, pods, spec.get("minReadySeconds", 0)
                ),
                "observedGeneration": metadata.get("generation", 0),
            },
            "replicas",
        )
        if problem:
            conditions = (replica_set.get("status") or {}).get("conditions") or ()
            status["conditions"] = [dict(each) for each in conditions]
            set_condition(status, "ReplicaFailure", "True", "FailedCreate", problem, self._cluster.now())
        self._cluster.set_status(self._resource, replica_set, status)

    def _scale(self, replica_set: Object, pods: list[Object], replicas: int) -> str:
        """Creates and deletes Pods; why one could not be created."""
        missing = replicas - len(pods)
        for _ in range(missing):
            pod = pod_from_template(replica_set, replica_set["spec"].get("template") or {})
            pod["metadata"]["generateName"] = replica_set["metadata"]["name"] + "-"
            made, problem = create_pod(self._cluster, self._resource, replica_set, pod, self._component)
            if made is None:
                return problem
            text = f"Created pod: {made['metadata']['name']}"
            self._cluster.event(replica_set, "Normal", "SuccessfulCreate", text, self._component)
        if missing < 0:
            # Those that serve least go first: unready before ready, then the newest.
            pods.sort(key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
            pods.sort(key=is_pod_ready)
            for pod in pods[:-missing]:
                self._cluster.delete(_PODS, pod)
                text = f"Deleted pod: {pod['metadata']['name']}"
                self._cluster.event(replica_set, "Normal", "SuccessfulDelete", text, self._component)
        return ""
