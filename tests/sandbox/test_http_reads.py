"""Lists: selectors, pages, resource versions, renderings."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.sandbox_fixture import SandboxServer

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@pytest.fixture
def things(sandbox: SandboxServer, namespace: str) -> str:
    """The path of a collection of labelled Secrets: a1, a2 (tier=a), b1 (tier=b), none."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    for name, labels in (
        ("a1", {"tier": "a", "n": "1"}),
        ("a2", {"tier": "a", "n": "2"}),
        ("b1", {"tier": "b"}),
        ("none", {}),
    ):
        body = {"metadata": {"name": name, "labels": labels}, "type": "Opaque" if labels else "example.com/x"}
        sandbox.ok("POST", path, body)
    return path


def names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


SELECTORS = [
    ("labelSelector", "tier=a", ["a1", "a2"]),
    ("labelSelector", "tier==a,n!=1", ["a2"]),
    ("labelSelector", "tier in (a, b)", ["a1", "a2", "b1"]),
    ("labelSelector", "tier notin (a)", ["b1", "none"]),
    ("labelSelector", "!tier", ["none"]),
    ("labelSelector", "n", ["a1", "a2"]),
    ("labelSelector", "n>1", ["a2"]),
    ("fieldSelector", "metadata.name=b1", ["b1"]),
    ("fieldSelector", "metadata.name!=b1,type=Opaque", ["a1", "a2"]),
    ("fieldSelector", "type=example.com/x", ["none"]),
]


@pytest.mark.parametrize(("parameter", "selector", "expected"), SELECTORS)
def test_selectors(sandbox: SandboxServer, things: str, parameter: str, selector: str, expected: list[str]) -> None:
    assert names(sandbox.ok("GET", f"{things}?{parameter}={quote(selector)}")) == expected


def test_bad_selectors_are_refused(sandbox: SandboxServer, things: str) -> None:
    for query in ("labelSelector=a%20b", "labelSelector=a%20in%20b", "fieldSelector=spec.nope%3D1", "limit=x"):
        status, answer = sandbox.request("GET", f"{things}?{query}")
        assert (status, answer["reason"]) == (400, "BadRequest"), query


def test_pages_are_one_consistent_list(sandbox: SandboxServer, things: str) -> None:
    first = sandbox.ok("GET", f"{things}?limit=3")
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a1", "a2", "b1"], 1)
    # What happens between pages does not show in them.
    sandbox.ok("DELETE", f"{things}/none")
    sandbox.ok("POST", things, {"metadata": {"name": "zzz"}})
    token = first["metadata"]["continue"]
    second = sandbox.ok("GET", f"{things}?limit=3&continue={token}")
    assert names(second) == ["none"]
    assert "continue" not in second["metadata"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_lists_at_resource_versions(sandbox: SandboxServer, things: str) -> None:
    before = sandbox.ok("GET", things)["metadata"]["resourceVersion"]
    sandbox.ok("DELETE", f"{things}/a1")
    exact = sandbox.ok("GET", f"{things}?resourceVersion={before}&resourceVersionMatch=Exact")
    assert names(exact) == ["a1", "a2", "b1", "none"]
    newer = sandbox.ok("GET", f"{things}?resourceVersion={before}&resourceVersionMatch=NotOlderThan")
    assert names(newer) == ["a2", "b1", "none"]
    status, answer = sandbox.request("GET", f"{things}?resourceVersion=99999999999")
    assert (status, answer["reason"]) == (504, "Timeout")
    assert "Too large resource version" in answer["message"]
    assert sandbox.request("GET", f"{things}?resourceVersionMatch=Exact")[0] == 422


def test_table(sandbox: SandboxServer, things: str) -> None:
    status, table = sandbox.request("GET", things, headers={"Accept": TABLE})
    assert (status, table["kind"], table["apiVersion"]) == (200, "Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Type", "Data", "Age"]
    assert table["rows"][0]["cells"][:3] == ["a1", "Opaque", 0]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    _, table = sandbox.request("GET", f"{things}/a1?includeObject=Object", headers={"Accept": TABLE})
    assert table["rows"][0]["object"]["kind"] == "Secret"


def test_partial_metadata(sandbox: SandboxServer, things: str) -> None:
    _, one = sandbox.request("GET", f"{things}/a1", headers={"Accept": PARTIAL})
    assert set(one) == {"kind", "apiVersion", "metadata"}
    assert (one["kind"], one["metadata"]["labels"]) == ("PartialObjectMetadata", {"tier": "a", "n": "1"})
    _, many = sandbox.request("GET", things, headers={"Accept": PARTIAL_LIST})
    assert (many["kind"], len(many["items"])) == ("PartialObjectMetadataList", 4)


def test_unknown_renderings_are_refused(sandbox: SandboxServer, things: str) -> None:
    status, answer = sandbox.request("GET", things, headers={"Accept": "application/x-unknown"})
    assert (status, answer["reason"]) == (406, "NotAcceptable")


def test_legacy_discovery(sandbox: SandboxServer) -> None:
    assert sandbox.ok("GET", "/api")["versions"] == ["v1"]
    groups = {group["name"]: group for group in sandbox.ok("GET", "/apis")["groups"]}
    assert groups["autoscaling"]["preferredVersion"]["groupVersion"] == "autoscaling/v2"
    assert {"apps", "batch", "apiextensions.k8s.io", "rbac.authorization.k8s.io"} <= set(groups)
    resources = {item["name"]: item for item in sandbox.ok("GET", "/apis/apps/v1")["resources"]}
    assert resources["deployments"]["shortNames"] == ["deploy"]
    assert resources["deployments/scale"]["kind"] == "Scale"
    assert sandbox.ok("GET", "/version")["minor"] == "37"


def test_aggregated_discovery(sandbox: SandboxServer) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    _, document = sandbox.request("GET", "/apis", headers={"Accept": accept})
    assert document["kind"] == "APIGroupDiscoveryList"
    apps = next(item for item in document["items"] if item["metadata"]["name"] == "apps")
    deployments = next(item for item in apps["versions"][0]["resources"] if item["resource"] == "deployments")
    assert deployments["scope"] == "Namespaced"
    assert deployments["responseKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert "status" in {item["subresource"] for item in deployments["subresources"]}


def test_openapi(sandbox: SandboxServer) -> None:
    index = sandbox.ok("GET", "/openapi/v3")["paths"]
    document = sandbox.ok("GET", index["apis/apps/v1"]["serverRelativeURL"])
    schema = document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"]
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "apps", "kind": "Deployment", "version": "v1"}]
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert "fieldValidation" in {item["name"] for item in patch["parameters"]}
    references = {text.split('"')[0] for text in json.dumps(document).split("#/components/schemas/")[1:]}
    assert references <= set(document["components"]["schemas"])


def test_health(sandbox: SandboxServer) -> None:
    for path in ("/readyz", "/livez", "/healthz"):
        assert sandbox.request("GET", path, headers={"Authorization": ""}) == (200, "ok")
