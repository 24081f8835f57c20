"""Admission without webhooks: ValidatingAdmissionPolicies, LimitRanges, ResourceQuotas."""

import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.sandbox.watching import eventually
from tests.sandbox_fixture import SandboxServer

_API = "/apis/admissionregistration.k8s.io/v1"
Bind = Callable[..., None]


@pytest.fixture
def bind(sandbox: SandboxServer, namespace: str) -> Iterator[Bind]:
    """Puts a policy on the ConfigMaps of the test's namespace."""

    def make(spec: dict[str, Any], **binding: Any) -> None:
        rules = [{"apiGroups": [""], "apiVersions": ["*"], "operations": ["*"], "resources": ["configmaps"]}]
        body = {"metadata": {"name": namespace}, "spec": {"matchConstraints": {"resourceRules": rules}, **spec}}
        sandbox.ok("POST", f"{_API}/validatingadmissionpolicies", body)
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        bound = {
            "policyName": namespace,
            "matchResources": {"namespaceSelector": selector},
            "validationActions": ["Deny"],
        }
        path = f"{_API}/validatingadmissionpolicybindings"
        sandbox.ok("POST", path, {"metadata": {"name": namespace}, "spec": {**bound, **binding}})

    yield make
    for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        sandbox.request("DELETE", f"{_API}/{plural}/{namespace}")


def _maps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"validations": [{"expression": "has(object.data)"}]}, "failed expression: has(object.data)"),
        ({"validations": [{"expression": "false", "message": "never"}]}, "never"),
        ({"validations": [{"expression": "false", "messageExpression": "'not ' + object.metadata.name"}]}, "not a"),
        ({"validations": [{"expression": "object.data.k == 'v'"}]}, "expression 'object.data.k == 'v'' resulted in error: no such key: data"),
        ({"variables": [{"name": "n", "expression": "object.metadata.name"}], "validations": [{"expression": "variables.n == 'b'"}]}, "failed expression: variables.n == 'b'"),
        ({"validations": [{"expression": "namespaceObject.metadata.name != request.namespace"}]}, "failed expression: namespaceObject.metadata.name != request.namespace"),
        ({"validations": [{"expression": "!authorizer.group('').resource('secrets').namespace('x').check('get').allowed()", "message": "may"}]}, "may"),
    ],
)  # fmt: skip
def test_what_policies_deny(
    sandbox: SandboxServer, namespace: str, bind: Bind, spec: dict[str, Any], wanted: str
) -> None:
    bind(spec)
    status, answer = sandbox.request("POST", _maps(namespace), {"metadata": {"name": "a"}})
    denied = f"ValidatingAdmissionPolicy '{namespace}' with binding '{namespace}' denied request: {wanted}"
    assert (status, answer["reason"]) == (422, "Invalid")
    assert answer["message"] == f'configmaps "a" is forbidden: {denied}'
    assert answer["details"] == {"name": "a", "kind": "configmaps", "causes": [{"message": denied}]}
    assert sandbox.request("GET", _maps(namespace, "a"))[0] == 404


@pytest.mark.parametrize(
    ("spec", "binding"),
    [
        ({"validations": [{"expression": "object.metadata.name == 'a'"}]}, {}),
        ({"validations": [{"expression": "false"}], "matchConditions": [{"name": "n", "expression": "false"}]}, {}),
        ({"validations": [{"expression": "object.data.k == 'v'"}], "failurePolicy": "Ignore"}, {}),
        ({"validations": [{"expression": "false"}]}, {"validationActions": ["Audit"]}),
        ({"validations": [{"expression": "false"}]}, {"matchResources": {"objectSelector": {"matchLabels": {"x": "y"}}}}),
    ],
)  # fmt: skip
def test_what_policies_let_pass(
    sandbox: SandboxServer, namespace: str, bind: Bind, spec: dict[str, Any], binding: dict[str, Any]
) -> None:
    bind(spec, **binding)
    sandbox.ok("POST", _maps(namespace), {"metadata": {"name": "a"}})


def test_a_policy_sees_the_old_object_and_gives_its_reason(sandbox: SandboxServer, namespace: str, bind: Bind) -> None:
    sandbox.ok("POST", _maps(namespace), {"metadata": {"name": "a"}, "data": {"k": "v"}})
    expression = "oldObject == null || (object != null && object.data == oldObject.data)"
    bind({"validations": [{"expression": expression, "message": "frozen", "reason": "Forbidden"}]})
    patch = {"data": {"k": "w"}}
    merge = "application/merge-patch+json"
    status, answer = sandbox.request("PATCH", _maps(namespace, "a"), patch, content_type=merge)
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert sandbox.request("DELETE", _maps(namespace, "a"))[0] == 403
    sandbox.ok("PATCH", _maps(namespace, "a"), {"metadata": {"labels": {"l": "m"}}}, content_type=merge)


def test_a_policy_that_warns(sandbox: SandboxServer, namespace: str, bind: Bind) -> None:
    bind({"validations": [{"expression": "false", "message": "hm"}]}, validationActions=["Warn"])
    request = urllib.request.Request(
        sandbox.url + _maps(namespace), orjson.dumps({"metadata": {"name": "a"}}), method="POST"
    )
    request.add_header("Authorization", f"Bearer {sandbox.token}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30, context=sandbox.ssl_context()) as answer:
        text = f"Validation failed for ValidatingAdmissionPolicy '{namespace}' with binding '{namespace}': hm"
        assert answer.headers.get_all("Warning") == [f'299 - "{text}"']


def test_a_policy_with_parameters(sandbox: SandboxServer, namespace: str, bind: Bind) -> None:
    expression = "size(object.?data.orValue({})) <= int(params.data.most)"
    kind = {"apiVersion": "v1", "kind": "ConfigMap"}
    condition = [{"name": "others", "expression": "object.metadata.name != 'params'"}]
    reference = {"name": "params", "parameterNotFoundAction": "Deny"}
    bind(
        {"paramKind": kind, "matchConditions": condition, "validations": [{"expression": expression}]},
        paramRef=reference,
    )
    status, answer = sandbox.request("POST", _maps(namespace), {"metadata": {"name": "a"}})
    assert status == 422
    assert "no params found for policy binding with `Deny` parameterNotFoundAction" in answer["message"]
    sandbox.request("DELETE", f"{_API}/validatingadmissionpolicybindings/{namespace}")
    sandbox.ok("POST", _maps(namespace), {"metadata": {"name": "params"}, "data": {"most": "1"}})
    spec = {"policyName": namespace, "paramRef": {**reference, "namespace": namespace}, "validationActions": ["Deny"]}
    spec["matchResources"] = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    path = f"{_API}/validatingadmissionpolicybindings"
    sandbox.ok("POST", path, {"metadata": {"name": namespace}, "spec": spec})
    sandbox.ok("POST", _maps(namespace), {"metadata": {"name": "one"}, "data": {"a": "b"}})
    assert (
        sandbox.request("POST", _maps(namespace), {"metadata": {"name": "two"}, "data": {"a": "b", "c": "d"}})[0] == 422
    )


# LimitRanges


def _pod(name: str, **resources: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "web:1", "resources": resources}]},
    }


def _limit(sandbox: SandboxServer, namespace: str, *items: dict[str, Any]) -> None:
    path = f"/api/v1/namespaces/{namespace}/limitranges"
    sandbox.ok("POST", path, {"metadata": {"name": "limits"}, "spec": {"limits": list(items)}})


def test_containers_get_the_requests_and_limits_of_their_namespace(sandbox: SandboxServer, namespace: str) -> None:
    _limit(sandbox, namespace, {"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "100m", "memory": "1Gi"}})  # fmt: skip
    made = sandbox.ok("POST", f"/api/v1/namespaces/{namespace}/pods", _pod("a", limits={"memory": "2Gi"}))
    resources = made["spec"]["containers"][0]["resources"]
    assert resources == {"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"cpu": "100m", "memory": "2Gi"}}
    told = "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == told


@pytest.mark.parametrize(
    ("item", "resources", "problem"),
    [
        ({"type": "Container", "min": {"cpu": "1"}}, {"requests": {"cpu": "500m"}}, "minimum cpu usage per Container is 1, but request is 500m"),
        ({"type": "Container", "max": {"memory": "1Gi"}}, {"limits": {"memory": "2Gi"}}, "maximum memory usage per Container is 1Gi, but limit is 2Gi"),
        ({"type": "Pod", "max": {"cpu": "1"}}, {}, "maximum cpu usage per Pod is 1.  No limit is specified"),
        ({"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}, {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}, "cpu max limit to request ratio per Container is 2, but provided ratio is 3"),
    ],
)  # fmt: skip
def test_bounds_of_a_namespace(
    sandbox: SandboxServer, namespace: str, item: dict[str, Any], resources: dict[str, Any], problem: str
) -> None:
    _limit(sandbox, namespace, item)
    status, answer = sandbox.request("POST", f"/api/v1/namespaces/{namespace}/pods", _pod("a", **resources))
    assert (status, answer["message"]) == (403, f'pods "a" is forbidden: {problem}')


# ResourceQuotas


def _bound(sandbox: SandboxServer, namespace: str, hard: dict[str, str], **spec: Any) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    sandbox.ok("POST", path, {"metadata": {"name": "quota"}, "spec": {"hard": hard, **spec}})


def test_objects_are_counted(sandbox: SandboxServer, namespace: str) -> None:
    _bound(sandbox, namespace, {"count/configmaps": "2", "secrets": "5"})
    sandbox.ok("POST", _maps(namespace), {"metadata": {"name": "a"}})
    there = len(sandbox.ok("GET", _maps(namespace))["items"])
    for number in range(there, 2):
        sandbox.ok("POST", _maps(namespace), {"metadata": {"name": f"more-{number}"}})
    status, answer = sandbox.request("POST", _maps(namespace), {"metadata": {"name": "b"}})
    exceeded = (
        "exceeded quota: quota, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2"
    )
    assert (status, answer["message"]) == (403, f'configmaps "b" is forbidden: {exceeded}')
    sandbox.ok("PUT", _maps(namespace, "a"), {"metadata": {"name": "a"}, "data": {"k": "v"}})
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/quota"
    wanted = {"hard": {"count/configmaps": "2", "secrets": "5"}, "used": {"count/configmaps": "2", "secrets": "0"}}
    eventually(lambda: sandbox.ok("GET", path)["status"] == wanted)
    sandbox.ok("DELETE", _maps(namespace, "a"))
    eventually(lambda: sandbox.ok("GET", path)["status"]["used"]["count/configmaps"] == "1")


def test_what_pods_ask_for_is_summed_and_must_be_stated(sandbox: SandboxServer, namespace: str) -> None:
    _bound(sandbox, namespace, {"requests.cpu": "1", "limits.memory": "1Gi"})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    status, answer = sandbox.request("POST", pods, _pod("a"))
    stated = "failed quota: quota: must specify limits.memory for: c; requests.cpu for: c"
    assert (status, answer["message"]) == (403, f'pods "a" is forbidden: {stated}')
    sandbox.ok("POST", pods, _pod("a", requests={"cpu": "600m"}, limits={"memory": "100Mi"}))
    status, answer = sandbox.request("POST", pods, _pod("b", requests={"cpu": "500m"}, limits={"memory": "100Mi"}))
    exceeded = "exceeded quota: quota, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1"
    assert (status, answer["message"]) == (403, f'pods "b" is forbidden: {exceeded}')


def test_a_quota_counts_what_is_in_its_scope(sandbox: SandboxServer, namespace: str) -> None:
    _bound(sandbox, namespace, {"pods": "0"}, scopes=["BestEffort"])
    pods = f"/api/v1/namespaces/{namespace}/pods"
    assert sandbox.request("POST", pods, _pod("a"))[0] == 403
    sandbox.ok("POST", pods, _pod("a", requests={"cpu": "1"}))


def test_a_deployment_tells_that_its_pods_are_refused(sandbox: SandboxServer, namespace: str) -> None:
    _bound(sandbox, namespace, {"pods": "1"})
    labels = {"app": "w"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    base = f"/apis/apps/v1/namespaces/{namespace}"
    sandbox.ok("POST", f"{base}/deployments", {"metadata": {"name": "w"}, "spec": spec})

    def failed() -> bool:
        conditions = sandbox.ok("GET", f"{base}/deployments/w").get("status", {}).get("conditions") or []
        return any(each["type"] == "ReplicaFailure" and "exceeded quota" in each["message"] for each in conditions)

    eventually(failed)
    events = sandbox.ok("GET", f"/api/v1/namespaces/{namespace}/events")["items"]
    assert any(each["reason"] == "FailedCreate" and "exceeded quota" in each["message"] for each in events)
    sandbox.ok("DELETE", f"/api/v1/namespaces/{namespace}/resourcequotas/quota")
    eventually(lambda: sandbox.ok("GET", f"{base}/deployments/w").get("status", {}).get("readyReplicas") == 2)
