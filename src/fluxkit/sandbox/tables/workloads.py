"""Columns of Pods and of the kinds that make them."""

from collections.abc import Sequence
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.tables.column import (
    Column,
    age,
    human_duration,
    labels_text,
    name_column,
    selector_text,
    time_since,
    wide,
)
from fluxkit.timestamps import now, parse_time

__all__ = ["COLUMNS"]


def _spec(obj: Object) -> dict[str, Any]:
    return obj.get("spec") or {}


def _status(obj: Object) -> dict[str, Any]:
    return obj.get("status") or {}


def _pod_spec(obj: Object) -> dict[str, Any]:
    spec = _spec(obj)
    if "jobTemplate" in spec:
        spec = (spec["jobTemplate"] or {}).get("spec") or {}
    return (spec.get("template") or {}).get("spec") or {}


def _containers(obj: Object) -> str:
    return ",".join(item.get("name", "") for item in _pod_spec(obj).get("containers") or ())


def _images(obj: Object) -> str:
    return ",".join(item.get("image", "") for item in _pod_spec(obj).get("containers") or ())


def _selector(obj: Object) -> str:
    return selector_text(_spec(obj).get("selector"))


def _replicas(obj: Object) -> int:
    replicas = _spec(obj).get("replicas")
    return 1 if replicas is None else int(replicas)


def _number(*names: str) -> Any:
    def cell(obj: Object) -> int:
        return int(_status(obj).get(names[0]) or 0)

    return cell


def _template_columns(*, selector: bool = True) -> tuple[Column, ...]:
    columns = (wide("Containers", _containers), wide("Images", _images))
    return (*columns, wide("Selector", _selector)) if selector else columns


def _ready(obj: Object) -> str:
    return f"{int(_status(obj).get('readyReplicas') or 0)}/{_replicas(obj)}"


# Pods


def _terminated_text(state: dict[str, Any]) -> str:
    if state.get("reason"):
        return str(state["reason"])
    if state.get("signal"):
        return f"Signal:{state['signal']}"
    return f"ExitCode:{state.get('exitCode', 0)}"


def _init_status(pod: Object, restartable: set[str]) -> str:
    """``Init:...`` while init containers are not done; empty afterwards."""
    specs = _spec(pod).get("initContainers") or ()
    statuses = _status(pod).get("initContainerStatuses") or ()
    for index, status in enumerate(statuses):
        state = status.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting")
        if terminated and not terminated.get("exitCode"):
            continue
        if status.get("name") in restartable and status.get("started"):
            continue
        if terminated:
            return f"Init:{_terminated_text(terminated)}"
        if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{len(specs)}"
    return ""


def _pod_status(pod: Object) -> str:
    status = _status(pod)
    reason = str(status.get("reason") or status.get("phase") or "")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    restartable = {
        item.get("name", "") for item in _spec(pod).get("initContainers") or () if item.get("restartPolicy") == "Always"
    }
    initializing = _init_status(pod, restartable)
    if initializing:
        reason = initializing
    else:
        running = False
        for container in reversed(status.get("containerStatuses") or ()):
            state = container.get("state") or {}
            terminated, waiting = state.get("terminated"), state.get("waiting")
            if waiting and waiting.get("reason"):
                reason = waiting["reason"]
            elif terminated:
                reason = _terminated_text(terminated)
            elif container.get("ready") and state.get("running") is not None:
                running = True
        if reason == "Completed" and running:
            is_ready = any(
                item.get("type") == "Ready" and item.get("status") == "True" for item in status.get("conditions") or ()
            )
            reason = "Running" if is_ready else "NotReady"
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            return "Unknown"
        if status.get("phase") not in ("Failed", "Succeeded"):
            return "Terminating"
    return reason


def _pod_ready(pod: Object) -> str:
    statuses = _status(pod).get("containerStatuses") or ()
    ready = sum(1 for item in statuses if item.get("ready") and "running" in (item.get("state") or {}))
    return f"{ready}/{len(_spec(pod).get('containers') or ())}"


def _pod_restarts(pod: Object) -> str:
    statuses = _status(pod).get("containerStatuses") or ()
    count = sum(int(item.get("restartCount") or 0) for item in statuses)
    finished = [
        item["lastState"]["terminated"].get("finishedAt", "")
        for item in statuses
        if (item.get("lastState") or {}).get("terminated")
    ]
    if count and any(finished):
        return f"{count} ({time_since(max(finished))} ago)"
    return str(count)


def _pod_gates(pod: Object) -> str:
    gates = _spec(pod).get("readinessGates") or ()
    if not gates:
        return "<none>"
    conditions = {item.get("type"): item.get("status") for item in _status(pod).get("conditions") or ()}
    true = sum(1 for gate in gates if conditions.get(gate.get("conditionType")) == "True")
    return f"{true}/{len(gates)}"


def _pod_address(pod: Object) -> str:
    addresses = _status(pod).get("podIPs") or ()
    return addresses[0].get("ip", "") if addresses else _status(pod).get("podIP") or "<none>"


_PODS = (
    name_column(),
    Column("Ready", _pod_ready),
    Column("Status", _pod_status),
    Column("Restarts", _pod_restarts),
    Column("Age", age),
    wide("IP", _pod_address),
    wide("Node", lambda pod: _spec(pod).get("nodeName") or "<none>"),
    wide("Nominated Node", lambda pod: _status(pod).get("nominatedNodeName") or "<none>"),
    wide("Readiness Gates", _pod_gates),
)

# Controllers

_DEPLOYMENTS = (
    name_column(),
    Column("Ready", _ready),
    Column("Up-to-date", _number("updatedReplicas")),
    Column("Available", _number("availableReplicas")),
    Column("Age", age),
    *_template_columns(),
)

_REPLICA_SETS = (
    name_column(),
    Column("Desired", _replicas, "integer"),
    Column("Current", _number("replicas"), "integer"),
    Column("Ready", _number("readyReplicas"), "integer"),
    Column("Age", age),
    *_template_columns(),
)

_REPLICATION_CONTROLLERS = (
    *_REPLICA_SETS[:-1],
    wide("Selector", lambda obj: labels_text(_spec(obj).get("selector"))),
)

_STATEFUL_SETS = (name_column(), Column("Ready", _ready), Column("Age", age), *_template_columns(selector=False))

_DAEMON_SETS = (
    name_column(),
    Column("Desired", _number("desiredNumberScheduled"), "integer"),
    Column("Current", _number("currentNumberScheduled"), "integer"),
    Column("Ready", _number("numberReady"), "integer"),
    Column("Up-to-date", _number("updatedNumberScheduled"), "integer"),
    Column("Available", _number("numberAvailable"), "integer"),
    Column("Node Selector", lambda obj: labels_text(_pod_spec(obj).get("nodeSelector"))),
    Column("Age", age),
    *_template_columns(),
)


def _job_status(job: Object) -> str:
    conditions = {item.get("type") for item in _status(job).get("conditions") or () if item.get("status") == "True"}
    for kind, text in (
        ("Complete", "Complete"),
        ("Failed", "Failed"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
        ("FailureTarget", "FailureTarget"),
        ("Suspended", "Suspended"),
    ):
        if kind in conditions:
            return text
    return "Terminating" if job["metadata"].get("deletionTimestamp") else "Running"


def _job_completions(job: Object) -> str:
    spec = _spec(job)
    succeeded = int(_status(job).get("succeeded") or 0)
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    parallelism = int(spec.get("parallelism") or 0)
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(job: Object) -> str:
    started, completed = _status(job).get("startTime"), _status(job).get("completionTime")
    if not started:
        return ""
    end = parse_time(completed) if completed else now()
    return human_duration((end - parse_time(started)).total_seconds())


_JOBS = (
    name_column(),
    Column("Status", _job_status),
    Column("Completions", _job_completions),
    Column("Duration", _job_duration),
    Column("Age", age),
    *_template_columns(),
)


def _last_schedule(obj: Object) -> str:
    last = _status(obj).get("lastScheduleTime")
    return time_since(last) if last else "<none>"


_CRON_JOBS = (
    name_column(),
    Column("Schedule", lambda obj: _spec(obj).get("schedule", "")),
    Column("Timezone", lambda obj: _spec(obj).get("timeZone") or "<none>"),
    Column("Suspend", lambda obj: "True" if _spec(obj).get("suspend") else "False", "boolean"),
    Column("Active", lambda obj: len(_status(obj).get("active") or ()), "integer"),
    Column("Last Schedule", _last_schedule),
    Column("Age", age),
    *_template_columns(selector=False),
    wide("Selector", lambda obj: selector_text((_spec(obj).get("jobTemplate") or {}).get("spec", {}).get("selector"))),
)


def _budget(member: str) -> Any:
    def cell(obj: Object) -> str:
        value = _spec(obj).get(member)
        return "N/A" if value is None else str(value)

    return cell


_BUDGETS = (
    name_column(),
    Column("Min Available", _budget("minAvailable")),
    Column("Max Unavailable", _budget("maxUnavailable")),
    Column("Allowed Disruptions", _number("disruptionsAllowed"), "integer"),
    Column("Age", age),
)


def _reference(obj: Object) -> str:
    target = _spec(obj).get("scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _metric_value(source: dict[str, Any], current: dict[str, Any], *, resource: bool) -> str:
    target = source.get("target") or {}
    value = current.get("current") or {}
    if resource and target.get("averageUtilization") is not None:
        now_at = value.get("averageUtilization")
        shown = f"{now_at}%" if now_at is not None else "<unknown>"
        return f"{shown}/{target['averageUtilization']}%"
    for member, suffix in (("averageValue", " (avg)"), ("value", "")):
        if target.get(member) is not None:
            suffix = suffix if not resource else ""
            return f"{value.get(member) or '<unknown>'}/{target[member]}{suffix}"
    return "<unknown>/<auto>"


def _targets(obj: Object) -> str:
    metrics = _spec(obj).get("metrics") or ()
    current = _status(obj).get("currentMetrics") or ()
    texts: list[str] = []
    for index, metric in enumerate(metrics[:2]):
        kind = str(metric.get("type", ""))
        member = kind[:1].lower() + kind[1:]
        source = metric.get(member) or {}
        found = (current[index] if index < len(current) else {}).get(member) or {}
        text = _metric_value(source, found, resource=kind in ("Resource", "ContainerResource"))
        texts.append(f"{source.get('name')}: {text}" if kind in ("Resource", "ContainerResource") else text)
    if not texts:
        return "<none>"
    more = f" + {len(metrics) - 2} more..." if len(metrics) > 2 else ""
    return ", ".join(texts) + more


_AUTOSCALERS = (
    name_column(),
    Column("Reference", _reference),
    Column("Targets", _targets),
    Column("MinPods", lambda obj: str(_spec(obj)["minReplicas"]) if "minReplicas" in _spec(obj) else "<unset>"),
    Column("MaxPods", lambda obj: _spec(obj).get("maxReplicas", 0)),
    Column("Replicas", lambda obj: int(_status(obj).get("currentReplicas") or 0)),
    Column("Age", age),
)

_POD_TEMPLATES = (
    name_column(),
    Column("Containers", lambda obj: _containers({"spec": obj})),
    Column("Images", lambda obj: _images({"spec": obj})),
    Column("Pod Labels", lambda obj: labels_text(((obj.get("template") or {}).get("metadata") or {}).get("labels"))),
)


def _owner(obj: Object) -> str:
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            group = str(owner.get("apiVersion", "")).rpartition("/")[0]
            kind = str(owner.get("kind", "")).lower()
            return f"{kind}.{group}/{owner.get('name')}" if group else f"{kind}/{owner.get('name')}"
    return "<none>"


_REVISIONS = (
    name_column(),
    Column("Controller", _owner),
    Column("Revision", lambda obj: obj.get("revision", 0)),
    Column("Age", age),
)

COLUMNS: dict[str, Sequence[Column]] = {
    "controllerrevisions.apps": _REVISIONS,
    "cronjobs.batch": _CRON_JOBS,
    "daemonsets.apps": _DAEMON_SETS,
    "deployments.apps": _DEPLOYMENTS,
    "horizontalpodautoscalers.autoscaling": _AUTOSCALERS,
    "jobs.batch": _JOBS,
    "poddisruptionbudgets.policy": _BUDGETS,
    "pods": _PODS,
    "podtemplates": _POD_TEMPLATES,
    "replicasets.apps": _REPLICA_SETS,
    "replicationcontrollers": _REPLICATION_CONTROLLERS,
    "statefulsets.apps": _STATEFUL_SETS,
}
