"""Which files of a tree stay out of its artifact: ``.sourceignore`` files, ``spec.ignore`` and the default lists.

The syntax is gitignore's, the semantics are those of go-git's matcher, which differ from git's own: a pattern that
matches a directory matches everything below it, for excludes and ``!`` includes alike, and the last matching pattern
wins, so ``/*`` followed by ``!/deploy`` keeps ``deploy/**``.

Upstream: fluxcd/pkg ``sourceignore``; go-git ``plumbing/format/gitignore``.
"""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from fluxkit.source.errors import IgnoreError

__all__ = ["IGNORE_FILE", "IgnoreRules", "Pattern", "read_patterns"]

IGNORE_FILE: Final = ".sourceignore"

_VCS: Final = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
_EXTENSIONS: Final = ("*.jpg", "*.jpeg", "*.gif", "*.png", "*.wmv", "*.flv", "*.tar.gz", "*.zip")
_CI: Final = (
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
)
_EXTRA: Final = ("**/.goreleaser.yml", "**/.sops.yaml", "**/.flux.yaml")
_MAX_IGNORE_FILE: Final = 1 << 20


class Pattern:
    """One line of an ignore file. ``scope`` is the directory it applies to, as components from the tree's root."""

    __slots__ = ("_components", "_directories_only", "_simple", "includes", "scope")

    def __init__(self, text: str, scope: Sequence[str] = ()) -> None:
        self.scope = tuple(scope)
        self.includes = text.startswith("!")
        if self.includes:
            text = text[1:]
        if not text.endswith("\\ "):
            text = text.rstrip(" ")
        self._directories_only = text.endswith("/")
        if self._directories_only:
            text = text[:-1]
        self._components = text.split("/")
        self._simple = len(self._components) == 1

    def matches(self, path: Sequence[str], is_dir: bool) -> bool:
        """Whether the pattern matches the path (components from the tree's root) or a directory above it."""
        depth = len(self.scope)
        if len(path) <= depth or tuple(path[:depth]) != self.scope:
            return False
        below = path[depth:]
        return self._matches_any(below, is_dir) if self._simple else self._matches_from_scope(below, is_dir)

    def _matches_any(self, path: Sequence[str], is_dir: bool) -> bool:
        glob = self._components[0]
        for position, name in enumerate(path):
            if _matches(glob, name):
                return not (self._directories_only and not is_dir and position == len(path) - 1)
        return False

    def _matches_from_scope(self, path: Sequence[str], is_dir: bool) -> bool:
        position, matched, anywhere = 0, False, False
        last = len(self._components) - 1
        for index, glob in enumerate(self._components):
            if not glob:
                anywhere = False
                continue
            if glob == "**":
                if index == last:
                    break
                anywhere = True
                continue
            if "**" in glob or position == len(path):
                return False
            if anywhere:
                anywhere = False
                while position < len(path) and not _matches(glob, path[position]):
                    position += 1
                if position == len(path):
                    return False
            elif not _matches(glob, path[position]):
                return False
            matched = True
            position += 1
        if matched and self._directories_only and not is_dir and position == len(path):
            return False
        return matched


def read_patterns(text: str, scope: Sequence[str] = ()) -> list[Pattern]:
    """The patterns of an ignore file: blank lines and lines that start with ``#`` are skipped."""
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [Pattern(line, scope) for line in lines if line.strip() and not line.startswith("#")]


class IgnoreRules:
    """The ordered patterns for one tree; :meth:`excludes` answers for a path relative to its root.

    Without any pattern of its own a tree gets all default lists; with one or more, only the version control list stays
    (fluxcd/pkg ``artifact/storage`` SourceIgnoreFilter).
    """

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        own = list(patterns)
        defaults = _VCS if own else (*_VCS, *_EXTENSIONS, *_CI, *_EXTRA)
        self._patterns = [*(Pattern(line) for line in defaults), *own][::-1]

    @classmethod
    def load(cls, tree: Path, spec_ignore: str | None = None) -> "IgnoreRules":
        """The rules of a tree on disk: its ``.sourceignore`` files in walk order, then ``spec.ignore``.

        Blocks on the file system. Raises IgnoreError when an ignore file cannot be read.
        """
        return cls([*_load(tree, ()), *read_patterns(spec_ignore or "")])

    def excludes(self, path: Sequence[str], is_dir: bool) -> bool:
        """Whether the path, as components from the root, stays out; the root itself never does."""
        for pattern in self._patterns:
            if pattern.matches(path, is_dir):
                return not pattern.includes
        return False


def _load(directory: Path, scope: tuple[str, ...]) -> list[Pattern]:
    patterns: list[Pattern] = []
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in found:
            if entry.name == IGNORE_FILE and entry.is_file(follow_symlinks=False):
                patterns = read_patterns(_read(Path(entry.path)), scope)
        for entry in found:
            if entry.name != ".git" and entry.is_dir(follow_symlinks=False):
                patterns += _load(Path(entry.path), (*scope, entry.name))
    except OSError as problem:
        where = "/".join((*scope, IGNORE_FILE))
        raise IgnoreError(
            f"failed to load source ignore patterns from repository: {where}: {problem.strerror}"
        ) from problem
    return patterns


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        data = file.read(_MAX_IGNORE_FILE + 1)
    if len(data) > _MAX_IGNORE_FILE:
        raise IgnoreError(f"{path.name} is larger than {_MAX_IGNORE_FILE} bytes")
    return os.fsdecode(data)


# --- globs of one path component: Go's path/filepath.Match ------------------------------------------------------------


def _matches(glob: str, name: str) -> bool:
    expression = _compile(glob)
    if expression is None:
        return False
    return expression == name if isinstance(expression, str) else expression.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _compile(glob: str) -> re.Pattern[str] | str | None:
    """A literal name, an expression, or None for a malformed glob (which never matches)."""
    if not any(special in glob for special in "*?[\\"):
        return glob
    chunks: list[list[str]] = [[]]
    position = 0
    while position < len(glob):
        character = glob[position]
        position += 1
        if character == "*":
            chunks.append([])
        elif character == "?":
            chunks[-1].append(".")
        elif character == "[":
            parsed = _character_class(glob, position)
            if parsed is None:
                return None
            expression, position = parsed
            chunks[-1].append(expression)
        elif character == "\\":
            if position == len(glob):
                return None
            chunks[-1].append(re.escape(glob[position]))
            position += 1
        else:
            chunks[-1].append(re.escape(character))
    first, *rest = ("".join(chunk) for chunk in chunks)
    if not rest:
        return re.compile(first, re.DOTALL)
    # Each chunk between two stars takes its first place and keeps it: hostile globs stay linear.
    middle = "".join(f"(?>.*?{chunk})" for chunk in rest[:-1])
    return re.compile(f"{first}{middle}.*{rest[-1]}", re.DOTALL)


def _character_class(glob: str, position: int) -> tuple[str, int] | None:
    negated = glob.startswith("^", position)
    position += negated
    ranges: list[str] = []
    while True:
        if ranges and glob.startswith("]", position):
            return f"[{'^' if negated else ''}{''.join(ranges)}]", position + 1
        low = _class_member(glob, position)
        if low is None:
            return None
        first, position = low
        high = first
        if glob.startswith("-", position):
            end = _class_member(glob, position + 1)
            if end is None:
                return None
            high, position = end
        # An inverted range matches nothing in Go and is an error in Python: NUL never occurs in a name.
        ranges.append(f"{re.escape(first)}-{re.escape(high)}" if first <= high else "\\0")


def _class_member(glob: str, position: int) -> tuple[str, int] | None:
    if position >= len(glob) or glob[position] in "-]":
        return None
    if glob[position] == "\\":
        position += 1
        if position >= len(glob):
            return None
    return (glob[position], position + 1) if position + 1 < len(glob) else None
