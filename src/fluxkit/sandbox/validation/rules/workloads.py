"""Workloads. Follows kubernetes/kubernetes ``pkg/apis/{apps,batch,autoscaling}/validation``."""

import re
from typing import Any
from zoneinfo import available_timezones

from fluxkit.objects import Object
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes
from fluxkit.sandbox.validation.defaults.batch import generated_labels
from fluxkit.sandbox.validation.rules import common, pods
from fluxkit.sandbox.validation.schedule import ScheduleError, parse_schedule
from fluxkit.selectors import SelectorError, selector_from_object

__all__ = ["cron_job", "daemon_set", "deployment", "horizontal_pod_autoscaler", "job", "replica_set", "stateful_set"]

_METRICS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_PLACEMENT = ("affinity", "nodeSelector", "tolerations", "schedulingGates")
_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_PROBLEM = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
    "regex used for validation is '[0-9]+%')"
)
_STATEFUL_FIXED = ("selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy")


def _selected_template(spec: dict[str, Any], kind: str) -> list[Cause]:
    """Selector and template, which must agree."""
    selector = spec.get("selector")
    template = spec.get("template") or {}
    if selector is None:
        # A DaemonSet's lack of one shows in its labels only.
        found = [Cause.required("spec.selector")] if kind != "daemonset" else []
    else:
        found = common.selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            text = f"empty selector is invalid for {kind}"
            found.append(causes.invalid("spec.selector", selector, text))
            return found + pods.template(template, "spec.template") + _template_rules(template)
        if found:
            found.append(causes.invalid("spec.selector", selector, "invalid label selector"))
    found += _selected(selector, template, judged=not found)
    return found + pods.template(template, "spec.template") + _template_rules(template)


def _selected(selector: dict[str, Any] | None, template: dict[str, Any], *, judged: bool) -> list[Cause]:
    labels = (template.get("metadata") or {}).get("labels")
    wanted = (selector or {}).get("matchLabels") or {}
    if selector is not None and (not judged or wanted.items() <= (labels or {}).items()):
        return []
    text = "`selector` does not match template `labels`"
    return [causes.invalid("spec.template.metadata.labels", labels, text)]


def _template_rules(template: dict[str, Any]) -> list[Cause]:
    """What the template of a Pod that is kept running must not say."""
    found: list[Cause] = []
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        text = "activeDeadlineSeconds in ReplicaSet is not Supported"
        found.append(Cause.forbidden("spec.template.spec.activeDeadlineSeconds", text))
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy is not None and policy != "Always":
        found.append(causes.not_supported("spec.template.spec.restartPolicy", policy, ["Always"]))
    return found


def _selector_kept(obj: Object, old: Object | None) -> list[Cause]:
    if old is None:
        return []
    return causes.immutable("spec.selector", obj["spec"].get("selector"), (old.get("spec") or {}).get("selector"))


def _int_or_percent(owner: dict[str, Any], path: str, field: str) -> list[Cause]:
    value = owner.get(field)
    if isinstance(value, int):
        return common.non_negative(owner, path, field)
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        return [causes.invalid(f"{path}.{field}", value, _PERCENT_PROBLEM)]
    return []


def deployment(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.non_negative(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit")
    found += _selected_template(spec, "deployment")
    strategy = spec.get("strategy") or {}
    if strategy.get("type") not in ("Recreate", "RollingUpdate"):
        shown = {"Type": strategy.get("type"), "RollingUpdate": None}
        found.append(causes.not_supported("spec.strategy", shown, ["Recreate", "RollingUpdate"]))
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        text = "may not be specified when strategy `type` is 'Recreate'"
        found.append(Cause.forbidden("spec.strategy.rollingUpdate", text))
    elif rolling is not None:
        path = "spec.strategy.rollingUpdate"
        share = rolling.get("maxUnavailable")
        if isinstance(share, str) and _PERCENT.fullmatch(share) and int(share[:-1]) > 100:
            found.append(causes.invalid(f"{path}.maxUnavailable", share, "must not be greater than 100%"))
        found += _int_or_percent(rolling, path, "maxUnavailable") + _int_or_percent(rolling, path, "maxSurge")
        if rolling.get("maxUnavailable") in (0, "0%") and rolling.get("maxSurge") in (0, "0%"):
            text = "may not be 0 when `maxSurge` is 0"
            found.append(causes.invalid(f"{path}.maxUnavailable", rolling["maxUnavailable"], text))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        found += common.non_negative(spec, "spec", "progressDeadlineSeconds")
        if deadline <= spec.get("minReadySeconds", 0):
            text = "must be greater than minReadySeconds"
            found.append(causes.invalid("spec.progressDeadlineSeconds", deadline, text))
    return found + _selector_kept(obj, old)


def replica_set(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.non_negative(spec, "spec", "replicas", "minReadySeconds")
    return found + _selected_template(spec, "replicaset") + _selector_kept(obj, old)


def daemon_set(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.non_negative(spec, "spec", "minReadySeconds", "revisionHistoryLimit")
    found += _selected_template(spec, "daemonset")
    strategy = (spec.get("updateStrategy") or {}).get("type")
    if strategy not in ("RollingUpdate", "OnDelete"):
        shown = {"Type": strategy, "RollingUpdate": None}
        found.append(causes.not_supported("spec.updateStrategy", shown, ["RollingUpdate", "OnDelete"]))
    return found + _selector_kept(obj, old)


def stateful_set(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.non_negative(spec, "spec", "replicas", "minReadySeconds", "revisionHistoryLimit")
    policy = spec.get("podManagementPolicy")
    if policy not in ("OrderedReady", "Parallel"):
        found.append(causes.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"))
    strategy = (spec.get("updateStrategy") or {}).get("type")
    if strategy not in ("RollingUpdate", "OnDelete"):
        shown = {"Type": strategy, "RollingUpdate": None}
        found.append(causes.invalid("spec.updateStrategy", shown, "must be 'RollingUpdate' or 'OnDelete'"))
    if spec.get("serviceName"):
        found += common.dns_label(spec["serviceName"], "spec.serviceName")
    found += _selected_template(_with_claims(spec), "statefulset")
    if old is not None:
        before = old.get("spec") or {}
        for field in _STATEFUL_FIXED:
            found += causes.immutable(f"spec.{field}", spec.get(field), before.get(field))
    return found


def _with_claims(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with a volume for each claim template, which containers may mount."""
    claims = [{"name": (each.get("metadata") or {}).get("name")} for each in spec.get("volumeClaimTemplates") or ()]
    template = spec.get("template") or {}
    inner = template.get("spec") or {}
    taken = {each["name"] for each in claims}
    volumes = [each for each in inner.get("volumes") or () if each.get("name") not in taken]
    return {**spec, "template": {**template, "spec": {**inner, "volumes": [*volumes, *claims]}}}


def _job_template(spec: dict[str, Any], path: str) -> list[Cause]:
    fields = ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
    found = common.non_negative(spec, path, *fields)
    template = spec.get("template") or {}
    found += pods.template(template, f"{path}.template")
    if (template.get("spec") or {}).get("restartPolicy") in (None, "Always"):
        where = f"{path}.template.spec.restartPolicy"
        found.append(Cause.required(where, 'valid values: "OnFailure", "Never"'))
    found += common.one_of(spec, path, "completionMode", "NonIndexed", "Indexed")
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        text = "when completion mode is Indexed"
        found.append(Cause.required(f"{path}.completions", text))
    return found


def job(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = _job_template(spec, "spec")
    if spec.get("selector") is None:
        found.append(Cause.required("spec.selector"))
    if old is None:
        found += _job_selector(obj, spec)
    if old is not None:
        before = old.get("spec") or {}
        fields = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy"]
        if spec.get("completionMode") != "Indexed":
            fields.insert(0, "completions")
        found += _job_template_kept(spec, before, suspended=_never_started(before, old))
        for field in fields:
            found += causes.immutable(f"spec.{field}", spec.get(field), before.get(field))
    return found


def _job_selector(obj: Object, spec: dict[str, Any]) -> list[Cause]:
    """Whether selector and labels are those that were generated, or fit each other."""
    found: list[Cause] = []
    selector = spec.get("selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if selector is not None and not spec.get("manualSelector"):
        expected = generated_labels(obj["metadata"].get("uid", ""), obj["metadata"]["name"])
        for label, value in expected.items():
            if (labels or {}).get(label) != value:
                where = f"spec.template.metadata.labels[{label}]"
                found.append(causes.invalid(where, labels, f"must be '{value}'"))
        if not _fits(selector, expected):
            found.append(causes.invalid("spec.selector", selector, "`selector` not auto-generated"))
    if selector is None or not _fits(selector, labels or {}):
        text = "`selector` does not match template `labels`"
        found.append(causes.invalid("spec.template.metadata.labels", labels, text))
    return found


def _fits(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    try:
        return selector_from_object(selector).matches(labels)
    except SelectorError:
        return False


def _never_started(spec: dict[str, Any], job: Object) -> bool:
    return bool(spec.get("suspend")) and (job.get("status") or {}).get("startTime") is None


def _job_template_kept(spec: dict[str, Any], before: dict[str, Any], *, suspended: bool) -> list[Cause]:
    """The template may change, where Pods are placed only, as long as a Job has not started."""
    now, was = spec.get("template") or {}, before.get("template") or {}
    if now == was:
        return []
    if not suspended:
        return causes.immutable("spec.template", now, was)

    def fixed(template: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in (template.get("spec") or {}).items() if key not in _PLACEMENT}

    return causes.immutable("spec.template.spec", fixed(now), fixed(was))


def cron_job(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.required(spec, "spec", "schedule")
    schedule = spec.get("schedule") or ""
    if schedule:
        if "TZ" in schedule:
            text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            found.append(causes.invalid("spec.schedule", schedule, text))
        else:
            try:
                parse_schedule(schedule)
            except ScheduleError as error:
                found.append(causes.invalid("spec.schedule", schedule, str(error)))
    found += common.one_of(spec, "spec", "concurrencyPolicy", "Allow", "Forbid", "Replace")
    zone = spec.get("timeZone")
    if zone and zone not in available_timezones():
        found.append(causes.invalid("spec.timeZone", zone, f"unknown time zone {zone}"))
    fields = ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")
    found += common.non_negative(spec, "spec", *fields)
    found += _job_template((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")
    name = obj["metadata"].get("name", "")
    if old is None and len(name) > 52:
        found.append(causes.invalid("metadata.name", name, "must be no more than 52 characters"))
    return found


def horizontal_pod_autoscaler(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.required(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef", "kind", "name")
    low, high = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if low is not None and low < 0:
        found.append(causes.invalid("spec.minReplicas", low, "must be greater than or equal to 0"))
    measured = any(each.get("type") in ("Object", "External") for each in spec.get("metrics") or ())
    if low is not None and low < 1 and not measured:
        text = "must specify at least one Object or External metric to support scaling to zero replicas"
        found.append(Cause.forbidden("spec.metrics", text))
    for index, metric in enumerate(spec.get("metrics") or ()):
        where, source = f"spec.metrics[{index}]", metric.get("type") or ""
        if source not in _METRICS:
            found.append(causes.not_supported(f"{where}.type", source, list(_METRICS)))
        elif metric.get(_METRICS[source]) is None:
            text = "must populate information for the given metric source"
            found.append(Cause.required(f"{where}.{_METRICS[source]}", text))
    if not (spec.get("scaleTargetRef") or {}).get("apiVersion"):
        text = "apiVersion must specify API group"
        found.append(causes.invalid("spec.scaleTargetRef.apiVersion", "", text))
    if high < 1:
        found.append(Cause.required("spec.maxReplicas"))
    if low is not None and high < low:
        found.append(causes.invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    return found
