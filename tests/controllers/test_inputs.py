"""A build is repeated exactly when something it looked at changed."""

import pytest

from fluxkit.controllers.building.inputs import TreeIndex, TreeIndexes, fingerprint
from fluxkit.controllers.building.manifests import BuildInputs

TREE = {"apps/kustomization.yaml": "1", "apps/base/a.yaml": "2", "README.md": "3"}
INPUTS = BuildInputs(
    files=frozenset({"apps/kustomization.yaml"}),
    directories=frozenset({"apps/base"}),
    absent=frozenset({"apps/base/kustomization.yaml", "common"}),
)


def changed(**changes: str | None) -> bool:
    tree = {path: digest for path, digest in (TREE | changes).items() if digest is not None}
    return fingerprint(INPUTS, TreeIndex(TREE)) != fingerprint(INPUTS, TreeIndex(tree))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"README.md": "9"}, False),
        ({"other/new.yaml": "9"}, False),
        ({"apps/base/a.yaml": "9"}, False),  # listed, but read by nobody
        ({"apps/kustomization.yaml": "9"}, True),
        ({"apps/kustomization.yaml": None}, True),
        ({"apps/base/b.yaml": "9"}, True),
        ({"apps/base/b/c.yaml": "9"}, True),
        ({"apps/base/a.yaml": None}, True),
        ({"apps/base/kustomization.yaml": "9"}, True),
        ({"common/x.yaml": "9"}, True),
    ],
)
def test_changes(changes: dict[str, str | None], expected: bool) -> None:
    assert changed(**changes) is expected


def test_a_file_that_becomes_a_folder_changes_the_listing() -> None:
    assert changed(**{"apps/base/a.yaml": None, "apps/base/a.yaml/x": "1"})


def test_the_root_can_be_listed() -> None:
    inputs = BuildInputs(frozenset(), frozenset({"."}), frozenset())
    assert fingerprint(inputs, TreeIndex({"a": "1"})) != fingerprint(inputs, TreeIndex({"b": "1"}))


def test_a_tree_is_indexed_once_for_all() -> None:
    indexes = TreeIndexes(limit=2)
    first = indexes.of("sha256:1", TREE)
    assert indexes.of("sha256:1", TREE) is first
    for digest in ("sha256:2", "sha256:3"):
        indexes.of(digest, {})
    assert indexes.of("sha256:1", TREE) is not first
