"""Kubernetes' own types, as other packages ask for them."""

import subprocess
import sys
from pathlib import Path

import pytest

from fluxkit.objects import GroupVersionKind
from fluxkit.schema import kinds, resource_for, resources, type_for, type_named

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")


def node(path: str):  # type: ignore[no-untyped-def]
    root = type_for(DEPLOYMENT)
    assert root is not None
    return root.at(*path.split(".")) if path else root


@pytest.mark.parametrize(
    ("path", "list_type", "keys"),
    [
        ("spec.template.spec.containers", "map", ("name",)),
        ("spec.template.spec.containers.ports", "map", ("containerPort", "protocol")),
        ("spec.template.spec.containers.env", "map", ("name",)),
        ("spec.template.spec.containers.args", "atomic", ()),
        ("spec.template.spec.volumes", "map", ("name",)),
        ("spec.template.spec.tolerations", "atomic", ()),
        ("metadata.finalizers", "set", ()),
        ("metadata.ownerReferences", "map", ("uid",)),
        ("status.conditions", "map", ("type",)),
    ],
)
def test_list_topology(path: str, list_type: str, keys: tuple[str, ...]) -> None:
    found = node(path)
    assert (found.type, found.list_type, found.list_map_keys) == ("array", list_type, keys)


@pytest.mark.parametrize(
    ("path", "map_type"),
    [("spec.selector", "atomic"), ("metadata.labels", "granular"), ("spec.template.spec.nodeSelector", "atomic")],
)
def test_map_topology(path: str, map_type: str) -> None:
    assert node(path).map_type == map_type


@pytest.mark.parametrize(
    ("path", "strategies", "merge_key"),
    [
        ("spec.template.spec.containers", ("merge",), "name"),
        ("spec.template.spec.containers.ports", ("merge",), "containerPort"),
        ("spec.template.spec.volumes", ("merge", "retainKeys"), "name"),
        ("spec.strategy", ("retainKeys",), ""),
        ("spec.template.spec.tolerations", (), ""),
    ],
)
def test_patch_strategies(path: str, strategies: tuple[str, ...], merge_key: str) -> None:
    assert (node(path).patch_strategies, node(path).patch_merge_key) == (strategies, merge_key)


def test_a_port_has_the_default_that_its_list_is_keyed_by() -> None:
    protocol = node("spec.template.spec.containers.ports.protocol")
    assert (protocol.has_default, protocol.default) == (True, "TCP")


def test_numbers_that_may_be_text() -> None:
    limits = node("spec.template.spec.containers.resources.limits")
    assert limits.additional_properties.format == "quantity"
    assert node("spec.strategy.rollingUpdate.maxSurge").int_or_string
    assert node("spec.replicas").format == "int32"


def test_recursive_types_unfold_without_end() -> None:
    root = type_for(GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))
    assert root is not None
    schema = root.at("spec", "versions", "schema", "openAPIV3Schema")
    for _ in range(5):
        assert schema is not None
        schema = schema.at("properties", "anything")
    assert schema is not None
    assert "pattern" in schema.properties


def test_descriptions_come_with_fields_and_types() -> None:
    assert node("spec.replicas").description.startswith("Number of desired pods")
    assert type_named("io.k8s.api.core.v1.Pod").description.startswith("Pod is a collection of containers")


def test_unknown_kinds_have_no_type() -> None:
    assert type_for(GroupVersionKind("apps", "v1", "Widget")) is None
    with pytest.raises(KeyError):
        type_named("io.k8s.api.core.v1.Widget")


@pytest.mark.parametrize(
    ("gvk", "plural", "namespaced", "short", "subresources"),
    [
        (DEPLOYMENT, "deployments", True, ("deploy",), {"scale", "status"}),
        (GroupVersionKind("", "v1", "Node"), "nodes", False, ("no",), {"proxy", "status"}),
        (GroupVersionKind("", "v1", "Endpoints"), "endpoints", True, ("ep",), set()),
        (GroupVersionKind("networking.k8s.io", "v1", "Ingress"), "ingresses", True, ("ing",), {"status"}),
        (GroupVersionKind("rbac.authorization.k8s.io", "v1", "ClusterRole"), "clusterroles", False, (), set()),
    ],
)
def test_how_kinds_are_served(
    gvk: GroupVersionKind, plural: str, namespaced: bool, short: tuple[str, ...], subresources: set[str]
) -> None:
    found = resource_for(gvk)
    assert found is not None
    assert (found.plural, found.namespaced, found.short_names) == (plural, namespaced, short)
    assert set(found.subresources) == subresources


def test_every_resource_has_a_type_with_metadata() -> None:
    assert len(resources()) == len({(each.group, each.version, each.plural) for each in resources()})
    for each in resources():
        root = type_for(each.gvk)
        assert root is not None, each
        assert root.type == "object"
        assert root.child("metadata") is not None, each
    assert {each.gvk for each in resources()} <= kinds()


def test_alpha_and_beta_versions_are_off_by_default() -> None:
    assert DEPLOYMENT in {each.gvk for each in resources() if each.enabled_by_default}
    assert not any("beta" in each.version for each in resources() if each.enabled_by_default)


def test_the_data_files_are_what_the_generator_writes() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate_schema.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
