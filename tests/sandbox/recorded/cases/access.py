"""Who may do what: roles, bindings, refusals, reviews, escalation, tokens of service accounts."""

from dataclasses import replace
from typing import Any

from tests.sandbox.recorded.cases.common import CM, DEPLOY, NS, POD, SECRET, cm, deployment, obj
from tests.sandbox.recorded.steps import Step, apply, as_user, case, delete, get, merge, post, put, watch

RBAC = "rbac.authorization.k8s.io"
ROLES = f"/apis/{RBAC}/v1/namespaces/{{ns}}/roles"
BINDINGS = f"/apis/{RBAC}/v1/namespaces/{{ns}}/rolebindings"
CLUSTER_ROLES = f"/apis/{RBAC}/v1/clusterroles"
CLUSTER_BINDINGS = f"/apis/{RBAC}/v1/clusterrolebindings"
REVIEWS = "/apis/authorization.k8s.io/v1"
ACCOUNTS = f"{NS}/serviceaccounts"
JANE = "jane@{ns}"
_WRITES = "get,create,update,patch,delete"


def rule(verbs: str, resources: str = "configmaps", groups: str = "", **more: Any) -> dict[str, Any]:
    return {"apiGroups": groups.split(",") if groups else [""], "resources": resources.split(","),
            "verbs": verbs.split(","), **more}  # fmt: skip


def role(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return obj(f"{RBAC}/v1", "Role", name, rules=list(rules))


def binding(name: str, kind: str, to: str, *subjects: dict[str, Any]) -> dict[str, Any]:
    return obj(
        f"{RBAC}/v1",
        "RoleBinding",
        name,
        roleRef={"apiGroup": RBAC, "kind": kind, "name": to},
        subjects=list(subjects) or [{"kind": "User", "apiGroup": RBAC, "name": JANE}],
    )


def jane(step: Step) -> Step:
    return as_user(step, JANE)


def _review(**attributes: Any) -> dict[str, Any]:
    return {"spec": {"resourceAttributes": {"namespace": "{ns}", **attributes}}}


def _allowed(given: dict[str, Any], name: str = JANE, group: str = "") -> Step:
    """Waits until a rule is in force: a real server learns of it a moment after it was written."""
    whole, _, part = given["resources"][0].replace("*/", "deployments/").partition("/")
    body = _review(
        verb=given["verbs"][0],
        resource=whole,
        subresource=part,
        group=given["apiGroups"][0],
        name=(given.get("resourceNames") or [""])[0],
    )
    review = as_user(post(f"{REVIEWS}/selfsubjectaccessreviews", body), name, group)
    return replace(review, until=201, finds='"allowed":true')


def _granted(*rules: dict[str, Any]) -> tuple[Step, Step, Step]:
    return post(ROLES, role("r", *rules)), post(BINDINGS, binding("b", "Role", "r")), _allowed(rules[-1])


CASES = (
    case(
        "access: refusals",
        *(
            jane(step)
            for step in (
                get(f"{CM}/a"),
                get(CM),
                get("/api/v1/configmaps"),
                get(CM, watch="true"),
                post(CM, cm("a")),
                put(f"{CM}/a", cm("a")),
                merge(f"{CM}/a", {}),
                apply(f"{CM}/a", cm("a")),
                delete(f"{CM}/a"),
                delete(CM),
                get(f"{DEPLOY}/web/scale"),
                merge(f"{DEPLOY}/web/status", {}),
                get("/api/v1/nodes"),
                get("/api/v1/namespaces"),
                get(NS),
                get("/apis/nothing.example.com/v1/things"),
                get("/apis/nothing.example.com/v1/namespaces/{ns}/things/x"),
                get("/metrics"),
                get("/logs"),
                get("/version", pick="major"),
                get("/apis/apps", pick="kind"),
                get(f"{POD}/p/log"),
                post(f"{POD}/p/exec", {}),
                post(f"{POD}/p/eviction", {}),
                post(f"{ACCOUNTS}/x/token", {}),
            )
        ),
    ),
    case(
        "access: a role",
        post(CM, cm("a")),
        *_granted(rule("get,list,create")),
        *(
            jane(step)
            for step in (
                get(f"{CM}/a"),
                get(CM, pick="kind"),
                post(CM, cm("b")),
                delete(f"{CM}/a"),
                apply(f"{CM}/a", cm("a")),
                apply(f"{CM}/c", cm("c")),
                get(CM, watch="true"),
                get(f"{SECRET}"),
                get("/api/v1/namespaces/default/configmaps"),
            )
        ),
    ),
    case(
        "access: patch without create",
        *_granted(rule("patch")),
        post(CM, cm("a", {"k": "1"})),
        jane(merge(f"{CM}/a", {"data": {"k": "2"}})),
        jane(apply(f"{CM}/a", cm("a", {"l": "2"}))),
        jane(apply(f"{CM}/b", cm("b"))),
        jane(merge(f"{CM}/b", {})),
    ),
    case(
        "access: names",
        *_granted(rule("get,list,delete,watch,create", resourceNames=["a"])),
        *(
            jane(step)
            for step in (
                get(f"{CM}/a"),
                get(f"{CM}/b"),
                get(CM),
                get(CM, fieldSelector="metadata.name=a", pick="items"),
                get(CM, fieldSelector="metadata.name=b"),
                delete(CM),
                post(CM, cm("a")),
            )
        ),
    ),
    case(
        "access: subresources",
        post(DEPLOY, deployment()),
        *_granted(rule("get", "deployments/scale", "apps"), rule("get", "*/status", "apps")),
        jane(get(f"{DEPLOY}/web/scale", pick="spec")),
        jane(get(f"{DEPLOY}/web/status", pick="spec.replicas")),
        jane(get(f"{DEPLOY}/web")),
    ),
    case(
        "access: everything",
        *_granted(rule("*", "*", "*")),
        jane(get(f"{SECRET}", pick="kind")),
        jane(post(DEPLOY, deployment(), pick="kind")),
        jane(get("/api/v1/nodes")),
        jane(delete(NS)),
    ),
    case(
        "access: groups and cluster roles",
        post(CLUSTER_ROLES, {**role("{ns}-g", rule("get,list")), "kind": "ClusterRole"}),
        post(BINDINGS, binding("b", "ClusterRole", "{ns}-g", {"kind": "Group", "apiGroup": RBAC, "name": "team@{ns}"})),
        _allowed(rule("get"), group="team@{ns}"),
        as_user(get(CM, pick="kind"), JANE, "team@{ns}"),
        as_user(get(SECRET), JANE, "team@{ns}"),
        as_user(post(CM, cm("a")), JANE, "team@{ns}"),
        as_user(get("/api/v1/configmaps"), JANE, "team@{ns}"),
        delete(f"{CLUSTER_ROLES}/{{ns}}-g"),
    ),
    case(
        "access: a missing role",
        post(BINDINGS, binding("b", "Role", "none")),
        replace(jane(get(CM)), until=403, finds="not found"),
        jane(get(CM)),
        post(BINDINGS, binding("c", "ClusterRole", "none-{ns}")),
        replace(jane(get(CM)), until=403, finds="none-{ns}"),
        jane(get(CM)),
        jane(post(f"{REVIEWS}/selfsubjectaccessreviews", _review(verb="get", resource="configmaps"))),
    ),
    case(
        "access: reviews",
        *_granted(rule("get,list"), rule("update", "deployments/scale", "apps", resourceNames=["web"])),
        *(
            jane(post(f"{REVIEWS}/selfsubjectaccessreviews", body))
            for body in (
                _review(verb="get", resource="configmaps"),
                _review(verb="delete", resource="configmaps"),
                _review(verb="update", resource="deployments", group="apps", subresource="scale", name="web"),
                _review(verb="update", resource="deployments", group="apps", subresource="scale"),
                _review(verb="*", resource="*", group="*"),
                {"spec": {"nonResourceAttributes": {"path": "/apis", "verb": "get"}}},
                {"spec": {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}},
                {"spec": {}},
                {},
            )
        ),
        jane(post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "{ns}"}}, pick="status.resourceRules")),
        jane(post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": "{ns}"}}, pick="status.incomplete")),
        jane(post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {}})),
        post(
            f"{REVIEWS}/subjectaccessreviews",
            {"spec": {"user": JANE, **_review(verb="get", resource="configmaps")["spec"]}},
        ),
        jane(
            post(
                f"{REVIEWS}/subjectaccessreviews",
                {"spec": {"user": JANE, **_review(verb="get", resource="configmaps")["spec"]}},
            )
        ),
        post(
            f"{REVIEWS}/namespaces/{{ns}}/localsubjectaccessreviews",
            {"spec": {"user": JANE, **_review(verb="get", resource="configmaps")["spec"]}},
        ),
        post(
            f"{REVIEWS}/namespaces/{{ns}}/localsubjectaccessreviews",
            {"spec": {"user": JANE, "resourceAttributes": {"namespace": "other", "verb": "get", "resource": "pods"}}},
        ),
    ),
    case(
        "access: escalation",
        *_granted(rule("get,list"), rule(_WRITES, "roles,rolebindings", RBAC)),
        *(
            jane(step)
            for step in (
                post(ROLES, role("less", rule("get"))),
                post(ROLES, role("more", rule("get,delete,patch"))),
                post(ROLES, role("other", rule("get", "secrets,configmaps"), rule("list", "pods"))),
                post(ROLES, role("named", rule("get", "secrets", resourceNames=["a", "b"]))),
                post(ROLES, role("all", rule("*", "*", "*"))),
                merge(f"{ROLES}/less", {"metadata": {"labels": {"a": "b"}}}),
                merge(f"{ROLES}/less", {"rules": [rule("delete")]}),
                merge(f"{ROLES}/r", {"rules": [rule("get,list,watch"), rule(_WRITES, "roles,rolebindings", RBAC)]}),
                apply(f"{ROLES}/more", role("more", rule("get,delete"))),
                post(BINDINGS, binding("less", "Role", "less")),
                post(BINDINGS, binding("admin", "ClusterRole", "view")),
                post(BINDINGS, binding("none", "ClusterRole", "none")),
                post(BINDINGS, binding("none", "Role", "none")),
                merge(f"{BINDINGS}/less", {"subjects": [{"kind": "User", "apiGroup": RBAC, "name": "joe"}]}),
                merge(f"{BINDINGS}/less", {"roleRef": {"name": "r"}}),
                delete(f"{BINDINGS}/less"),
                post(CLUSTER_ROLES, obj(f"{RBAC}/v1", "ClusterRole", "{ns}-x", rules=[])),
            )
        ),
    ),
    case(
        "access: the verbs escalate and bind",
        *_granted(rule("create,escalate", "roles", RBAC), rule("bind", "clusterroles", RBAC, resourceNames=["view"])),
        post(ROLES, role("s", rule("create", "rolebindings", RBAC))),
        post(BINDINGS, binding("s", "Role", "s")),
        _allowed(rule("create", "rolebindings", RBAC)),
        jane(post(ROLES, role("more", rule("*", "*", "*")))),
        jane(post(BINDINGS, binding("view", "ClusterRole", "view"))),
        jane(post(BINDINGS, binding("edit", "ClusterRole", "cluster-admin"))),
    ),
    case(
        "access: rules that are refused",
        post(ROLES, role("a", {"apiGroups": [""], "resources": ["pods"]})),
        post(ROLES, role("b", {"apiGroups": [""], "verbs": ["get"]})),
        post(ROLES, role("c", {"resources": ["pods"], "verbs": ["get"]})),
        post(ROLES, role("d", {"nonResourceURLs": ["/metrics"], "verbs": ["get"]})),
        post(
            CLUSTER_ROLES,
            obj(
                f"{RBAC}/v1",
                "ClusterRole",
                "{ns}-e",
                rules=[{"nonResourceURLs": ["/metrics", "/x*"], "verbs": ["get"]}],
            ),
        ),
        post(
            CLUSTER_ROLES,
            obj(
                f"{RBAC}/v1",
                "ClusterRole",
                "{ns}-f",
                rules=[{"nonResourceURLs": ["/a"], "resources": ["pods"], "apiGroups": [""], "verbs": ["get"]}],
            ),
        ),
        post(BINDINGS, binding("a", "Role", "")),
        post(BINDINGS, binding("b", "Thing", "x")),
        post(BINDINGS, binding("c", "Role", "x", {"kind": "User", "name": ""})),
        post(BINDINGS, binding("d", "Role", "x", {"kind": "ServiceAccount", "name": "x"})),
        post(BINDINGS, binding("e", "Role", "x", {"kind": "ServiceAccount", "name": "A B", "namespace": "{ns}"})),
        post(BINDINGS, binding("f", "Role", "x", {"kind": "Robot", "name": "x"})),
        post(BINDINGS, binding("g", "Role", "x", {"kind": "User", "apiGroup": "x", "name": "x"})),
        post(CLUSTER_BINDINGS, {**binding("{ns}-h", "Role", "x"), "kind": "ClusterRoleBinding"}),
        post(CLUSTER_BINDINGS, {**binding("{ns}-i", "ClusterRole", "view"), "kind": "ClusterRoleBinding"}),
        delete(f"{CLUSTER_BINDINGS}/{{ns}}-i"),
        delete(f"{CLUSTER_ROLES}/{{ns}}-e"),
    ),
    case(
        "access: tokens",
        post(ACCOUNTS, obj("v1", "ServiceAccount", "robot")),
        post(f"{ACCOUNTS}/robot/token", {"spec": {"expirationSeconds": 3600}}, pick="spec"),
        Step("GET", CM, headers={"Authorization": "Bearer {token:1}"}),
        Step("GET", "/apis/authentication.k8s.io/v1", headers={"Authorization": "Bearer {token:1}"}, pick="kind"),
        post(ROLES, role("r", rule("list"))),
        post(BINDINGS, binding("b", "Role", "r", {"kind": "ServiceAccount", "name": "robot", "namespace": "{ns}"})),
        _allowed(rule("list"), "system:serviceaccount:{ns}:robot"),
        Step("GET", CM, headers={"Authorization": "Bearer {token:1}"}, pick="kind"),
        post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {},
            pick="status.userInfo.groups",
            headers={"Authorization": "Bearer {token:1}"},
        ),
        Step("GET", CM, headers={"Authorization": "Bearer {token:1}", "Impersonate-User": "joe"}),
        Step(
            "GET",
            CM,
            headers={
                "Authorization": "Bearer {token:1}",
                "Impersonate-User": "joe",
                "Impersonate-Group": "system:masters",
            },
        ),
        Step(
            "GET",
            CM,
            headers={"Authorization": "Bearer {token:1}", "Impersonate-User": "system:serviceaccount:{ns}:other"},
        ),
        Step("GET", CM, headers={"Impersonate-Group": "x"}, pick="reason"),
        Step("GET", CM, headers={"Impersonate-User": "system:serviceaccount:{ns}:robot"}, pick="kind"),
        post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {},
            pick="status",
            headers={"Impersonate-User": "joe", "Impersonate-Uid": "7", "Impersonate-Extra-Scopes": "a"},
        ),
    ),
    case(
        "access: credentials that are none",
        Step("GET", CM, headers={"Authorization": "Bearer nonsense"}, shows=("WWW-Authenticate", "Content-Type")),
        Step("GET", CM, headers={"Authorization": "Basic YTpi"}),
        Step("GET", CM, headers={"Authorization": ""}),
        Step("GET", "/api", headers={"Authorization": ""}),
        Step("GET", "/version", headers={"Authorization": ""}, pick="major"),
        Step("GET", "/readyz", headers={"Authorization": ""}),
        Step("GET", "/openapi/v2", headers={"Authorization": ""}),
    ),
    case(
        "access: token requests",
        post(ACCOUNTS, obj("v1", "ServiceAccount", "robot")),
        post(f"{ACCOUNTS}/robot/token", {}, pick="spec"),
        post(f"{ACCOUNTS}/robot/token", {"spec": {"audiences": ["a", "b"]}}, pick="spec"),
        post(f"{ACCOUNTS}/robot/token", {"spec": {"expirationSeconds": 1}}),
        post(f"{ACCOUNTS}/robot/token", {"spec": {"expirationSeconds": 4294967297}}),
        post(f"{ACCOUNTS}/robot/token", {"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "x"}}}),
        post(
            f"{ACCOUNTS}/robot/token", {"spec": {"boundObjectRef": {"kind": "Thing", "apiVersion": "v1", "name": "x"}}}
        ),
        post(f"{ACCOUNTS}/none/token", {}),
        get(f"{ACCOUNTS}/robot/token"),
        post(f"{ACCOUNTS}/robot/token", {}, dryRun="All", pick="kind"),
    ),
    case(
        "access: watch by name",
        *_granted(rule("watch", resourceNames=["a"])),
        post(CM, cm("a")),
        jane(watch(CM, 1, fieldSelector="metadata.name=a")),
        jane(watch(f"{CM}/a", 1)),
    ),
)
