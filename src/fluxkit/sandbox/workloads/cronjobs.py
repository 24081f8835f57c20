"""CronJobs: Jobs when they are due. Follows kubernetes/kubernetes ``pkg/controller/cronjob``."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fluxkit.objects import Object
from fluxkit.sandbox.validation.schedule import ScheduleError, parse_schedule
from fluxkit.sandbox.workloads.building import condition_of, owner_reference, private
from fluxkit.sandbox.workloads.cluster import Cluster
from fluxkit.timestamps import format_time, parse_time

__all__ = ["RESOURCE", "CronJobs"]

RESOURCE = "cronjobs.batch"
_JOBS = "jobs.batch"
_COMPONENT = "cronjob-controller"
_MAX_MISSED = 100


def _ended(job: Object) -> str:
    """``Complete`` or ``Failed`` if a Job has ended."""
    for kind in ("Complete", "Failed"):
        found = condition_of(job.get("status") or {}, kind)
        if found is not None and found["status"] == "True":
            return kind
    return ""


class CronJobs:
    """Starts the Job of the latest due time, heeds the concurrency policy, and clears old Jobs away."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, cron: Object) -> None:
        metadata, spec = cron["metadata"], cron["spec"]
        if "deletionTimestamp" in metadata:
            return
        jobs = self._cluster.owned(metadata["uid"], _JOBS)
        jobs.sort(key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))
        before = cron.get("status") or {}
        status: dict[str, Any] = {
            key: before[key] for key in ("lastScheduleTime", "lastSuccessfulTime") if key in before
        }
        for job in jobs:
            completed = (job.get("status") or {}).get("completionTime")
            if completed and completed > status.get("lastSuccessfulTime", ""):
                status["lastSuccessfulTime"] = completed
        active = [job for job in jobs if not _ended(job)]
        if not spec.get("suspend"):
            active = self._start_due(cron, status, active)
        if active:
            status["active"] = [
                {
                    "kind": "Job",
                    "namespace": job["metadata"]["namespace"],
                    "name": job["metadata"]["name"],
                    "uid": job["metadata"]["uid"],
                    "apiVersion": "batch/v1",
                    "resourceVersion": job["metadata"]["resourceVersion"],
                }
                for job in active
            ]
        self._cluster.set_status(RESOURCE, cron, status)
        self._clean_up(cron, jobs)

    def _start_due(self, cron: Object, status: dict[str, Any], active: list[Object]) -> list[Object]:
        spec = cron["spec"]
        moment = self._cluster.now()
        try:
            schedule = parse_schedule(spec["schedule"])
            zone = ZoneInfo(spec["timeZone"]) if spec.get("timeZone") else moment.tzinfo
        except (ScheduleError, ZoneInfoNotFoundError) as error:
            self._cluster.event(cron, "Warning", "UnparseableSchedule", f"unparseable schedule: {error}", _COMPONENT)
            return active
        since = parse_time(status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"]).astimezone(zone)
        due: datetime | None = None
        following = schedule.after(since)
        for _ in range(_MAX_MISSED):
            if following is None or following > moment:
                break
            due = following
            following = schedule.after(due)
        if following is not None:
            self._cluster.again(RESOURCE, cron, max(0.0, (following - moment).total_seconds()) + 0.001)
        if due is None:
            return active
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None and (moment - due).total_seconds() > deadline:
            text = f"Missed scheduled time to start a job: {due.isoformat()}"
            self._cluster.event(cron, "Warning", "MissSchedule", text, _COMPONENT)
            return active
        if active and spec.get("concurrencyPolicy") == "Forbid":
            text = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._cluster.event(cron, "Normal", "JobAlreadyActive", text, _COMPONENT)
            return active
        if spec.get("concurrencyPolicy") == "Replace":
            for job in active:
                self._cluster.delete(_JOBS, job)
            active = []
        status["lastScheduleTime"] = format_time(due)
        name = f"{cron['metadata']['name']}-{int(due.timestamp()) // 60}"
        if schedule.every is not None:
            name = f"{cron['metadata']['name']}-{int(due.timestamp())}"
        if self._cluster.get(_JOBS, cron["metadata"]["namespace"], name) is not None:
            return active
        made = self._cluster.create(_JOBS, self._job(cron, name, due))
        self._cluster.event(cron, "Normal", "SuccessfulCreate", f"Created job {name}", _COMPONENT)
        return [*active, made]

    def _job(self, cron: Object, name: str, due: datetime) -> Object:
        template = private(cron["spec"].get("jobTemplate") or {})
        given = template.get("metadata") or {}
        annotations = {
            **(given.get("annotations") or {}),
            "batch.kubernetes.io/cronjob-scheduled-timestamp": due.isoformat(),
        }
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": cron["metadata"]["namespace"],
            "annotations": annotations,
            "ownerReferences": [owner_reference(cron)],
        }
        if given.get("labels"):
            metadata["labels"] = given["labels"]
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template.get("spec") or {}}

    def _clean_up(self, cron: Object, jobs: list[Object]) -> None:
        for kind, field, limit in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            over = [job for job in jobs if _ended(job) == kind]
            keep = cron["spec"].get(field, limit)
            for job in over[: max(0, len(over) - keep)]:
                self._cluster.delete(_JOBS, job)
