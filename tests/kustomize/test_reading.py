"""Reading resources."""

from pathlib import Path

import pytest

from fluxkit.kustomize import KustomizeError
from tests.kustomize.trees import CONFIG_MAP, built, one


@pytest.mark.contract("KZB-034", "KZB-035", "KZB-036", "KZB-188")
def test_scalars(tmp_path: Path) -> None:
    text = CONFIG_MAP + (
        "data:\n  a: yes\n  b: 010\n  c: 0o10\n  d: 1_000\n  e: 1.0\n  f: 1e3\n  g: 2001-01-01\n  h: !!binary aGk=\n"
        "  i: 123456789012345678901\n  9110: x\n  j: &x {k: 1}\n  l: *x\n  m: {<<: *x, n: 2}\n  o: ~\n"
    )
    assert one(tmp_path, "", text)["data"] == {
        "a": "yes", "b": 8, "c": 8, "d": 1000, "e": 1, "f": 1000, "g": "2001-01-01T00:00:00Z", "h": "hi",
        "i": 1.2345678901234568e20, "9110": "x", "j": {"k": 1}, "l": {"k": 1}, "m": {"k": 1, "n": 2}, "o": None,
    }  # fmt: skip


@pytest.mark.contract("KZB-029", "KZB-030")
def test_documents(tmp_path: Path) -> None:
    text = f"# first\n---\n{CONFIG_MAP}--- # a comment\n\n---\nnull\n---\n{{}}\n---\n{CONFIG_MAP.replace('cm', 'b')}"
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]",
        "a.yaml": text.replace("\n", "\r\n").encode(),
    }
    assert [found["metadata"]["name"] for found in built(tmp_path, files)] == ["cm", "b"]


@pytest.mark.contract("KZB-033")
def test_lists_become_their_items(tmp_path: Path) -> None:
    text = (
        "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n"
        "apiVersion: v1\nkind: FooList\nitems:\n---\napiVersion: v1\nkind: BarList\nspec: {}\n---\n" + CONFIG_MAP
    )
    found = built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": text})
    assert [item["kind"] for item in found] == ["BarList", "ConfigMap", "ConfigMap"]
    assert found[2]["metadata"]["name"] == "a"


@pytest.mark.contract("KZB-016", "KZB-029", "KZB-031", "KZB-032", "KZB-033")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("apiVersion: v1\nmetadata: {name: a}\n", "missing kind in object"),
        (
            "apiVersion: v1\nkind: A\nmetadata: {generateName: a}\n",
            "missing metadata.name in object {{v1 A} {{ } map[] map[]}}",
        ),
        ("- a\n", "missing Resource metadata"),
        ("a: [\n", "MalformedYAMLError: yaml: "),
        (f"{CONFIG_MAP}--- text\n{CONFIG_MAP}", "invalid document separator: --- text"),
        (CONFIG_MAP + "data: {a: 1}\ndata: {b: 1}\n", 'mapping key "data" already defined'),
        ("kind: AList\nitems: {a: 1}\n", "expected array in AList/items"),
        ("kind: AList\nitems: [{metadata: {name: a}}]\n", "missing kind in object"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": text})
    assert message in str(caught.value)


@pytest.mark.contract("KZB-038")
def test_annotations_become_strings_and_labels_do_not(tmp_path: Path) -> None:
    text = CONFIG_MAP + "  annotations: {a: 1, b: true, c: null, d: 1.50}\n  labels: {a: 1}\n"
    assert one(tmp_path, "", text)["metadata"] == {
        "annotations": {"a": "1", "b": "true", "c": "null", "d": "1.50"},
        "labels": {"a": 1},
        "name": "cm",
    }
    empty = CONFIG_MAP + "  annotations: {}\n  labels: {}\n"
    assert one(tmp_path, "", empty)["metadata"] == {"labels": {}, "name": "cm"}


@pytest.mark.contract("KZB-060")
def test_internal_annotations_never_leave(tmp_path: Path) -> None:
    text = CONFIG_MAP + (
        "  annotations:\n    internal.config.kubernetes.io/index: '0'\n    config.kubernetes.io/path: a\n    keep: me\n"
    )
    assert one(tmp_path, "", text)["metadata"]["annotations"] == {"keep": "me"}


@pytest.mark.contract("KZB-186")
@pytest.mark.parametrize(("value", "kept"), [('"true"', False), ('""', False), ("anything", False), ('"false"', True)])
def test_local_configuration(tmp_path: Path, value: str, kept: bool) -> None:
    text = CONFIG_MAP + f"  annotations: {{config.kubernetes.io/local-config: {value}}}\n"
    assert len(built(tmp_path, {"kustomization.yaml": "resources: [a.yaml]", "a.yaml": text})) == kept


def test_folded_scalars_change_as_upstream_changes_them(tmp_path: Path) -> None:
    text = CONFIG_MAP + "data:\n  a: >-\n    f(c,\n      c.x\n    )\n  b: >-\n    one\n    two\n\n    three\n"
    assert one(tmp_path, "", text)["data"] == {"a": "f(c,\n\n  c.x\n)", "b": "one two\nthree"}
