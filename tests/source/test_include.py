"""Placing one source's content into another's tree."""

import os
from pathlib import Path

import pytest

from fluxkit.source import IgnoreRules, IncludeError, archive, include
from fluxkit.source.ignore import read_patterns


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    tree = tmp_path / "included"
    (tree / "deploy" / "base").mkdir(parents=True)
    (tree / "deploy" / "base" / "app.yaml").write_text("included")
    (tree / "root.yaml").write_text("root")
    archive.build(tree, tmp_path / "included.tgz", IgnoreRules(read_patterns("nothing")))
    return tmp_path / "included.tgz"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "work" / "tree" / "apps").mkdir(parents=True)
    (tmp_path / "work" / "tree" / "apps" / "own.yaml").write_text("own")
    return tmp_path / "work" / "tree"


@pytest.mark.contract("SRC-190")
def test_whole_content_and_parts_of_it(stored: Path, tree: Path) -> None:
    include.place(stored, "", tree, "infra")
    include.place(stored, "deploy/base", tree, "./new/place/")
    include.place(stored, "root.yaml", tree, "copied.yaml")
    assert (tree / "infra" / "deploy" / "base" / "app.yaml").read_text() == "included"
    assert (tree / "new" / "place" / "app.yaml").read_text() == "included"
    assert (tree / "copied.yaml").read_text() == "root"
    assert [path.name for path in tree.parent.iterdir()] == ["tree"]


@pytest.mark.contract("SRC-191")
def test_existing_directory_is_never_merged_into(stored: Path, tree: Path) -> None:
    with pytest.raises(IncludeError) as caught:
        include.place(stored, "deploy", tree, "apps")
    assert caught.value.reason == "CopyFailure"
    assert sorted(path.name for path in (tree / "apps").iterdir()) == ["own.yaml"]
    (tree / "empty").mkdir()
    include.place(stored, "deploy", tree, "empty")
    assert (tree / "empty" / "base" / "app.yaml").exists()


@pytest.mark.contract("SRC-191")
def test_missing_source_path(stored: Path, tree: Path) -> None:
    with pytest.raises(IncludeError, match="absent") as caught:
        include.place(stored, "absent", tree, "x")
    assert caught.value.reason == "CopyFailure"


@pytest.mark.parametrize("path", ["../../evil", "/evil", "link/evil"])
@pytest.mark.contract("SRC-190")
def test_paths_are_joined_securely(stored: Path, tree: Path, path: str) -> None:
    os.symlink("/", tree / "link")
    include.place(stored, "../../deploy", tree, path)
    assert (tree / "evil" / "base" / "app.yaml").exists()


@pytest.mark.parametrize("path", ["a\0b", "", "..", "."])
@pytest.mark.contract("SRC-191")
def test_illegal_target(stored: Path, tree: Path, path: str) -> None:
    with pytest.raises(IncludeError) as caught:
        include.place(stored, "", tree, path)
    assert caught.value.reason == "IllegalPath"
