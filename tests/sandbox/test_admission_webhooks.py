"""Admission webhooks, called for real: what they change, refuse, warn of, and what happens when they do not answer."""

import base64
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.hooks import HookServer, hook_server
from tests.sandbox_fixture import SandboxServer

_API = "/apis/admissionregistration.k8s.io/v1"
Configure = Callable[..., None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HookServer]:
    with hook_server(tmp_path_factory.mktemp("hook")) as made:
        yield made


@pytest.fixture
def hook(server: HookServer) -> HookServer:
    server.asked.clear()
    server.answer = lambda request: {"allowed": True}
    return server


@pytest.fixture
def configure(sandbox: SandboxServer, namespace: str, hook: HookServer) -> Iterator[Configure]:
    """Registers webhooks for ConfigMaps of the test's namespace; more= replaces settings."""
    made: list[str] = []

    def register(kind: str, *settings: dict[str, Any]) -> None:
        plural = f"{kind.lower()}webhookconfigurations"
        hooks = [_settings(namespace, hook, f"hook-{number}.example.com", each) for number, each in enumerate(settings)]
        body = {"metadata": {"name": f"{namespace}-{len(made)}"}, "webhooks": hooks}
        made.append(f"{_API}/{plural}/{namespace}-{len(made)}")
        sandbox.ok("POST", f"{_API}/{plural}", body)

    yield register
    for path in made:
        sandbox.ok("DELETE", path)


def _settings(namespace: str, hook: HookServer, name: str, more: dict[str, Any]) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"url": hook.url, "caBundle": hook.bundle},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        **more,
    }


def _path(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": base64.b64encode(json.dumps(list(operations)).encode()).decode(),
    }


def test_a_webhook_refuses_creations_updates_and_deletions(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure
) -> None:
    sandbox.ok("POST", _path(namespace), {"metadata": {"name": "a"}})
    configure("Validating", {})
    hook.answer = lambda request: {"allowed": False, "status": {"code": 403, "message": f"no {request['operation']}"}}
    denied = 'admission webhook "hook-0.example.com" denied the request: no'
    status, answer = sandbox.request("POST", _path(namespace), {"metadata": {"name": "b"}})
    assert (status, answer["message"]) == (403, f"{denied} CREATE")
    assert sandbox.request("GET", _path(namespace, "b"))[0] == 404
    merge = "application/merge-patch+json"
    status, answer = sandbox.request("PATCH", _path(namespace, "a"), {"data": {"k": "v"}}, content_type=merge)
    assert (status, answer["message"]) == (403, f"{denied} UPDATE")
    intent = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    apply = "application/apply-patch+yaml"
    status, answer = sandbox.request("PATCH", f"{_path(namespace, 'a')}?fieldManager=m", intent, content_type=apply)
    assert (status, answer["message"]) == (403, f"{denied} UPDATE")
    status, answer = sandbox.request("DELETE", _path(namespace, "a"))
    assert (status, answer["message"]) == (403, f"{denied} DELETE")
    assert "data" not in sandbox.ok("GET", _path(namespace, "a"))


def test_what_a_webhook_is_told(sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure) -> None:
    configure("Validating", {})
    body = {"metadata": {"generateName": "a-"}, "data": {"k": "v"}}
    made = sandbox.ok("POST", f"{_path(namespace)}?dryRun=All", body)
    (asked,) = hook.asked
    assert asked["operation"] == "CREATE"
    assert asked["dryRun"] is True
    assert asked["kind"] == asked["requestKind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert asked["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (asked["namespace"], asked["name"]) == (namespace, made["metadata"]["name"])
    assert asked["userInfo"]["username"] == "kubernetes-admin"
    assert asked["object"]["data"] == {"k": "v"}
    assert asked["object"]["metadata"]["uid"] == made["metadata"]["uid"]
    assert asked["oldObject"] is None


def test_a_webhook_changes_an_object_and_owns_nothing_of_it(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure
) -> None:
    configure("Mutating", {})
    hook.answer = lambda request: _patch({"op": "add", "path": "/data/added", "value": "by the webhook"})
    intent = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    path = f"{_path(namespace, 'a')}?fieldManager=m"
    made = sandbox.ok("PATCH", path, intent, content_type="application/apply-patch+yaml")
    assert made["data"] == {"k": "v", "added": "by the webhook"}
    (entry,) = made["metadata"]["managedFields"]
    assert "f:added" not in entry["fieldsV1"]["f:data"]
    again = sandbox.ok("PATCH", path, intent, content_type="application/apply-patch+yaml")
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_webhook_that_wants_to_is_asked_again_when_others_changed_the_object(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure
) -> None:
    configure("Mutating", {"reinvocationPolicy": "IfNeeded"}, {})

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        count = str(len(hook.asked))
        return _patch({"op": "add", "path": f"/data/turn-{count}", "value": ",".join(request["object"]["data"])})

    hook.answer = answer
    made = sandbox.ok("POST", _path(namespace), {"metadata": {"name": "a"}, "data": {"k": "v"}})
    assert made["data"] == {"k": "v", "turn-1": "k", "turn-2": "k,turn-1", "turn-3": "k,turn-1,turn-2"}


def test_warnings_reach_the_client(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure
) -> None:

    configure("Validating", {})
    hook.answer = lambda request: {"allowed": True, "warnings": ["mind the gap"]}
    request = urllib.request.Request(
        sandbox.url + _path(namespace), json.dumps({"metadata": {"name": "a"}}).encode(), method="POST"
    )
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", f"Bearer {sandbox.token}")
    with urllib.request.urlopen(request, timeout=30, context=sandbox.ssl_context()) as answer:
        assert answer.headers.get_all("Warning") == ['299 - "mind the gap"']


@pytest.mark.parametrize("policy", ["Fail", "Ignore"])
def test_failure_policy(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure, policy: str
) -> None:
    configure("Validating", {"failurePolicy": policy})
    configure("Mutating", {"failurePolicy": policy})
    hook.answer = lambda request: None
    status, answer = sandbox.request("POST", _path(namespace), {"metadata": {"name": "a"}})
    assert len(hook.asked) == (1 if policy == "Fail" else 2)
    if policy == "Ignore":
        assert status == 201
    else:
        assert (status, answer["reason"]) == (500, "InternalError")
        failed = 'failed calling webhook "hook-0.example.com": failed to call webhook: Post'
        assert answer["message"].startswith(f'Internal error occurred: {failed} "{hook.url}?timeout=10s": ')


def test_a_webhook_that_takes_too_long(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure
) -> None:
    configure("Validating", {"timeoutSeconds": 1})
    release = threading.Event()

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        release.wait(20)
        return {"allowed": True}

    hook.answer = answer
    try:
        status, refusal = sandbox.request("POST", _path(namespace), {"metadata": {"name": "a"}})
    finally:
        release.set()
    assert status == 500
    assert refusal["message"].endswith(f'Post "{hook.url}?timeout=1s": context deadline exceeded')


@pytest.mark.parametrize(
    "settings",
    [
        {"objectSelector": {"matchLabels": {"asked": "yes"}}},
        {"namespaceSelector": {"matchLabels": {"no": "such"}}},
        {"matchConditions": [{"name": "mine", "expression": "object.metadata.name.startsWith('asked')"}]},
        {"matchConditions": [{"name": "admin", "expression": "request.userInfo.username != 'kubernetes-admin'"}]},
        {"matchConditions": [{"name": "may", "expression": "!authorizer.group('').resource('pods').check('get').allowed()"}]},
        {"rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}]},
        {"rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"], "scope": "Cluster"}]},
        {"rules": [{"apiGroups": ["apps"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}]},
    ],
)  # fmt: skip
def test_writes_that_a_webhook_is_not_about(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure, settings: dict[str, Any]
) -> None:
    configure("Validating", settings)
    sandbox.ok("POST", _path(namespace), {"metadata": {"name": "a"}})
    assert hook.asked == []


def test_a_rule_for_another_version_matches_if_it_may(
    sandbox: SandboxServer, namespace: str, hook: HookServer, configure: Configure
) -> None:
    rule = {"apiGroups": ["autoscaling"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["*"]}
    configure("Validating", {"rules": [rule]}, {"rules": [rule], "matchPolicy": "Exact"})
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
    body = {"metadata": {"name": "a"}, "spec": {"maxReplicas": 2, "scaleTargetRef": target}}
    sandbox.ok("POST", f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers", body)
    (asked,) = hook.asked
    assert asked["requestKind"]["version"] == "v2"
    assert asked["kind"]["version"] == "v1"
    assert asked["object"]["apiVersion"] == "autoscaling/v1"


def test_a_webhook_behind_a_service(sandbox: SandboxServer, namespace: str, tmp_path: Path) -> None:
    host = f"hook.{namespace}.svc"
    with hook_server(tmp_path, host) as server:
        server.answer = lambda request: {"allowed": False}
        service = {"namespace": namespace, "name": "hook", "path": "/review"}
        config = _settings(namespace, server, "hook.example.com", {})
        config["clientConfig"] = {"service": service, "caBundle": server.bundle}
        path = f"{_API}/validatingwebhookconfigurations"
        sandbox.ok("POST", path, {"metadata": {"name": namespace}, "webhooks": [config]})
        try:
            _, answer = sandbox.request("POST", _path(namespace), {"metadata": {"name": "a"}})
            assert answer["message"].endswith('service "hook" not found')
            body: dict[str, Any] = {"metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443}]}}
            services = f"/api/v1/namespaces/{namespace}/services"
            sandbox.ok("POST", services, body)
            _, answer = sandbox.request("POST", _path(namespace), {"metadata": {"name": "a"}})
            assert "annotate the Service with sandbox.fluxkit.dev/address" in answer["message"]
            address = {"sandbox.fluxkit.dev/address": f"127.0.0.1:{server.port}"}
            patch = {"metadata": {"annotations": address}}
            sandbox.ok("PATCH", f"{services}/hook", patch, content_type="application/merge-patch+json")
            status, answer = sandbox.request("POST", _path(namespace), {"metadata": {"name": "a"}})
            denied = 'admission webhook "hook.example.com" denied the request without explanation'
            assert (status, answer["message"]) == (400, denied)
        finally:
            sandbox.ok("DELETE", f"{path}/{namespace}")
