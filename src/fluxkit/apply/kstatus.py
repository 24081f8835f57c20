"""The status of any Kubernetes object, computed from the object alone.

The rules are kstatus's (kubernetes-sigs/cli-utils ``pkg/kstatus/status``, in the Flux fork) with Flux's rule for Jobs
(fluxcd/pkg ``runtime/statusreaders/job.go``): deletion, observed generation, the standard conditions Reconciling and
Stalled, the kind's own rule, the Ready condition; the first that decides wins. Pure: the only clock is the ``now`` that
the caller passes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from fluxkit.objects import Object, gvk_of, metadata_of
from fluxkit.timestamps import now as current_time
from fluxkit.timestamps import parse_time

__all__ = ["Status", "StatusCode", "aggregate", "compute", "is_unschedulable", "with_pods"]

_NO_DEADLINE = 2**31 - 1
_SCHEDULE_WINDOW = 15.0


class StatusCode(StrEnum):
    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    TERMINATING = "Terminating"
    NOT_FOUND = "NotFound"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Status:
    """A status and why. ``error`` is set on UNKNOWN; ``recheck_after`` (seconds) when time alone may change it."""

    status: StatusCode
    message: str = ""
    error: str = ""
    recheck_after: float | None = None


class _Unreadable(Exception):
    """A part of the object that the rules need has the wrong type."""


def compute(obj: Object, *, now: datetime | None = None) -> Status:
    """The status of an object, UNKNOWN with the error if its conditions cannot be read. Never raises."""
    try:
        return _compute(obj, now or current_time())
    except _Unreadable as error:
        return Status(StatusCode.UNKNOWN, error=str(error))


def aggregate(codes: Iterable[StatusCode]) -> StatusCode:
    """The status of a set: any FAILED wins, else any UNKNOWN, else all CURRENT, else IN_PROGRESS."""
    seen = set(codes)
    for code in (StatusCode.FAILED, StatusCode.UNKNOWN):
        if code in seen:
            return code
    return StatusCode.CURRENT if seen <= {StatusCode.CURRENT} else StatusCode.IN_PROGRESS


def with_pods(status: Status, pods: Iterable[Object], *, now: datetime | None = None) -> Status:
    """The status of a StatefulSet or ReplicaSet in the light of its pods.

    While it is in progress, a pod that has failed for good fails it; pods that are being deleted or wait for a node do
    not count (fluxcd/cli-utils ``pkg/kstatus/polling/statusreaders/pod_controller.go``).
    """
    if status.status is not StatusCode.IN_PROGRESS:
        return status
    failed = 0
    for pod in pods:
        if metadata_of(pod).get("deletionTimestamp") or is_unschedulable(pod):
            continue
        failed += compute(pod, now=now).status is StatusCode.FAILED
    return Status(StatusCode.FAILED, f"{failed} pods have failed") if failed else status


def is_unschedulable(pod: Object) -> bool:
    """Whether a pod has no node yet for lack of resources, which an autoscaler may solve."""
    try:
        conditions = _conditions(pod)
    except _Unreadable:
        return False
    return any(
        c["type"] == "PodScheduled" and c["status"] == "False" and c["reason"] == "Unschedulable" for c in conditions
    )


def _compute(obj: Object, now: datetime) -> Status:
    decided = _generic(obj)
    if decided is not None:
        return decided
    gvk = gvk_of(obj)
    if gvk.kind == "Pod" and not gvk.group:
        return _pod(obj, now)
    rule = _RULES.get((gvk.group, gvk.kind))
    if rule is not None:
        return rule(obj)
    for condition in _conditions(obj):
        if condition["type"] != "Ready":
            continue
        if condition["status"] == "True":
            return _current("Resource is Ready")
        if condition["status"] in ("False", "Unknown"):
            return _in_progress(condition["message"])
    return _current("Resource is current")


def _generic(obj: Object) -> Status | None:
    gvk = gvk_of(obj)
    if gvk.group == "batch" and gvk.kind == "Job":
        # Flux's reader for Jobs replaces the generic checks too.
        return None
    metadata = metadata_of(obj)
    deletion = metadata.get("deletionTimestamp")
    if deletion is not None and not isinstance(deletion, str):
        raise _Unreadable("metadata.deletionTimestamp is not a string")
    if deletion:
        return Status(StatusCode.TERMINATING, "Resource scheduled for deletion")
    generation = _optional_int(metadata, "generation", "metadata.generation")
    if generation is not None:
        observed = _optional_int(_status(obj), "observedGeneration", "status.observedGeneration")
        if observed is not None and observed != generation:
            return _in_progress(f"{gvk.kind} generation is {generation}, but latest observed generation is {observed}")
    for condition in _conditions(obj):
        if condition["status"] == "True":
            if condition["type"] == "Reconciling":
                return _in_progress(condition["message"])
            if condition["type"] == "Stalled":
                return Status(StatusCode.FAILED, condition["message"])
    return None


def _current(message: str) -> Status:
    return Status(StatusCode.CURRENT, message)


def _in_progress(message: str) -> Status:
    return Status(StatusCode.IN_PROGRESS, message)


def _status(obj: Object) -> dict[str, Any]:
    status = obj.get("status")
    return status if isinstance(status, dict) else {}


def _conditions(obj: Object) -> list[dict[str, str]]:
    """The conditions with their four text fields always present; wrong types raise, as the typed reading would."""
    status = obj.get("status")
    if status is None:
        return []
    if not isinstance(status, dict):
        raise _Unreadable("status is not an object")
    conditions = status.get("conditions")
    if conditions is None:
        return []
    if not isinstance(conditions, list):
        raise _Unreadable("status.conditions is not a list")
    read = []
    for index, condition in enumerate(conditions):
        if not isinstance(condition, dict):
            raise _Unreadable(f"status.conditions[{index}] is not an object")
        texts = {}
        for name in ("type", "status", "reason", "message"):
            value = condition.get(name)
            if value is not None and not isinstance(value, str):
                raise _Unreadable(f"status.conditions[{index}].{name} is not a string")
            texts[name] = value or ""
        read.append(texts)
    return read


def _optional_int(parent: dict[str, Any], key: str, path: str) -> int | None:
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unreadable(f"{path} is not an integer")
    return value


def _find(obj: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(name)
    return obj


def _int(obj: Object, *path: str, default: int = 0) -> int:
    value = _find(obj, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _text(obj: Object, *path: str, default: str = "") -> str:
    value = _find(obj, *path)
    return value if isinstance(value, str) else default


def _always_ready(_: Object) -> Status:
    return _current("Resource is always ready")


def _service(obj: Object) -> Status:
    if _text(obj, "spec", "type", default="ClusterIP") == "LoadBalancer" and not _text(obj, "spec", "clusterIP"):
        return _in_progress("ClusterIP not set. Service type: LoadBalancer")
    return _current("Service is ready")


def _persistent_volume_claim(obj: Object) -> Status:
    phase = _text(obj, "status", "phase", default="unknown")
    return _current("PVC is Bound") if phase == "Bound" else _in_progress(f"PVC is not Bound. phase: {phase}")


def _pod_disruption_budget(_: Object) -> Status:
    return _current("AllowedDisruptions has been computed.")


def _pod(obj: Object, now: datetime) -> Status:
    conditions = _conditions(obj)
    match _text(obj, "status", "phase"):
        case "Succeeded":
            return _current("Pod has completed successfully")
        case "Failed":
            return _current("Pod has completed, but not successfully")
        case "Running":
            if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                return _current("Pod is Ready")
            looping = _crash_looping(obj)
            if looping:
                return Status(StatusCode.FAILED, f"Containers in CrashLoop state: {','.join(looping)}")
            return _in_progress("Pod is running but is not Ready")
        case "Pending":
            if not is_unschedulable(obj):
                return _in_progress("Pod is in the Pending phase")
            left = _SCHEDULE_WINDOW - _age(obj, now)
            if left > 0:
                return Status(StatusCode.IN_PROGRESS, "Pod has not been scheduled", recheck_after=left)
            return Status(StatusCode.FAILED, "Pod could not be scheduled")
        case "":
            return _in_progress("Pod phase not available")
        case phase:
            raise _Unreadable(f"unknown phase {phase}")


def _age(obj: Object, now: datetime) -> float:
    created = metadata_of(obj).get("creationTimestamp")
    if not isinstance(created, str):
        return float("inf")
    try:
        return (now - parse_time(created)).total_seconds()
    except ValueError as error:
        raise _Unreadable(f"metadata.creationTimestamp: {error}") from error


def _crash_looping(pod: Object) -> list[str]:
    containers = _find(pod, "status", "containerStatuses")
    if not isinstance(containers, list):
        return []
    return [
        str(container.get("name", ""))
        for container in containers
        if isinstance(container, dict) and _text(container, "state", "waiting", "reason") == "CrashLoopBackOff"
    ]


def _deployment(obj: Object) -> Status:
    progressing = _int(obj, "spec", "progressDeadlineSeconds", default=_NO_DEADLINE) == _NO_DEADLINE
    available = False
    for condition in _conditions(obj):
        if condition["type"] == "Progressing":
            if condition["reason"] == "ProgressDeadlineExceeded":
                return Status(StatusCode.FAILED, "Progress deadline exceeded")
            if condition["status"] == "True" and condition["reason"] == "NewReplicaSetAvailable":
                progressing = True
        elif condition["type"] == "Available" and condition["status"] == "True":
            available = True
    wanted = _int(obj, "spec", "replicas", default=1)
    replicas = _int(obj, "status", "replicas")
    updated = _int(obj, "status", "updatedReplicas")
    ready = _int(obj, "status", "readyReplicas")
    working = _int(obj, "status", "availableReplicas")
    if wanted > replicas:
        return _in_progress(f"Replicas: {replicas}/{wanted}")
    if wanted > updated:
        return _in_progress(f"Updated: {updated}/{wanted}")
    if replicas > wanted:
        return _in_progress(f"Pending termination: {replicas - wanted}")
    if updated > working:
        return _in_progress(f"Available: {working}/{updated}")
    if wanted > ready:
        return _in_progress(f"Ready: {ready}/{wanted}")
    if not progressing:
        return _in_progress("ReplicaSet not Available")
    if not available:
        return _in_progress("Deployment not Available")
    return _current(f"Deployment is available. Replicas: {replicas}")


def _stateful_set(obj: Object) -> Status:
    if _text(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return _current("StatefulSet is using the ondelete update strategy")
    wanted = _int(obj, "spec", "replicas", default=1)
    replicas = _int(obj, "status", "replicas")
    ready = _int(obj, "status", "readyReplicas")
    updated = _int(obj, "status", "updatedReplicas")
    partition = _int(obj, "spec", "updateStrategy", "rollingUpdate", "partition", default=-1)
    if wanted > replicas:
        return _in_progress(f"Replicas: {replicas}/{wanted}")
    if wanted > ready:
        return _in_progress(f"Ready: {ready}/{wanted}")
    if replicas > wanted:
        return _in_progress(f"Pending termination: {replicas - wanted}")
    if partition != -1:
        if updated < wanted - partition:
            return _in_progress(f"updated: {updated}/{wanted - partition}")
        return _current(f"Partition rollout complete. updated: {updated}")
    current = _int(obj, "status", "currentReplicas")
    if wanted > current:
        return _in_progress(f"current: {current}/{wanted}")
    if _text(obj, "status", "currentRevision") != _text(obj, "status", "updateRevision"):
        return _in_progress("Waiting for updated revision to match current")
    return _current(f"All replicas scheduled as expected. Replicas: {replicas}")


def _daemon_set(obj: Object) -> Status:
    if _optional_int(metadata_of(obj), "generation", "metadata.generation") is None:
        return _in_progress("DaemonSet metadata.generation not found")
    if _optional_int(_status(obj), "observedGeneration", "status.observedGeneration") is None:
        return _in_progress("DaemonSet status.observedGeneration not found")
    wanted = _int(obj, "status", "desiredNumberScheduled", default=-1)
    if wanted == -1:
        return _in_progress("Missing .status.desiredNumberScheduled")
    for label, name in (
        ("Current", "currentNumberScheduled"),
        ("Updated", "updatedNumberScheduled"),
        ("Available", "numberAvailable"),
        ("Ready", "numberReady"),
    ):
        count = _int(obj, "status", name)
        if wanted > count:
            return _in_progress(f"{label}: {count}/{wanted}")
    return _current(f"All replicas scheduled as expected. Replicas: {wanted}")


def _replica_set(obj: Object) -> Status:
    if any(c["type"] == "ReplicaFailure" and c["status"] == "True" for c in _conditions(obj)):
        return _in_progress("Replica Failure condition. Check Pods")
    wanted = _int(obj, "spec", "replicas", default=1)
    replicas = _int(obj, "status", "replicas")
    for label, name in (
        ("Labelled", "fullyLabeledReplicas"),
        ("Available", "availableReplicas"),
        ("Ready", "readyReplicas"),
    ):
        count = _int(obj, "status", name)
        if wanted > count:
            return _in_progress(f"{label}: {count}/{wanted}")
    if replicas > wanted:
        return _in_progress(f"Pending termination: {replicas - wanted}")
    return _current(f"ReplicaSet is available. Replicas: {replicas}")


def _job(obj: Object) -> Status:
    if _find(obj, "spec", "suspend") is True:
        return _current("Job is suspended")
    parallelism = _int(obj, "spec", "parallelism", default=1)
    completions = _int(obj, "spec", "completions", default=parallelism)
    succeeded = _int(obj, "status", "succeeded")
    failed = _int(obj, "status", "failed")
    for condition in _conditions(obj):
        if condition["status"] != "True":
            continue
        if condition["type"] == "Complete":
            return _current(f"Job Completed. succeeded: {succeeded}/{completions}")
        if condition["type"] == "Failed":
            return Status(StatusCode.FAILED, f"Job Failed. failed: {failed}/{completions}")
    if not _text(obj, "status", "startTime"):
        return _in_progress(f"Job not started. active: 0/{parallelism}")
    active = _int(obj, "status", "active")
    return _in_progress(f"Job in progress. success:{succeeded}, active: {active}, failed: {failed}")


def _custom_resource_definition(obj: Object) -> Status:
    for condition in _conditions(obj):
        if condition["type"] == "NamesAccepted" and condition["status"] == "False":
            return Status(StatusCode.FAILED, condition["message"])
        if condition["type"] == "Established":
            if condition["status"] == "False" and condition["reason"] != "Installing":
                return Status(StatusCode.FAILED, condition["message"])
            if condition["status"] == "True":
                return _current("CRD is established")
    return _in_progress("Install in progress")


_RULES: dict[tuple[str, str], Callable[[Object], Status]] = {
    ("", "Service"): _service,
    ("", "Secret"): _always_ready,
    ("", "ConfigMap"): _always_ready,
    ("", "PersistentVolumeClaim"): _persistent_volume_claim,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("extensions", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("extensions", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("extensions", "ReplicaSet"): _replica_set,
    ("policy", "PodDisruptionBudget"): _pod_disruption_budget,
    ("batch", "CronJob"): _always_ready,
    ("batch", "Job"): _job,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _custom_resource_definition,
}
