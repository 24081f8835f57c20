"""configurations, crds, openapi, plugins, sort order, build metadata."""

import json
from pathlib import Path
from typing import Any

import pytest

from fluxkit.kustomize import KustomizeError
from tests.kustomize.trees import CONFIG_MAP, DEPLOYMENT, built, one

CUSTOM = "apiVersion: e.com/v1\nkind: Widget\nmetadata: {name: cm}\nspec: {ref: {name: cm}, list: [{id: a, v: 1}]}\n"


@pytest.mark.contract("KZB-086", "KZB-097", "KZB-164", "KZB-165")
@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ("unknown: []", 'json: unknown field "unknown"'),
        (
            "commonAnnotations: [{path: metadata/annotations}]",
            "failed to merge CommonAnnotations fieldSpec: conflicting fieldspecs",
        ),
        ("images: [{path: a, colour: b}]", 'json: unknown field "colour"'),
    ],
)
def test_bad_configurations(tmp_path: Path, configuration: str, message: str) -> None:
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\nconfigurations: [c.yaml]",
        "a.yaml": CONFIG_MAP,
        "c.yaml": configuration,
    }
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, files)
    assert message in str(caught.value)


@pytest.mark.contract("KZB-086", "KZB-165")
def test_configurations_reach_overlays(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "base/kustomization.yaml": "resources: [a.yaml]\nconfigurations: [c.yaml]",
            "base/c.yaml": "namePrefix: [{path: spec/ref/name, kind: Widget}]",
            "base/a.yaml": CUSTOM,
            "kustomization.yaml": "resources: [base]\nnamePrefix: p-",
        },
    )
    assert found[0]["spec"]["ref"] == {"name": "p-cm"}
    assert found[0]["metadata"] == {"name": "p-cm"}


@pytest.mark.contract("KZB-166", "KZB-167", "KZB-168")
def test_crds(tmp_path: Path) -> None:
    types = {
        "e.com.v1.Widget": {
            "Schema": {
                "properties": {
                    "kind": {}, "apiVersion": {}, "metadata": {},
                    "spec": {"$ref": "e.com.v1.WidgetSpec"},
                }
            }
        },
        "e.com.v1.WidgetSpec": {
            "Schema": {
                "properties": {
                    "ref": {"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "ConfigMap"},
                    "notes": {"x-kubernetes-annotation": ""},
                }
            }
        },
        "e.com.v1.Other": {"Schema": {"properties": {"kind": {}}}},
    }  # fmt: skip
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n"
    found = built(
        tmp_path,
        {
            "kustomization.yaml": "resources: [a.yaml]\ncrds: [types.json, crd.yaml]\nconfigMapGenerator: [{name: cm}]",
            "types.json": json.dumps(types),
            "crd.yaml": crd,
            "a.yaml": CUSTOM.replace("name: cm}\nspec", "name: w}\nspec"),
        },
    )
    assert found[0]["spec"]["ref"] == {"name": found[1]["metadata"]["name"]}


OPENAPI = {
    "definitions": {
        "e.Widget": {
            "properties": {"spec": {"$ref": "#/definitions/e.Spec"}},
            "x-kubernetes-group-version-kind": [{"group": "e.com", "version": "v1", "kind": "Widget"}],
        },
        "e.Spec": {
            "properties": {
                "list": {
                    "type": "array", "items": {"type": "object"},
                    "x-kubernetes-patch-merge-key": "id", "x-kubernetes-patch-strategy": "merge",
                }
            }
        },
    }
}  # fmt: skip


@pytest.mark.contract("KZB-006", "KZB-121", "KZB-169")
@pytest.mark.parametrize(("schema", "containers"), [("extend", 2), ("replace", 1)])
def test_openapi(tmp_path: Path, schema: str, containers: int) -> None:
    found = built(
        tmp_path,
        {
            "kustomization.yaml": """\
                resources: [a.yaml, d.yaml]
                openapi: {path: schema.json}
                patches:
                - patch: '{apiVersion: e.com/v1, kind: Widget, metadata: {name: cm}, spec: {list: [{id: b}]}}'
                - patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: app}, spec: {template: {spec: {containers: [{name: b}]}}}}'
                """,  # noqa: E501
            "schema.json": json.dumps(OPENAPI),
            "a.yaml": CUSTOM,
            "d.yaml": DEPLOYMENT,
        },
        schema=schema,
    )
    assert found[0]["spec"]["list"] == [{"id": "b"}, {"id": "a", "v": 1}]
    assert len(found[1]["spec"]["template"]["spec"]["containers"]) == containers


@pytest.mark.contract("KZB-169", "KZB-170")
@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("{version: v1.20.0}", "the specified OpenAPI version is not built in"),
        ("{version: v1.21.2, path: s.json}", "builtin version and custom schema provided, cannot use both"),
        ("{path: bad.json}", "invalid schema file"),
    ],
)
def test_bad_openapi(tmp_path: Path, field: str, message: str) -> None:
    with pytest.raises(KustomizeError, match=message):
        built(tmp_path, {"kustomization.yaml": f"openapi: {field}", "s.json": "{}", "bad.json": "{"})


@pytest.mark.contract("KZB-171", "KZB-172", "KZB-174")
@pytest.mark.parametrize(
    ("field", "plugin", "message"),
    [
        ("transformers", "{apiVersion: e.com/v1, kind: X, metadata: {name: a}}", "external plugins disabled; unable to load external plugin 'X'"),  # noqa: E501
        ("transformers", "{apiVersion: builtin, kind: SortOrderTransformer, metadata: {name: a}}", "unable to load builtin SortOrderTransformer"),  # noqa: E501
        ("transformers", "{apiVersion: builtin, kind: PrefixTransformer, metadata: {name: a}, prefix: x}", "fieldSpecs is not expected to be nil"),  # noqa: E501
        ("transformers", "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: a}}", "not a transformer"),
        ("generators", "{apiVersion: builtin, kind: LabelTransformer, metadata: {name: a}}", "not a generator"),
        ("validators", "{apiVersion: builtin, kind: LabelTransformer, metadata: {name: a}, labels: {a: b}, fieldSpecs: [{path: metadata/labels, create: true}]}",  # noqa: E501
         "validator shouldn't modify the resource map"),
        ("generators", "{apiVersion: builtin, kind: IAMPolicyGenerator, metadata: {name: a}, cloud: moon}", "cloud provider moon not supported yet"),  # noqa: E501
    ],
)  # fmt: skip
def test_bad_plugins(tmp_path: Path, field: str, plugin: str, message: str) -> None:
    files: dict[str, str | bytes] = {
        "kustomization.yaml": f"resources: [a.yaml]\n{field}: [p.yaml]",
        "a.yaml": CONFIG_MAP,
        "p.yaml": plugin,
    }
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, files)
    assert message in str(caught.value)


@pytest.mark.contract("KZB-171", "KZB-172", "KZB-173", "KZB-175")
@pytest.mark.parametrize(
    ("plugin", "metadata"),
    [
        ("kind: LabelTransformer\nlabels: {a: 1}\nfieldSpecs: [{path: metadata/labels, create: true}]", {"labels": {"a": "1"}}),  # noqa: E501
        ("kind: LabelTransformer\nlabels: {a: b}", {}),
        ("kind: AnnotationsTransformer\nannotations: {a: b}\nfieldSpecs: [{path: metadata/annotations, create: true}]", {"annotations": {"a": "b"}}),  # noqa: E501
        ("kind: PrefixSuffixTransformer\nprefix: p-\nsuffix: -s\nfieldSpecs: [{path: metadata/name}]", {"name": "p-cm-s"}),  # noqa: E501
        ("kind: ValueAddTransformer\nvalue: v\ntargets: [{fieldPath: metadata/namespace}]", {"namespace": "v"}),
        ("kind: ValueAddTransformer\nvalue: v\ntargets: [{fieldPath: metadata/x, filePathPosition: 2}]", {"x": "a/v/b"}),  # noqa: E501
        ("kind: PatchTransformer\npatch: '[{\"op\": \"add\", \"path\": \"/metadata/labels\", \"value\": {\"a\": \"b\"}}]'\ntarget: {name: cm}", {"labels": {"a": "b"}}),  # noqa: E501
        ("kind: ReplacementTransformer\nreplacements: [{sourceValue: v, targets: [{select: {name: cm}, fieldPaths: [metadata.x]}]}]", {"x": "v"}),  # noqa: E501
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["inline", "file", "directory"])
def test_plugins(tmp_path: Path, plugin: str, metadata: dict[str, Any], where: str) -> None:
    text = f"apiVersion: builtin\nmetadata: {{name: p}}\n{plugin}\n"
    entry = {"inline": "|-\n  " + text.replace("\n", "\n  "), "file": "p/p.yaml", "directory": "p"}[where]
    files: dict[str, str | bytes] = {
        "kustomization.yaml": f"resources: [a.yaml]\ntransformers:\n- {entry}\n",
        "a.yaml": CONFIG_MAP + "  x: a/b\n",
        "p/kustomization.yaml": "resources: [p.yaml]",
        "p/p.yaml": text,
    }
    assert built(tmp_path, files)[0]["metadata"] == {"name": "cm", "x": "a/b", **metadata}


def _kinds(root: Path, text: str, **options: Any) -> list[str]:
    resources = "\n---\n".join(
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}"
        for kind in ("Service", "ValidatingWebhookConfiguration", "Zebra", "ConfigMap", "Namespace", "Apple")
    )
    found = built(root, {"kustomization.yaml": "resources: [a.yaml]\n" + text, "a.yaml": resources}, **options)
    return [item["kind"][0] for item in found]


@pytest.mark.contract("KZB-178", "KZB-179", "KZB-180", "KZB-181")
@pytest.mark.parametrize(
    ("text", "reorder", "order"),
    [
        ("", "none", "SVZCNA"),
        ("", "legacy", "NCSAZV"),
        ("", "unspecified", "NCSAZV"),
        ("sortOptions: {order: fifo}", "legacy", "SVZCNA"),
        ("sortOptions: {order: legacy}", "none", "NCSAZV"),
        ("sortOptions: {order: legacy, legacySortOptions: {orderFirst: [Zebra]}}", "none", "ZACNSV"),
    ],
)
def test_order(tmp_path: Path, text: str, reorder: str, order: str) -> None:
    assert "".join(_kinds(tmp_path, text, reorder=reorder)) == order


@pytest.mark.contract("KZB-179")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{order: up}", "must be one of .fifo, legacy."),
        ("{order: fifo, legacySortOptions: {}}", "is set but the selected sort order is 'fifo'"),
    ],
)
def test_bad_order(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(KustomizeError, match=message):
        _kinds(tmp_path, f"sortOptions: {options}")


@pytest.mark.contract("KZB-182", "KZB-183", "KZB-185")
def test_origins(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "kustomization.yaml": "resources: [base]\nnamePrefix: p-\nbuildMetadata: [originAnnotations, transformerAnnotations]\n"  # noqa: E501
            "configMapGenerator: [{name: g}]",
            "base/kustomization.yaml": "resources: [a.yaml]\nnamespace: ns1",
            "base/a.yaml": CONFIG_MAP,
        },
    )
    annotations = found[0]["metadata"]["annotations"]
    assert annotations["config.kubernetes.io/origin"] == "path: base/a.yaml\n"
    assert annotations["alpha.config.kubernetes.io/transformations"] == (
        "- configuredIn: base/kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: NamespaceTransformer\n"  # noqa: E501
        "- configuredIn: kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: PrefixTransformer\n"
    )
    assert found[1]["metadata"]["annotations"]["config.kubernetes.io/origin"] == (
        "configuredIn: kustomization.yaml\nconfiguredBy:\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"
    )


@pytest.mark.contract("KZB-184", "KZB-185")
def test_managed_by_and_foreign_origins(tmp_path: Path) -> None:
    text = CONFIG_MAP + "  annotations: {config.kubernetes.io/origin: 'path: x'}\n"
    found = one(tmp_path, "buildMetadata: [managedByLabel]", text)
    assert found["metadata"] == {"name": "cm", "labels": {"app.kubernetes.io/managed-by": "kustomize-v5.8.1"}}
