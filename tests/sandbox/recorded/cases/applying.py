"""Server-side apply: ownership, conflicts, giving up fields, migration."""

import json
from dataclasses import replace
from typing import Any

from tests.sandbox.recorded.cases.common import (
    CM,
    DEPLOY,
    JOB,
    NS,
    POD,
    SECRET,
    SVC,
    cm,
    deployment,
    job,
    obj,
    pod,
    service,
)
from tests.sandbox.recorded.steps import Case, Step, apply, case, delete, get, json_patch, merge, post, put, strategic

A, W, S = f"{CM}/a", f"{DEPLOY}/web", f"{SVC}/web"


def _case(name: str, *steps: Step) -> Case:
    return replace(case(f"apply: {name}", *steps), managed=True)


def _data(**data: str) -> dict[str, Any]:
    return cm("a", data)


def _web(**more: Any) -> dict[str, Any]:
    return deployment(**more)


def _last_applied(**data: str) -> str:
    """The annotation that client-side apply leaves."""
    head = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","annotations":{}},"data":'
    return f"{head}{json.dumps(data, separators=(',', ':'))}}}\n"


_TWO = [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]

CASES = (
    _case("creates and repeats", apply(A, _data(k="1")), apply(A, _data(k="1")), apply(A, _data(k="2")), get(A)),
    _case(
        "dry run",
        apply(A, _data(k="1"), dryRun="All"),
        get(A),
        apply(A, _data(k="1")),
        apply(A, _data(k="2"), dryRun="All"),
        apply(A, _data(k="1"), dryRun="All"),
    ),
    _case(
        "conflict and force",
        apply(A, _data(k="1")),
        apply(A, _data(k="2"), "two"),
        apply(A, _data(k="2"), "two", force="true"),
        apply(A, _data(k="1")),
        apply(A, _data()),
    ),
    _case(
        "conflicts of many",
        apply(A, _data(k="1", l="1")),
        apply(A, _data(k="2"), "two", force="true"),
        apply(A, _data(k="3", l="3"), "three"),
        apply(A, _data(k="2", l="1"), "three"),
    ),
    _case(
        "shared fields",
        apply(A, _data(k="1")),
        apply(A, _data(k="1"), "two"),
        apply(A, _data(), "one"),
        get(A),
        apply(A, _data(), "two"),
        get(A),
    ),
    _case("giving up", apply(A, _data(k="1", l="2")), apply(A, _data(k="1")), apply(A, cm("a"))),
    _case(
        "giving up what another changed",
        apply(A, _data(k="1")),
        merge(A, {"data": {"k": "2"}}, fieldManager="other"),
        apply(A, _data(k="1")),
        apply(A, cm("a")),
        apply(A, _data(k="3"), force="true"),
    ),
    _case(
        "conflict with update managers",
        post(CM, _data(k="1"), fieldManager="kubectl-create"),
        apply(A, _data(k="2")),
        apply(A, _data(k="1")),
        apply(A, _data(k="2"), force="true"),
        put(A, _data(k="4"), fieldManager="putter"),
    ),
    _case(
        "conflict with a manager and subresource",
        post(DEPLOY, _web()),
        put(f"{W}/status", {**_web(), "status": {"observedGeneration": 1}}, fieldManager="controller"),
        apply(W, {**_web(), "status": {"observedGeneration": 2}}),
        apply(
            f"{W}/status",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "status": {"observedGeneration": 2},
            },
        ),
    ),
    _case(
        "from client-side apply",
        post(
            CM,
            cm(
                "a",
                {"k": "1", "l": "2"},
                annotations={"kubectl.kubernetes.io/last-applied-configuration": _last_applied(k="1", l="2")},
            ),
            fieldManager="kubectl-client-side-apply",
        ),
        apply(A, _data(k="2"), "kubectl"),
        apply(A, _data(k="2"), "kubectl", force="true"),
    ),
    _case(
        "back to client-side apply",
        apply(
            A,
            cm(
                "a",
                {"k": "1"},
                annotations={"kubectl.kubernetes.io/last-applied-configuration": _last_applied(k="1")},
            ),
            "kubectl",
        ),
        merge(A, {"data": {"k": "2"}}, fieldManager="kubectl-client-side-apply"),
    ),
    _case(
        "empty managedFields",
        apply(A, _data(k="1")),
        merge(A, {"metadata": {"managedFields": [{}]}}),
        get(A),
        apply(A, _data(k="2"), "two"),
    ),
    _case(
        "managedFields rewritten",
        apply(A, _data(k="1")),
        json_patch(A, [{"op": "replace", "path": "/metadata/managedFields/0/manager", "value": "renamed"}]),
        apply(A, _data(k="2")),
        merge(A, {"metadata": {"managedFields": []}}),
        json_patch(
            A,
            [
                {
                    "op": "replace",
                    "path": "/metadata/managedFields",
                    "value": [{"manager": "x", "operation": "Sing", "apiVersion": "v1"}],
                }
            ],
        ),
    ),
    _case(
        "managers of before",
        post(CM, cm("a", {"k": "1"}, managedFields=[])),
        merge(A, {"metadata": {"managedFields": None}}),
        merge(A, {"metadata": {"managedFields": [{}]}, "data": {"k": "1"}}),
        apply(A, _data(k="1")),
        apply(A, _data(k="2")),
        apply(A, _data(k="2"), force="true"),
    ),
    _case(
        "refused",
        apply(A, _data(k="1"), ""),
        apply(A, "nonsense: ["),
        apply(A, []),
        apply(A, {"kind": "ConfigMap", "metadata": {"name": "a"}}),
        apply(A, {"apiVersion": "v1", "metadata": {"name": "a"}}),
        apply(A, {"apiVersion": "v1", "kind": "ConfigMap"}),
        apply(A, obj("v1", "Secret", "a")),
        apply(A, cm("b")),
        apply(A, cm("a", namespace="b")),
        apply(A, cm("a", {"k": "1"}, managedFields=[{"manager": "x"}])),
        apply(A, cm("a", {"k": 1})),
        apply(A, cm("a", {"k": ["x"]})),
        apply(A, cm("a", ["x"])),
        apply(A, _data(k="1"), "x" * 129),
        apply(A, cm("a", {"k": "1"}, uid="00000000-0000-0000-0000-000000000000")),
        apply(A, cm("a", {"k": "1"}, resourceVersion="1")),
    ),
    _case(
        "with versions and uids",
        apply(A, _data(k="1")),
        apply(A, cm("a", {"k": "2"}, resourceVersion="{rv:0}")),
        apply(A, cm("a", {"k": "3"}, resourceVersion="{rv:0}")),
        apply(A, cm("a", {"k": "3"}, uid="00000000-0000-0000-0000-000000000000")),
        apply(A, cm("a", {"k": "3"}, uid="{uid:0}")),
    ),
    _case(
        "null and empty values",
        apply(A, cm("a", {"k": ""})),
        apply(A, {**cm("a"), "data": None}),
        apply(A, cm("a", {})),
        apply(A, cm("a", {"k": None})),
    ),
    _case(
        "labels and annotations",
        apply(A, cm("a", labels={"x": "1"}, annotations={"y": "2"})),
        merge(A, {"metadata": {"labels": {"z": "3"}}}, fieldManager="other"),
        apply(A, cm("a", labels={"x": "1"})),
        apply(A, cm("a", labels={"z": "4"})),
        merge(A, {"metadata": {"labels": None}}, fieldManager="other"),
    ),
    _case(
        "finalizers and owners",
        apply(A, cm("a", finalizers=["example.com/a"])),
        apply(A, cm("a", finalizers=["example.com/b"]), "two"),
        apply(A, cm("a")),
        apply(A, cm("a", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "{uid:0}"}])),
        apply(A, cm("a", finalizers=["example.com/b"], ownerReferences=[]), "two"),
        apply(A, cm("a", finalizers=[]), "two"),
    ),
    _case("a deployment", apply(W, _web()), apply(W, _web()), apply(W, _web(replicas=0, minReadySeconds=2)), get(W)),
    _case(
        "containers of two",
        apply(W, _web(containers=_TWO)),
        apply(
            W,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "c:1"}]}}},
            },
            "two",
        ),
        apply(
            W,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}},
            },
            "two",
        ),
        apply(W, _web(containers=_TWO[:1])),
        apply(W, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}, "two"),
    ),
    _case(
        "order of containers",
        apply(W, _web(containers=_TWO)),
        apply(W, _web(containers=_TWO[::-1])),
        apply(W, _web(containers=[{"name": "z", "image": "z"}, *_TWO])),
    ),
    _case(
        "handing over replicas",
        apply(W, _web(replicas=2)),
        merge(f"{W}/scale", {"spec": {"replicas": 3}}, fieldManager="hpa"),
        apply(W, _web(replicas=2)),
        apply(
            W,
            {k: v for k, v in _web().items() if k != "spec"}
            | {"spec": {k: v for k, v in _web()["spec"].items() if k != "replicas"}},
        ),
        get(W),
    ),
    _case(
        "environment",
        apply(
            W,
            _web(
                containers=[
                    {"name": "a", "image": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}
                ]
            ),
        ),
        strategic(
            W,
            {"spec": {"template": {"spec": {"containers": [{"name": "a", "env": [{"name": "Z", "value": "3"}]}]}}}},
            fieldManager="other",
        ),
        apply(W, _web(containers=[{"name": "a", "image": "a", "env": [{"name": "Y", "value": "2"}]}])),
    ),
    _case(
        "duplicate keys",
        apply(W, _web(containers=[_TWO[0], _TWO[0]])),
        apply(
            W,
            _web(
                containers=[
                    {"name": "a", "image": "a", "env": [{"name": "X", "value": "1"}, {"name": "X", "value": "2"}]}
                ]
            ),
        ),
        apply(W, _web(containers=[{"image": "a"}])),
    ),
    _case(
        "container ports",
        apply(
            W,
            _web(
                containers=[
                    {
                        "name": "a",
                        "image": "a",
                        "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}],
                    }
                ]
            ),
        ),
        apply(W, _web(containers=[{"name": "a", "image": "a", "ports": [{"containerPort": 80, "name": "http"}]}])),
        apply(
            W, _web(containers=[{"name": "a", "image": "a", "ports": [{"containerPort": 80}, {"containerPort": 80}]}])
        ),
    ),
    _case(
        "volumes",
        apply(W, _web(template={"volumes": [{"name": "v", "emptyDir": {}}]})),
        apply(W, _web(template={"volumes": [{"name": "v", "configMap": {"name": "c"}}]})),
        apply(W, _web()),
    ),
    _case(
        "resources and quantities",
        apply(
            W,
            _web(containers=[{"name": "a", "image": "a", "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}}}]),
        ),
        apply(
            W, _web(containers=[{"name": "a", "image": "a", "resources": {"limits": {"cpu": "1", "memory": "1024Mi"}}}])
        ),
        apply(W, _web(containers=[{"name": "a", "image": "a", "resources": {"limits": {"cpu": 1}}}])),
    ),
    _case(
        "atomic selectors",
        apply(W, _web()),
        apply(W, _web(template={"nodeSelector": {"a": "b"}})),
        apply(
            W,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {"template": {"spec": {"nodeSelector": {"c": "d"}}}},
            },
            "two",
        ),
        apply(W, _web(template={"tolerations": [{"key": "a", "operator": "Exists"}]})),
    ),
    _case(
        "defaults stay unowned",
        apply(W, _web()),
        apply(W, _web(template={"restartPolicy": "Always"}), "two"),
        merge(W, {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 10}}}}, fieldManager="other"),
        apply(W, _web()),
    ),
    _case(
        "a service",
        apply(S, service()),
        apply(S, service()),
        apply(S, service(ports=[{"port": 81}])),
        apply(S, service(ports=[{"port": 81, "targetPort": 8080, "name": "x"}])),
    ),
    _case(
        "service ports of two",
        apply(S, service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "b"}])),
        apply(S, obj("v1", "Service", "web", spec={"ports": [{"port": 82, "name": "c"}]}), "two"),
        apply(
            S, obj("v1", "Service", "web", spec={"ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}]}), "two"
        ),
        apply(S, service(ports=[{"port": 81, "name": "b"}])),
    ),
    _case(
        "service type",
        apply(S, service(type="NodePort")),
        apply(S, service()),
        apply(S, service(clusterIP="None")),
        apply(S, service(type="ClusterIP", clusterIP="")),
    ),
    _case(
        "a secret",
        apply(f"{SECRET}/s", obj("v1", "Secret", "s", stringData={"a": "b"})),
        apply(f"{SECRET}/s", obj("v1", "Secret", "s", stringData={"a": "b"})),
        apply(f"{SECRET}/s", obj("v1", "Secret", "s", stringData={"a": "c"})),
        apply(f"{SECRET}/s", obj("v1", "Secret", "s", data={"a": "Yw=="})),
        apply(f"{SECRET}/s", obj("v1", "Secret", "s", data={"a": "!"})),
    ),
    _case(
        "a namespace",
        apply("/api/v1/namespaces/{ns}", obj("v1", "Namespace", "{ns}", {"labels": {"a": "b"}})),
        apply("/api/v1/namespaces/{ns}", obj("v1", "Namespace", "{ns}", {"labels": {"a": "c"}}), "two"),
        apply("/api/v1/namespaces/{ns}", obj("v1", "Namespace", "{ns}")),
    ),
    _case(
        "a job",
        apply(f"{JOB}/j", job()),
        apply(f"{JOB}/j", job()),
        apply(f"{JOB}/j", job(template={"containers": [{"name": "app", "image": "other"}]}, suspend=False)),
    ),
    _case(
        "a pod",
        apply(f"{POD}/p", pod()),
        apply(f"{POD}/p", pod(containers=[{"name": "app", "image": "example.com/app:2"}])),
        apply(f"{POD}/p", pod(containers=[{"name": "other", "image": "x"}])),
    ),
    _case(
        "a role",
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
        apply(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/r",
            obj("rbac.authorization.k8s.io/v1", "Role", "r", rules=[]),
        ),
    ),
    _case(
        "an ingress",
        apply(
            "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses/i",
            obj(
                "networking.k8s.io/v1",
                "Ingress",
                "i",
                spec={
                    "rules": [
                        {
                            "host": "a",
                            "http": {
                                "paths": [
                                    {
                                        "path": "/",
                                        "pathType": "Prefix",
                                        "backend": {"service": {"name": "s", "port": {"name": "http"}}},
                                    }
                                ]
                            },
                        }
                    ]
                },
            ),
        ),
        apply(
            "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses/i",
            obj("networking.k8s.io/v1", "Ingress", "i", spec={"tls": [{"hosts": ["a"], "secretName": "s"}]}),
            "two",
        ),
    ),
    _case(
        "updates of one manager merge",
        post(CM, _data(k="1"), fieldManager="x"),
        merge(A, {"data": {"l": "1"}}, fieldManager="x"),
        merge(A, {"data": {"k": None}}, fieldManager="y"),
        put(A, _data(l="1", m="2"), fieldManager="y"),
    ),
    _case("without a name for the manager", post(CM, _data(k="1")), merge(A, {"data": {"k": "2"}})),
    _case(
        "another version of a kind",
        apply(
            "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers/h",
            obj(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                "h",
                spec={
                    "maxReplicas": 3,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                },
            ),
        ),
        apply(
            "/apis/autoscaling/v1/namespaces/{ns}/horizontalpodautoscalers/h",
            obj(
                "autoscaling/v1",
                "HorizontalPodAutoscaler",
                "h",
                spec={
                    "maxReplicas": 4,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                },
            ),
            "two",
        ),
    ),
    _case(
        "invalid",
        apply(W, _web(replicas=-1)),
        apply(W, _web(containers=[])),
        apply(S, service(ports=[{"port": 0}])),
        apply(A, cm("a", {"a b": "c"})),
        apply(f"{NS}/configmaps/A_B", cm("A_B")),
    ),
    _case(
        "a deleted object",
        apply(A, cm("a", {"k": "1"}, finalizers=["example.com/hold"])),
        delete(A),
        apply(A, cm("a", {"k": "2"}, finalizers=["example.com/hold"])),
        apply(A, cm("a", {"k": "2"})),
        get(A),
    ),
    _case(
        "immutable fields",
        apply(W, _web()),
        apply(W, _web(selector={"matchLabels": {"app": "other"}})),
        apply(W, _web(selector={"matchLabels": {"app": "web", "x": "y"}})),
    ),
)
