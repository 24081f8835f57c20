"""From a source tree and a spec to objects: what goes in, what comes out, and whose fault it is if nothing does."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.controllers.building.inputs import TreeIndex, fingerprint
from fluxkit.controllers.building.manifests import BuildFailed, BuildRequest, Manifests, build_manifests
from tests.controllers.test_overlay import spec, write

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n"


def config(name: str = "a", value: str = "'1'") -> str:
    return CONFIG.format(name=name, value=value)


def built(root: Path, path: str = "", variables: dict[str, str] | None = None, **fields: Any) -> Manifests:
    return build_manifests(BuildRequest(root, path, spec(**fields), variables or {}))


def values(root: Path, variables: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    return {obj["metadata"]["name"]: obj["data"]["key"] for obj in built(root, "", variables, **fields).objects}


@pytest.mark.contract("KUS-083", "KUS-086")
def test_plain_manifests_and_none_at_all(tmp_path: Path) -> None:
    assert built(tmp_path).objects == []
    write(tmp_path, **{"a.yaml": config("a"), "sub/b.yml": config("b")})
    assert list(values(tmp_path)) == ["a", "b"]


@pytest.mark.contract("KUS-106")
def test_lists_are_expanded_and_kustomize_configuration_is_left_out(tmp_path: Path) -> None:
    items = "".join(f"- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: {name}}}\n" for name in "ab")
    write(tmp_path, **{"list.yaml": f"apiVersion: v1\nkind: List\nitems:\n{items}"})
    assert [obj["metadata"]["name"] for obj in built(tmp_path).objects] == ["a", "b"]


@pytest.mark.contract("KUS-339", "KUS-340")
def test_the_digest_is_that_of_the_text(tmp_path: Path) -> None:
    write(tmp_path, **{"a.yaml": config()})
    first = built(tmp_path)
    assert first.digest.startswith("sha256:")
    assert built(tmp_path).digest == first.digest
    write(tmp_path, **{"a.yaml": config(value="'2'")})
    assert built(tmp_path).digest != first.digest


@pytest.mark.contract("KUS-137", "KUS-138", "KUS-142", "KUS-143", "KUS-144")
@pytest.mark.parametrize(
    ("text", "post_build", "variables", "expected"),
    [
        ("'${x}'", {"substitute": {"x": "inline"}}, {"x": "referenced"}, "inline"),
        ("'${x}'", {}, {"x": "referenced"}, "referenced"),
        ("'${x:=d}'", {}, {}, "${x:=d}"),
        ("'${x:=d}'", {"substituteStrategy": "Always"}, {}, "d"),
        ("'$${x}'", {"substitute": {"other": "1"}}, {}, "${x}"),
        ("'${x}'", {"substitute": {"x": "a\nb"}}, {}, "ab"),
        ('"${x}"', {"substitute": {"x": "true"}}, {}, True),
        ("'${q}${x}${q}'", {"substitute": {"x": "1", "q": '"'}}, {}, "1"),
    ],
)
def test_substitution(
    tmp_path: Path, text: str, post_build: dict[str, Any], variables: dict[str, str], expected: Any
) -> None:
    write(tmp_path, **{"a.yaml": config(value=text)})
    assert values(tmp_path, variables, postBuild=post_build) == {"a": expected}


@pytest.mark.contract("KUS-137")
@pytest.mark.parametrize("place", ["labels", "annotations"])
def test_an_object_can_opt_out_of_substitution(tmp_path: Path, place: str) -> None:
    opted_out = f"  {place}:\n    kustomize.toolkit.fluxcd.io/substitute: disabled\n"
    write(tmp_path, **{"a.yaml": config(value="'${x}'").replace("  name: a\n", f"  name: a\n{opted_out}")})
    assert values(tmp_path, postBuild={"substitute": {"x": "1"}}) == {"a": "${x}"}


@pytest.mark.contract("KUS-141", "KUS-149")
def test_a_bad_variable_name_fails_the_build(tmp_path: Path) -> None:
    write(tmp_path, **{"a.yaml": config()})
    with pytest.raises(BuildFailed) as caught:
        built(tmp_path, variables={"a-b": "x"}, postBuild={})
    assert str(caught.value) == (
        "post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: 'a-b' var name is invalid, "
        "must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"
    )


@pytest.mark.contract("KUS-364")
def test_a_value_that_breaks_the_yaml_is_not_quoted(tmp_path: Path) -> None:
    write(tmp_path, **{"a.yaml": config(value="'${x}'")})
    with pytest.raises(BuildFailed, match=r"not valid YAML at line \d+ of the substituted object") as caught:
        built(tmp_path, variables={"x": "secret: [hunter2"}, postBuild={})
    assert "hunter2" not in str(caught.value)


@pytest.mark.contract("KUS-098", "KUS-360")
def test_nothing_outside_of_the_source_is_read(tmp_path: Path) -> None:
    write(tmp_path, **{"outside.yaml": config("outside"), "root/kustomization.yaml": "resources: [../outside.yaml]\n"})
    with pytest.raises(BuildFailed, match=r"kustomize build failed: .*outside\.yaml"):
        built(tmp_path / "root")
    (tmp_path / "root" / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    write(tmp_path, **{"root/kustomization.yaml": "resources: [link.yaml]\n"})
    with pytest.raises(BuildFailed):
        built(tmp_path / "root")


@pytest.mark.contract("KUS-097")
def test_files_of_the_source_outside_of_the_path_may_be_used(tmp_path: Path) -> None:
    write(tmp_path, **{"base/a.yaml": config(), "apps/one/kustomization.yaml": "resources: [../../base/a.yaml]\n"})
    assert len(built(tmp_path, "apps/one").objects) == 1


def test_errors_show_paths_as_the_repository_has_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{"apps/kustomization.yaml": "resources: [base]\n", "apps/base/kustomization.yaml": "resources: [x.yaml]\n"},
    )
    with pytest.raises(BuildFailed) as caught:
        built(tmp_path, "apps")
    assert str(tmp_path) not in str(caught.value)
    assert "apps/base/x.yaml" in str(caught.value)


def tree(root: Path) -> TreeIndex:
    return TreeIndex(
        {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}
    )


@pytest.mark.parametrize(
    ("changed", "content", "matters"),
    [
        ("apps/a.yaml", config(value="'2'"), True),
        ("apps/new.yaml", config("new"), True),
        ("apps/sub/kustomization.yaml", "", True),
        ("apps/kustomization.yaml", "resources: []\n", True),
        ("other/a.yaml", config(), False),
        ("README.md", "text", False),
    ],
)
def test_a_build_tells_what_it_depended_on(tmp_path: Path, changed: str, content: str, matters: bool) -> None:
    write(
        tmp_path, **{"apps/a.yaml": config("a"), "apps/sub/b.yaml": config("b"), "other/a.yaml": config("other", "'9'")}
    )
    inputs = built(tmp_path, "apps").inputs
    before = fingerprint(inputs, tree(tmp_path))
    write(tmp_path, **{changed: content})
    assert (fingerprint(inputs, tree(tmp_path)) != before) is matters


@pytest.mark.contract("KUS-084")
@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        (".gitlab-ci.yml", "stages: [a]\n", "missing Resource metadata"),
        (".sops.yaml", "creation_rules: []\n", "missing Resource metadata"),
        ("sub/b.yaml", "a: [", "MalformedYAMLError: yaml: line 2: did not find expected node content"),
    ],
)
def test_whatever_is_found_has_to_be_a_manifest(tmp_path: Path, name: str, content: str, cause: str) -> None:
    write(tmp_path, **{"apps/a.yaml": config(), f"apps/{name}": content})
    with pytest.raises(BuildFailed) as caught:
        built(tmp_path, "apps")
    assert str(caught.value).startswith(f"failed to decode Kubernetes YAML from apps/{name}: {cause}")
    write(tmp_path, **{"apps/kustomization.yaml": f"resources: [a.yaml, {name}]\n"})
    with pytest.raises(BuildFailed, match=r"^kustomize build failed: "):
        built(tmp_path, "apps")


@pytest.mark.contract("KUS-104")
@pytest.mark.parametrize("metadata", ["{generateName: x-}", "{labels: {a: b}}"])
def test_objects_without_a_name_are_not_built(tmp_path: Path, metadata: str) -> None:
    write(tmp_path, **{"a.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\n"})
    with pytest.raises(BuildFailed, match=r"failed to decode Kubernetes .*missing metadata\.name"):
        built(tmp_path)


@pytest.mark.contract("KUS-095")
def test_one_patch_may_hold_many_documents(tmp_path: Path) -> None:
    write(tmp_path, **{f"{name}.yaml": config(name) for name in "abc"})
    part = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n{}"
    documents = [
        part.format("a", "$patch: delete\n"),
        part.format("b", "$patch: delete\n"),
        part.format("c", "data: {key: p}\n"),
    ]
    assert values(tmp_path, patches=[{"patch": "---\n".join(documents)}]) == {"c": "p"}


@pytest.mark.contract("KUS-096")
def test_ignore_files_are_the_business_of_the_source(tmp_path: Path) -> None:
    write(tmp_path, **{".sourceignore": "a.yaml\n", "a.yaml": config()})
    assert list(values(tmp_path)) == ["a"]


@pytest.mark.contract("KUS-099")
def test_what_lies_outside_does_not_exist(tmp_path: Path) -> None:
    write(tmp_path, **{"root/app/a.yaml": config(), "outside/kustomization.yaml": "namePrefix: x-\n"})
    root, components = tmp_path / "root", ["../../outside"]
    assert list(values_at(root, "app", components=components, ignoreMissingComponents=True)) == ["a"]
    with pytest.raises(BuildFailed):
        built(root, "app", components=components)


def values_at(root: Path, path: str, **fields: Any) -> dict[str, Any]:
    return {obj["metadata"]["name"]: obj["data"]["key"] for obj in built(root, path, **fields).objects}


@pytest.mark.contract("KUS-091", "KUS-090")
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"newTag": "2"}, "app:2"),
        ({"newTag": "2", "digest": "sha256:" + "a" * 64}, "app:2@sha256:" + "a" * 64),
        ({"digest": "sha256:" + "a" * 64}, "app@sha256:" + "a" * 64),
        ({}, "app:1"),
    ],
)
def test_images(tmp_path: Path, image: dict[str, str], expected: str) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'app:1'}]}\n"
    write(tmp_path, **{"p.yaml": pod})
    (found,) = built(tmp_path, images=[{"name": "app", **image}]).objects
    assert found["spec"]["containers"][0]["image"] == expected


@pytest.mark.contract("KUS-368")
def test_deprecated_fields_of_the_kustomization_file_still_work(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "kustomization.yaml": (
                "bases: [base]\ncommonLabels: {team: blue}\npatchesStrategicMerge: [p.yaml]\n"
                "imageTags: [{name: app, newTag: '2'}]\n"
                "vars:\n- name: NAME\n  objref: {apiVersion: v1, kind: ConfigMap, name: a}\n"
            ),
            "p.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {patched: x}\n",
            "base/kustomization.yaml": "resources: [a.yaml, p.yaml]\n",
            "base/a.yaml": config(),
            "base/p.yaml": (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
                "spec: {containers: [{name: c, image: 'app:1', args: ['$(NAME)']}]}\n"
            ),
        },
    )
    found = {obj["kind"]: obj for obj in built(tmp_path).objects}
    assert found["ConfigMap"]["data"] == {"key": "1", "patched": "x"}
    assert found["ConfigMap"]["metadata"]["labels"] == {"team": "blue"}
    (container,) = found["Pod"]["spec"]["containers"]
    assert (container["image"], container["args"]) == ("app:2", ["a"])


SCHEMA = """
definitions:
  com.example.v1.Thing:
    type: object
    properties:
      spec:
        type: object
        properties:
          parts:
            type: array
            items: {type: object}
            x-kubernetes-patch-merge-key: name
            x-kubernetes-patch-strategy: merge
    x-kubernetes-group-version-kind: [{group: example.com, version: v1, kind: Thing}]
"""


@pytest.mark.contract("KUS-103")
def test_a_schema_of_one_build_is_not_seen_by_the_next(tmp_path: Path) -> None:
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {parts: [PARTS]}\n"
    build = "resources: [t.yaml]\npatches: [{path: p.yaml}]\n"
    for name, more in (("with", "openapi: {path: schema.yaml}\n"), ("without", "")):
        write(
            tmp_path,
            **{
                f"{name}/t.yaml": thing.replace("PARTS", "{name: a}, {name: b}"),
                f"{name}/p.yaml": thing.replace("PARTS", "{name: c}"),
                f"{name}/kustomization.yaml": build + more,
                f"{name}/schema.yaml": SCHEMA,
            },
        )

    def parts(name: str) -> list[str]:
        (found,) = built(tmp_path, name).objects
        return [each["name"] for each in found["spec"]["parts"]]

    assert sorted(parts("with")) == ["a", "b", "c"]
    assert parts("without") == ["c"]
    assert sorted(parts("with")) == ["a", "b", "c"]
