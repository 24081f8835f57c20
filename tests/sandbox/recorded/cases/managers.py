"""Several managers of one object: who owns what, who conflicts with whom, who gives up."""

from dataclasses import replace
from typing import Any

from tests.sandbox.recorded.cases.common import CM, DEPLOY, NS, SVC, cm, deployment, obj, service
from tests.sandbox.recorded.steps import Case, Step, apply, case, get, json_patch, merge, post, put, strategic

A, W, S = f"{CM}/a", f"{DEPLOY}/web", f"{SVC}/web"
LAST = "kubectl.kubernetes.io/last-applied-configuration"


def _case(name: str, *steps: Step) -> Case:
    return replace(case(f"managers: {name}", *steps), managed=True)


def _part(template: Any = None, containers: Any = None, **spec: Any) -> dict[str, Any]:
    """A part of a Deployment, without what the rest of it needs."""
    inner: dict[str, Any] = dict(template or {})
    if containers is not None:
        inner["containers"] = containers
    if inner:
        spec["template"] = {"spec": inner}
    return obj("apps/v1", "Deployment", "web", spec=spec)


def _applied(data: str) -> str:
    return (
        '{"apiVersion":"v1","data":{' + data + '},"kind":"ConfigMap","metadata":{"annotations":{},"name":"a",'
        '"namespace":"{ns}"}}\n'
    )


def _client_side(data: dict[str, str], text: str) -> dict[str, Any]:
    return cm("a", data, annotations={LAST: _applied(text)})


def _condition(kind: str, status: str) -> dict[str, str]:
    moment = "2001-01-01T00:00:00Z"
    return {"type": kind, "status": status, "lastTransitionTime": moment, "lastUpdateTime": moment}


_ENV = [{"name": "a", "image": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}],
         "args": ["1", "2"], "ports": [{"containerPort": 80}]}]  # fmt: skip

CASES = (
    _case(
        "many causes",
        apply(W, deployment(containers=_ENV, replicas=1, minReadySeconds=1)),
        apply(W, _part(replicas=2, minReadySeconds=2, revisionHistoryLimit=3), "two"),
        apply(W, _part(containers=[{"name": "a", "args": ["3"], "env": [{"name": "X", "value": "9"}]}]), "two"),
        apply(W, _part(containers=[{"name": "a", "ports": [{"containerPort": 80, "name": "http"}]}]), "two"),
        apply(W, _part(containers=[{"name": "a", "env": [{"name": "Z", "value": "1"}]}]), "two"),
        apply(W, deployment(containers=_ENV, replicas=1, minReadySeconds=1)),
    ),
    _case(
        "conflicts with three",
        apply(A, cm("a", {"k": "1", "l": "1", "m": "1"})),
        apply(A, cm("a", {"k": "2"}), "two", force="true"),
        merge(A, {"data": {"l": "2"}}, fieldManager="three"),
        apply(A, cm("a", {"k": "1"}), "four", force="true"),
        apply(A, cm("a", {"k": "9", "l": "9", "m": "9"}), "five"),
        apply(A, cm("a", {"k": "9", "l": "9", "m": "9"}), "five", force="true"),
        get(A),
    ),
    _case(
        "equal values are shared",
        apply(A, cm("a", {"k": "1"})),
        apply(A, cm("a", {"k": "1"}), "two"),
        apply(A, cm("a", {"k": "2"}), "three"),
        merge(A, {"data": {"k": "2"}}, fieldManager="three"),
        apply(A, cm("a", {"k": "2"}), "two"),
    ),
    _case(
        "an update takes a field away",
        apply(A, cm("a", {"k": "1", "l": "1"})),
        merge(A, {"data": {"k": None}}, fieldManager="other"),
        apply(A, cm("a", {"k": "1", "l": "1"})),
        json_patch(A, [{"op": "remove", "path": "/data"}], fieldManager="other"),
        apply(A, cm("a", {"k": "1", "l": "1"})),
    ),
    _case(
        "updates of a list by key",
        post(DEPLOY, deployment(containers=_ENV), fieldManager="creator"),
        strategic(
            W,
            {"spec": {"template": {"spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "5"}]}]}}}},
            fieldManager="kubectl-set",
        ),
        apply(W, _part(containers=[{"name": "a", "env": [{"name": "X", "value": "6"}]}]), "two"),
        apply(W, _part(containers=[{"name": "b", "image": "b"}]), "two"),
        apply(W, _part(), "two"),
    ),
    _case(
        "from kubectl apply to apply on the server",
        post(CM, _client_side({"k": "1", "l": "1"}, '"k":"1","l":"1"'), fieldManager="kubectl-client-side-apply"),
        apply(A, cm("a", {"k": "1"}), "kubectl"),
        apply(A, cm("a", {"k": "2"}), "kubectl"),
        apply(A, cm("a", {"k": "2"}), "kubectl", force="true"),
        get(A),
    ),
    _case(
        "from kubectl apply to another manager",
        post(CM, _client_side({"k": "1", "l": "1"}, '"k":"1","l":"1"'), fieldManager="kubectl-client-side-apply"),
        apply(A, cm("a", {"k": "1"}), "kustomize-controller", force="true"),
        json_patch(A, [{"op": "remove", "path": "/metadata/managedFields/1"}], fieldManager="kustomize-controller"),
        apply(A, cm("a", {"m": "1"}), "kustomize-controller", force="true"),
    ),
    _case(
        "kubectl apply after apply on the server",
        apply(A, _client_side({"k": "1"}, '"k":"1"'), "kubectl"),
        merge(
            A,
            {"data": {"k": "2"}, "metadata": {"annotations": {LAST: _applied('"k":"2"')}}},
            fieldManager="kubectl-client-side-apply",
        ),
        apply(A, cm("a", {"k": "3"}), "kubectl"),
        apply(A, cm("a", {"k": "3"}), "kubectl", force="true"),
    ),
    _case(
        "last-applied configurations that are none",
        post(CM, cm("a", {"k": "1"}, annotations={LAST: "nonsense"}), fieldManager="kubectl-client-side-apply"),
        apply(A, cm("a", {"k": "1"}), "kubectl"),
        merge(A, {"metadata": {"annotations": {LAST: '{"kind":"x"}'}}}, fieldManager="kubectl-client-side-apply"),
        apply(A, cm("a", {"k": "2"}), "kubectl"),
    ),
    _case(
        "status and spec",
        apply(W, deployment(replicas=1)),
        apply(
            f"{W}/status",
            obj(
                "apps/v1",
                "Deployment",
                "web",
                status={"replicas": 1, "conditions": [_condition("Available", "True")]},
            ),
            "controller",
        ),
        apply(
            f"{W}/status",
            obj(
                "apps/v1",
                "Deployment",
                "web",
                status={
                    "conditions": [
                        _condition("Available", "False"),
                        _condition("Progressing", "True"),
                    ]
                },
            ),
            "two",
        ),
        apply(
            f"{W}/status",
            obj(
                "apps/v1",
                "Deployment",
                "web",
                status={"conditions": [_condition("Progressing", "True")]},
            ),
            "two",
        ),
        apply(f"{W}/status", {**_part(replicas=7), "status": {"readyReplicas": 1}}, "two"),
        merge(f"{W}/status", {"status": {"replicas": 2}, "spec": {"replicas": 9}}, fieldManager="controller"),
        get(W),
    ),
    _case(
        "replicas through scale",
        apply(W, deployment(replicas=1)),
        apply(
            f"{W}/scale",
            {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 2}},
            "hpa",
        ),
        apply(
            f"{W}/scale",
            {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 2}},
            "hpa",
            force="true",
        ),
        get(W),
        apply(W, deployment(replicas=1)),
        apply(W, deployment(replicas=2)),
    ),
    _case(
        "finalizers and owners of two",
        apply(
            A,
            cm(
                "a",
                finalizers=["example.com/a"],
                ownerReferences=[
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "o",
                        "uid": "11111111-0000-0000-0000-000000000000",
                    }
                ],
            ),
        ),
        apply(
            A,
            cm(
                "a",
                finalizers=["example.com/b"],
                ownerReferences=[
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "p",
                        "uid": "22222222-0000-0000-0000-000000000000",
                    }
                ],
            ),
            "two",
        ),
        apply(
            A,
            cm(
                "a",
                ownerReferences=[
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "x",
                        "uid": "11111111-0000-0000-0000-000000000000",
                    }
                ],
            ),
            "two",
        ),
        apply(A, cm("a", finalizers=["example.com/a"])),
        apply(A, cm("a"), "two"),
    ),
    _case(
        "a service of two",
        apply(S, service(ports=[{"port": 80, "name": "a", "protocol": "TCP"}])),
        apply(
            S, obj("v1", "Service", "web", spec={"ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}]}), "two"
        ),
        apply(S, obj("v1", "Service", "web", spec={"ports": [{"port": 80, "protocol": "UDP", "name": "u"}]}), "two"),
        apply(S, obj("v1", "Service", "web", spec={"selector": {"app": "other"}}), "two"),
        apply(S, obj("v1", "Service", "web", spec={"type": "NodePort"}), "two"),
    ),
    _case(
        "a role of two",
        apply(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/r",
            obj(
                "rbac.authorization.k8s.io/v1",
                "Role",
                "r",
                rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
            ),
        ),
        apply(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/r",
            obj(
                "rbac.authorization.k8s.io/v1",
                "Role",
                "r",
                rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
            ),
            "two",
        ),
    ),
    _case(
        "a namespace's labels",
        apply(NS, obj("v1", "Namespace", "{ns}", {"labels": {"a": "1", "b": "1"}})),
        apply(NS, obj("v1", "Namespace", "{ns}", {"labels": {"a": "2"}}), "two"),
        apply(NS, obj("v1", "Namespace", "{ns}", {"labels": {"b": "1"}})),
        apply(NS, obj("v1", "Namespace", "{ns}", {"labels": {"a": "2"}}), "two"),
        apply(NS, obj("v1", "Namespace", "{ns}"), "two"),
    ),
    _case(
        "a put drops what others own",
        apply(A, cm("a", {"k": "1", "l": "1"})),
        apply(A, cm("a", {"m": "1"}), "two"),
        put(A, cm("a", {"k": "1"}), fieldManager="putter"),
        apply(A, cm("a", {"k": "1", "l": "1"})),
        get(A),
    ),
    _case(
        "entries that are edited away",
        apply(A, cm("a", {"k": "1"})),
        apply(A, cm("a", {"l": "1"}), "two"),
        json_patch(A, [{"op": "remove", "path": "/metadata/managedFields/0"}]),
        apply(A, cm("a")),
        get(A),
    ),
    _case(
        "dry runs leave no trace",
        apply(A, cm("a", {"k": "1"})),
        apply(A, cm("a", {"k": "2"}), "two", dryRun="All"),
        apply(A, cm("a", {"k": "2"}), "two", dryRun="All", force="true"),
        merge(A, {"data": {"k": "3"}}, dryRun="All", fieldManager="three"),
        get(A),
    ),
    _case(
        "atomic fields of two",
        apply(
            W,
            deployment(
                containers=[{"name": "a", "image": "a", "command": ["x"], "resources": {"limits": {"cpu": "1"}}}]
            ),
        ),
        apply(W, _part(containers=[{"name": "a", "command": ["y"]}]), "two"),
        apply(W, _part(containers=[{"name": "a", "resources": {"limits": {"memory": "1Gi"}}}]), "two"),
        apply(W, _part(selector={"matchLabels": {"app": "web"}}), "two"),
        apply(W, _part({"securityContext": {"runAsUser": 1}}), "two"),
        apply(W, _part({"nodeSelector": {"a": "b"}}), "two"),
        apply(W, _part({"volumes": [{"name": "v", "emptyDir": {}}]}), "two"),
        apply(W, _part({"volumes": [{"name": "v", "configMap": {"name": "x"}}]}), "three"),
    ),
    _case(
        "bad fields",
        apply(A, {**cm("a"), "nonsense": 1}),
        apply(A, {**cm("a"), "nonsense": 1}, fieldValidation="Strict"),
        apply(W, deployment(containers=[{"name": "a", "image": "a", "imagee": "b"}])),
        apply(W, deployment(containers=[{"name": "a", "image": "a", "imagee": "b"}]), fieldValidation="Ignore"),
        apply(W, deployment(replicas="two")),
        apply(W, {**deployment(), "metadata": {"name": "web", "labels": {"a": None}}}),
    ),
)
