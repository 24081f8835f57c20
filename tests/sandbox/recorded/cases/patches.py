"""Strategic merge, JSON merge and JSON patches; field validation."""

from tests.sandbox.recorded.cases.common import CM, DEPLOY, SVC, cm, deployment, service
from tests.sandbox.recorded.steps import Step, apply, case, get, json_patch, merge, post, put, strategic

_TWO = [
    {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
    {"name": "b", "image": "b:1"},
]
_WEB = post(DEPLOY, deployment(containers=_TWO))


def _containers(patch: object) -> dict:
    return {"spec": {"template": {"spec": {"containers": patch}}}}


def _strategic(name: str, *patches: object):
    return case(f"strategic: {name}", _WEB, *(strategic(f"{DEPLOY}/web", patch) for patch in patches))


CASES = (
    case(
        "merge patch",
        post(CM, cm("a", {"k": "1", "l": "2"})),
        merge(f"{CM}/a", {"data": {"k": "3", "l": None}}),
        merge(f"{CM}/a", {"data": {"k": "3"}}),
        merge(f"{CM}/a", {"data": None}),
        merge(f"{CM}/a", {}),
        merge(f"{CM}/a", {"metadata": {"labels": {"a": "b"}}}),
        merge(f"{CM}/none", {}),
    ),
    case(
        "merge patch refused",
        post(CM, cm("a")),
        merge(f"{CM}/a", "nonsense"),
        merge(f"{CM}/a", []),
        merge(f"{CM}/a", {"data": {"k": 1}}),
        merge(f"{CM}/a", {"metadata": {"name": "b"}}),
        merge(f"{CM}/a", {"metadata": {"namespace": "b"}}),
        merge(f"{CM}/a", {"metadata": {"uid": "b"}}),
        merge(f"{CM}/a", {"kind": "Secret"}),
        merge(f"{CM}/a", {"apiVersion": "v2"}),
        merge(f"{CM}/a", {"metadata": {"resourceVersion": "1"}}),
        merge(f"{CM}/a", {"metadata": None}),
    ),
    case(
        "merge patch with a version",
        post(CM, cm("a")),
        merge(f"{CM}/a", {"metadata": {"resourceVersion": "{rv:0}"}, "data": {"k": "1"}}),
        merge(f"{CM}/a", {"metadata": {"resourceVersion": "{rv:0}"}, "data": {"k": "2"}}),
    ),
    case(
        "json patch",
        post(CM, cm("a", {"k": "1"})),
        json_patch(
            f"{CM}/a",
            [
                {"op": "add", "path": "/data/l", "value": "2"},
                {"op": "replace", "path": "/data/k", "value": "3"},
                {"op": "test", "path": "/data/k", "value": "3"},
            ],
        ),
        json_patch(
            f"{CM}/a",
            [
                {"op": "move", "from": "/data/l", "path": "/data/m"},
                {"op": "copy", "from": "/data/m", "path": "/data/n"},
            ],
        ),
        json_patch(f"{CM}/a", [{"op": "remove", "path": "/data/n"}]),
        json_patch(f"{CM}/a", []),
    ),
    case(
        "json patch refused",
        post(CM, cm("a", {"k": "1"})),
        json_patch(f"{CM}/a", [{"op": "test", "path": "/data/k", "value": "3"}]),
        json_patch(f"{CM}/a", [{"op": "remove", "path": "/data/none"}]),
        json_patch(f"{CM}/a", [{"op": "replace", "path": "/data/none", "value": "x"}]),
        json_patch(f"{CM}/a", [{"op": "add", "path": "/none/deep", "value": "x"}]),
        json_patch(f"{CM}/a", [{"op": "sing", "path": "/data/k"}]),
        json_patch(f"{CM}/a", {"op": "remove"}),
        json_patch(f"{CM}/a", "nonsense"),
        json_patch(f"{CM}/a", [{"op": "replace", "path": "/data/k", "value": 3}]),
    ),
    case(
        "patch types",
        post(CM, cm("a")),
        Step("PATCH", f"{CM}/a", {}, "application/json"),
        Step("PATCH", f"{CM}/a", {}, "text/plain"),
    ),
    case(
        "patch with force",
        post(CM, cm("a")),
        merge(f"{CM}/a", {}, force="true"),
        merge(f"{CM}/a", {}, fieldManager="x" * 129),
        merge(f"{CM}/a", {}, fieldValidation="Maybe"),
        post(CM, cm("b"), fieldValidation="Maybe"),
    ),
    _strategic(
        "containers by name",
        _containers([{"name": "b", "image": "b:2"}]),
        _containers([{"name": "c", "image": "c:1"}]),
        _containers([{"name": "a", "env": [{"name": "Y", "value": "3"}, {"name": "Z", "value": "4"}]}]),
    ),
    _strategic(
        "delete directives",
        _containers([{"$patch": "delete", "name": "b"}]),
        _containers([{"name": "a", "env": [{"$patch": "delete", "name": "X"}]}]),
    ),
    _strategic(
        "replace directives",
        _containers([{"$patch": "replace"}, {"name": "z", "image": "z:1"}]),
        {"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}},
    ),
    _strategic(
        "order directives",
        {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}}},
        {
            "spec": {
                "template": {
                    "spec": {
                        "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                        "containers": [{"name": "a", "image": "a:2"}],
                    }
                }
            }
        },
    ),
    _strategic("retain keys", {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
    _strategic(
        "null members",
        {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": None}}}},
        {"spec": {"strategy": {"type": "Recreate"}}},
        {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
    ),
    _strategic(
        "refused",
        _containers([{"image": "x"}]),
        _containers([{"$patch": "sing", "name": "a"}]),
        "nonsense",
        {"spec": "text"},
        _containers("text"),
        {"spec": {"replicas": "x"}},
    ),
    _strategic(
        "primitive lists",
        {"metadata": {"finalizers": ["example.com/a"]}},
        {"metadata": {"finalizers": ["example.com/b"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}},
    ),
    case(
        "strategic: service ports",
        post(SVC, service(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])),
        strategic(f"{SVC}/web", {"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}),
        strategic(f"{SVC}/web", {"spec": {"ports": [{"port": 82, "name": "c"}]}}),
    ),
    case(
        "field validation",
        post(CM, {**cm("a"), "foo": 1}),
        post(CM, {**cm("b"), "foo": 1}, fieldValidation="Strict"),
        post(CM, {**cm("c"), "foo": 1}, fieldValidation="Ignore"),
        merge(f"{CM}/a", {"foo": 1}, fieldValidation="Strict"),
        put(f"{CM}/a", {**cm("a"), "metadata": {"name": "a", "bar": 1}}),
        apply(f"{CM}/a", {**cm("a"), "foo": 1}),
        apply(f"{CM}/a", {**cm("a"), "foo": 1}, fieldValidation="Strict"),
        json_patch(f"{CM}/a", [{"op": "add", "path": "/foo", "value": 1}], fieldValidation="Strict"),
        strategic(f"{CM}/a", {"foo": 1}, fieldValidation="Strict"),
    ),
    case(
        "field validation of a deployment",
        post(
            DEPLOY,
            deployment(
                foo=1,
                replica=2,
                containers=[
                    {"name": "a", "image": "b", "imagee": "c", "ports": [{"containerport": 1, "containerPort": 80}]}
                ],
            ),
            fieldValidation="Strict",
        ),
        post(DEPLOY, deployment(foo=1), pick="kind"),
        apply(
            f"{DEPLOY}/web",
            deployment(foo=1, containers=[{"name": "a", "image": "b", "imagee": "c"}]),
            fieldValidation="Strict",
        ),
        merge(f"{DEPLOY}/web", {"spec": {"foo": 1}, "bar": 1}, fieldValidation="Strict"),
    ),
    case(
        "duplicate fields",
        post(CM, '{"metadata":{"name":"a"},"data":{"k":"1","k":"2"}}'),
        post(CM, '{"metadata":{"name":"b","name":"b"}}', fieldValidation="Strict"),
        post(CM, '{"metadata":{"name":"c"},"data":{"k":"1","k":"2"}}', fieldValidation="Strict"),
        post(
            CM,
            "metadata:\n  name: d\n  name: d\n",
            headers={"Content-Type": "application/yaml"},
            fieldValidation="Strict",
        ),
    ),
    case(
        "names of fields in another case",
        post(CM, {"Metadata": {"name": "a"}, "Data": {"k": "1"}}, pick="message"),
        post(DEPLOY, deployment(Replicas=1), fieldValidation="Strict"),
        get(f"{CM}/a", pick="reason"),
    ),
    case(
        "deprecated kinds warn",
        post("/api/v1/namespaces/{ns}/endpoints", {"metadata": {"name": "e"}}),
        get("/api/v1/componentstatuses", pick="kind"),
    ),
    case(
        "warnings about pods",
        post(DEPLOY, deployment(template={"nodeSelector": {"beta.kubernetes.io/os": "linux"}}), pick="kind"),
        post(
            DEPLOY,
            {
                **deployment("x"),
                "spec": {
                    **deployment()["spec"],
                    "template": {
                        "metadata": {
                            "labels": {"app": "web"},
                            "annotations": {"seccomp.security.alpha.kubernetes.io/pod": "x"},
                        },
                        "spec": deployment()["spec"]["template"]["spec"],
                    },
                },
            },
            pick="kind",
        ),
        post(
            DEPLOY,
            deployment(
                "y",
                containers=[
                    {
                        "name": "a",
                        "image": "b",
                        "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
                        "ports": [{"containerPort": 80}, {"containerPort": 80}],
                    }
                ],
            ),
            pick="kind",
        ),
        post(SVC, service("w", externalIPs=["1.2.3.4"]), pick="kind"),
    ),
)
