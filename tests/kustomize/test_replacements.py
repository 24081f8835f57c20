"""Replacements."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.kustomize import KustomizeError
from fluxkit.kustomize.paths import split_field_path
from tests.kustomize.trees import built

RESOURCES = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: source, labels: {role: src}}
data: {text: a-b-c, number: "8080", map: {x: y}}
---
apiVersion: e.com/v1
kind: T
metadata: {name: target, labels: {role: t}}
spec:
  text: old
  number: 1
  host: a.b.c
  list: [{name: nginx, image: i}, {name: nginx-2, image: j}]
  json: '{"k": {"v": 1}, "l": [1]}'
  yaml: |-
    k: "v"
    list:
      - a
"""


def _spec(root: Path, source: str, target: str) -> dict[str, Any]:
    text = (
        f"resources: [a.yaml]\nreplacements:\n- source: {{kind: ConfigMap, name: source, {source}}}\n"
        f"  targets: [{{select: {{kind: T}}, {target}}}]\n"
    )
    found: dict[str, Any] = built(root, {"kustomization.yaml": text, "a.yaml": RESOURCES})[1]
    return found["spec"] | {"metadata": found["metadata"]}


@pytest.mark.contract(
    "KZB-134", "KZB-135", "KZB-136", "KZB-140", "KZB-141", "KZB-142", "KZB-143", "KZB-144", "KZB-145", "KZB-205"
)
@pytest.mark.parametrize(
    ("source", "target", "path", "value"),
    [
        ("fieldPath: data.text", "fieldPaths: [spec.text]", "text", "a-b-c"),
        ("fieldPath: data.number", "fieldPaths: [spec.number]", "number", 8080),
        ("fieldPath: data.number", "fieldPaths: [spec.text]", "text", "8080"),
        ("fieldPath: data.number", "fieldPaths: [spec.new], options: {create: true}", "new", 8080),
        ("fieldPath: data.map", "fieldPaths: [spec.list]", "list", {"x": "y"}),
        ("options: {}", "fieldPaths: [spec.text]", "text", "source"),
        ("fieldPath: data.text, options: {delimiter: '-', index: 1}", "fieldPaths: [spec.text]", "text", "b"),
        ("fieldPath: data.number", "fieldPaths: [spec.host], options: {delimiter: ., index: 1}", "host", "a.8080.c"),
        ("fieldPath: data.number", "fieldPaths: [spec.host], options: {delimiter: ., index: 9}", "host", "a.b.c.8080"),
        ("fieldPath: data.number", "fieldPaths: [spec.host], options: {delimiter: ., index: -1}", "host", "8080.a.b.c"),
        ("fieldPath: data.number", "fieldPaths: ['spec.list.[name=^nginx$].image']", "list",
         [{"name": "nginx", "image": "8080"}, {"name": "nginx-2", "image": "j"}]),
        ("fieldPath: data.number", "fieldPaths: ['spec.list.[name=nginx].image']", "list",
         [{"name": "nginx", "image": "8080"}, {"name": "nginx-2", "image": "8080"}]),
        ("fieldPath: data.number", "fieldPaths: ['spec.list.*.image']", "list",
         [{"name": "nginx", "image": "8080"}, {"name": "nginx-2", "image": "8080"}]),
        ("fieldPath: data.number", "fieldPaths: [spec.list.1.image]", "list",
         [{"name": "nginx", "image": "i"}, {"name": "nginx-2", "image": "8080"}]),
        ("fieldPath: data.text", "fieldPaths: ['spec.list.[name=third].image'], options: {create: true}", "list",
         [{"name": "nginx", "image": "i"}, {"name": "nginx-2", "image": "j"}, {"name": "third", "image": "a-b-c"}]),
        ("fieldPath: data.number", "fieldPaths: [spec.json.k.v]", "json", '{"k":{"v":8080},"l":[1]}'),
        ("fieldPath: data.text", "fieldPaths: [spec.yaml.k]", "yaml", 'k: "a-b-c"\nlist:\n- a'),
        ("fieldPath: data.text", "fieldPaths: ['metadata.labels.[a.b/c]'], options: {create: true}", "metadata",
         {"name": "target", "labels": {"role": "t", "a.b/c": "a-b-c"}}),
    ],
)  # fmt: skip
def test_values(tmp_path: Path, source: str, target: str, path: str, value: Any) -> None:
    assert _spec(tmp_path, source, target)[path] == value


@pytest.mark.contract("KZB-133", "KZB-134", "KZB-135", "KZB-136", "KZB-137", "KZB-139", "KZB-141", "KZB-144")
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{source: {name: source}}", "replacements must specify a source and at least one target"),
        ("{source: {name: source}, targets: []}", "replacements must specify a source and at least one target"),
        ("{targets: []}", "replacements must specify a source and at least one target"),
        ("{path: a.yaml, source: {name: source}}", "cannot specify both path and inline replacement"),
        (
            "{source: {name: source}, sourceValue: x, targets: [{select: {kind: None}}]}",
            "value and resource selectors are mutually exclusive",
        ),
        (
            "{source: {name: nothing}, targets: [{select: {kind: None}}]}",
            "nothing selected by [noKind].[noVer].[noGrp]/nothing.[noNs]",
        ),
        (
            "{source: {version: v1}, targets: [{select: {kind: None}}]}",
            "multiple matches for selector [noKind].v1.[noGrp]/[noName].[noNs]",
        ),
        (
            "{source: {name: source, fieldPath: data.no}, targets: [{select: {kind: None}}]}",
            "fieldPath `data.no` is missing for replacement source [noKind].[noVer].[noGrp]/source.[noNs]",
        ),
        (
            "{source: {name: source, fieldPath: data.text, options: {delimiter: '-', index: 3}}, "
            "targets: [{select: {kind: None}}]}",
            "options.index 3 is out of bounds for value a-b-c",
        ),
        (
            "{source: {name: source, fieldPath: 'data.*'}, targets: [{select: {kind: None}}]}",
            "wildcard is not supported in PathGetter",
        ),
        ("{sourceValue: x, targets: [{fieldPaths: [a]}]}", "target must specify resources to select"),
        (
            "{sourceValue: x, targets: [{select: {kind: T}, fieldPaths: [spec.no]}]}",
            'unable to find field "spec.no" in replacement target',
        ),
        (
            "{sourceValue: x, targets: [{select: {kind: T}, fieldPaths: [spec.list.7.name], options: {create: true}}]}",
            'unable to find or create field "spec.list.7.name" in replacement target: index 7 specified but only 2 elements',  # noqa: E501
        ),
        (
            "{sourceValue: x, targets: [{select: {kind: T}, fieldPaths: [spec.list], options: {delimiter: ','}}]}",
            "delimiter option can only be used with scalar nodes",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    resources = RESOURCES.replace("e.com/v1", "v1")
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, {"kustomization.yaml": f"resources: [a.yaml]\nreplacements: [{entry}]", "a.yaml": resources})
    assert message in str(caught.value)


@pytest.mark.contract("KZB-133", "KZB-137", "KZB-138", "KZB-139", "KZB-146")
@pytest.mark.parametrize(
    ("target", "changed"),
    [
        ("{select: {kind: 'T|Other'}}", True),
        ("{select: {kind: Nothing}}", False),
        ("{select: {name: 'tar.*'}, reject: [{kind: T}]}", False),
        ("{select: {name: 'tar.*'}, reject: [{name: tar}]}", True),
        ("{select: {kind: T}, reject: [{labelSelector: role=t}]}", False),
        ("{select: {kind: T, labelSelector: role=src}}", False),
        ("{select: {name: target}}", True),
        ("{select: {name: p-target}}", True),
    ],
)
def test_targets(tmp_path: Path, target: str, changed: bool) -> None:
    fields = target.removesuffix("}") + ", fieldPaths: [spec.text]}"
    text = "resources: [a.yaml]\nnamePrefix: p-\nreplacements: [{path: r.yaml}]"
    files: dict[str, str | bytes] = {
        "kustomization.yaml": text,
        "a.yaml": RESOURCES,
        "r.yaml": f"- {{sourceValue: x, targets: [{fields}]}}\n",
    }
    assert (built(tmp_path, files)[1]["spec"]["text"] == "x") == changed


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a.b", ("a", "b")),
        (r"a\.b.c", ("a.b", "c")),
        ("a.[n=x.y].b", ("a", "[n=x.y]", "b")),
        ("a.[b.c/d]", ("a", "b.c/d")),
        ("a.0.-", ("a", "0", "-")),
    ],
)
def test_field_paths(path: str, parts: tuple[str, ...]) -> None:
    assert split_field_path(path) == parts
