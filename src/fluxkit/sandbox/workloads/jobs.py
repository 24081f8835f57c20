"""Jobs: Pods that run to completion. Follows kubernetes/kubernetes ``pkg/controller/job``."""

from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.workloads.building import (
    condition_of,
    is_pod_active,
    is_pod_ready,
    pod_from_template,
    seconds_since,
    set_condition,
)
from fluxkit.sandbox.workloads.children import create_pod
from fluxkit.sandbox.workloads.cluster import Cluster
from fluxkit.timestamps import format_time, parse_time

__all__ = ["RESOURCE", "Jobs"]

RESOURCE = "jobs.batch"
_PODS = "pods"
_COMPONENT = "job-controller"
_INDEX = "batch.kubernetes.io/job-completion-index"


def _phase(pod: Object) -> str:
    phase: str = (pod.get("status") or {}).get("phase", "")
    return phase


def _index(pod: Object) -> int:
    return int((pod["metadata"].get("annotations") or {}).get(_INDEX, "-1"))


class Jobs:
    """Starts Pods until enough have succeeded, too many have failed, or time is up."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, job: Object) -> None:
        spec = job["spec"]
        status: dict[str, Any] = dict(job.get("status") or {})
        status["conditions"] = [dict(each) for each in status.get("conditions") or ()]
        if any(condition_of(status, kind) is not None for kind in ("Complete", "Failed")):
            self._expire(job, status)
            return
        if "deletionTimestamp" in job["metadata"]:
            return
        moment = self._cluster.now()
        pods = self._cluster.owned(job["metadata"]["uid"], _PODS)
        succeeded = [pod for pod in pods if _phase(pod) == "Succeeded"]
        failed = [pod for pod in pods if _phase(pod) == "Failed"]
        active = [pod for pod in pods if is_pod_active(pod)]
        suspended = bool(spec.get("suspend"))
        if not suspended:
            status.setdefault("startTime", format_time(moment))
        done = self._count(spec, succeeded)
        completions = spec.get("completions")
        if completions is None:
            complete = bool(succeeded) and not active
        else:
            complete = done >= completions
        problem = self._problem(job, status, failed)
        if complete:
            self._end(
                job, status, active, "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
            )
            active = []
        elif problem:
            self._end(job, status, active, "Failed", *problem)
            active = []
        else:
            self._note_suspension(job, status, suspended)
            active = self._scale(job, active, succeeded, done)
        for field, count in (
            ("active", len(active)),
            ("succeeded", done),
            ("failed", len(failed)),
        ):
            if count:
                status[field] = count
            else:
                status.pop(field, None)
        status["ready"] = sum(is_pod_ready(pod) for pod in active)
        status["terminating"] = 0
        status["uncountedTerminatedPods"] = {}
        if spec.get("completionMode") == "Indexed" and succeeded:
            status["completedIndexes"] = _ranges({_index(pod) for pod in succeeded})
        if not status["conditions"]:
            del status["conditions"]
        ended = complete or bool(problem)
        job = self._cluster.set_status(RESOURCE, job, status)
        if ended:
            text = "Job completed" if complete else problem[1] if problem else ""
            kind, reason = ("Normal", "Completed") if complete else ("Warning", problem[0] if problem else "")
            self._cluster.event(job, kind, reason, text, _COMPONENT)
            self._expire(job, status)

    def _count(self, spec: dict[str, Any], succeeded: list[Object]) -> int:
        if spec.get("completionMode") == "Indexed":
            return len({_index(pod) for pod in succeeded})
        return len(succeeded)

    def _problem(self, job: Object, status: dict[str, Any], failed: list[Object]) -> tuple[str, str] | None:
        """Reason and message of the Job's failure, if it has failed."""
        spec = job["spec"]
        if len(failed) > spec.get("backoffLimit", 6):
            return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        limit = spec.get("activeDeadlineSeconds")
        if limit is not None and status.get("startTime") and not spec.get("suspend"):
            lacking = limit - seconds_since(self._cluster.now(), status["startTime"])
            if lacking <= 0:
                return "DeadlineExceeded", "Job was active longer than specified deadline"
            self._cluster.again(RESOURCE, job, lacking + 0.001)
        return None

    def _note_suspension(self, job: Object, status: dict[str, Any], suspended: bool) -> None:
        moment = self._cluster.now()
        if suspended:
            status.pop("startTime", None)
            set_condition(status, "Suspended", "True", "JobSuspended", "Job suspended", moment)
        elif condition_of(status, "Suspended") is not None:
            set_condition(status, "Suspended", "False", "JobResumed", "Job resumed", moment)

    def _end(
        self, job: Object, status: dict[str, Any], active: list[Object], kind: str, reason: str, message: str
    ) -> None:
        moment = self._cluster.now()
        for pod in active:
            self._cluster.delete(_PODS, pod)
        interim = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        for each in (interim, kind):
            set_condition(status, each, "True", reason, message, moment)
            made = condition_of(status, each)
            if made is not None:
                made["lastProbeTime"] = made["lastTransitionTime"]
        if kind == "Complete":
            status["completionTime"] = format_time(moment)

    def _scale(self, job: Object, active: list[Object], succeeded: list[Object], done: int) -> list[Object]:
        spec = job["spec"]
        wanted = spec.get("parallelism", 1)
        completions = spec.get("completions")
        if spec.get("suspend"):
            wanted = 0
        elif completions is not None:
            wanted = min(wanted, completions - done)
        elif succeeded:
            wanted = len(active)
        for pod in active[wanted:]:
            self._cluster.delete(_PODS, pod)
            self._cluster.event(
                job, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", _COMPONENT
            )
        active = active[:wanted]
        taken = {_index(pod) for pod in (*active, *succeeded)}
        free = iter(each for each in range(completions or 0) if each not in taken)
        while len(active) < wanted:
            pod = pod_from_template(job, spec.get("template") or {})
            pod["metadata"]["generateName"] = job["metadata"]["name"] + "-"
            if spec.get("completionMode") == "Indexed":
                index = str(next(free))
                pod["metadata"].setdefault("annotations", {})[_INDEX] = index
                pod["metadata"].setdefault("labels", {})[_INDEX] = index
                pod["metadata"]["generateName"] = f"{job['metadata']['name']}-{index}-"
                pod["spec"]["hostname"] = f"{job['metadata']['name']}-{index}"
            made, _ = create_pod(self._cluster, RESOURCE, job, pod, _COMPONENT)
            if made is None:
                break
            self._cluster.event(
                job, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", _COMPONENT
            )
            active.append(made)
        return active

    def _expire(self, job: Object, status: dict[str, Any]) -> None:
        """Deletes a finished Job once its time to live is over."""
        limit = job["spec"].get("ttlSecondsAfterFinished")
        if limit is None or "deletionTimestamp" in job["metadata"]:
            return
        final = (each for each in status["conditions"] if each["type"] in ("Complete", "Failed"))
        ended = next((each["lastTransitionTime"] for each in final), None)
        if ended is None:
            return
        lacking = limit - (self._cluster.now() - parse_time(ended)).total_seconds()
        if lacking > 0:
            self._cluster.again(RESOURCE, job, lacking + 0.001)
        else:
            self._cluster.delete(RESOURCE, job)


def _ranges(indexes: set[int]) -> str:
    """``0-2,5``: a set of indexes as Jobs write it."""
    out: list[list[int]] = []
    for index in sorted(indexes):
        if out and out[-1][1] == index - 1:
            out[-1][1] = index
        else:
            out.append([index, index])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in out)
