"""Strategic merge on the lists of built-in kinds, by their merge keys and with directives."""

from typing import Any

from tests.sandbox.recorded.cases.common import CM, DEPLOY, NS, SVC, cm, container, deployment, obj, service
from tests.sandbox.recorded.steps import Case, case, delete, post, strategic

W = f"{DEPLOY}/web"


def _pods(name: str, template: dict[str, Any], *patches: dict[str, Any]) -> Case:
    """Patches of the spec of a pod template; the containers' first member is the one that has a name."""
    steps = [
        strategic(
            W,
            {"spec": {"template": {"spec": patch}}},
        )
        for patch in patches
    ]
    return case(f"directives: {name}", post(DEPLOY, deployment(**template), pick="kind"), *steps)


def _one(**more: Any) -> dict[str, Any]:
    return {"containers": [container(**more)]}


def _app(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "app", **more}]}


CASES = (
    _pods(
        "environment",
        _one(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
        _app(env=[{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]),
        _app(env=[{"name": "A", "$patch": "delete"}]),
        _app(env=[{"name": "B", "value": None, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        _app(env=[{"$patch": "replace"}, {"name": "Z", "value": "9"}]),
        _app(**{"$setElementOrder/env": [{"name": "Y"}, {"name": "Z"}], "env": [{"name": "Y", "value": "8"}]}),
    ),
    _pods(
        "ports and mounts",
        {
            **_one(
                ports=[{"containerPort": 80}, {"containerPort": 81, "name": "b"}],
                volumeMounts=[{"name": "v", "mountPath": "/a"}],
            ),
            "template": {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]},
        },
        _app(ports=[{"containerPort": 80, "name": "http"}]),
        _app(ports=[{"containerPort": 80, "protocol": "UDP"}]),
        _app(ports=[{"containerPort": 81, "$patch": "delete"}]),
        _app(volumeMounts=[{"name": "w", "mountPath": "/b"}]),
        _app(volumeMounts=[{"name": "w", "mountPath": "/a"}]),
        _app(volumeMounts=[{"mountPath": "/b", "$patch": "delete"}]),
    ),
    _pods(
        "volumes",
        {"template": {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "c"}}]}},
        {"volumes": [{"name": "v", "emptyDir": None, "secret": {"secretName": "s"}}]},
        {"volumes": [{"name": "w", "secret": {"secretName": "s"}}]},
        {"volumes": [{"name": "w", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]},
        {"volumes": [{"name": "v", "$patch": "delete"}]},
        {"volumes": None},
    ),
    _pods(
        "containers",
        {"containers": [container(), container(name="two", args=["a"])]},
        {"containers": [{"name": "two", "args": ["b"]}, {"name": "three", "image": "i"}]},
        {"containers": [{"name": "two", "$patch": "replace", "image": "r"}]},
        {
            "containers": [{"name": "three", "$patch": "delete"}],
            "$setElementOrder/containers": [{"name": "two"}, {"name": "app"}],
        },
        {"initContainers": [{"name": "init", "image": "i"}]},
        {"initContainers": [{"name": "init", "command": ["x"]}]},
        {"initContainers": []},
    ),
    _pods(
        "small lists",
        {
            "template": {
                "imagePullSecrets": [{"name": "a"}],
                "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a"]}],
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "topologySpreadConstraints": [
                    {"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
                ],
            }
        },
        {"imagePullSecrets": [{"name": "b"}]},
        {"imagePullSecrets": [{"name": "a", "$patch": "delete"}]},
        {"hostAliases": [{"ip": "192.0.2.1", "hostnames": ["b"]}, {"ip": "192.0.2.2", "hostnames": ["c"]}]},
        {"tolerations": [{"key": "b", "operator": "Exists"}]},
        {
            "topologySpreadConstraints": [
                {"maxSkew": 2, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
            ]
        },
        {
            "topologySpreadConstraints": [
                {"maxSkew": 3, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
            ]
        },
        {"nodeSelector": {"a": "b"}},
        {"nodeSelector": {"c": "d", "a": None}},
        {"nodeSelector": {"$patch": "replace", "e": "f"}},
        {"securityContext": {"supplementalGroups": [1, 2]}},
        {"securityContext": {"supplementalGroups": [3], "$patch": "replace"}},
    ),
    case(
        "directives: strategy",
        post(DEPLOY, deployment(), pick="kind"),
        strategic(W, {"spec": {"strategy": {"type": "Recreate"}}}),
        strategic(W, {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        strategic(W, {"spec": {"strategy": {"$patch": "replace", "type": "RollingUpdate"}}}),
        strategic(W, {"spec": {"selector": {"matchLabels": {"x": "y"}}}}),
        strategic(
            W,
            {
                "spec": {
                    "template": {
                        "$patch": "replace",
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"name": "n", "image": "i"}]},
                    }
                }
            },
        ),
    ),
    case(
        "directives: service ports",
        post(SVC, service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]), pick="kind"),
        strategic(f"{SVC}/web", {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}),
        strategic(f"{SVC}/web", {"spec": {"ports": [{"port": 82, "name": "c"}]}}),
        strategic(f"{SVC}/web", {"spec": {"ports": [{"port": 81, "$patch": "delete"}]}}),
        strategic(f"{SVC}/web", {"spec": {"selector": {"x": "y", "app": None}}}),
    ),
    case(
        "directives: metadata",
        post(CM, cm("a", {"k": "1"}, finalizers=["example.com/a", "example.com/b"], labels={"a": "b"}), pick="kind"),
        strategic(f"{CM}/a", {"metadata": {"finalizers": ["example.com/c"]}}),
        strategic(f"{CM}/a", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}),
        strategic(f"{CM}/a", {"metadata": {"$setElementOrder/finalizers": ["example.com/c", "example.com/b"]}}),
        strategic(
            f"{CM}/a",
            {
                "metadata": {
                    "ownerReferences": [
                        {
                            "apiVersion": "v1",
                            "kind": "ConfigMap",
                            "name": "o",
                            "uid": "11111111-0000-0000-0000-000000000000",
                        }
                    ]
                }
            },
        ),
        strategic(
            f"{CM}/a",
            {"metadata": {"ownerReferences": [{"uid": "11111111-0000-0000-0000-000000000000", "$patch": "delete"}]}},
        ),
        strategic(f"{CM}/a", {"metadata": {"labels": {"$patch": "replace", "c": "d"}}}),
        strategic(f"{CM}/a", {"data": {"$patch": "delete"}}),
        strategic(f"{CM}/a", {"metadata": {"finalizers": None}}),
        delete(f"{CM}/a", pick="status"),
    ),
    case(
        "directives: kinds",
        post(f"{NS}/serviceaccounts", obj("v1", "ServiceAccount", "s", imagePullSecrets=[{"name": "a"}]), pick="kind"),
        strategic(f"{NS}/serviceaccounts/s", {"imagePullSecrets": [{"name": "b"}], "secrets": [{"name": "c"}]}),
        strategic(f"{NS}/serviceaccounts/s", {"imagePullSecrets": [{"name": "a", "$patch": "delete"}]}),
        post(
            "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses",
            obj(
                "networking.k8s.io/v1",
                "Ingress",
                "i",
                spec={
                    "rules": [{"host": "a"}],
                    "tls": [{"hosts": ["a"]}],
                    "defaultBackend": {"resource": {"apiGroup": "x.io", "kind": "x", "name": "y"}},
                },
            ),
            pick="kind",
        ),
        strategic("/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses/i", {"spec": {"rules": [{"host": "b"}]}}),
        post(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles",
            obj(
                "rbac.authorization.k8s.io/v1",
                "Role",
                "r",
                rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
            ),
            pick="kind",
        ),
        strategic(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/r",
            {"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
        ),
        strategic(f"{NS}", {"metadata": {"labels": {"a": "b"}}}),
    ),
)
