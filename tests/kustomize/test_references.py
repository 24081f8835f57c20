"""Name references and vars."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.kustomize import KustomizeError
from fluxkit.kustomize.configuration import default_configuration
from tests.kustomize.trees import built

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec:
  volumes: [{configMap: {name: cm}}, {secret: {secretName: s}}]
  containers: [{env: [{valueFrom: {configMapKeyRef: {name: cm}}}], envFrom: [{secretRef: {name: other}}]}]
  serviceAccountName: sa
"""


@pytest.mark.contract("KZB-147", "KZB-150", "KZB-153")
def test_references_follow_renames_and_hashes(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "kustomization.yaml": "resources: [a.yaml]\nnamePrefix: p-\nconfigMapGenerator: [{name: cm}]\n"
            "secretGenerator: [{name: s}]",
            "a.yaml": POD + "---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: sa}}\n",
        },
    )
    names = [item["metadata"]["name"] for item in found]
    spec = found[0]["spec"]
    assert names == ["p-pod", "p-sa", names[2], names[3]]
    assert spec["volumes"] == [{"configMap": {"name": names[2]}}, {"secret": {"secretName": names[3]}}]
    assert spec["containers"][0]["env"][0]["valueFrom"]["configMapKeyRef"]["name"] == names[2]
    assert spec["containers"][0]["envFrom"][0]["secretRef"]["name"] == "other"
    assert spec["serviceAccountName"] == "p-sa"


@pytest.mark.contract("KZB-079", "KZB-148", "KZB-151", "KZB-152")
def test_role_bindings(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "kustomization.yaml": "resources: [a.yaml]\nnamePrefix: p-\nnamespace: ns1",
            "a.yaml": """\
                apiVersion: rbac.authorization.k8s.io/v1
                kind: RoleBinding
                metadata: {name: rb}
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: r}
                subjects:
                - {kind: ServiceAccount, name: sa}
                - {kind: ServiceAccount, name: stranger, namespace: far}
                ---
                {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r}}
                ---
                {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}}
                ---
                {apiVersion: v1, kind: ServiceAccount, metadata: {name: sa}}
                """,
        },
    )
    assert found[0]["roleRef"]["name"] == "p-r"
    assert found[0]["subjects"] == [
        {"kind": "ServiceAccount", "name": "p-sa", "namespace": "ns1"},
        {"kind": "ServiceAccount", "name": "stranger", "namespace": "far"},
    ]


@pytest.mark.contract("KZB-148", "KZB-149")
def test_prefixes_tell_candidates_apart(tmp_path: Path) -> None:
    base = "resources: [a.yaml]\nconfigMapGenerator: [{name: cm, literals: [a=%s], options: {disableNameSuffixHash: true}}]"  # noqa: E501
    found = built(
        tmp_path,
        {
            "one/kustomization.yaml": base % 1 + "\nnamePrefix: one-",
            "one/a.yaml": POD,
            "two/kustomization.yaml": base % 2 + "\nnamePrefix: two-",
            "two/a.yaml": POD,
            "kustomization.yaml": "resources: [one, two]",
        },
    )
    assert [item["spec"]["volumes"][0]["configMap"]["name"] for item in (found[0], found[2])] == ["one-cm", "two-cm"]


@pytest.mark.contract("KZB-151", "KZB-152")
@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "subjects: [{kind: ServiceAccount, name: sa, namespace: null}]",
            "Invalid Input: namespace is blank for resource",
        ),
        ("subjects: [{kind: ServiceAccount}]", "path config error; no 'name' field in node"),
    ],
)
def test_bad_subjects(tmp_path: Path, rest: str, message: str) -> None:
    text = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: rb}\n" + rest
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": text})
    assert message in str(caught.value)


@pytest.mark.contract("KZB-154", "KZB-155", "KZB-156", "KZB-164")
def test_references_of_custom_resources_need_configuration(tmp_path: Path) -> None:
    release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec: {valuesFrom: [{name: cm}]}\n"  # noqa: E501
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\nnamePrefix: p-\nconfigMapGenerator: [{name: cm}]",
        "a.yaml": release,
    }
    assert built(tmp_path, files)[0]["spec"] == {"valuesFrom": [{"name": "cm"}]}
    files["kustomization.yaml"] = str(files["kustomization.yaml"]) + "\nconfigurations: [c.yaml]"
    files["c.yaml"] = (
        "nameReference: [{kind: ConfigMap, version: v1, fieldSpecs: [{path: spec/valuesFrom/name, kind: HelmRelease}]}]"
    )
    found = built(tmp_path, files)
    assert found[0]["spec"] == {"valuesFrom": [{"name": found[1]["metadata"]["name"]}]}


@pytest.mark.contract("KZB-147", "KZB-155", "KZB-163")
def test_default_rules() -> None:
    """The size of upstream's tables; the kit's cases pin down what is in them."""
    configuration = default_configuration()
    referrers = {str(entry.gvk): len(entry.referrers) for entry in configuration.name_reference}
    assert referrers["ConfigMap.v1.[noGrp]"] == 52
    assert referrers["Secret.v1.[noGrp]"] == 69
    assert len(configuration.var_reference) == 72
    assert not any(spec.kind == "HelmRelease" for entry in configuration.name_reference for spec in entry.referrers)


def _vars(root: Path, var: str, value: str, files: dict[str, str | bytes] | None = None) -> Any:
    text = f"resources: [a.yaml]\nnamePrefix: p-\nvars: [{var}]"
    service = "{apiVersion: v1, kind: Service, metadata: {name: svc}, spec: {port: 80, on: true}}\n---\n"
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: pod}}\nspec: {{containers: [{{args: {value}}}]}}\n"
    found = built(root, {"kustomization.yaml": text, "a.yaml": service + pod, **(files or {})})
    return found[1]["spec"]["containers"][0]["args"]


@pytest.mark.contract("KZB-157", "KZB-158", "KZB-160", "KZB-161")
@pytest.mark.parametrize(
    ("fieldref", "args", "result"),
    [
        ("", '["$(V)"]', ["p-svc"]),
        ("", '["a $(V) b$(V)"]', ["a p-svc bp-svc"]),
        ("", '["$(W) $$(V) $(V"]', ["$(W) $(V) $(V"]),
        (", fieldref: {fieldpath: spec.port}", '["$(V)", "x$(V)"]', [80, "x80"]),
    ],
)
def test_vars(tmp_path: Path, fieldref: str, args: str, result: list[Any]) -> None:
    var = "{name: V, objref: {apiVersion: v1, kind: Service, name: svc}" + fieldref + "}"
    assert _vars(tmp_path, var, args) == result


@pytest.mark.contract("KZB-157", "KZB-158", "KZB-159", "KZB-162")
@pytest.mark.parametrize(
    ("var", "args", "message"),
    [
        (
            "{name: V, objref: {kind: Nothing, name: svc}}",
            "[a]",
            "var '{V Nothing.[noVer].[noGrp] {metadata.name}}' cannot be mapped to a field",
        ),
        (
            "{name: V, objref: {apiVersion: v1, kind: Service, name: svc}, fieldref: {fieldPath: spec.no}}",
            "[a]",
            "not found in corresponding resource",
        ),
        (
            "{name: V, objref: {apiVersion: v1, kind: Service, name: svc}}, "
            "{name: V, objref: {apiVersion: v1, kind: Service, name: svc}}",
            "[a]",
            "var 'V' already encountered",
        ),
        ("{name: V, objref: {apiVersion: v1, kind: Service, name: svc}}", "[1]", "invalid value type expect a string"),
    ],
)
def test_bad_vars(tmp_path: Path, var: str, args: str, message: str) -> None:
    with pytest.raises(KustomizeError) as caught:
        _vars(tmp_path, var, args)
    assert message in str(caught.value)
