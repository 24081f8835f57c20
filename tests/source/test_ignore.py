"""Ignore rules: the defaults, scopes, and go-git's way of matching."""

import os
from pathlib import Path

import pytest

from fluxkit.source import IgnoreRules
from fluxkit.source.errors import IgnoreError
from fluxkit.source.ignore import Pattern, read_patterns


def excluded(rules: IgnoreRules, path: str) -> bool:
    """A trailing slash asks about a directory."""
    return rules.excludes(path.rstrip("/").split("/"), path.endswith("/"))


@pytest.mark.parametrize(
    "path",
    [
        *(".git/", ".git/config", ".gitignore", ".gitmodules", "deep/.gitattributes"),
        *("a.jpg", "x/b.jpeg", "c.gif", "d.png", "e.wmv", "f.flv", "g.tar.gz", "x/y/h.zip"),
        *(".github/", ".github/workflows/x.yaml", ".circleci/", ".travis.yml", ".gitlab-ci.yml", "appveyor.yml"),
        *(".drone.yml", "cloudbuild.yaml", "codeship-services.yml", "codeship-steps.yml"),
        *(".goreleaser.yml", "x/.sops.yaml", "x/y/.flux.yaml"),
    ],
)
@pytest.mark.contract("SRC-083", "SRC-084", "SRC-085")
def test_defaults_apply_without_own_patterns(path: str) -> None:
    assert excluded(IgnoreRules(), path)
    assert not excluded(IgnoreRules(), "apps/deployment.yaml")


@pytest.mark.contract("SRC-085")
def test_one_own_pattern_leaves_only_the_version_control_list() -> None:
    rules = IgnoreRules(read_patterns("secret.yaml"))
    assert excluded(rules, ".git/")
    assert excluded(rules, ".gitignore")
    assert excluded(rules, "x/secret.yaml")
    for path in ("logo.png", ".github/", ".sops.yaml", "x.tar.gz"):
        assert not excluded(rules, path)


@pytest.mark.parametrize("spec", ["", "# only a comment\n\n   \n", None])
@pytest.mark.contract("SRC-088")
def test_comments_alone_keep_the_defaults(tmp_path: Path, spec: str | None) -> None:
    assert excluded(IgnoreRules.load(tmp_path, spec), "logo.png")


@pytest.mark.contract("SRC-086", "SRC-087")
def test_priority_is_root_then_nested_then_spec(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".sourceignore").write_text("*.txt\n!.gitignore\n")
    (tmp_path / "apps" / ".sourceignore").write_text("!notes.txt\n/only-here.yaml\n")
    (tmp_path / ".git" / ".sourceignore").write_text("*.yaml\n")
    (tmp_path / ".gitignore").write_text("*.yaml\n")
    rules = IgnoreRules.load(tmp_path)
    assert excluded(rules, "notes.txt")
    assert not excluded(rules, "apps/notes.txt")
    assert excluded(rules, "apps/only-here.yaml")
    assert not excluded(rules, "only-here.yaml")
    assert not excluded(rules, ".gitignore")
    assert excluded(IgnoreRules.load(tmp_path, "/apps/notes.txt"), "apps/notes.txt")


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        # Blank space and escapes.
        ("trailing   ", "trailing", True),
        ("kept\\ ", "kept ", True),
        ("\\#hash", "#hash", True),
        # Directories only.
        ("build/", "build/", True),
        ("build/", "build", False),
        ("build/", "x/build/y.yaml", True),
        # No inner slash: any component at any depth.
        ("vendor", "a/vendor/b/c.yaml", True),
        ("*.md", "docs/readme.md", True),
        # With a slash: anchored.
        ("/apps", "apps/x", True),
        ("/apps", "x/apps", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/x/a.md", False),
        ("docs/*.md", "x/docs/a.md", False),
        ("**/cache/x", "a/b/cache/x", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**", "a/b", True),
        ("x/a**b", "x/aQb", False),
        # Globs do not cross a slash.
        ("/a?c", "a/c", False),
        ("/*", "deploy/x/y.yaml", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        # Malformed globs never match.
        ("[", "[", False),
        ("[]a]", "a", False),
        ("x[a-", "xa", False),
        ("end\\", "end\\", False),
    ],
)
@pytest.mark.contract("SRC-089", "SRC-090", "SRC-091", "SRC-092")
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert Pattern(pattern).matches(path.rstrip("/").split("/"), path.endswith("/")) is matches


@pytest.mark.contract("SRC-091")
def test_included_directory_of_an_excluded_parent_is_kept() -> None:
    rules = IgnoreRules(read_patterns("/*\n!/deploy\n"))
    assert excluded(rules, "src/")
    assert excluded(rules, "src/main.py")
    assert not excluded(rules, "deploy/")
    assert not excluded(rules, "deploy/base/app.yaml")


@pytest.mark.contract("SRC-093")
def test_root_is_never_excluded() -> None:
    assert not IgnoreRules(read_patterns("*\n/\n**\n")).excludes((), True)


def test_hostile_glob_is_answered_in_linear_time() -> None:
    assert not Pattern("*a" * 200 + "b").matches(("a" * 250,), False)


@pytest.mark.contract("SRC-096")
def test_unreadable_ignore_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / ".sourceignore").write_bytes(b"x\n" * (1 << 20))
    with pytest.raises(IgnoreError, match=r"sourceignore") as caught:
        IgnoreRules.load(tmp_path)
    assert caught.value.reason == "SourceIgnoreError"


def test_ignore_file_that_is_a_symlink_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("*.yaml\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    os.symlink(outside, tree / ".sourceignore")
    assert not excluded(IgnoreRules.load(tree), "app.yaml")
