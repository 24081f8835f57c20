"""Watches: order, selectors, resumption, bookmarks, expiry, renderings; and the faults that tests inject."""

from collections.abc import Iterator

import pytest

from tests.sandbox.watching import Watch, eventually
from tests.sandbox_fixture import SandboxServer

MERGE = "application/merge-patch+json"


@pytest.fixture
def path(namespace: str) -> Iterator[str]:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def revision(sandbox: SandboxServer, path: str) -> str:
    return str(sandbox.ok("GET", f"{path}?labelSelector=mine")["metadata"]["resourceVersion"])


def create(sandbox: SandboxServer, path: str, name: str, **labels: str) -> None:
    sandbox.ok("POST", path, {"metadata": {"name": name, "labels": {"mine": "yes", **labels}}})


def test_resumes_after_a_resource_version(sandbox: SandboxServer, path: str) -> None:
    start = revision(sandbox, path)
    create(sandbox, path, "a")
    with Watch(sandbox, f"{path}?watch=true&labelSelector=mine&resourceVersion={start}") as watch:
        create(sandbox, path, "b")
        sandbox.ok("PATCH", f"{path}/a", {"data": {"k": "v"}}, content_type=MERGE)
        sandbox.ok("DELETE", f"{path}/b")
        assert watch.take(4) == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


def test_deletions_carry_the_last_state_under_a_new_version(sandbox: SandboxServer, path: str) -> None:
    create(sandbox, path, "a")
    start = revision(sandbox, path)
    with Watch(sandbox, f"{path}?watch=true&resourceVersion={start}") as watch:
        sandbox.ok("DELETE", f"{path}/a")
        event = watch.next()
    assert event["type"] == "DELETED"
    assert event["object"]["metadata"]["labels"] == {"mine": "yes"}
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(start)


def test_without_a_version_starts_from_current_state(sandbox: SandboxServer, path: str) -> None:
    create(sandbox, path, "a")
    with Watch(sandbox, f"{path}?watch=1&labelSelector=mine") as watch:
        create(sandbox, path, "b")
        assert watch.take(2) == [("ADDED", "a"), ("ADDED", "b")]


def test_selectors_see_objects_come_and_go(sandbox: SandboxServer, path: str) -> None:
    start = revision(sandbox, path)
    with Watch(sandbox, f"{path}?watch=1&labelSelector=on%3Dyes&resourceVersion={start}") as watch:
        create(sandbox, path, "a")
        sandbox.ok("PATCH", f"{path}/a", {"metadata": {"labels": {"on": "yes"}}}, content_type=MERGE)
        sandbox.ok("PATCH", f"{path}/a", {"data": {"k": "v"}}, content_type=MERGE)
        sandbox.ok("PATCH", f"{path}/a", {"metadata": {"labels": {"on": None}}}, content_type=MERGE)
        assert watch.take(3) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_one_object_by_field_selector(sandbox: SandboxServer, path: str) -> None:
    start = revision(sandbox, path)
    with Watch(sandbox, f"{path}?watch=1&fieldSelector=metadata.name%3Db&resourceVersion={start}") as watch:
        create(sandbox, path, "a")
        create(sandbox, path, "b")
        assert watch.take(1) == [("ADDED", "b")]


def test_initial_events_end_with_a_bookmark(sandbox: SandboxServer, path: str) -> None:
    create(sandbox, path, "a")
    query = (
        "watch=1&labelSelector=mine&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    )
    with Watch(sandbox, f"{path}?{query}") as watch:
        assert watch.take(1) == [("ADDED", "a")]
        bookmark = watch.next()
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["kind"] == "ConfigMap"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_timeout_ends_with_a_bookmark(sandbox: SandboxServer, path: str) -> None:
    start = revision(sandbox, path)
    with Watch(sandbox, f"{path}?watch=1&resourceVersion={start}&timeoutSeconds=1&allowWatchBookmarks=true") as watch:
        bookmark = watch.next()
        assert bookmark["type"] == "BOOKMARK"
        assert int(bookmark["object"]["metadata"]["resourceVersion"]) >= int(start)
        assert watch.next() is None


def test_metadata_and_table_watches(sandbox: SandboxServer, path: str) -> None:
    start = revision(sandbox, path)
    query = f"{path}?watch=1&resourceVersion={start}"
    partial = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    with Watch(sandbox, query, partial) as metadata, Watch(sandbox, query, table) as rows:
        create(sandbox, path, "a")
        event = metadata.next()["object"]
        assert (event["kind"], event["metadata"]["name"], "data" in event) == ("PartialObjectMetadata", "a", False)
        event = rows.next()["object"]
        assert (event["kind"], event["rows"][0]["cells"][0]) == ("Table", "a")


def test_compaction_expires_watches_and_pages(own_sandbox: SandboxServer) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    start = revision(own_sandbox, path)
    for name in ("a", "b"):
        create(own_sandbox, path, name)
    page = own_sandbox.ok("GET", f"{path}?limit=1")
    create(own_sandbox, path, "c")
    own_sandbox.compact()
    with Watch(own_sandbox, f"{path}?watch=1&resourceVersion={start}") as watch:
        event = watch.next()
        assert watch.next() is None
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    status, answer = own_sandbox.request("GET", f"{path}?limit=1&continue={page['metadata']['continue']}")
    assert (status, answer["reason"]) == (410, "Expired")


def test_dropped_watches_end(own_sandbox: SandboxServer) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    with Watch(own_sandbox, f"{path}?watch=1&resourceVersion={revision(own_sandbox, path)}") as watch:
        eventually(lambda: own_sandbox.stats()["watches"] == 1)
        own_sandbox.drop_watches("configmaps")
        try:
            assert watch.next() is None
        except ConnectionError:
            pass  # cut hard, as a broken network does
    eventually(lambda: own_sandbox.stats()["watches"] == 0)


def test_faults_are_counted_down(own_sandbox: SandboxServer) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    own_sandbox.fault(429, verb="create", resource="configmaps", count=2, retryAfter=7)
    for _ in range(2):
        status, answer = own_sandbox.request("POST", path, {"metadata": {"name": "a"}})
        assert (status, answer["reason"], answer["details"]["retryAfterSeconds"]) == (429, "TooManyRequests", 7)
    assert own_sandbox.request("GET", path)[0] == 200
    assert own_sandbox.request("POST", path, {"metadata": {"name": "a"}})[0] == 201
    own_sandbox.fault(409, name="a", namespace="default")
    assert own_sandbox.request("GET", f"{path}/a")[1]["reason"] == "Conflict"
    assert own_sandbox.request("POST", "/sandbox/faults", {"code": 200})[0] == 400


def test_requests_are_counted(own_sandbox: SandboxServer) -> None:
    own_sandbox.ok("DELETE", "/sandbox/stats")
    own_sandbox.ok("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", {"metadata": {"name": "a"}})
    own_sandbox.ok("GET", "/apis/apps/v1/deployments")
    stats = own_sandbox.stats()
    assert stats["verbs"] == {"create": 1, "list": 1}
    assert stats["resources"] == {"configmaps": {"create": 1}, "deployments.apps": {"list": 1}}
    assert stats["dryRuns"] == 1


def test_a_client_that_leaves_ends_its_watch(own_sandbox: SandboxServer) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    with Watch(own_sandbox, f"{path}?watch=1&resourceVersion={revision(own_sandbox, path)}"):
        eventually(lambda: own_sandbox.stats()["watches"] == 1)
    eventually(lambda: own_sandbox.stats()["watches"] == 0)
