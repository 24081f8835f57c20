"""Status rules, one line per rule and outcome."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fluxkit.apply.kstatus import StatusCode, aggregate, compute, with_pods
from fluxkit.timestamps import format_time

CURRENT, PROGRESS, FAILED = StatusCode.CURRENT, StatusCode.IN_PROGRESS, StatusCode.FAILED
TERMINATING, UNKNOWN = StatusCode.TERMINATING, StatusCode.UNKNOWN
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def obj(kind: str, spec: Any = None, status: Any = None, **metadata: Any) -> dict[str, Any]:
    api_version, _, name = kind.rpartition("/")
    result: dict[str, Any] = {"apiVersion": api_version or "v1", "kind": name, "metadata": {"name": "x", **metadata}}
    if spec is not None:
        result["spec"] = spec
    if status is not None:
        result["status"] = status
    return result


def cond(type_: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def conds(*conditions: dict[str, str], **status: Any) -> dict[str, Any]:
    return {"conditions": list(conditions), **status}


def deployment(wanted: int | None = 1, deadline: int | None = 600, *conditions: Any, **counts: int) -> dict[str, Any]:
    spec = {k: v for k, v in (("replicas", wanted), ("progressDeadlineSeconds", deadline)) if v is not None}
    full = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1, **counts}
    given = conditions or (cond("Progressing", "True", "NewReplicaSetAvailable"), cond("Available"))
    return obj("apps/v1/Deployment", spec, conds(*given, **full))


def stateful_set(spec: Any = None, **status: Any) -> dict[str, Any]:
    full = {"replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "updatedReplicas": 1, **status}
    return obj("apps/v1/StatefulSet", {"replicas": 1, **(spec or {})}, full)


def daemon_set(**status: Any) -> dict[str, Any]:
    names = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady")
    full = {"observedGeneration": 1, "desiredNumberScheduled": 1, **dict.fromkeys(names, 1), **status}
    return obj("apps/v1/DaemonSet", {}, {k: v for k, v in full.items() if v is not None}, generation=1)


def replica_set(*conditions: Any, **status: Any) -> dict[str, Any]:
    full = {"replicas": 1, "fullyLabeledReplicas": 1, "availableReplicas": 1, "readyReplicas": 1, **status}
    return obj("apps/v1/ReplicaSet", {"replicas": 1}, conds(*conditions, **full))


def pod(phase: str, *conditions: Any, age: float = 0, **status: Any) -> dict[str, Any]:
    created = format_time(NOW - timedelta(seconds=age))
    return obj("Pod", {}, conds(*conditions, phase=phase, **status), creationTimestamp=created)


LOOPING = [{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
UNSCHEDULABLE = cond("PodScheduled", "False", "Unschedulable")
PARTITION = {"updateStrategy": {"rollingUpdate": {"partition": 0}}}
MISMATCH = {"currentRevision": "a", "updateRevision": "b"}

CASES = [
    ("KUS-254", obj("Secret", deletionTimestamp="2026-01-01T00:00:00Z"), TERMINATING),
    ("KUS-254", obj("g/v1/X", None, conds(cond("Stalled"), observedGeneration=1), generation=2), PROGRESS),
    ("KUS-254", {**deployment(), "status": conds(cond("Stalled"), replicas=0)}, FAILED),
    ("KUS-255", obj("g/v1/X", None, conds(cond("Ready")), deletionTimestamp="2026-01-01T00:00:00Z"), TERMINATING),
    ("KUS-256", obj("g/v1/X", None, conds(cond("Ready"), observedGeneration=1), generation=2), PROGRESS),
    ("KUS-256", obj("g/v1/X", None, conds(cond("Ready"), observedGeneration=2), generation=2), CURRENT),
    ("KUS-256", obj("g/v1/X", None, conds(cond("Ready")), generation=2), CURRENT),
    ("KUS-256", obj("g/v1/X", None, {"observedGeneration": -1}, generation=1), PROGRESS),
    ("KUS-257", obj("g/v1/X", None, conds(cond("Reconciling"), cond("Stalled"))), PROGRESS),
    ("KUS-257", obj("g/v1/X", None, conds(cond("Stalled"), cond("Reconciling"))), FAILED),
    ("KUS-257", obj("g/v1/X", None, conds(cond("Stalled", "False"), cond("Reconciling", "False"))), CURRENT),
    ("KUS-258", obj("Secret"), CURRENT),
    ("KUS-258", obj("ConfigMap"), CURRENT),
    ("KUS-258", obj("batch/v1/CronJob", {}, conds(cond("Ready", "False"))), CURRENT),
    ("KUS-259", obj("Service", {"type": "LoadBalancer"}), PROGRESS),
    ("KUS-259", obj("Service", {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}), CURRENT),
    ("KUS-259", obj("Service", {"type": "ClusterIP"}), CURRENT),
    ("KUS-260", obj("PersistentVolumeClaim", {}, {"phase": "Pending"}), PROGRESS),
    ("KUS-260", obj("PersistentVolumeClaim", {}), PROGRESS),
    ("KUS-260", obj("PersistentVolumeClaim", {}, {"phase": "Bound"}), CURRENT),
    ("KUS-261", obj("policy/v1/PodDisruptionBudget", {}, {"observedGeneration": 1}, generation=1), CURRENT),
    ("KUS-261", obj("policy/v1/PodDisruptionBudget", {}, {"observedGeneration": 1}, generation=2), PROGRESS),
    ("KUS-262", pod("Succeeded"), CURRENT),
    ("KUS-262", pod("Failed"), CURRENT),
    ("KUS-262", pod("Running", cond("Ready")), CURRENT),
    ("KUS-263", pod("Running", containerStatuses=LOOPING), FAILED),
    ("KUS-263", pod("Running", cond("Ready", "False")), PROGRESS),
    ("KUS-264", pod("Pending", UNSCHEDULABLE, age=14), PROGRESS),
    ("KUS-264", pod("Pending", UNSCHEDULABLE, age=16), FAILED),
    ("KUS-264", pod("Pending"), PROGRESS),
    ("KUS-264", obj("Pod"), PROGRESS),
    ("KUS-264", pod("Weird"), UNKNOWN),
    ("KUS-265", deployment(1, 600, cond("Progressing", "False", "ProgressDeadlineExceeded")), FAILED),
    ("KUS-266", deployment(2), PROGRESS),
    ("KUS-266", deployment(None, replicas=0), PROGRESS),
    ("KUS-266", deployment(updatedReplicas=0), PROGRESS),
    ("KUS-266", deployment(replicas=2), PROGRESS),
    ("KUS-266", deployment(availableReplicas=0), PROGRESS),
    ("KUS-266", deployment(readyReplicas=0), PROGRESS),
    ("KUS-267", deployment(1, 600, cond("Available")), PROGRESS),
    ("KUS-267", deployment(1, None, cond("Available")), CURRENT),
    ("KUS-267", deployment(1, 2147483647, cond("Available")), CURRENT),
    ("KUS-267", deployment(1, 600, cond("Progressing", "True", "NewReplicaSetAvailable")), PROGRESS),
    ("KUS-267", deployment(), CURRENT),
    ("KUS-269", stateful_set({"updateStrategy": {"type": "OnDelete"}}, readyReplicas=0), CURRENT),
    ("KUS-269", stateful_set({"replicas": 2}), PROGRESS),
    ("KUS-269", stateful_set(readyReplicas=0), PROGRESS),
    ("KUS-269", stateful_set(replicas=2), PROGRESS),
    ("KUS-270", stateful_set(PARTITION, updatedReplicas=0), PROGRESS),
    ("KUS-270", stateful_set(PARTITION, **MISMATCH), CURRENT),
    ("KUS-270", stateful_set({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, updatedReplicas=0), CURRENT),
    ("KUS-271", stateful_set(currentReplicas=0), PROGRESS),
    ("KUS-271", stateful_set(**MISMATCH), PROGRESS),
    ("KUS-271", stateful_set(), CURRENT),
    ("KUS-272", obj("apps/v1/DaemonSet", {}, {"observedGeneration": 1}), PROGRESS),
    ("KUS-272", daemon_set(observedGeneration=None), PROGRESS),
    ("KUS-272", daemon_set(desiredNumberScheduled=None), PROGRESS),
    ("KUS-273", daemon_set(currentNumberScheduled=0), PROGRESS),
    ("KUS-273", daemon_set(updatedNumberScheduled=0), PROGRESS),
    ("KUS-273", daemon_set(numberAvailable=0), PROGRESS),
    ("KUS-273", daemon_set(numberReady=0), PROGRESS),
    ("KUS-273", daemon_set(), CURRENT),
    ("KUS-274", replica_set(cond("ReplicaFailure")), PROGRESS),
    ("KUS-274", replica_set(fullyLabeledReplicas=0), PROGRESS),
    ("KUS-274", replica_set(availableReplicas=0), PROGRESS),
    ("KUS-274", replica_set(readyReplicas=0), PROGRESS),
    ("KUS-274", replica_set(replicas=2), PROGRESS),
    ("KUS-274", replica_set(), CURRENT),
    ("KUS-276", obj("batch/v1/Job", {"suspend": True}), CURRENT),
    ("KUS-276", obj("batch/v1/Job", {}, conds(cond("Complete"))), CURRENT),
    ("KUS-276", obj("batch/v1/Job", {}, conds(cond("Failed"))), FAILED),
    ("KUS-276", obj("batch/v1/Job", {}), PROGRESS),
    ("KUS-276", obj("batch/v1/Job", {}, {"startTime": "2026-01-01T00:00:00Z", "active": 1}), PROGRESS),
    ("KUS-276", obj("batch/v1/Job", {}, conds(cond("Complete")), deletionTimestamp="2026-01-01T00:00:00Z"), CURRENT),
    ("KUS-278", obj("apiextensions.k8s.io/v1/CustomResourceDefinition", {}), PROGRESS),
    (
        "KUS-278",
        obj(
            "apiextensions.k8s.io/v1/CustomResourceDefinition",
            {},
            conds(cond("NamesAccepted", "False"), cond("Established")),
        ),
        FAILED,
    ),
    (
        "KUS-278",
        obj("apiextensions.k8s.io/v1/CustomResourceDefinition", {}, conds(cond("Established", "False", "NotAccepted"))),
        FAILED,
    ),
    (
        "KUS-278",
        obj("apiextensions.k8s.io/v1/CustomResourceDefinition", {}, conds(cond("Established", "False", "Installing"))),
        PROGRESS,
    ),
    ("KUS-278", obj("apiextensions.k8s.io/v1/CustomResourceDefinition", {}, conds(cond("Established"))), CURRENT),
    ("KUS-279", obj("g/v1/X", None, conds(cond("Ready"))), CURRENT),
    ("KUS-279", obj("g/v1/X", None, conds(cond("Ready", "False"))), PROGRESS),
    ("KUS-279", obj("g/v1/X", None, conds(cond("Ready", "Unknown"))), PROGRESS),
    ("KUS-280", obj("g/v1/X"), CURRENT),
    ("KUS-280", obj("networking.k8s.io/v1/Ingress", {}), CURRENT),
    ("KUS-280", obj("Namespace", {}, {"phase": "Active"}), CURRENT),
    ("KUS-281", obj("g/v1/X", None, {"conditions": "none"}), UNKNOWN),
    ("KUS-281", obj("g/v1/X", None, {"conditions": [{"type": 1}]}), UNKNOWN),
    ("KUS-281", obj("apps/v1/Deployment", {"replicas": 1}, {}), PROGRESS),
]


@pytest.mark.contract(
    "KUS-254",
    "KUS-255",
    "KUS-256",
    "KUS-257",
    "KUS-258",
    "KUS-259",
    "KUS-260",
    "KUS-261",
    "KUS-262",
    "KUS-263",
    "KUS-264",
    "KUS-265",
    "KUS-266",
    "KUS-267",
    "KUS-269",
    "KUS-270",
    "KUS-271",
    "KUS-272",
    "KUS-273",
    "KUS-274",
    "KUS-276",
    "KUS-277",
    "KUS-278",
    "KUS-279",
    "KUS-280",
    "KUS-281",
    "RUN-029",
    "RUN-031",
    "RUN-032",
)
@pytest.mark.parametrize(
    ("item", "given", "expected"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_status_of_an_object(item: str, given: dict[str, Any], expected: StatusCode) -> None:
    status = compute(given, now=NOW)
    assert status.status is expected, (item, status)
    assert bool(status.error) == (expected is UNKNOWN)


@pytest.mark.contract("RUN-030")
def test_ready_false_alone_never_fails() -> None:
    assert compute(obj("g/v1/X", None, conds(cond("Ready", "False", "BuildFailed", "no")))).status is PROGRESS


@pytest.mark.contract("KUS-264")
def test_an_unschedulable_pod_says_when_to_look_again() -> None:
    assert compute(pod("Pending", UNSCHEDULABLE, age=5), now=NOW).recheck_after == pytest.approx(10.0)


@pytest.mark.contract("KUS-266")
def test_deployment_counters_are_checked_in_upstreams_order() -> None:
    everything_wrong = deployment(3, 600, replicas=2, updatedReplicas=1, availableReplicas=0, readyReplicas=0)
    assert compute(everything_wrong).message == "Replicas: 2/3"
    updating = deployment(2, 600, replicas=3, updatedReplicas=1, availableReplicas=0)
    assert compute(updating).message == "Updated: 1/2"
    leaving = deployment(2, 600, replicas=3, updatedReplicas=2, availableReplicas=0)
    assert compute(leaving).message == "Pending termination: 1"


@pytest.mark.contract("KUS-275")
def test_failed_pods_fail_a_stateful_set_in_progress() -> None:
    progressing = compute(stateful_set(readyReplicas=0))
    looping = pod("Running", containerStatuses=LOOPING)
    assert with_pods(progressing, [pod("Running", cond("Ready")), looping], now=NOW).status is FAILED
    deleted = {**looping, "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    unschedulable = pod("Pending", UNSCHEDULABLE, age=60)
    assert with_pods(progressing, [deleted, unschedulable], now=NOW) is progressing
    done = compute(stateful_set())
    assert with_pods(done, [looping], now=NOW) is done


@pytest.mark.contract("KUS-282")
@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([CURRENT, FAILED, UNKNOWN, PROGRESS], FAILED),
        ([CURRENT, UNKNOWN, PROGRESS], UNKNOWN),
        ([CURRENT, CURRENT], CURRENT),
        ([CURRENT, PROGRESS], PROGRESS),
        ([CURRENT, TERMINATING], PROGRESS),
        ([], CURRENT),
    ],
)
def test_aggregate(codes: list[StatusCode], expected: StatusCode) -> None:
    assert aggregate(codes) is expected
