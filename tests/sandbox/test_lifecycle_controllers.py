"""Owner references, namespaces and custom resource definitions over time."""

from typing import Any

import pytest

from tests.sandbox.watching import Watch, eventually
from tests.sandbox_fixture import SandboxServer

MERGE = "application/merge-patch+json"


def owned(name: str, owner: Any, *, block: bool = False, **metadata: Any) -> Any:
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    if block:
        reference["blockOwnerDeletion"] = True
    return {"metadata": {"name": name, "ownerReferences": [reference], **metadata}}


@pytest.fixture
def path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def gone(sandbox: SandboxServer, path: str) -> bool:
    return sandbox.request("GET", path)[0] == 404


def test_background_deletion_collects_dependents(sandbox: SandboxServer, path: str) -> None:
    owner = sandbox.ok("POST", path, {"metadata": {"name": "owner"}})
    child = sandbox.ok("POST", path, owned("child", owner))
    sandbox.ok("POST", path, owned("grandchild", child))
    sandbox.ok("DELETE", f"{path}/owner")
    eventually(lambda: gone(sandbox, f"{path}/child") and gone(sandbox, f"{path}/grandchild"))


def test_one_living_owner_is_enough(sandbox: SandboxServer, path: str) -> None:
    first = sandbox.ok("POST", path, {"metadata": {"name": "first"}})
    second = sandbox.ok("POST", path, {"metadata": {"name": "second"}})
    body = owned("child", first)
    body["metadata"]["ownerReferences"] += owned("", second)["metadata"]["ownerReferences"]
    sandbox.ok("POST", path, body)
    sandbox.ok("DELETE", f"{path}/first")

    def left() -> list[str]:
        child = sandbox.ok("GET", f"{path}/child")
        return [reference["name"] for reference in child["metadata"].get("ownerReferences", ())]

    eventually(lambda: left() == ["second"])
    sandbox.ok("DELETE", f"{path}/second")
    eventually(lambda: gone(sandbox, f"{path}/child"))


def test_foreground_deletion_waits_for_blocking_dependents(sandbox: SandboxServer, path: str) -> None:
    owner = sandbox.ok("POST", path, {"metadata": {"name": "owner"}})
    sandbox.ok("POST", path, owned("child", owner, block=True, finalizers=["example.com/hold"]))
    answer = sandbox.ok("DELETE", f"{path}/owner", {"propagationPolicy": "Foreground"})
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    eventually(lambda: "deletionTimestamp" in sandbox.ok("GET", f"{path}/child")["metadata"])
    assert not gone(sandbox, f"{path}/owner")
    sandbox.ok("PATCH", f"{path}/child", {"metadata": {"finalizers": None}}, content_type=MERGE)
    eventually(lambda: gone(sandbox, f"{path}/owner"))


def test_orphaning_leaves_dependents(sandbox: SandboxServer, path: str) -> None:
    owner = sandbox.ok("POST", path, {"metadata": {"name": "owner"}})
    sandbox.ok("POST", path, owned("child", owner))
    sandbox.ok("DELETE", f"{path}/owner", {"propagationPolicy": "Orphan"})
    eventually(lambda: gone(sandbox, f"{path}/owner"))
    assert "ownerReferences" not in sandbox.ok("GET", f"{path}/child")["metadata"]


def test_an_absent_owner_counts_as_deleted(sandbox: SandboxServer, path: str) -> None:
    ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}}
    sandbox.ok("POST", path, owned("child", ghost))
    eventually(lambda: gone(sandbox, f"{path}/child"))


def test_new_namespaces_are_filled(sandbox: SandboxServer, namespace: str) -> None:
    root = f"/api/v1/namespaces/{namespace}"
    eventually(lambda: sandbox.request("GET", f"{root}/serviceaccounts/default")[0] == 200)
    eventually(lambda: sandbox.request("GET", f"{root}/configmaps/kube-root-ca.crt")[0] == 200)
    live = sandbox.ok("GET", root)
    assert (live["status"], live["spec"]) == ({"phase": "Active"}, {"finalizers": ["kubernetes"]})
    assert live["metadata"]["labels"]["kubernetes.io/metadata.name"] == namespace


def test_a_terminating_namespace_refuses_content_and_says_what_holds_it(sandbox: SandboxServer, namespace: str) -> None:
    root = f"/api/v1/namespaces/{namespace}"
    held = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    sandbox.ok("POST", f"{root}/secrets", held)
    sandbox.ok("POST", f"{root}/configmaps", {"metadata": {"name": "plain"}})
    answer = sandbox.ok("DELETE", root)
    assert answer["status"]["phase"] == "Terminating"
    eventually(lambda: gone(sandbox, f"{root}/configmaps/plain"))
    status, refusal = sandbox.request("POST", f"{root}/configmaps", {"metadata": {"name": "late"}})
    assert (status, refusal["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    assert f"unable to create new content in namespace {namespace} because it is being terminated" in refusal["message"]

    def conditions() -> dict[str, str]:
        found = sandbox.ok("GET", root)["status"].get("conditions", ())
        return {item["type"]: item["message"] for item in found if item["status"] == "True"}

    eventually(lambda: "NamespaceFinalizersRemaining" in conditions())
    assert "example.com/hold in 1 resource instances" in conditions()["NamespaceFinalizersRemaining"]
    sandbox.ok("PATCH", f"{root}/secrets/held", {"metadata": {"finalizers": None}}, content_type=MERGE)
    eventually(lambda: gone(sandbox, root))


def test_a_new_cluster_has_what_clients_expect(sandbox: SandboxServer) -> None:
    names = {item["metadata"]["name"] for item in sandbox.ok("GET", "/api/v1/namespaces")["items"]}
    assert {"default", "kube-system", "kube-public", "kube-node-lease"} <= names
    assert sandbox.ok("GET", "/api/v1/namespaces/default/services/kubernetes")["spec"]["clusterIP"] == "10.96.0.1"
    sandbox.ok("DELETE", "/api/v1/namespaces/default/services/kubernetes")
    eventually(lambda: sandbox.request("GET", "/api/v1/namespaces/default/services/kubernetes")[0] == 200)
    assert sandbox.ok("GET", "/api/v1/nodes/sandbox")["status"]["nodeInfo"]["kubeletVersion"] == "v1.37.0"
    status, answer = sandbox.request("DELETE", "/api/v1/namespaces/kube-system")
    assert (status, answer["message"]) == (
        403,
        'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    )


WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget"}


def definition(plural: str = "widgets", group: str = "example.com", **version: Any) -> Any:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"size": {"type": "integer", "default": 3}, "replicas": {"type": "integer"}},
            },
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    kind = plural.removesuffix("s").capitalize()
    v1 = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **version}
    v1beta1 = {"name": "v1beta1", "served": True, "storage": False, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": [plural[:2]], "categories": ["all"]},
            "versions": [v1, v1beta1],
        },
    }


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_definitions_serve_at_once_and_clean_up(own_sandbox: SandboxServer) -> None:
    columns = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]
    body = definition(subresources={"status": {}}, additionalPrinterColumns=columns)
    own_sandbox.ok("POST", CRDS, body)
    path = "/apis/example.com/v1/namespaces/default/widgets"
    created = own_sandbox.ok(
        "POST", path, {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {}}
    )
    assert (created["spec"]["size"], created["metadata"]["generation"]) == (3, 1)
    live = own_sandbox.ok("GET", f"{CRDS}/widgets.example.com")
    assert {item["type"]: item["status"] for item in live["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert live["status"]["storedVersions"] == ["v1"]
    assert live["spec"]["names"]["listKind"] == "WidgetList"
    resources = own_sandbox.ok("GET", "/apis/example.com/v1")["resources"]
    assert [(item["name"], item["kind"]) for item in resources] == [("widgets", "Widget"), ("widgets/status", "Widget")]
    other = own_sandbox.ok("GET", "/apis/example.com/v1beta1/namespaces/default/widgets/w")
    assert other["apiVersion"] == "example.com/v1beta1"
    patched = own_sandbox.ok("PATCH", f"{path}/w/status", {"status": {"ok": True}}, content_type=MERGE)
    assert (patched["status"], patched["metadata"]["generation"]) == ({"ok": True}, 1)
    _, table = own_sandbox.request("GET", path, headers={"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"})
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
    assert table["rows"][0]["cells"] == ["w", 3]
    status, answer = own_sandbox.request("PUT", f"{path}/w", {**WIDGET, "metadata": {"name": "w"}, "spec": {}})
    assert status == 422
    assert "must be specified for an update" in answer["message"]
    with Watch(own_sandbox, f"{path}?watch=1&resourceVersion={patched['metadata']['resourceVersion']}") as watch:
        own_sandbox.ok("DELETE", f"{CRDS}/widgets.example.com")
        assert watch.take(1) == [("DELETED", "w")]
        assert watch.next() is None
    eventually(lambda: gone(own_sandbox, f"{CRDS}/widgets.example.com"))
    assert own_sandbox.request("GET", path)[0] == 404


def test_definitions_survive_a_restart(own_sandbox: SandboxServer) -> None:
    own_sandbox.ok("POST", CRDS, definition())
    path = "/apis/example.com/v1/namespaces/default/widgets"
    own_sandbox.ok("POST", path, {**WIDGET, "metadata": {"name": "w"}})
    own_sandbox.process.kill()
    own_sandbox.process.start()
    assert own_sandbox.ok("GET", f"{path}/w")["kind"] == "Widget"


def test_names_in_use_are_not_accepted(own_sandbox: SandboxServer) -> None:
    own_sandbox.ok("POST", CRDS, definition("widgets"))
    clash = definition("widgetses")
    clash["spec"]["names"]["kind"] = "Widget"
    own_sandbox.ok("POST", CRDS, clash)
    conditions = own_sandbox.ok("GET", f"{CRDS}/widgetses.example.com")["status"]["conditions"]
    assert {item["type"]: item["status"] for item in conditions} == {"NamesAccepted": "False", "Established": "False"}
    assert own_sandbox.request("GET", "/apis/example.com/v1/widgetses")[0] == 404


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"scope": "Galactic"}, 'spec.scope: Unsupported value: "Galactic": supported values: "Cluster", "Namespaced"'),
        ({"group": "example.org"}, 'must be spec.names.plural+"."+spec.group'),
        ({"versions": []}, "must have exactly one version marked as storage version"),
    ],
)
def test_bad_definitions_are_refused(sandbox: SandboxServer, change: Any, text: str) -> None:
    body = definition("bads")
    body["spec"].update(change)
    status, answer = sandbox.request("POST", CRDS, body)
    assert (status, answer["reason"]) == (422, "Invalid")
    assert text in answer["message"]


MALFORMED = [
    {"name": ["a"]},
    {"name": "a", "labels": "x"},
    {"name": "a", "annotations": {"k": None, "l": 1}},
    {"name": "a", "finalizers": 1},
    {"name": "a", "ownerReferences": [1]},
    {"name": "a", "managedFields": True},
]


def test_malformed_metadata_of_custom_resources_is_refused(own_sandbox: SandboxServer) -> None:
    own_sandbox.ok("POST", CRDS, definition())
    path = "/apis/example.com/v1/namespaces/default/widgets"
    own_sandbox.ok("POST", path, {**WIDGET, "metadata": {"name": "w"}})
    for metadata in MALFORMED:
        status, answer = own_sandbox.request("POST", path, {**WIDGET, "metadata": metadata})
        assert (status, answer["reason"]) == (400, "BadRequest"), metadata
        patch = {"metadata": {**metadata, "name": "w"} if metadata["name"] == "a" else metadata}
        status, answer = own_sandbox.request("PATCH", f"{path}/w", patch, content_type=MERGE)
        assert status in (400, 422), (metadata, answer)
    assert own_sandbox.request("POST", path, {**WIDGET, "metadata": []})[0] == 400
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert own_sandbox.request("POST", reviews, {"metadata": "x", "spec": {}})[0] == 400
    assert own_sandbox.request("POST", reviews, {"spec": True})[0] == 400
