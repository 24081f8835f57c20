"""What kubectl get shows, cell by cell: ages, Pod states, paths of custom columns."""

from typing import Any

import pytest

from fluxkit.sandbox.builtin import builtin_resources
from fluxkit.sandbox.catalog import CustomVersion, Resource
from fluxkit.sandbox.tables import cells, columns
from fluxkit.sandbox.tables.column import human_duration
from fluxkit.sandbox.tables.jsonpath import JSONPathError, compile_path

RESOURCES = {resource.key: resource for resource in builtin_resources()}


def shown(key: str, obj: Any) -> dict[str, Any]:
    found = columns(RESOURCES[key])
    obj.setdefault("metadata", {"name": "x"})
    return dict(zip((column.name for column in found), cells(found, obj), strict=True))


DURATIONS = [
    (-5, "<invalid>"), (-0.5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (599, "9m59s"), (600, "10m"),
    (10799, "179m"), (10800, "3h"), (11000, "3h3m"), (28800, "8h"), (172799, "47h"), (172800, "2d"), (180000, "2d2h"),
    (691200, "8d"), (63071999, "729d"), (63072000, "2y"), (63158400, "2y1d"), (252288000, "8y"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_ages(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def container(**state: Any) -> Any:
    return {"name": "c", "ready": "running" in state, "restartCount": 2, "state": state}


PODS = [
    pytest.param({"phase": "Pending"}, {}, "Pending", "0/1", id="pending"),
    pytest.param(
        {"phase": "Running", "containerStatuses": [container(running={})]}, {}, "Running", "1/1", id="running"
    ),
    pytest.param(
        {"phase": "Pending", "containerStatuses": [container(waiting={"reason": "ImagePullBackOff"})]},
        {},
        "ImagePullBackOff",
        "0/1",
        id="image",
    ),
    pytest.param(
        {"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]},
        {},
        "ExitCode:3",
        "0/1",
        id="exit",
    ),
    pytest.param(
        {"phase": "Succeeded", "containerStatuses": [container(terminated={"reason": "Completed", "exitCode": 0})]},
        {},
        "Completed",
        "0/1",
        id="completed",
    ),
    pytest.param(
        {"phase": "Running", "containerStatuses": [container(running={})]},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        "Terminating",
        "1/1",
        id="terminating",
    ),
    pytest.param({"phase": "Failed", "reason": "Evicted"}, {}, "Evicted", "0/1", id="evicted"),
    pytest.param(
        {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]},
        {},
        "Init:0/1",
        "0/1",
        id="init",
    ),
]


@pytest.mark.parametrize(("status", "metadata", "state", "ready"), PODS)
def test_pods(status: Any, metadata: Any, state: str, ready: str) -> None:
    spec = {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}]}
    row = shown("pods", {"metadata": {"name": "p", **metadata}, "spec": spec, "status": status})
    assert (row["Status"], row["Ready"]) == (state, ready)


def test_rows_of_common_kinds() -> None:
    service = {
        "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 30080}]},
        "status": {"loadBalancer": {}},
    }
    row = shown("services", service)
    assert (row["Type"], row["External-IP"], row["Port(s)"]) == ("LoadBalancer", "<pending>", "80:30080/TCP")
    ingress = {"spec": {"rules": [{"host": f"h{number}"} for number in range(5)], "tls": [{}]}}
    row = shown("ingresses.networking.k8s.io", ingress)
    assert (row["Hosts"], row["Ports"], row["Class"]) == ("h0,h1,h2 + 2 more...", "80, 443", "<none>")
    job = {"spec": {"completions": 2}, "status": {"succeeded": 1}}
    assert shown("jobs.batch", job)["Completions"] == "1/2"
    node = {
        "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": ""}},
        "spec": {"unschedulable": True},
    }
    row = shown("nodes", node)
    assert (row["Status"], row["Roles"]) == ("Unknown,SchedulingDisabled", "worker")
    role = {"metadata": {"name": "r", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    assert shown("roles.rbac.authorization.k8s.io", role)["Created At"] == "2026-01-01T00:00:00Z"


def test_every_builtin_kind_shows_an_empty_object() -> None:
    for key, resource in RESOURCES.items():
        if "list" in resource.verbs:
            assert shown(key, {}), key


PATHS = [
    (".spec.a", [1]),
    ("{.spec.a}", [1]),
    (".spec.list[1].b", ["y"]),
    (".spec.list[-1].b", ["z"]),
    (".spec.list[*].b", ["x", "y", "z"]),
    ('.spec.list[?(@.b=="y")].c', [True]),
    (".metadata.annotations.example\\.com/key", ["v"]),
    (".metadata.annotations['example.com/key']", ["v"]),
    (".spec.missing.deeper", []),
]


@pytest.mark.parametrize(("path", "found"), PATHS)
def test_paths(path: str, found: list[Any]) -> None:
    obj = {
        "metadata": {"annotations": {"example.com/key": "v"}},
        "spec": {"a": 1, "list": [{"b": "x"}, {"b": "y", "c": True}, {"b": "z"}]},
    }
    assert compile_path(path)(obj) == found


def test_unsupported_paths_are_named() -> None:
    with pytest.raises(JSONPathError, match="unsupported JSONPath"):
        compile_path(".a[1:2]")


def test_custom_columns() -> None:
    declared = (
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
        {"name": "Count", "type": "integer", "jsonPath": ".spec.count", "priority": 1},
        {"name": "Since", "type": "date", "jsonPath": ".spec.since"},
        {"name": "Odd", "type": "integer", "jsonPath": ".spec.text"},
    )
    custom = CustomVersion("things.example.com", {}, declared)
    resource = Resource("example.com", "v1", "Thing", "things", "thing", True, custom=custom)
    found = columns(resource)
    obj = {
        "metadata": {"name": "t"},
        "spec": {"count": 4, "since": "2001-01-01T00:00:00Z", "text": "x"},
        "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    row = cells(found, obj)
    assert row[:3] == ["t", "True", 4]
    assert row[3].endswith("y")
    assert row[4] is None
    assert [column.priority for column in found] == [0, 0, 1, 0, 0]
