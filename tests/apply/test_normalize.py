"""What becomes of an object before it is sent."""

import base64
import copy
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from fluxkit.apply import CommonMetadata, Owner
from fluxkit.apply.normalize import comparable, normalize, prepare
from fluxkit.timestamps import now

OWNER = Owner("apps", "flux-system")


def workload(spec: dict[str, Any], kind: str = "Deployment") -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": "y"},
        "spec": {"template": {"spec": spec}},
    }


def pod_spec(obj: dict[str, Any]) -> Any:
    return obj["spec"]["template"]["spec"]


@pytest.mark.contract("KUS-177")
def test_fields_that_a_native_kind_lacks_disappear() -> None:
    given = workload({"containers": [{"name": "a", "image": "b", "replicas": 3}], "typo": True})
    given["spec"]["unknown"] = {"x": 1}
    before = copy.deepcopy(given)
    result = normalize(given)
    assert "unknown" not in result["spec"]
    assert pod_spec(result) == {"containers": [{"name": "a", "image": "b"}]}
    assert given == before


@pytest.mark.contract("KUS-177")
def test_custom_resources_and_definitions_keep_everything() -> None:
    custom = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": {"a": None, "b": []}}
    assert normalize(custom) == custom
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {"madeUp": []},
    }
    assert normalize(definition) == definition


@pytest.mark.contract("KUS-177")
def test_empty_structs_stay_while_nulls_and_empty_lists_go() -> None:
    spec = {
        "containers": [{"name": "a", "image": "b", "env": [], "resources": {"limits": {"cpu": 1}}}],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "nodeSelector": {},
        "securityContext": None,
    }
    assert pod_spec(normalize(workload(spec))) == {
        "containers": [{"name": "a", "image": "b", "resources": {"limits": {"cpu": 1}}}],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


@pytest.mark.contract("KUS-178")
def test_a_wrong_type_leaves_the_object_to_the_server() -> None:
    given = workload({"containers": [{"name": "a", "ports": [{"containerPort": "http"}]}], "typo": True})
    result = normalize(given)
    assert result["spec"] == given["spec"]


@pytest.mark.contract("KUS-179")
@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_roles_are_left_alone(kind: str) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "x", "creationTimestamp": "2020-01-01T00:00:00Z"},
        "rules": [],
        "extra": 1,
    }
    assert normalize(role) == role


@pytest.mark.contract("KUS-180")
def test_string_data_is_merged_into_data() -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "x"},
        "data": {"a": base64.b64encode(b"old").decode(), "b": base64.b64encode(b"kept").decode()},
        "stringData": {"a": "neü", "c": ""},
    }
    result = normalize(secret)
    assert "stringData" not in result
    assert {key: base64.b64decode(value).decode() for key, value in result["data"].items()} == {
        "a": "neü",
        "b": "kept",
        "c": "",
    }


@pytest.mark.contract("KUS-178", "KUS-180")
def test_a_secret_that_is_not_base64_is_left_to_the_server() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {"a": "%%"}, "stringData": {"b": "c"}}
    assert normalize(secret) == secret


@pytest.mark.contract("KUS-181")
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"])
def test_container_ports_are_tcp_unless_they_say_otherwise(kind: str) -> None:
    container = {"name": "a", "ports": [{"containerPort": 1}, {"containerPort": 2, "protocol": "UDP"}]}
    result = pod_spec(normalize(workload({"containers": [container], "initContainers": [container]}, kind)))
    assert [port["protocol"] for port in result["containers"][0]["ports"]] == ["TCP", "UDP"]
    assert "protocol" not in result["initContainers"][0]["ports"][0]


@pytest.mark.contract("KUS-181")
def test_pods_cron_jobs_and_services_too() -> None:
    spec = {"containers": [{"name": "a", "ports": [{"containerPort": 1}]}]}
    pod = normalize({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec})
    assert pod["spec"]["containers"][0]["ports"][0]["protocol"] == "TCP"
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}},
    }
    nested = normalize(cron)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert nested["containers"][0]["ports"][0]["protocol"] == "TCP"
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"ports": [{"port": 80}]}}
    assert normalize(service)["spec"]["ports"] == [{"port": 80, "protocol": "TCP"}]


@pytest.mark.contract("KUS-182")
def test_status_and_creation_timestamp_go_but_definitions_keep_status() -> None:
    given = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "x", "creationTimestamp": "2020-01-01T00:00:00Z"},
        "status": {"a": 1},
    }
    result = normalize(given)
    assert result.get("status") is None
    assert result["metadata"].get("creationTimestamp") is None
    definition = {**given, "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    assert normalize(definition)["status"] == {"a": 1}


def certificate() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now(), now())
    return builder.sign(key, None).public_bytes(serialization.Encoding.PEM)


def definition_with(bundle: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": bundle, "url": "https://x"}}}},
    }


@pytest.mark.contract("KUS-183")
@pytest.mark.parametrize(
    ("bundle", "kept"),
    [
        ("Cg==", False),
        ("not base64!", False),
        (base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").decode(), False),
        (base64.b64encode(certificate()).decode(), True),
        (base64.b64encode(b"noise\n" + certificate()).decode(), True),
    ],
)
def test_a_ca_bundle_that_is_no_certificate_is_dropped(bundle: str, kept: bool) -> None:
    config = normalize(definition_with(bundle))["spec"]["conversion"]["webhook"]["clientConfig"]
    assert ("caBundle" in config) is kept
    assert config["url"] == "https://x"


@pytest.mark.contract("KUS-175", "RUN-052")
def test_owner_labels_are_set_on_every_object() -> None:
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "y"}}},
        {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "b"}},
    ]
    first, second = prepare(objects, OWNER, CommonMetadata())
    owner = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    assert first["metadata"]["labels"] == {"x": "y", **owner}
    assert second["metadata"]["labels"] == owner
    assert "labels" not in objects[1]["metadata"]


@pytest.mark.contract("KUS-176")
def test_common_metadata_overrides_top_level_metadata_only() -> None:
    given = workload({"containers": [{"name": "a"}]})
    given["metadata"]["labels"] = {"team": "red", "app": "x"}
    given["spec"]["template"]["metadata"] = {"labels": {"team": "red"}}
    given["spec"]["selector"] = {"matchLabels": {"team": "red"}}
    (result,) = prepare([given], OWNER, CommonMetadata(labels={"team": "blue"}, annotations={"note": "hi"}))
    assert result["metadata"]["labels"]["team"] == "blue"
    assert result["metadata"]["labels"]["app"] == "x"
    assert result["metadata"]["annotations"] == {"note": "hi"}
    assert result["spec"]["template"]["metadata"]["labels"] == {"team": "red"}
    assert result["spec"]["selector"]["matchLabels"] == {"team": "red"}


@pytest.mark.contract("KUS-199")
def test_repeated_and_empty_metrics_do_not_count() -> None:
    metric = {"type": "Resource", "resource": {"name": "cpu"}}
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"metrics": [metric]}}
    doubled = {**scaler, "spec": {"metrics": [metric, metric, {"type": ""}]}}
    assert comparable(scaler) == comparable(doubled)
