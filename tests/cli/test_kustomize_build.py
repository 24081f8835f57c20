from pathlib import Path

import pytest

from tests.cli.conftest import Flux

NAME = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree" / "app"
    root.mkdir(parents=True)
    (root / "a.yaml").write_text(NAME.format(name="a", namespace="one"))
    (root.parent / "outside.yaml").write_text(NAME.format(name="b", namespace="two"))
    (root / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    return root


def test_the_objects_are_printed(flux: Flux, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = flux("kustomize", "build", str(tree))
    assert (outcome.code, outcome.out, outcome.err) == (0, NAME.format(name="a", namespace="one"), "")
    monkeypatch.chdir(tree)
    assert flux("kustomize", "build").out == outcome.out


def test_output_to_a_file_or_to_one_file_each(flux: Flux, tree: Path, tmp_path: Path) -> None:
    flux("kustomize", "build", str(tree), "-o", str(tmp_path / "all.yaml"))
    assert (tmp_path / "all.yaml").read_text() == NAME.format(name="a", namespace="one")
    directory = tmp_path / "each"
    directory.mkdir()
    (tree / "kustomization.yaml").write_text("resources: [a.yaml, ../outside.yaml]\n")
    outcome = flux("kustomize", "build", str(tree), "--load-restrictor=LoadRestrictionsNone", f"--output={directory}")
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in directory.iterdir()) == ["one_v1_configmap_a.yaml", "two_v1_configmap_b.yaml"]
    missing = flux("kustomize", "build", str(tree), "--load-restrictor=LoadRestrictionsNone", "-o", "/nowhere/x.yaml")
    assert missing.err == "✗ cannot write /nowhere/x.yaml: No such file or directory\n"


def test_what_cannot_be_built(flux: Flux, tree: Path) -> None:
    (tree / "kustomization.yaml").write_text("resources: [../outside.yaml]\n")
    outcome = flux("kustomize", "build", str(tree))
    assert outcome.code == 1
    assert outcome.out == ""
    assert "outside.yaml" in outcome.err
    assert flux("kustomize", "build", "--load-restrictor=None").err.startswith(
        '✗ invalid argument "None" for "--load-restrictor" flag: illegal flag value None; legal values: '
    )
