"""The files of a chart directory, as far as ``.helmignore`` lets them in.

Upstream: helm/helm ``pkg/chart/v2/loader/directory.go``, ``internal/sympath/walk.go``; fluxcd/source-controller
``internal/helm/chart/secureloader`` for links.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fluxkit.helm.chart.errors import ChartError
from fluxkit.helm.chart.ignore import IGNORE_FILE, IgnoreRules
from fluxkit.helm.chart.limits import Budget
from fluxkit.helm.chart.model import BOM, File
from fluxkit.template.quoting import quote

__all__ = ["directory_files"]


def directory_files(directory: Path, root: Path, budget: Budget) -> list[File]:
    """The files below ``directory``, folders in byte order of the names; links may lead anywhere below ``root``.

    Raises ChartError.
    """
    top = directory.absolute()
    return list(_Walk(top, Path(os.path.realpath(root)), budget).files())


class _Walk:
    def __init__(self, top: Path, root: Path, budget: Budget) -> None:
        self._top = top
        self._root = root
        self._budget = budget
        self._file_size = budget.limits.file_size
        self._rules = IgnoreRules(self._ignore_file())

    def _ignore_file(self) -> bytes:
        path = self._top / IGNORE_FILE
        if not path.exists():
            return b""
        resolved = self._resolved(path) if path.is_symlink() else path
        return _read(resolved, str(path), self._file_size)

    def files(self) -> Iterator[File]:
        yield from self._below(self._top, "", (os.path.realpath(self._top),))

    def _below(self, directory: Path, prefix: str, parents: tuple[str, ...]) -> Iterator[File]:
        try:
            names = sorted(os.listdir(directory), key=os.fsencode)
        except OSError as problem:
            raise _failed("open", problem, directory) from None
        for name in names:
            path, relative = directory / name, prefix + name
            try:
                facts = os.lstat(path)
                target = path
                if stat.S_ISLNK(facts.st_mode):
                    target = self._resolved(path)
                    facts = os.lstat(target)
            except OSError as problem:
                raise _failed("lstat", problem, path) from None
            is_directory = stat.S_ISDIR(facts.st_mode)
            if self._rules.ignores(relative, is_directory):
                continue
            if is_directory:
                real = os.path.realpath(target)
                if real in parents:
                    raise ChartError(f"cannot load {path}: the link leads to a folder that it is in")
                yield from self._below(target, relative + "/", (*parents, real))
            else:
                yield self._file(target, path, relative, facts)

    def _resolved(self, path: Path) -> Path:
        try:
            resolved = Path(os.path.realpath(path, strict=True))
        except OSError as problem:
            reason = (problem.strerror or "").lower()
            raise ChartError(f"error evaluating symlink {path}: lstat {problem.filename}: {reason}") from None
        if not resolved.is_relative_to(self._root):
            raise ChartError(f"cannot load {path}: the link leads out of {self._root}")
        return resolved

    def _file(self, target: Path, path: Path, relative: str, facts: os.stat_result) -> File:
        if not stat.S_ISREG(facts.st_mode):
            raise ChartError(f"cannot load irregular file {path} as it has file mode type bits set")
        if facts.st_size > self._file_size:
            raise ChartError(f"chart file {quote(path.name)} is larger than the maximum file size {self._file_size}")
        self._budget.take(facts.st_size)
        data = _read(target, relative, facts.st_size)
        return File(relative, data.removeprefix(BOM), facts.st_mtime)


def _read(path: Path, name: str, size: int) -> bytes:
    """At most ``size`` bytes: a file that grows meanwhile is cut."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(size)
    except OSError as problem:
        raise ChartError(f"error reading {name}: open {path}: {(problem.strerror or '').lower()}") from None


def _failed(action: str, problem: OSError, path: Path) -> ChartError:
    return ChartError(f"{action} {problem.filename or path}: {(problem.strerror or '').lower()}")
