"""Create, read, update, patch, delete over HTTP, with upstream's refusals."""

import urllib.request
from typing import Any

import pytest

from tests.sandbox.watching import eventually
from tests.sandbox_fixture import SandboxServer

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


def configmaps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def test_create_fills_system_metadata(sandbox: SandboxServer, namespace: str) -> None:
    given = {"metadata": {"name": "a", "uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z"}}
    created = sandbox.ok("POST", configmaps(namespace), {**given, "data": {"k": "v"}})
    metadata = created["metadata"]
    assert (created["kind"], created["apiVersion"], metadata["namespace"]) == ("ConfigMap", "v1", namespace)
    assert metadata["uid"] != "mine"
    assert metadata["creationTimestamp"] != "2001-01-01T00:00:00Z"
    assert "generation" not in metadata
    assert int(metadata["resourceVersion"]) > 0
    assert sandbox.ok("GET", configmaps(namespace, "a")) == created


def test_generate_name(sandbox: SandboxServer, namespace: str) -> None:
    names = {
        sandbox.ok("POST", configmaps(namespace), {"metadata": {"generateName": "job-"}})["metadata"]["name"]
        for _ in range(3)
    }
    assert len(names) == 3
    assert all(name.startswith("job-") and len(name) == 9 for name in names)


REFUSALS = [
    pytest.param({"metadata": {}}, 422, "Invalid", "name or generateName is required", id="no name"),
    pytest.param(
        {"metadata": {"name": "Bad_Name"}}, 422, "Invalid", "a lowercase RFC 1123 subdomain must consist", id="name"
    ),
    pytest.param(
        {"metadata": {"name": "a", "labels": {"a b": "c"}}},
        422,
        "Invalid",
        "metadata.labels: Invalid value",
        id="label key",
    ),
    pytest.param(
        {"metadata": {"name": "a", "labels": {"a": "-"}}},
        422,
        "Invalid",
        "a valid label must be an empty string",
        id="label value",
    ),
    pytest.param(
        {"metadata": {"name": "a", "namespace": "other"}},
        400,
        "BadRequest",
        "the namespace of the provided object does not match",
        id="namespace",
    ),
    pytest.param(
        {"apiVersion": "v2", "metadata": {"name": "a"}},
        400,
        "BadRequest",
        'no kind "ConfigMap" is registered for version "v2"',
        id="version",
    ),
    pytest.param(
        {"metadata": {"name": "a", "resourceVersion": "5"}},
        500,
        None,
        "resourceVersion should not be set on objects to be created",
        id="rv",
    ),
]


@pytest.mark.parametrize(("body", "code", "reason", "text"), REFUSALS)
def test_create_refuses(
    sandbox: SandboxServer, namespace: str, body: Any, code: int, reason: str | None, text: str
) -> None:
    status, answer = sandbox.request("POST", configmaps(namespace), body)
    assert (status, answer["kind"], answer["code"], answer.get("reason")) == (code, "Status", code, reason)
    assert text in answer["message"]


def test_not_found_and_already_exists(sandbox: SandboxServer, namespace: str) -> None:
    status, answer = sandbox.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/no")
    assert (status, answer["message"]) == (404, 'deployments.apps "no" not found')
    assert answer["details"] == {"name": "no", "group": "apps", "kind": "deployments"}
    sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}})
    status, answer = sandbox.request("POST", configmaps(namespace), {"metadata": {"name": "a"}})
    assert (status, answer["message"]) == (409, 'configmaps "a" already exists')
    status, answer = sandbox.request("POST", configmaps("no-such"), {"metadata": {"name": "a"}})
    assert (status, answer["message"]) == (404, 'namespaces "no-such" not found')


def test_unknown_paths_are_404_pages(sandbox: SandboxServer) -> None:
    for path in ("/apis/nothing.example.com/v1/things", "/nope"):
        assert sandbox.request("GET", path) == (404, "404 page not found\n")
    status, answer = sandbox.request("GET", "/api/v1/nothings")
    assert (status, answer["message"]) == (404, "the server could not find the requested resource")


def test_update_and_optimistic_concurrency(sandbox: SandboxServer, namespace: str) -> None:
    created = sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}, "data": {"k": "1"}})
    updated = sandbox.ok("PUT", configmaps(namespace, "a"), {**created, "data": {"k": "2"}})
    assert int(updated["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])
    status, answer = sandbox.request("PUT", configmaps(namespace, "a"), {**created, "data": {"k": "3"}})
    assert (status, answer["reason"]) == (409, "Conflict")
    assert answer["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to '
        "the latest version and try again"
    )
    unconditional = {"metadata": {"name": "a"}, "data": {"k": "4"}}
    assert sandbox.ok("PUT", configmaps(namespace, "a"), unconditional)["data"] == {"k": "4"}


def test_writes_that_change_nothing_keep_the_resource_version(sandbox: SandboxServer, namespace: str) -> None:
    created = sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}, "data": {"k": "1"}})
    same = sandbox.ok("PATCH", configmaps(namespace, "a"), {"data": {"k": "1"}}, content_type=MERGE)
    assert same["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    assert sandbox.ok("PUT", configmaps(namespace, "a"), created) == created


PATCHES = [
    pytest.param(MERGE, {"data": {"b": None, "c": "3"}}, {"a": "1", "c": "3"}, id="merge"),
    pytest.param(
        JSON,
        [{"op": "replace", "path": "/data/a", "value": "9"}, {"op": "remove", "path": "/data/b"}],
        {"a": "9"},
        id="json",
    ),
    pytest.param(STRATEGIC, {"data": {"$patch": "replace", "z": "26"}}, {"z": "26"}, id="strategic"),
]


@pytest.mark.parametrize(("media", "patch", "data"), PATCHES)
def test_patches(sandbox: SandboxServer, namespace: str, media: str, patch: Any, data: Any) -> None:
    sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}, "data": {"a": "1", "b": "2"}})
    assert sandbox.ok("PATCH", configmaps(namespace, "a"), patch, content_type=media)["data"] == data


def test_strategic_patch_merges_containers_by_name(sandbox: SandboxServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    sandbox.ok("POST", path, deployment("web"))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "busybox"}]}}}}
    patched = sandbox.ok("PATCH", f"{path}/web", patch, content_type=STRATEGIC)
    containers = patched["spec"]["template"]["spec"]["containers"]
    assert {item["name"]: item["image"] for item in containers} == {"side": "busybox", "c": "nginx"}


def test_patch_refusals(sandbox: SandboxServer, namespace: str) -> None:
    sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}})
    path = configmaps(namespace, "a")
    assert sandbox.request("PATCH", path, {}, content_type="text/plain")[0] == 415
    assert sandbox.request("PATCH", path, {}, content_type="application/apply-patch+yaml")[0] == 422
    assert sandbox.request("PATCH", path, [{"op": "test", "path": "/data", "value": 1}], content_type=JSON)[0] == 422
    stale = {"metadata": {"resourceVersion": "1"}}
    assert sandbox.request("PATCH", path, stale, content_type=MERGE)[1]["reason"] == "Conflict"


def test_generation_counts_spec_changes_only(sandbox: SandboxServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"

    def generation(body: Any, subresource: str = "") -> int:
        answer = sandbox.ok("PATCH", f"{path}/web{subresource}", body, content_type=MERGE)
        return int(answer["metadata"]["generation"])

    assert sandbox.ok("POST", path, deployment("web"))["metadata"]["generation"] == 1
    assert generation({"metadata": {"labels": {"x": "y"}}}) == 1
    assert generation({"status": {"observedGeneration": 1}}, "/status") == 1
    assert generation({"spec": {"paused": True}}) == 2


def test_status_and_main_resource_do_not_touch_each_other(sandbox: SandboxServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    created = sandbox.ok("POST", path, {**deployment("web", paused=True), "status": {"replicas": 9}})
    assert created.get("status", {}).get("replicas") is None
    both = {"spec": {"minReadySeconds": 3}, "status": {"collisionCount": 4}}
    main = sandbox.ok("PATCH", f"{path}/web", both, content_type=MERGE)
    assert main["spec"]["minReadySeconds"] == 3
    assert "collisionCount" not in main.get("status", {})
    both = {"spec": {"minReadySeconds": 5}, "status": {"collisionCount": 4}}
    status = sandbox.ok("PATCH", f"{path}/web/status", both, content_type=MERGE)
    assert (status["spec"]["minReadySeconds"], status["status"]["collisionCount"]) == (3, 4)


def test_dry_run_changes_nothing(sandbox: SandboxServer, namespace: str) -> None:
    answer = sandbox.ok("POST", configmaps(namespace) + "?dryRun=All", {"metadata": {"name": "a"}})
    assert answer["metadata"]["uid"]
    assert sandbox.request("GET", configmaps(namespace, "a"))[0] == 404
    created = sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}})
    patched = sandbox.ok("PATCH", configmaps(namespace, "a") + "?dryRun=All", {"data": {"a": "b"}}, content_type=MERGE)
    assert patched["data"] == {"a": "b"}
    sandbox.ok("DELETE", configmaps(namespace, "a") + "?dryRun=All")
    assert sandbox.ok("GET", configmaps(namespace, "a")) == created


def test_delete_preconditions(sandbox: SandboxServer, namespace: str) -> None:
    created = sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}})
    wrong = {"preconditions": {"uid": "other"}}
    status, answer = sandbox.request("DELETE", configmaps(namespace, "a"), wrong)
    assert status == 409
    assert f"(other) does not match the UID in record ({created['metadata']['uid']})" in answer["message"]
    right = {"preconditions": {"resourceVersion": created["metadata"]["resourceVersion"]}}
    answer = sandbox.ok("DELETE", configmaps(namespace, "a"), right)
    assert answer["status"] == "Success"
    assert answer["details"] == {"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]}


def test_finalizers_hold_and_release(sandbox: SandboxServer, namespace: str) -> None:
    sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    held = sandbox.ok("DELETE", configmaps(namespace, "a"))
    assert held["metadata"]["deletionTimestamp"]
    assert sandbox.ok("DELETE", configmaps(namespace, "a"))["metadata"] == held["metadata"]
    more = {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}
    status, answer = sandbox.request("PATCH", configmaps(namespace, "a"), more, content_type=MERGE)
    assert status == 422
    assert 'found new finalizers []string{"example.com/more"}' in answer["message"]
    sandbox.ok("PATCH", configmaps(namespace, "a"), {"metadata": {"finalizers": None}}, content_type=MERGE)
    assert sandbox.request("GET", configmaps(namespace, "a"))[0] == 404


def test_scale_subresource(sandbox: SandboxServer, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    sandbox.ok("POST", path, deployment("web", paused=True))
    scale = sandbox.ok("GET", f"{path}/web/scale")
    assert (scale["kind"], scale["apiVersion"], scale["status"]["selector"]) == ("Scale", "autoscaling/v1", "app=web")
    scaled = sandbox.ok("PUT", f"{path}/web/scale", {**scale, "spec": {"replicas": 3}})
    assert scaled["spec"] == {"replicas": 3}
    live = sandbox.ok("GET", f"{path}/web")
    assert (live["spec"]["replicas"], live["metadata"]["generation"]) == (3, 2)


def test_delete_collection_by_selector(sandbox: SandboxServer, namespace: str) -> None:
    for name, team in (("a", "x"), ("b", "y"), ("c", "x")):
        sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": name, "labels": {"team": team}}})
    deleted = sandbox.ok("DELETE", configmaps(namespace) + "?labelSelector=team%3Dx")
    assert [item["metadata"]["name"] for item in deleted["items"]] == ["a", "c"]
    left = sandbox.ok("GET", configmaps(namespace) + "?labelSelector=team")["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


def test_events_are_one_collection_in_two_groups(sandbox: SandboxServer, namespace: str) -> None:
    event = {
        "metadata": {"name": "e.1"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": namespace},
        "reason": "Started",
        "message": "started",
        "type": "Normal",
        "source": {"component": "test"},
    }
    sandbox.ok("POST", f"/api/v1/namespaces/{namespace}/events", event)
    seen = sandbox.ok("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/e.1")
    assert (seen["apiVersion"], seen["note"], seen["regarding"]["name"]) == ("events.k8s.io/v1", "started", "p")
    assert "message" not in seen
    selected = sandbox.ok("GET", f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3Dp")
    assert len(selected["items"]) == 1


def test_list_items_of_builtin_kinds_carry_no_kind(sandbox: SandboxServer, namespace: str) -> None:
    sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}})
    listed = sandbox.ok("GET", configmaps(namespace))
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert all("kind" not in item and "apiVersion" not in item for item in listed["items"])


def test_errors_of_missing_and_wrong_credentials(sandbox: SandboxServer) -> None:
    status, answer = sandbox.request("GET", "/api/v1/namespaces", headers={"Authorization": "Bearer wrong"})
    assert (status, answer["reason"], answer["message"]) == (401, "Unauthorized", "Unauthorized")


def test_sizes_are_limited(sandbox: SandboxServer, namespace: str) -> None:
    fits = {"metadata": {"name": "fits"}, "data": {"k": "x" * (1024 * 1024)}}
    assert sandbox.request("POST", configmaps(namespace), fits)[0] == 201
    large = {"metadata": {"name": "large"}, "data": {"k": "x" * (1024 * 1024 + 1)}}
    status, answer = sandbox.request("POST", configmaps(namespace), large)
    assert (status, answer["reason"]) == (422, "Invalid")
    assert "Too long: may not be more than 1048576 bytes" in answer["message"]
    huge = {"metadata": {"name": "huge"}, "data": {"k": "x" * (4 * 1024 * 1024)}}
    status, answer = sandbox.request("POST", configmaps(namespace), huge)
    assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")


def test_deprecated_kinds_come_with_a_warning(sandbox: SandboxServer, namespace: str) -> None:
    request = urllib.request.Request(f"{sandbox.url}/api/v1/namespaces/{namespace}/endpoints")
    request.add_header("Authorization", f"Bearer {sandbox.token}")
    with urllib.request.urlopen(request, timeout=30, context=sandbox.ssl_context()) as answer:
        assert answer.headers["Warning"].startswith('299 - "v1 Endpoints is deprecated in v1.33+')


def test_metrics(sandbox: SandboxServer, namespace: str) -> None:
    sandbox.ok("POST", configmaps(namespace), {"metadata": {"name": "a"}})
    text = sandbox.ok("GET", "/metrics")
    assert 'apiserver_request_total{group="",resource="configmaps",subresource="",verb="CREATE"}' in text
    assert 'apiserver_resource_objects{group="",resource="namespaces"}' in text


def test_pod_logs_and_what_containers_cannot_do(sandbox: SandboxServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    sandbox.ok("POST", path, pod)
    eventually(lambda: "nginx is simulated as running" in sandbox.ok("GET", f"{path}/p/log"))
    assert sandbox.request("GET", f"{path}/p/log?container=other")[0] == 400
    status, answer = sandbox.request("GET", f"{path}/p/exec?command=ls")
    assert (status, "runs no containers" in answer["message"]) == (501, True)
