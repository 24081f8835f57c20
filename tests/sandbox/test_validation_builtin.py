"""Built-in objects as the registry's type checks admit and judge them: decoding, defaults, refusals."""

import copy
from typing import Any

import pytest

from fluxkit.objects import GroupKind, GroupVersionKind, Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.status import StatusError, invalid
from fluxkit.sandbox.validation import Schemas, SchemaTypeChecks
from fluxkit.schema import resource_for

CHECKS = SchemaTypeChecks(Schemas())


def served(api_version: str, kind: str) -> Resource:
    info = resource_for(GroupVersionKind.parse(api_version, kind))
    assert info is not None
    return Resource(
        info.group, info.version, kind, info.plural, info.singular, info.namespaced,
        subresources=frozenset(info.subresources),
    )  # fmt: skip


def admit(obj: Object, old: Object | None = None, mode: str = "Strict", warnings: list[str] | None = None) -> Object:
    obj = copy.deepcopy(obj)
    return CHECKS.admit(served(obj["apiVersion"], obj["kind"]), obj, old, mode, warnings)


def problems(obj: Object, old: Object | None = None) -> list[str]:
    """The message of each cause that an admitted object is refused with."""
    resource = served(obj["apiVersion"], obj["kind"])
    new = admit(obj, old)
    return [f"{each.field}: {each.message}" for each in CHECKS.validate(resource, new, old)]


def pod_spec(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "image": "web:1"}], **more}


def workload(kind: str = "Deployment", api_version: str = "apps/v1", **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "w"}}, "spec": pod_spec()}
    full = {"selector": {"matchLabels": {"app": "w"}}, "template": template, **spec}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "w", "namespace": "d"}, "spec": full}


def with_container(**more: Any) -> Object:
    out = workload()
    out["spec"]["template"]["spec"]["containers"][0].update(more)
    return out


def simple(api_version: str, kind: str, **more: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "w", "namespace": "d"}, **more}


# Decoding


def test_nulls_and_empty_lists_and_maps_vanish_but_empty_structs_stay() -> None:
    obj = with_container(args=[], env=None, resources={}, securityContext={})
    obj["metadata"].update(labels={}, creationTimestamp=None)
    obj["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
    out = admit(obj)
    assert out["metadata"] == {"name": "w", "namespace": "d"}
    container = out["spec"]["template"]["spec"]["containers"][0]
    assert not {"args", "env"} & set(container)
    assert container["securityContext"] == {}
    assert out["spec"]["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (0.5, "500m"),
        ("0.5", "500m"),
        (1, "1"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1500Mi", "1500Mi"),
        ("0.5Gi", "512Mi"),
        ("1e3", "1e3"),
        ("12e6", "12e6"),
        ("100000", "100k"),
        ("0", "0"),
        ("1.5Gi", "1536Mi"),
        ("-1k", "-1k"),
    ],
)
def test_quantities_take_their_canonical_form(given: Any, wanted: str) -> None:
    out = admit(with_container(resources={"limits": {"cpu": given}}))
    assert out["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] == wanted


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (workload(replicas="3"), "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        (
            with_container(env=[{"name": "A", "value": 1}]),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (with_container(ports={}), "json: cannot unmarshal object into Go struct field Container.spec.template.spec.containers.ports of type []v1.ContainerPort"),
        (simple("v1", "ConfigMap", data={"a": True}), "json: cannot unmarshal bool into Go struct field ConfigMap.data of type string"),
        (simple("v1", "Secret", data={"a": "%"}), "illegal base64 data at input byte 0"),
        (with_container(resources={"limits": {"cpu": "x"}}), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"),
    ],
)  # fmt: skip
def test_values_of_a_wrong_type_are_refused_as_go_refuses_them(obj: Object, text: str) -> None:
    with pytest.raises(StatusError) as raised:
        admit(obj)
    kind, version = obj["kind"], obj["apiVersion"].rpartition("/")[2]
    assert raised.value.code == 400
    assert raised.value.message == f'{kind} in version "{version}" cannot be handled as a {kind}: {text}'


def test_unknown_fields_are_refused_reported_or_dropped() -> None:
    obj = with_container(imagee="x")
    obj["spec"]["replica"] = 1
    with pytest.raises(StatusError) as raised:
        admit(obj)
    assert raised.value.message.endswith(
        'strict decoding error: unknown field "spec.template.spec.containers[0].imagee", unknown field "spec.replica"'
    )
    warnings: list[str] = []
    out = admit(obj, mode="Warn", warnings=warnings)
    assert warnings == ['unknown field "spec.template.spec.containers[0].imagee"', 'unknown field "spec.replica"']
    assert "replica" not in out["spec"]
    assert admit(obj, mode="Ignore", warnings=warnings) == out
    assert len(warnings) == 2


# Defaults


def test_deployment_defaults() -> None:
    spec = admit(workload())["spec"]
    template = spec.pop("template")["spec"]
    assert spec == {
        "selector": {"matchLabels": {"app": "w"}},
        "replicas": 1,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }
    assert template == {
        "containers": [
            {
                "name": "c",
                "image": "web:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("web:1", "IfNotPresent"),
        ("host:5000/web", "Always"),
        ("host:5000/web:1", "IfNotPresent"),
        ("web@sha256:" + "0" * 64, "IfNotPresent"),
        ("web:latest@sha256:" + "0" * 64, "Always"),
    ],
)
def test_pull_policies(image: str, policy: str) -> None:
    out = admit(with_container(image=image))
    assert out["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_probe_and_volume_defaults() -> None:
    obj = with_container(readinessProbe={"httpGet": {"port": 80}})
    obj["spec"]["template"]["spec"]["volumes"] = [{"name": "s", "secret": {"secretName": "x"}}, {"name": "e"}]
    spec = admit(obj)["spec"]["template"]["spec"]
    assert spec["containers"][0]["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert spec["volumes"][0]["secret"]["defaultMode"] == 420
    assert spec["volumes"][1]["emptyDir"] == {}


def test_service_defaults_by_type() -> None:
    out = admit(simple("v1", "Service", spec={"ports": [{"port": 80}]}))
    assert out["spec"] == {
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "sessionAffinity": "None",
        "type": "ClusterIP",
        "internalTrafficPolicy": "Cluster",
    }
    balanced = admit(simple("v1", "Service", spec={"type": "LoadBalancer", "ports": [{"port": 80}]}))["spec"]
    assert (balanced["externalTrafficPolicy"], balanced["allocateLoadBalancerNodePorts"]) == ("Cluster", True)


def test_an_update_that_says_nothing_of_addresses_keeps_them() -> None:
    old = admit(simple("v1", "Service", spec={"ports": [{"port": 80}]}))
    old["spec"].update(clusterIP="10.96.0.9", clusterIPs=["10.96.0.9"], ipFamilies=["IPv4"])
    out = admit(simple("v1", "Service", spec={"ports": [{"port": 81}]}), old)
    assert (out["spec"]["clusterIP"], out["spec"]["ipFamilies"]) == ("10.96.0.9", ["IPv4"])


def test_string_data_of_a_secret_becomes_data() -> None:
    out = admit(simple("v1", "Secret", stringData={"a": "text"}, data={"a": "b2xk", "b": "eA=="}))
    assert out["data"] == {"a": "dGV4dA==", "b": "eA=="}
    assert out["type"] == "Opaque"
    assert "stringData" not in out


def test_a_job_gets_a_selector_of_its_own() -> None:
    obj = workload("Job", "batch/v1")
    del obj["spec"]["selector"]
    obj["metadata"]["uid"] = "u1"
    obj["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    spec = admit(obj)["spec"]
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}}
    assert spec["template"]["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "w"
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (6, 1, 1)
    assert problems(obj) == []


@pytest.mark.parametrize(
    ("obj", "path", "wanted"),
    [
        (simple("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}), "spec.policyTypes", ["Ingress"]),
        (simple("storage.k8s.io/v1", "StorageClass", provisioner="x"), "reclaimPolicy", "Delete"),
        (simple("autoscaling/v2", "HorizontalPodAutoscaler", spec={"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}), "spec.minReplicas", 1),
        (simple("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Role", "name": "r"}), "roleRef.apiGroup", "rbac.authorization.k8s.io"),
        (workload("StatefulSet"), "spec.updateStrategy.rollingUpdate.partition", 0),
        (workload("DaemonSet"), "spec.updateStrategy.rollingUpdate.maxUnavailable", 1),
        (simple("v1", "PersistentVolumeClaim", spec={"accessModes": ["ReadWriteOnce"]}), "status.phase", "Pending"),
    ],
)  # fmt: skip
def test_other_defaults(obj: Object, path: str, wanted: Any) -> None:
    value: Any = admit(obj)
    for field in path.split("."):
        value = value[field]
    assert value == wanted


# Refusals


@pytest.mark.parametrize(
    ("obj", "wanted"),
    [
        (workload(), []),
        (workload(replicas=-1), ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (workload(selector=None), ["spec.selector: Required value", 'spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`']),
        (workload(selector={"matchLabels": {"app": "x"}}), ['spec.template.metadata.labels: Invalid value: {"app":"w"}: `selector` does not match template `labels`']),
        (workload(selector={}), ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        (workload(strategy={"type": "Recreate", "rollingUpdate": {}}), ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]),
        (workload(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}), ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"]),
        (workload(progressDeadlineSeconds=5, minReadySeconds=5), ["spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"]),
        (with_container(name=""), ["spec.template.spec.containers[0].name: Required value"]),
        (with_container(image=""), ["spec.template.spec.containers[0].image: Required value"]),
        (with_container(ports=[{"containerPort": 70000}]), ["spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]),
        (with_container(volumeMounts=[{"name": "v", "mountPath": "/x"}]), ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v"']),
        (with_container(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}), ['spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']),
        (with_container(livenessProbe={"periodSeconds": 1}), ["spec.template.spec.containers[0].livenessProbe: Required value: must specify a handler type"]),
        (workload("Job", "batch/v1", manualSelector=True), ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"']),
        (simple("v1", "Service", spec={}), ["spec.ports: Required value"]),
        (simple("v1", "Service", spec={"type": "ExternalName"}), ["spec.externalName: Required value"]),
        (simple("v1", "Service", spec={"ports": [{"port": 80}, {"port": 81}]}), ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]),
        (simple("v1", "Service", spec={"type": "X", "ports": [{"port": 1}]}), ['spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"']),
        (simple("v1", "PersistentVolumeClaim", spec={}), ["spec.accessModes: Required value: at least 1 access mode is required", "spec.resources[storage]: Required value"]),
        (simple("v1", "Secret", type="kubernetes.io/tls", data={"tls.key": ""}), ["data[tls.crt]: Required value"]),
        (simple("networking.k8s.io/v1", "Ingress", spec={}), ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
        (simple("networking.k8s.io/v1", "Ingress", spec={"rules": [{"http": {"paths": [{"path": "x", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}), ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified", 'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path']),
        (simple("rbac.authorization.k8s.io/v1", "Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": []}]), ["rules[0].verbs: Required value"]),
        (simple("autoscaling/v2", "HorizontalPodAutoscaler", spec={"minReplicas": 5, "maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}}), ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"]),
        (simple("policy/v1", "PodDisruptionBudget", spec={"minAvailable": -1, "selector": {}}), ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]),
    ],
)  # fmt: skip
def test_what_is_refused_on_creation(obj: Object, wanted: list[str]) -> None:
    obj["metadata"]["uid"] = "u"
    assert problems(obj) == wanted


def test_a_cron_job_with_an_odd_schedule() -> None:
    template = {"spec": {"template": {"spec": pod_spec(restartPolicy="Never")}}}
    good = simple("batch/v1", "CronJob", spec={"schedule": "*/5 1,2 * * MON-FRI", "jobTemplate": template})
    assert problems(good) == []
    bad = simple("batch/v1", "CronJob", spec={"schedule": "* * *", "jobTemplate": template})
    assert problems(bad) == ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]']


def test_immutable_fields() -> None:
    old = admit(workload())
    new = workload(selector={"matchLabels": {"app": "x"}})
    new["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
    assert problems(new, old) == ['spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable']

    stateful = admit(workload("StatefulSet"))
    assert problems(workload("StatefulSet", replicas=3), stateful) == []
    assert problems(workload("StatefulSet", serviceName="x"), stateful) == [
        'spec.serviceName: Invalid value: "x": field is immutable'
    ]

    secret = simple("v1", "Secret", type="Opaque", data={"a": "eA=="})
    assert problems({**secret, "type": "x/y"}, admit(secret)) == ['type: Invalid value: "x/y": field is immutable']

    frozen = simple("v1", "ConfigMap", data={"a": "1"}, immutable=True)
    assert problems({**frozen, "data": {"a": "2"}}, admit(frozen)) == [
        "data: Forbidden: field is immutable when `immutable` is set"
    ]

    binding = simple("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Role", "name": "r"})
    changed = {**binding, "roleRef": {"kind": "Role", "name": "other"}}
    assert problems(changed, admit(binding))[0].endswith(": field is immutable")


def test_the_template_of_a_job_is_immutable_and_its_parallelism_is_not() -> None:
    job = workload("Job", "batch/v1", parallelism=1)
    del job["spec"]["selector"]
    job["metadata"]["uid"] = "u"
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    old = admit(job)
    faster = copy.deepcopy(old)
    faster["spec"]["parallelism"] = 4
    assert problems(faster, old) == []
    other = copy.deepcopy(old)
    other["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
    (text,) = problems(other, old)
    assert text.startswith("spec.template: Invalid value: {")
    assert text.endswith(": field is immutable")


def test_a_running_pod_may_change_its_image_only() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}, "spec": pod_spec()}
    old = admit(pod)
    image = copy.deepcopy(old)
    image["spec"]["containers"][0]["image"] = "web:2"
    assert problems(image, old) == []
    command = copy.deepcopy(old)
    command["spec"]["containers"][0]["command"] = ["x"]
    assert problems(command, old)[0].startswith("spec: Forbidden: pod updates may not change fields other than")


def test_the_status_of_a_refusal() -> None:
    resource = served("apps/v1", "Deployment")
    found = CHECKS.validate(resource, admit(workload(replicas=-1)), None)
    status = invalid("Deployment", "apps", "w", found)
    assert status.message == (
        'Deployment.apps "w" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0'
    )
    assert resource.gvk.group_kind == GroupKind("apps", "Deployment")


def test_empty_values_inside_raw_json_stay() -> None:
    crd = simple("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    schema = {"type": "object", "properties": {"a": {"type": "array", "default": []}, "b": {"default": {}}}}
    crd["spec"] = {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}
    assert admit(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == schema


@pytest.mark.parametrize("kind", ["missing-type", "two-storage", "wrong-name"])
def test_definitions_that_cannot_be_served(kind: str) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"spec": {"type": "object"}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crd: Object = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.x.io"},
        "spec": {
            "group": "x.io",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [version],
        },
    }
    assert problems(crd) == []
    if kind == "missing-type":
        schema["properties"]["spec"].pop("type")
        path = "spec.validation.openAPIV3Schema.properties[spec].type"
        assert problems(crd) == [f"{path}: Required value: must not be empty for specified object fields"]
    elif kind == "two-storage":
        crd["spec"]["versions"].append({**version, "name": "v2"})
        assert problems(crd)[0].endswith("must have exactly one version marked as storage version")
    else:
        crd["metadata"]["name"] = "w.x.io"
        assert problems(crd) == ['metadata.name: Invalid value: "w.x.io": must be spec.names.plural+"."+spec.group']
