"""Namespace, prefixes and suffixes, labels and annotations."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.kustomize import KustomizeError
from tests.kustomize.trees import CONFIG_MAP, DEPLOYMENT, built, one


def _resource(api_version: str, kind: str, rest: str = "") -> str:
    return f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: cm}}\n{rest}"


@pytest.mark.contract("KZB-055", "KZB-056", "KZB-057", "KZB-077", "KZB-078")
@pytest.mark.parametrize(
    ("api_version", "kind", "namespace"),
    [
        ("v1", "ConfigMap", "ns1"),
        ("v1", "Node", None),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", None),
        ("storage.k8s.io/v1", "StorageClass", None),
        ("storage.k8s.io/v1", "CSIStorageCapacity", "ns1"),
        ("example.com/v1", "ClusterThing", "ns1"),
        ("example.com/v1", "Namespace", "ns1"),
        ("policy/v1", "PodSecurityPolicy", "ns1"),
    ],
)
def test_namespace_by_scope(tmp_path: Path, api_version: str, kind: str, namespace: str | None) -> None:
    found = one(tmp_path, "namespace: ns1", _resource(api_version, kind))
    assert found["metadata"].get("namespace") == namespace
    assert found["metadata"]["name"] == "cm"


@pytest.mark.contract("KZB-078")
def test_namespace_renames_namespaces_and_fills_services(tmp_path: Path) -> None:
    assert one(tmp_path, "namespace: ns1", _resource("v1", "Namespace"))["metadata"] == {"name": "ns1"}
    service = _resource("apiregistration.k8s.io/v1", "APIService", "spec: {service: {name: a}}")
    assert one(tmp_path, "namespace: ns1", service)["spec"] == {"service": {"name": "a", "namespace": "ns1"}}
    crd = _resource(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "spec: {conversion: {webhook: {clientConfig: {service: {name: a, namespace: b}}}}}",
    )
    found = one(tmp_path, "namespace: ns1", crd)["spec"]["conversion"]["webhook"]["clientConfig"]["service"]
    assert found == {"name": "a", "namespace": "ns1"}
    bare = _resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "spec: {}")
    assert one(tmp_path, "namespace: ns1", bare)["spec"] == {}


BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rb}
subjects:
- {kind: ServiceAccount, name: default}
- {kind: ServiceAccount, name: other, namespace: elsewhere}
- {kind: User, name: default}
"""


@pytest.mark.contract("KZB-079", "KZB-082")
@pytest.mark.parametrize(
    ("mode", "namespaces"),
    [
        ("", ["ns1", "elsewhere", "ns1"]),
        ("setRoleBindingSubjects: none", [None, "elsewhere", None]),
        ("setRoleBindingSubjects: allServiceAccounts", ["ns1", "ns1", None]),
    ],
)
def test_subjects(tmp_path: Path, mode: str, namespaces: list[str | None]) -> None:
    plugin = f"apiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {{name: a, namespace: ns1}}\n{mode}\n"
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]",
        "a.yaml": BINDING,
        "t.yaml": plugin,
    }
    assert [subject.get("namespace") for subject in built(tmp_path, files)[0]["subjects"]] == namespaces


@pytest.mark.contract("KZB-082")
def test_namespace_plugin_options(tmp_path: Path) -> None:
    plugin = "apiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {name: a, namespace: ns1}\n"
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]",
        "a.yaml": CONFIG_MAP + "  namespace: own\n",
        "t.yaml": plugin + "unsetOnly: true\n",
    }
    assert built(tmp_path, files)[0]["metadata"]["namespace"] == "own"
    with pytest.raises(KustomizeError, match='must be one of "defaultOnly", "none" or "allServiceAccounts"'):
        built(tmp_path, {**files, "t.yaml": plugin + "setRoleBindingSubjects: some\n"})
    specs = "fieldSpecs: [{path: data, create: true}]\n"
    with pytest.raises(KustomizeError, match="namespace field specs must target scalar nodes"):
        built(tmp_path, {**files, "a.yaml": CONFIG_MAP + "data: {a: b}\n", "t.yaml": plugin + specs})


@pytest.mark.contract("KZB-080")
def test_namespace_conflicts(tmp_path: Path) -> None:
    two = CONFIG_MAP + "  namespace: a\n---\n" + CONFIG_MAP + "  namespace: b\n"
    with pytest.raises(KustomizeError, match="namespace transformation produces ID conflict"):
        built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]\nnamespace: ns1", "a.yaml": two})


@pytest.mark.contract("KZB-084", "KZB-085")
@pytest.mark.parametrize(
    ("api_version", "kind", "name"),
    [
        ("v1", "ConfigMap", "p-cm-s"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "cm"),
        ("v1", "Namespace", "cm"),
        ("example.com/v1", "Namespace", "cm"),
        ("apiregistration.k8s.io/v1", "APIService", "cm"),
        ("example.com/v1", "APIService", "p-cm-s"),
    ],
)
def test_affixes(tmp_path: Path, api_version: str, kind: str, name: str) -> None:
    found = one(tmp_path, "namePrefix: p-\nnameSuffix: -s", _resource(api_version, kind))
    assert found["metadata"]["name"] == name


@pytest.mark.contract("KZB-088", "KZB-089")
@pytest.mark.parametrize(
    ("fields", "metadata", "selector", "template"),
    [
        ("labels: [{pairs: {a: b}}]", {"a": "b"}, None, None),
        ("labels: [{pairs: {a: b}, includeTemplates: true}]", {"a": "b"}, None, {"a": "b"}),
        ("labels: [{pairs: {a: b}, includeSelectors: true}]", {"a": "b"}, {"a": "b"}, {"a": "b"}),
        ("commonLabels: {a: '1'}", {"a": "1"}, {"a": "1"}, {"a": "1"}),
        ("labels: [{pairs: {a: b}}]\ncommonLabels: {a: c}", {"a": "c"}, {"a": "c"}, {"a": "c"}),
        ("labels: [{pairs: {a: b}}, {pairs: {a: c, d: e}}]", {"a": "c", "d": "e"}, None, None),
    ],
)  # fmt: skip
def test_labels(tmp_path: Path, fields: str, metadata: Any, selector: Any, template: Any) -> None:
    found = one(tmp_path, fields, DEPLOYMENT)
    assert found["metadata"]["labels"] == metadata
    assert found["spec"].get("selector", {}).get("matchLabels") == selector
    assert found["spec"]["template"].get("metadata", {}).get("labels") == template


@pytest.mark.contract("KZB-088", "KZB-090")
def test_labels_at_own_fields(tmp_path: Path) -> None:
    fields = "labels: [{pairs: {a: b}, fields: [{path: spec/x, create: true}, {path: spec/y}]}]"
    assert one(tmp_path, fields, _resource("e.com/v1", "A", "spec: {}"))["spec"] == {"x": {"a": "b"}}
    with pytest.raises(KustomizeError, match="failed to merge labels: conflicting fieldspecs"):
        one(tmp_path, "labels: [{pairs: {a: b}, fields: [{path: metadata/labels}]}]")


@pytest.mark.contract("KZB-091", "KZB-092")
@pytest.mark.parametrize(
    ("resource", "selector"),
    [
        (_resource("serving.knative.dev/v1", "Service", "spec: {}"), {"a": "b"}),
        (_resource("v1", "Service", "spec: {selector: {x: y}}"), {"x": "y", "a": "b"}),
        (_resource("policy/v1", "PodDisruptionBudget", "spec: {}"), None),
        (
            _resource("policy/v1", "PodDisruptionBudget", "spec: {selector: {matchLabels: {}}}"),
            {"matchLabels": {"a": "b"}},
        ),
        (
            _resource("batch/v1", "Job", "spec: {selector: {matchLabels: {x: y}}}"),
            {"matchLabels": {"x": "y", "a": "b"}},
        ),
    ],
)
def test_selectors(tmp_path: Path, resource: str, selector: Any) -> None:
    assert one(tmp_path, "commonLabels: {a: b}", resource)["spec"].get("selector") == selector


@pytest.mark.contract("KZB-093")
def test_annotations(tmp_path: Path) -> None:
    found = one(tmp_path, "commonAnnotations: {a: '1'}", DEPLOYMENT)
    assert found["metadata"]["annotations"] == {"a": "1"}
    assert found["spec"]["template"]["metadata"] == {"annotations": {"a": "1"}}


@pytest.mark.contract("KZB-094", "KZB-095", "KZB-096")
@pytest.mark.parametrize(
    ("path", "spec", "expected"),
    [
        ("spec/a/b", "{}", {"a": {"b": {"k": "v"}}}),
        ("/spec/a", "{}", {"a": {"k": "v"}}),
        (r"spec/a\/b", "{}", {"a/b": {"k": "v"}}),
        ("spec/l/a", "{l: [{}, {a: {x: y}}]}", {"l": [{"a": {"k": "v"}}, {"a": {"x": "y", "k": "v"}}]}),
        ("spec/l[]/a", "{l: [{}]}", {"l": [{"a": {"k": "v"}}]}),
        ("spec/l[]/a", "{}", {}),
        ("spec/a", "{a: null}", {"a": {"k": "v"}}),
        ("spec/a/b", "{a: null}", {"a": {"b": {"k": "v"}}}),
    ],
)
def test_field_specs(tmp_path: Path, path: str, spec: str, expected: Any) -> None:
    fields = f"labels: [{{pairs: {{k: v}}, fields: [{{path: '{path}', create: true}}]}}]"
    assert one(tmp_path, fields, _resource("e.com/v1", "A", f"spec: {spec}"))["spec"] == expected


@pytest.mark.contract("KZB-096")
def test_scalars_on_a_path_are_errors(tmp_path: Path) -> None:
    fields = "labels: [{pairs: {k: v}, fields: [{path: spec/a/b, create: true}]}]"
    with pytest.raises(KustomizeError) as caught:
        one(tmp_path, fields, _resource("e.com/v1", "A", "spec: {a: 1}"))
    assert str(caught.value) == (
        "considering field 'spec/a/b' of object A.v1.e.com/cm.[noNs]: expected sequence or mapping node"
    )
    assert caught.value.resource == "A.v1.e.com/cm.[noNs]"
    assert caught.value.field == "spec/a/b"


@pytest.mark.contract("KZB-120")
@pytest.mark.parametrize(
    ("overlay", "selector", "annotation"),
    [
        (
            "patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: app, labels: {a: c}}}'}]",
            "c",
            "one",
        ),
        ("labels: [{pairs: {a: c}}]", "c", "one"),
        ("replacements: [{sourceValue: c, targets: [{select: {}, fieldPaths: [metadata.labels.a]}]}]", "c", "one"),
        ("replacements: [{sourceValue: c, targets: [{select: {}, fieldPaths: [metadata.annotations.k]}]}]", "b", "c"),
        (
            "patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: app, labels: {a: null}}}'}]",
            "b",
            "one",
        ),
        (
            "patches: [{patch: '- {op: replace, path: /metadata/labels/a, value: c}', target: {kind: Deployment}}]",
            "b",
            "one",
        ),
    ],
)
def test_entries_added_together_change_together(tmp_path: Path, overlay: str, selector: str, annotation: str) -> None:
    """Upstream's transformers put one node in several places; only rebuilding the resource from JSON parts them."""
    found = built(
        tmp_path,
        {
            "base/kustomization.yaml": "resources: [a.yaml]\ncommonLabels: {a: b}\ncommonAnnotations: {k: one}",
            "base/a.yaml": DEPLOYMENT,
            "kustomization.yaml": f"resources: [base]\n{overlay}",
        },
    )
    assert found[0]["spec"]["selector"]["matchLabels"] == {"a": selector}
    assert found[0]["spec"]["template"]["metadata"] == {"labels": {"a": selector}, "annotations": {"k": annotation}}
