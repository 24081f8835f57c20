"""The kustomization file that a spec and a source tree make together."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit import yaml
from fluxkit.api import Kustomization
from fluxkit.api.kustomize import KustomizationSpec
from fluxkit.controllers.building.overlay import OverlayError, generate_overlay


def spec(**fields: Any) -> KustomizationSpec:
    obj = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "c"}, **fields},
    }
    return Kustomization.decode(obj).spec


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def overlay(root: Path, directory: str = "", **fields: Any) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(generate_overlay(root, directory, spec(**fields)).content)
    return content


@pytest.mark.contract("KUS-082")
@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_each_recognised_name_is_taken(tmp_path: Path, name: str) -> None:
    write(tmp_path, **{name: "resources: [a.yaml]\n"})
    result = generate_overlay(tmp_path, "", spec())
    assert result.path == name
    assert yaml.load(result.content)["resources"] == ["a.yaml"]


@pytest.mark.contract("KUS-082")
def test_a_directory_with_such_a_name_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, **{"kustomization.yaml/x.yaml": "", "kustomization.yml": "resources: [b.yaml]\n"})
    assert generate_overlay(tmp_path, "", spec()).path == "kustomization.yml"


@pytest.mark.contract("KUS-083")
def test_plain_manifests_are_found_and_nested_kustomizations_taken_as_a_whole(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "apps/b.yaml": "",
            "apps/a/z.yml": "",
            "apps/c/kustomization.yaml": "",
            "apps/c/ignored.yaml": "",
            "apps/README.md": "",
        },
    )
    result = generate_overlay(tmp_path, "apps", spec())
    assert yaml.load(result.content)["resources"] == ["./a/z.yml", "./b.yaml", "./c"]
    assert result.path == "apps/kustomization.yaml"
    assert {"apps", "apps/a"} <= result.directories
    assert "apps/kustomization.yaml" in result.absent


@pytest.mark.contract("KUS-086")
def test_an_empty_directory_gets_a_placeholder(tmp_path: Path) -> None:
    assert overlay(tmp_path)["namespace"] == "_placeholder"


@pytest.mark.contract("KUS-087")
def test_a_file_without_resources_gets_origin_annotations(tmp_path: Path) -> None:
    write(tmp_path, **{"kustomization.yaml": "configMapGenerator: [{name: a, literals: [b=c]}]\n"})
    assert overlay(tmp_path)["buildMetadata"] == ["originAnnotations"]


@pytest.mark.contract("KUS-088")
def test_unknown_top_level_keys_disappear(tmp_path: Path) -> None:
    write(tmp_path, **{"kustomization.yaml": "resources: [a.yaml]\nwhatever: 1\n"})
    assert "whatever" not in overlay(tmp_path)


@pytest.mark.contract("KUS-089")
def test_fields_of_the_spec_replace_or_extend_those_of_the_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "kustomization.yaml": "resources: [a.yaml]\nnamespace: file\nnamePrefix: file-\n"
            "patches: [{path: p.yaml}]\ncomponents: [../c]\nbuildMetadata: [managedByLabel]\n"
        },
    )
    result = overlay(
        tmp_path,
        targetNamespace="spec",
        namePrefix="spec-",
        nameSuffix="-spec",
        patches=[{"patch": "x", "target": {"kind": "Deployment", "labelSelector": "a=b"}}],
        components=["./d"],
        buildMetadata=["originAnnotations"],
    )
    assert result["namespace"] == "spec"
    assert result["namePrefix"] == "spec-"
    assert result["nameSuffix"] == "-spec"
    assert result["patches"] == [
        {"path": "p.yaml"},
        {"patch": "x", "target": {"kind": "Deployment", "labelSelector": "a=b"}},
    ]
    assert result["components"] == ["../c", "./d"]
    assert result["buildMetadata"] == ["originAnnotations"]


@pytest.mark.contract("KUS-090")
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"name": "app", "newName": "other"}, {"name": "app", "newName": "other", "newTag": "1"}),
        ({"name": "app", "newTag": "2"}, {"name": "app", "newTag": "2"}),
        ({"name": "app", "digest": "sha256:d"}, {"name": "app", "digest": "sha256:d"}),
        ({"name": "app", "newTag": "2", "digest": "d"}, {"name": "app", "newTag": "2", "digest": "d"}),
        ({"name": "app"}, {"name": "app", "newTag": "1"}),
    ],
)
def test_images_merge_by_name(tmp_path: Path, image: dict[str, str], expected: dict[str, str]) -> None:
    write(tmp_path, **{"kustomization.yaml": "resources: [a]\nimages: [{name: app, newTag: '1'}]\n"})
    assert overlay(tmp_path, images=[image])["images"] == [expected]


@pytest.mark.contract("KUS-090")
def test_unknown_images_are_appended(tmp_path: Path) -> None:
    write(tmp_path, **{"kustomization.yaml": "resources: [a]\nimages: [{name: app, newTag: '1'}]\n"})
    images = overlay(tmp_path, images=[{"name": "new", "newTag": "3"}])["images"]
    assert [image["name"] for image in images] == ["app", "new"]


@pytest.mark.contract("KUS-092")
@pytest.mark.parametrize(
    "path", ["https://example.com/c", "git@example.com:c", "/abs", "file:///abs", "GitHub.com/a/b"]
)
def test_components_must_be_local_and_relative(tmp_path: Path, path: str) -> None:
    with pytest.raises(OverlayError, match=r"component path '.*' must be local and relative"):
        overlay(tmp_path, components=[path])


@pytest.mark.contract("KUS-093")
def test_missing_components_can_be_ignored(tmp_path: Path) -> None:
    write(tmp_path, **{"apps/kustomization.yaml": "resources: [a]\n", "there/kustomization.yaml": ""})
    result = generate_overlay(
        tmp_path, "apps", spec(components=["../there", "../missing"], ignoreMissingComponents=True)
    )
    assert yaml.load(result.content)["components"] == ["../there"]
    assert "missing" in result.absent


def test_errors_name_file_and_field(tmp_path: Path) -> None:
    write(tmp_path, **{"apps/kustomization.yaml": "resources: a.yaml\n"})
    with pytest.raises(OverlayError, match=r"^apps/kustomization\.yaml: resources: expected a list, got str$"):
        overlay(tmp_path, "apps")
    write(tmp_path, **{"apps/kustomization.yaml": "- a\n"})
    with pytest.raises(OverlayError, match=r"^apps/kustomization\.yaml: expected a mapping"):
        overlay(tmp_path, "apps")
