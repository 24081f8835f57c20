"""Who may do what: roles, bindings, service accounts, impersonation, aggregation, escalation."""

from typing import Any

import pytest

from tests.sandbox.watching import eventually
from tests.sandbox_fixture import SandboxServer

RBAC = "/apis/rbac.authorization.k8s.io/v1"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


def as_user(name: str, *groups: str) -> dict[str, str]:
    headers = {"Impersonate-User": name}
    for group in groups:
        headers["Impersonate-Group"] = group
    return headers


def role(name: str, *rules: Any) -> Any:
    return {"metadata": {"name": name}, "rules": list(rules)}


def rule(verbs: str, resources: str, group: str = "", **more: Any) -> Any:
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split(), **more}


def binding(name: str, kind: str, to: str, *subjects: Any) -> Any:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": to}
    return {"metadata": {"name": name}, "roleRef": reference, "subjects": list(subjects)}


def user(name: str) -> Any:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}


@pytest.fixture
def path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def test_nobody_may_anything_without_a_role(sandbox: SandboxServer, namespace: str, path: str) -> None:
    status, answer = sandbox.request("GET", f"{path}/x", headers=as_user("jane"))
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert answer["message"] == (
        f'configmaps "x" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace '
        f'"{namespace}"'
    )
    status, answer = sandbox.request("GET", "/apis/apps/v1/deployments", headers=as_user("jane"))
    assert answer["message"] == (
        'deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the '
        "cluster scope"
    )
    status, answer = sandbox.request("GET", "/api/v1/nodes", headers={"Authorization": ""})
    assert status == 403
    assert 'User "system:anonymous" cannot list resource "nodes"' in answer["message"]


def test_a_role_holds_in_its_namespace_for_its_verbs_and_names(
    sandbox: SandboxServer, namespace: str, path: str
) -> None:
    roles = f"{RBAC}/namespaces/{namespace}"
    body = role("r", rule("get", "configmaps", resourceNames=["a"]), rule("create", "configmaps secrets"))
    sandbox.ok("POST", f"{roles}/roles", body)
    sandbox.ok("POST", f"{roles}/rolebindings", binding("b", "Role", "r", user("jane")))
    jane = as_user("jane")
    assert sandbox.request("POST", path, {"metadata": {"name": "a"}}, headers=jane)[0] == 201
    assert sandbox.request("GET", f"{path}/a", headers=jane)[0] == 200
    assert sandbox.request("GET", f"{path}/b", headers=jane)[0] == 403
    assert sandbox.request("DELETE", f"{path}/a", headers=jane)[0] == 403
    assert sandbox.request("POST", "/api/v1/namespaces/default/configmaps", {}, headers=jane)[0] == 403
    sandbox.ok("DELETE", f"{roles}/rolebindings/b")
    assert sandbox.request("GET", f"{path}/a", headers=jane)[0] == 403


def test_service_accounts_by_token_and_by_impersonation(sandbox: SandboxServer, namespace: str, path: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    sandbox.ok("POST", accounts, {"metadata": {"name": "robot"}})
    token = sandbox.ok("POST", f"{accounts}/robot/token", {"spec": {}})["status"]["token"]
    with_token = {"Authorization": f"Bearer {token}"}
    impersonated = as_user(f"system:serviceaccount:{namespace}:robot")
    for headers in (with_token, impersonated):
        assert sandbox.request("GET", path, headers=headers)[0] == 403
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": namespace}
    bindings = f"{RBAC}/namespaces/{namespace}/rolebindings"
    sandbox.ok("POST", bindings, binding("b", "ClusterRole", "view", subject))
    for headers in (with_token, impersonated):
        assert sandbox.request("GET", path, headers=headers)[0] == 200
        assert sandbox.request("GET", path.replace("configmaps", "secrets"), headers=headers)[0] == 403
    sandbox.ok("DELETE", f"{accounts}/robot")
    assert sandbox.request("GET", path, headers=with_token)[0] == 401


def test_groups_of_all_service_accounts(sandbox: SandboxServer, namespace: str, path: str) -> None:
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": f"system:serviceaccounts:{namespace}"}
    bindings = f"{RBAC}/namespaces/{namespace}/rolebindings"
    sandbox.ok("POST", bindings, binding("b", "ClusterRole", "edit", group))
    headers = as_user(f"system:serviceaccount:{namespace}:anybody")
    assert sandbox.request("POST", path, {"metadata": {"name": "a"}}, headers=headers)[0] == 201


def test_applying_what_does_not_exist_takes_the_right_to_create(
    sandbox: SandboxServer, namespace: str, path: str
) -> None:
    roles = f"{RBAC}/namespaces/{namespace}"
    sandbox.ok("POST", f"{roles}/roles", role("r", rule("patch", "configmaps")))
    sandbox.ok("POST", f"{roles}/rolebindings", binding("b", "Role", "r", user("jane")))
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    query = f"{path}/a?fieldManager=t"
    status, answer = sandbox.request("PATCH", query, body, content_type=APPLY, headers=as_user("jane"))
    assert status == 403
    assert 'cannot create resource "configmaps"' in answer["message"]
    sandbox.ok("POST", path, {"metadata": {"name": "a"}})
    assert sandbox.request("PATCH", query, body, content_type=APPLY, headers=as_user("jane"))[0] == 200


def test_impersonation_takes_a_right_of_its_own(sandbox: SandboxServer, namespace: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    sandbox.ok("POST", accounts, {"metadata": {"name": "robot"}})
    token = sandbox.ok("POST", f"{accounts}/robot/token", {"spec": {}})["status"]["token"]
    headers = {"Authorization": f"Bearer {token}", "Impersonate-User": "admin"}
    status, answer = sandbox.request("GET", "/api/v1/nodes", headers=headers)
    assert status == 403
    assert 'cannot impersonate-on:user-info:list resource "nodes"' in answer["message"]


def test_nobody_grants_what_they_do_not_have(sandbox: SandboxServer, namespace: str) -> None:
    roles = f"{RBAC}/namespaces/{namespace}"
    sandbox.ok("POST", f"{roles}/rolebindings", binding("admins", "ClusterRole", "admin", user("jane")))
    jane = as_user("jane")
    eventually(lambda: sandbox.request("GET", f"{roles}/roles", headers=jane)[0] == 200)
    assert sandbox.request("POST", f"{roles}/roles", role("ok", rule("get", "pods")), headers=jane)[0] == 201
    status, answer = sandbox.request("POST", f"{roles}/roles", role("bad", rule("get", "nodes")), headers=jane)
    assert status == 403
    assert 'user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions' in answer["message"]
    assert '{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}' in answer["message"]
    escalated = {"rules": [rule("*", "*", "*")]}
    assert sandbox.request("PATCH", f"{roles}/roles/ok", escalated, content_type=MERGE, headers=jane)[0] == 403
    to_root = binding("root", "ClusterRole", "cluster-admin", user("jane"))
    assert sandbox.request("POST", f"{roles}/rolebindings", to_root, headers=jane)[0] == 403
    to_view = binding("viewers", "ClusterRole", "view", user("joe"))
    assert sandbox.request("POST", f"{roles}/rolebindings", to_view, headers=jane)[0] == 201
    changed = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}}
    status, answer = sandbox.request("PATCH", f"{roles}/rolebindings/viewers", changed, content_type=MERGE)
    assert (status, "roleRef: Invalid value" in answer["message"]) == (422, True)


def test_aggregated_roles_follow_their_parts(own_sandbox: SandboxServer) -> None:
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    part = {"metadata": {"name": "widgets-view", "labels": labels}, "rules": [rule("get", "widgets", "example.com")]}
    own_sandbox.ok("POST", f"{RBAC}/clusterroles", part)

    def allowed() -> bool:
        spec = {
            "user": "jane",
            "resourceAttributes": {
                "verb": "get",
                "group": "example.com",
                "resource": "widgets",
                "namespace": "default",
            },
        }
        review = own_sandbox.ok("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
        return bool(review["status"]["allowed"])

    own_sandbox.ok(
        "POST", f"{RBAC}/namespaces/default/rolebindings", binding("b", "ClusterRole", "admin", user("jane"))
    )
    eventually(allowed)
    own_sandbox.ok("DELETE", f"{RBAC}/clusterroles/widgets-view")
    eventually(lambda: not allowed())


def test_self_reviews(sandbox: SandboxServer, namespace: str) -> None:
    roles = f"{RBAC}/namespaces/{namespace}"
    sandbox.ok("POST", f"{roles}/roles", role("r", rule("get", "configmaps")))
    sandbox.ok("POST", f"{roles}/rolebindings", binding("b", "Role", "r", user("joan")))
    joan = as_user("joan")
    attributes = {"verb": "get", "resource": "configmaps", "namespace": namespace}
    for verb, allowed in (("get", True), ("delete", False)):
        spec = {"spec": {"resourceAttributes": {**attributes, "verb": verb}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        status, review = sandbox.request("POST", path, spec, headers=joan)
        assert (status, review["status"]["allowed"]) == (201, allowed)
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    _, review = sandbox.request("POST", path, {"spec": {"namespace": namespace}}, headers=joan)
    assert {"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]} in review["status"]["resourceRules"]
    _, review = sandbox.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, headers=joan)
    assert review["status"]["userInfo"] == {"username": "joan", "groups": ["system:authenticated"]}


def test_the_sandbox_endpoints_are_for_administrators(sandbox: SandboxServer) -> None:
    assert sandbox.request("GET", "/sandbox/stats", headers=as_user("jane"))[0] == 403
