"""What upstream's YAML nodes remember beside their values: the style they are written in, and annotations in which the
build notes down what it did. Found by comparing random and public kustomizations with the real tool.
"""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from fluxkit.kustomize import KustomizeError
from tests.kustomize.trees import CONFIG_MAP, built, one

QUOTED = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: cm
data:
  double: "3"
  single: 'x'
  plain: x
  block: |
    x
  number: 3
"""


def patched(root: Path, values: str, **options: Any) -> dict[str, Any]:
    """The data of a ConfigMap after a strategic merge patch."""
    patch = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\ndata:\n" + values
    text = "resources: [resource.yaml]\npatches:\n- patch: |\n" + "".join(
        f"    {line}\n" for line in patch.splitlines()
    )
    data: dict[str, Any] = one(root, text, QUOTED, **options)["data"]
    return data


@pytest.mark.contract("KZB-120")
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("double", "5", "5"),
        ("single", "true", "true"),
        ("block", "1.50", "1.50"),
        ("double", "2001-01-01", "2001-01-01"),
        ("plain", "5", 5),
        ("plain", "true", True),
        ("number", '"5"', "5"),
        ("number", "5", 5),
        ("new", "5", 5),
    ],
)
def test_what_replaces_a_quoted_scalar_is_a_string(tmp_path: Path, key: str, value: str, expected: object) -> None:
    """`cpu: 2` over `cpu: "1"` gives `cpu: "2"`."""
    assert patched(tmp_path, f"  {key}: {value}\n")[key] == expected


def test_replicas_keep_the_quotes(tmp_path: Path) -> None:
    deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\nspec:\n  replicas: {}\n"
    replicas = "replicas: [{name: app, count: 2}]"
    assert one(tmp_path / "a", replicas, deployment.format('"1"'))["spec"]["replicas"] == "2"
    assert one(tmp_path / "b", replicas, deployment.format("1"))["spec"]["replicas"] == 2


def test_a_changed_text_decides_about_its_type_unless_it_is_quoted(tmp_path: Path) -> None:
    """A prefix turns the plain name `2` into a number, and a quoted one not."""
    name = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"
    assert one(tmp_path / "a", 'namePrefix: "1"', name.format('"2"'))["metadata"]["name"] == "12"
    assert one(tmp_path / "b", 'namePrefix: "1"', name.format("2"))["metadata"]["name"] == 12


def test_a_reference_that_is_all_of_a_quoted_text_gets_the_type_of_its_value(tmp_path: Path) -> None:
    text = """\
        resources: [resource.yaml]
        vars:
        - name: NUMBER
          objref: {apiVersion: v1, kind: ConfigMap, name: cm}
          fieldref: {fieldpath: data.number}
        configurations: [configuration.yaml]
        """
    files: dict[str, str | bytes] = {
        "kustomization.yaml": text,
        "resource.yaml": QUOTED + '  var: "$(NUMBER)"\n',
        "configuration.yaml": "varReference: [{path: data, kind: ConfigMap}]\n",
    }
    assert built(tmp_path, files)[0]["data"]["var"] == 3


def test_strings_from_json_are_quoted_where_yaml_must_quote_them(tmp_path: Path) -> None:
    """A JSON patch rewrites the whole resource: what then needs quotes has them, the rest is plain."""
    text = """\
        resources: [resource.yaml]
        patches:
        - target: {name: cm}
          patch: '[{"op": "add", "path": "/data/added", "value": "true"}]'
        - patch: |
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: cm
            data:
              added: false
              single: false
              double: 7
        """
    data = one(tmp_path, text, QUOTED)["data"]
    assert (data["added"], data["single"], data["double"]) == ("false", False, "7")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((value, "7") for value in ("5", "true", "yes", "0x1F", "1_000", ".5", "~", '{"a": 1}', "[1]", "a: b", "- x")),
        *((value, "7") for value in ("# x", "&x y", "a\\nb")),
        *((value, 7) for value in ("word", "", "12:30", "2020-01-01", "'q'", "*x", "1.2.3", "=", "!x y")),
    ],
)
def test_generated_values_are_quoted_where_they_read_as_something_else(
    tmp_path: Path, value: str, expected: object
) -> None:
    """`PORT: 7` over a literal `PORT=5` gives a string, and so do texts of several lines."""
    base = "configMapGenerator:\n- name: cm\n  literals:\n  - " + json.dumps(f"v={value}").replace("\\\\", "\\") + "\n"
    overlay = """\
        resources: [../base]
        patches:
        - patch: |
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: cm
            data:
              v: 7
        """
    files: dict[str, str | bytes] = {"base/kustomization.yaml": base, "top/kustomization.yaml": overlay}
    assert built(tmp_path, files, "top")[0]["data"]["v"] == expected


def test_labels_are_quoted_where_they_read_as_something_else(tmp_path: Path) -> None:
    """Those of generators always are."""
    base = """\
        configMapGenerator: [{name: cm, options: {labels: {mine: word}}}]
        labels: [{pairs: {number: "1", word: w}}]
        """
    overlay = """\
        resources: [../base]
        patches:
        - patch: |
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: cm
              labels: {number: 2, word: 2, mine: 2}
        """
    files: dict[str, str | bytes] = {"base/kustomization.yaml": base, "top/kustomization.yaml": overlay}
    assert built(tmp_path, files, "top")[0]["metadata"]["labels"] == {"number": "2", "word": 2, "mine": "2"}


@pytest.mark.contract("KZB-192")
def test_folded_annotations_survive_being_rewritten(tmp_path: Path) -> None:
    """go-yaml doubles the break before an indented line of a folded scalar, but annotations are written anew before."""
    folded = "{}: >\n{}  first\n{}   second\n"
    resource = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\n  annotations:\n    "
        + folded.format("a", *["    "] * 2)
        + "data:\n  "
        + folded.format("a", *["  "] * 2)
    )
    made = one(tmp_path, "", resource)
    assert made["metadata"]["annotations"]["a"] == "first\n second\n"
    assert made["data"]["a"] == "first\n\n second\n"


ADD_ANNOTATION = """\
patches:
- target: {kind: ConfigMap}
  patch: '[{"op": "add", "path": "/metadata/annotations/note", "value": "x"}]'
"""


@pytest.mark.contract("KZB-060", "KZB-111", "KZB-118")
def test_a_json_patch_finds_annotations_where_there_are_none(tmp_path: Path) -> None:
    """`patches` notes the previous id down in an annotation first; `patchesJson6902` does not, but sees older ones."""
    assert one(tmp_path / "a", ADD_ANNOTATION)["metadata"]["annotations"] == {"note": "x"}
    old = """\
        {}
        patchesJson6902:
        - target: {{version: v1, kind: ConfigMap, name: cm}}
          patch: '[{{"op": "add", "path": "/metadata/annotations/note", "value": "x"}}]'
        """
    with pytest.raises(KustomizeError, match='doc is missing path: "/metadata/annotations/note"'):
        one(tmp_path / "b", old.format(""))
    assert one(tmp_path / "c", old.format("namespace: one"))["metadata"]["annotations"] == {"note": "x"}


@pytest.mark.contract("KZB-060", "KZB-087")
def test_annotations_that_a_merge_deletes_take_the_memory_along(tmp_path: Path) -> None:
    """Without previous names a renamed resource is no candidate for references, without its mark it gets no hash."""
    base = """\
        namePrefix: p-
        resources: [pod.yaml]
        configMapGenerator: [{name: cm, literals: [a=b]}]
        """
    pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod\nspec:\n  volumes:\n  - configMap:\n      name: cm\n"
    overlay = """\
        resources: [../base]
        patches:
        - patch: |
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: p-cm
              annotations: {}
        """
    files: dict[str, str | bytes] = {"base/kustomization.yaml": base, "base/pod.yaml": pod}
    kept = built(tmp_path, {**files, "top/kustomization.yaml": overlay.format("{}")}, "top")
    assert [obj["metadata"]["name"] for obj in kept] == ["p-pod", "p-cm-4h2mbtbbt6"]
    assert kept[0]["spec"]["volumes"][0]["configMap"]["name"] == "p-cm-4h2mbtbbt6"
    lost = built(tmp_path, {**files, "top/kustomization.yaml": overlay.format("null")}, "top")
    assert [obj["metadata"]["name"] for obj in lost] == ["p-pod", "p-cm"]
    assert lost[0]["spec"]["volumes"][0]["configMap"]["name"] == "cm"


def test_annotations_are_found_where_the_build_made_some(tmp_path: Path) -> None:
    """A field spec that does not create them finds those of a resource that was renamed."""
    transformer = """\
        transformers:
        - |
          apiVersion: builtin
          kind: AnnotationsTransformer
          metadata: {name: t}
          annotations: {note: x}
          fieldSpecs: [{path: metadata/annotations}]
        """
    assert "annotations" not in one(tmp_path / "a", transformer)["metadata"]
    renamed = one(tmp_path / "b", dedent(transformer) + "namePrefix: p-\n")
    assert renamed["metadata"] == {"name": "p-cm", "annotations": {"note": "x"}}
    generator = "configMapGenerator: [{name: g, options: {disableNameSuffixHash: true}}]\n"
    generated = built(tmp_path / "c", {"kustomization.yaml": dedent(transformer) + generator})[0]
    assert generated["metadata"] == {"name": "g", "annotations": {"note": "x"}}


@pytest.mark.contract("KZB-110", "KZB-127")
def test_patches_that_replace_or_rename(tmp_path: Path) -> None:
    """`$patch: replace` at the top changes nothing; leave to change the name makes annotations strings."""
    replace = """\
        patches:
        - patch: |
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: cm
              labels: {new: x}
            $patch: replace
            data: {a: b}
        """
    assert one(tmp_path / "a", replace, QUOTED)["data"]["plain"] == "x"
    rename = """\
        patches:
        - patch: |
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: cm
              annotations: {none: null}
          options: {allowNameChange: true}
        """
    assert one(tmp_path / "b", rename)["metadata"]["annotations"] == {"none": "null"}


@pytest.mark.contract("KZB-032")
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/metadata/name", r"missing metadata.name in object {{v1 ConfigMap} {{ } map\[\] map\[internal.config"),
        ("/kind", r"missing kind in object {{v1 } {{cm } map\[\] map\[internal.config"),
        ("/metadata", r"missing metadata.name in object {{v1 ConfigMap} {{ } map\[\] map\["),
    ],
)
def test_kind_and_name_are_needed_in_the_end(tmp_path: Path, path: str, message: str) -> None:
    text = f"""patches: [{{target: {{name: cm}}, patch: '[{{"op": "remove", "path": "{path}"}}]'}}]"""
    with pytest.raises(KustomizeError, match=message):
        one(tmp_path, text)


def test_a_source_that_is_its_own_target_changes_for_later_targets(tmp_path: Path) -> None:
    text = """\
        resources: [a.yaml]
        replacements:
        - source: {kind: ConfigMap, name: a, fieldPath: data.k}
          targets:
          - select: {kind: ConfigMap}
            fieldPaths: [data.k]
            options: {delimiter: ":", index: 1}
        """
    entry = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {0}\ndata:\n  k: {0}\n"
    files: dict[str, str | bytes] = {
        "kustomization.yaml": text,
        "a.yaml": "---\n".join(entry.format(name) for name in "ab"),
    }
    assert [obj["data"]["k"] for obj in built(tmp_path, files)] == ["a:a", "b:a:a"]


def test_hashed_numbers_are_floats_and_lists_are_nothing(tmp_path: Path) -> None:
    text = """\
        configMapGenerator: [{{name: cm, literals: [a=b]}}]
        patches:
        - target: {{kind: ConfigMap}}
          patch: '[{{"op": "replace", "path": "/data", "value": {}}}]'
        """
    names = [
        built(tmp_path / str(index), {"kustomization.yaml": text.format(value)})[0]["metadata"]["name"]
        for index, value in enumerate(['{"a": 12345678901234567890}', "[]"])
    ]
    assert names == ["cm-dh7mmbb2gd", "cm-dk855m5d49"]


def test_role_binding_subjects_must_be_mappings(tmp_path: Path) -> None:
    binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: b\nsubjects: [x]\n"
    with pytest.raises(
        KustomizeError, match=r"subjects: looking up name on .* expected MappingNode but got ScalarNode"
    ):
        one(tmp_path, "namespace: one", binding)


@pytest.mark.contract("KZB-035", "KZB-182")
def test_noting_the_origin_leaves_other_annotations_as_they_are(tmp_path: Path) -> None:
    """So that a JSON patch still finds a number, where annotations that were written anew are strings."""
    resource = CONFIG_MAP + "  annotations:\n    note: 0o17\n"
    text = """\
        patches:
        - target: {kind: ConfigMap}
          patch: '[{"op": "test", "path": "/metadata/annotations/note", "value": 15}]'
        """
    made = one(tmp_path, dedent(text) + "buildMetadata: [originAnnotations]\n", resource)
    assert made["metadata"]["annotations"] == {"config.kubernetes.io/origin": "path: resource.yaml\n", "note": "15"}
