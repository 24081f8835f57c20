"""DaemonSets: one Pod for each node that the template fits. Follows kubernetes/kubernetes ``pkg/controller/daemon``."""

from fluxkit.objects import Object, labels_of
from fluxkit.sandbox.workloads.building import (
    is_pod_active,
    is_pod_ready,
    pod_from_template,
    scaled,
    without_zeros,
)
from fluxkit.sandbox.workloads.children import create_pod
from fluxkit.sandbox.workloads.cluster import Cluster
from fluxkit.sandbox.workloads.replicasets import available_pods
from fluxkit.sandbox.workloads.revisions import REVISION_LABEL, current_revision, forget_revisions

__all__ = ["RESOURCE", "DaemonSets"]

RESOURCE = "daemonsets.apps"
_PODS = "pods"
_COMPONENT = "daemonset-controller"


class DaemonSets:
    """Keeps one Pod of the current template on each node; old ones are replaced one at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, daemon: Object) -> None:
        metadata, spec = daemon["metadata"], daemon["spec"]
        template = spec.get("template") or {}
        name = current_revision(self._cluster, daemon)
        revision = name.rpartition("-")[2]
        wanted = (template.get("spec") or {}).get("nodeSelector") or {}
        nodes = [
            node["metadata"]["name"]
            for node in self._cluster.objects("nodes")
            if wanted.items() <= labels_of(node).items()
        ]
        if "deletionTimestamp" not in metadata:
            self._place(daemon, nodes, revision)
        pods = [pod for pod in self._cluster.owned(metadata["uid"], _PODS) if is_pod_active(pod)]
        ready = sum(is_pod_ready(pod) for pod in pods)
        available = available_pods(self._cluster, RESOURCE, daemon, pods, spec.get("minReadySeconds", 0))
        status = without_zeros(
            {
                "currentNumberScheduled": len(pods),
                "numberMisscheduled": 0,
                "desiredNumberScheduled": len(nodes),
                "numberReady": ready,
                "observedGeneration": metadata.get("generation", 0),
                "updatedNumberScheduled": sum(labels_of(pod).get(REVISION_LABEL) == revision for pod in pods),
                "numberAvailable": available,
                "numberUnavailable": len(nodes) - available,
            },
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
        )
        self._cluster.set_status(RESOURCE, daemon, status)
        forget_revisions(self._cluster, daemon, pods, name)

    def _to_replace(self, daemon: Object, pods: list[Object], nodes: int, revision: str) -> set[str]:
        """Uids of Pods of an old template that may go now: unready ones, others while not too many are missing."""
        strategy = daemon["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return set()
        allowed = max(1, scaled((strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), nodes, up=True))
        live = [pod for pod in pods if is_pod_active(pod)]
        old = [pod for pod in live if labels_of(pod).get(REVISION_LABEL) != revision]
        broken = [pod for pod in old if not is_pod_ready(pod)]
        spare = allowed - (nodes - sum(is_pod_ready(pod) for pod in live))
        working = [pod for pod in old if is_pod_ready(pod)]
        return {pod["metadata"]["uid"] for pod in [*broken, *working[: max(0, spare)]]}

    def _place(self, daemon: Object, nodes: list[str], revision: str) -> None:
        pods = self._cluster.owned(daemon["metadata"]["uid"], _PODS)
        replaced = self._to_replace(daemon, pods, len(nodes), revision)
        taken: set[str] = set()
        for pod in pods:
            node = pod["spec"].get("nodeName")
            stale = pod["metadata"]["uid"] in replaced
            if not is_pod_active(pod) or stale or node not in nodes or node in taken:
                if "deletionTimestamp" not in pod["metadata"]:
                    self._cluster.delete(_PODS, pod)
                    text = f"Deleted pod: {pod['metadata']['name']}"
                    self._cluster.event(daemon, "Normal", "SuccessfulDelete", text, _COMPONENT)
            else:
                taken.add(node)
        for node in nodes:
            if node in taken:
                continue
            pod = pod_from_template(daemon, daemon["spec"].get("template") or {})
            pod["metadata"]["generateName"] = daemon["metadata"]["name"] + "-"
            pod["metadata"]["labels"] = {**labels_of(pod), REVISION_LABEL: revision}
            pod["spec"]["nodeName"] = node
            made, _ = create_pod(self._cluster, RESOURCE, daemon, pod, _COMPONENT)
            if made is None:
                return
            text = f"Created pod: {made['metadata']['name']}"
            self._cluster.event(daemon, "Normal", "SuccessfulCreate", text, _COMPONENT)
