"""Jobs and CronJobs. Follows kubernetes/kubernetes ``pkg/apis/batch/v1/defaults.go`` and ``pkg/registry/batch/job``."""

from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.validation.defaults.pods import template

__all__ = ["cron_job", "generated_labels", "job"]


def _job_spec(spec: dict[str, Any]) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = spec["parallelism"] = 1
    spec.setdefault("parallelism", 1)
    if "backoffLimit" not in spec:
        spec["backoffLimit"] = 2**31 - 1 if "backoffLimitPerIndex" in spec else 6
    if not spec.get("completionMode"):
        spec["completionMode"] = "NonIndexed"
    spec.setdefault("suspend", False)
    if not spec.get("podReplacementPolicy"):
        spec["podReplacementPolicy"] = "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    template(spec)


def generated_labels(uid: str, name: str) -> dict[str, str]:
    """What the Pods of a Job whose selector is generated are labelled with."""
    return {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }


def job(obj: Object) -> None:
    """Also generates the selector from the object's uid, unless it is managed by hand."""
    spec = obj.setdefault("spec", {})
    _job_spec(spec)
    spec.setdefault("manualSelector", False)
    metadata = obj["metadata"]
    uid = metadata.get("uid")
    stored = "resourceVersion" in metadata
    if spec["manualSelector"] or (stored and spec.get("selector")) or not uid:
        return
    selector = spec.setdefault("selector", {})
    selector.setdefault("matchLabels", {})["batch.kubernetes.io/controller-uid"] = uid
    labels = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
    for label, value in generated_labels(uid, metadata.get("name", "")).items():
        # What a person wrote there stays, and is refused if it differs.
        labels.setdefault(label, value)
    if not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def cron_job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    if not spec.get("concurrencyPolicy"):
        spec["concurrencyPolicy"] = "Allow"
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    job_template = spec.get("jobTemplate")
    if job_template is not None:
        job_template.setdefault("metadata", {})
        inner = job_template.setdefault("spec", {})
        template(inner)
