"""Logs of Pods, and the API services behind what is served."""

import threading
import urllib.request
from typing import Any

import pytest

from tests.sandbox.watching import eventually
from tests.sandbox_fixture import SandboxServer

SAY = "sandbox.fluxkit.dev/log"


def _pod(name: str, *containers: str, **annotations: str) -> dict[str, Any]:
    members = [{"name": each, "image": "web:1"} for each in containers or ("c",)]
    return {"metadata": {"name": name, "annotations": annotations}, "spec": {"containers": members}}


def _run(sandbox: SandboxServer, namespace: str, pod: dict[str, Any]) -> str:
    """Path of a Pod's log, once it runs."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    sandbox.ok("POST", path, pod)
    made = f"{path}/{pod['metadata']['name']}"
    eventually(lambda: sandbox.ok("GET", made).get("status", {}).get("phase") == "Running")
    return f"{made}/log"


def test_a_pod_says_what_its_annotation_asks(sandbox: SandboxServer, namespace: str) -> None:
    path = _run(sandbox, namespace, _pod("p", **{SAY: "hello\nworld"}))
    assert sandbox.ok("GET", path) == "sandbox: web:1 is simulated as running\nhello\nworld\n"
    assert sandbox.ok("GET", f"{path}?tailLines=1") == "world\n"
    assert sandbox.ok("GET", f"{path}?tailLines=0") == ""
    assert sandbox.ok("GET", f"{path}?limitBytes=7") == "sandbox"
    assert sandbox.ok("GET", f"{path}?sinceTime=2100-01-01T00:00:00Z") == ""
    moment, _, line = sandbox.ok("GET", f"{path}?timestamps=true&tailLines=1").partition(" ")
    assert (moment[-1], line) == ("Z", "world\n")


def test_logs_that_are_not_there(sandbox: SandboxServer, namespace: str) -> None:
    path = _run(sandbox, namespace, _pod("two", "a", "b"))
    status, answer = sandbox.request("GET", path)
    choice = "a container name must be specified for pod two, choose one of: [a b]"
    assert (status, answer["message"]) == (400, choice)
    assert sandbox.request("GET", f"{path}?container=x")[1]["message"] == "container x is not valid for pod two"
    _, answer = sandbox.request("GET", f"{path}?container=a&previous=true")
    assert answer["message"] == 'previous terminated container "a" in pod "two" not found'
    pods = f"/api/v1/namespaces/{namespace}/pods"
    broken = _pod("broken")
    broken["spec"]["containers"][0]["image"] = "web:does-not-exist"
    sandbox.ok("POST", pods, broken)
    told = 'container "c" in pod "broken" is waiting to start: trying and failing to pull image'
    eventually(lambda: sandbox.request("GET", f"{pods}/broken/log")[1].get("message") == told)


def test_a_crashed_container_has_previous_logs(sandbox: SandboxServer, namespace: str) -> None:
    annotations = {"sandbox.fluxkit.dev/fail": "CrashLoopBackOff", SAY: "oh no"}
    path = _run(sandbox, namespace, _pod("p", **annotations))
    assert sandbox.ok("GET", f"{path}?previous=true").endswith("oh no\nsandbox: exited with status 1\n")


def test_logs_are_followed_until_the_pod_is_gone(sandbox: SandboxServer, namespace: str) -> None:
    path = _run(sandbox, namespace, _pod("p", **{SAY: "hello"}))
    begun = threading.Event()
    lines: list[str] = []

    def follow() -> None:
        request = urllib.request.Request(f"{sandbox.url}{path}?follow=true")
        request.add_header("Authorization", f"Bearer {sandbox.token}")
        with urllib.request.urlopen(request, timeout=30, context=sandbox.ssl_context()) as answer:
            for line in answer:
                lines.append(line.decode())
                begun.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert begun.wait(10)
    sandbox.ok("DELETE", f"{path.removesuffix('/log')}?gracePeriodSeconds=0")
    thread.join(10)
    assert not thread.is_alive()
    assert lines[:2] == ["sandbox: web:1 is simulated as running\n", "hello\n"]


# API services

_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


def _available(sandbox: SandboxServer, name: str) -> tuple[str, str]:
    status, made = sandbox.request("GET", f"{_SERVICES}/{name}")
    conditions = (made.get("status") or {}).get("conditions") if status == 200 else None
    return (conditions[0]["status"], conditions[0]["reason"]) if conditions else ("", "")


@pytest.mark.parametrize("name", ["v1.", "v1.apps", "v2.autoscaling"])
def test_what_is_served_has_an_api_service(sandbox: SandboxServer, name: str) -> None:
    eventually(lambda: _available(sandbox, name) == ("True", "Local"))


def test_definitions_have_one_while_they_are_there(sandbox: SandboxServer) -> None:
    names = {"plural": "gears", "kind": "Gear"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    spec = {"group": "services.example.com", "scope": "Cluster", "names": names, "versions": versions}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    sandbox.ok("POST", path, {"metadata": {"name": "gears.services.example.com"}, "spec": spec})
    eventually(lambda: _available(sandbox, "v1.services.example.com") == ("True", "Local"))
    sandbox.ok("DELETE", f"{path}/gears.services.example.com")
    eventually(lambda: sandbox.request("GET", f"{_SERVICES}/v1.services.example.com")[0] == 404)


def test_other_servers_are_not_available(sandbox: SandboxServer) -> None:
    service = {"namespace": "default", "name": "metrics"}
    spec: dict[str, Any] = {
        "group": "m.example.com",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    body = {
        "metadata": {"name": "v1.m.example.com"},
        "spec": {**spec, "service": service, "insecureSkipTLSVerify": True},
    }
    sandbox.ok("POST", _SERVICES, body)
    try:
        eventually(lambda: _available(sandbox, "v1.m.example.com") == ("False", "FailedDiscoveryCheck"))
    finally:
        sandbox.ok("DELETE", f"{_SERVICES}/v1.m.example.com")
