"""All reading of files: confined, bounded and recorded.

No other module of the package opens a file. :class:`Files` is the view of the disk that one build has: it resolves
symlinks before it compares with the confinement root, lets an in-memory overlay shadow the disk, and remembers what was
read, what was built and what was looked for in vain. Error texts are those of Go's file functions, because they appear
inside kustomize's messages.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from fluxkit.kustomize.errors import KustomizeError, MissingFile
from fluxkit.kustomize.options import BuildLimits

__all__ = ["Files", "inside"]


def inside(path: str, directory: str) -> bool:
    """Whether an absolute, clean path is a directory or below it."""
    return path == directory or directory == "/" or path.startswith(directory + "/")


class Files:
    """The files that a build may see. Paths are absolute and clean."""

    def __init__(self, base: str, root: Path | None, overlay: Mapping[str, bytes], limits: BuildLimits) -> None:
        self._root = os.path.realpath(root) if root is not None else None
        self.base = self._root or base
        self._extra: list[str] = []
        self._overlay = {os.path.normpath(os.path.join(self.base, path)): content for path, content in overlay.items()}
        self._overlay_dirs = {parent for path in self._overlay for parent in _parents(path, self.base)}
        self._limits = limits
        self._total = 0
        self._real_dirs: dict[str, str] = {}
        self.read_files: set[str] = set()
        self.built_dirs: set[str] = set()
        self.absent: set[str] = set()

    def admit(self, directory: str) -> None:
        """Let the build read below another directory: the checkout of a remote base."""
        self._extra.append(directory)

    def relative(self, path: str) -> str:
        return os.path.relpath(path, self.base) if inside(path, self.base) else path

    def resolve_dir(self, path: str) -> tuple[str, str]:
        """Follow symlinks: (directory, "") for a directory, (directory, name) for a file.

        Raises :class:`MissingFile` as Go's EvalSymlinks fails.
        """
        if path in self._overlay_dirs and not os.path.exists(path):
            return path, ""
        if path in self._overlay:
            return os.path.split(path)
        real = os.path.realpath(path)
        self._confine("evalsymlinks", path, real)
        try:
            mode = os.stat(real).st_mode
        except OSError:
            self.absent.add(self.relative(path))
            raise MissingFile(
                f"evalsymlink failure on '{path}' : lstat {_first_missing(path)}: no such file or directory", file=path
            ) from None
        if stat.S_ISDIR(mode):
            self.built_dirs.add(self.relative(path))
            return real, ""
        return os.path.split(real)

    def read(self, path: str) -> bytes:
        """The content of a regular file. Raises :class:`MissingFile` or :class:`KustomizeError`."""
        shadow = self._overlay.get(path)
        if shadow is not None:
            return shadow
        real = self._real(path)
        if (shadow := self._overlay.get(real)) is not None:
            return shadow  # reached through a link
        self._confine("open", path, real)
        try:
            with open(real, "rb") as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise MissingFile(f"read {path}: not a regular file", file=self.relative(path))
                self._charge(path, status.st_size)
                content = stream.read(self._limits.file_bytes + 1)
        except FileNotFoundError:
            self.absent.add(self.relative(path))
            raise MissingFile(f"open {path}: no such file or directory", file=self.relative(path)) from None
        except NotADirectoryError:
            self.absent.add(self.relative(path))
            raise MissingFile(f"open {path}: not a directory", file=self.relative(path)) from None
        except IsADirectoryError:
            raise MissingFile(f"read {path}: is a directory", file=self.relative(path)) from None
        except OSError as error:
            raise MissingFile(
                f"open {path}: {(error.strerror or 'failed').lower()}", file=self.relative(path)
            ) from None
        except ValueError:
            raise MissingFile(f"open {path!r}: invalid argument") from None
        self.read_files.add(self.relative(path))
        if real != path:
            self.read_files.add(self.relative(real))
        return content

    def _real(self, path: str) -> str:
        directory, name = os.path.split(path)
        real = self._real_dirs.get(directory)
        if real is None:
            real = self._real_dirs[directory] = os.path.realpath(directory)
        candidate = os.path.join(real, name)
        return os.path.realpath(candidate) if os.path.islink(candidate) else candidate

    def _confine(self, operation: str, path: str, real: str) -> None:
        if self._root is None or inside(real, self._root) or any(inside(real, extra) for extra in self._extra):
            return
        raise KustomizeError(
            f"fs-security-constraint {operation} {path}: path '{real}' is not in or below '{self._root}'", file=path
        )

    def _charge(self, path: str, size: int) -> None:
        limits = self._limits
        if size > limits.file_bytes:
            raise KustomizeError(f"file '{path}' of {size} bytes is larger than the limit of {limits.file_bytes} bytes")
        self._total += size
        if self._total > limits.total_bytes:
            raise KustomizeError(f"the build reads more than the limit of {limits.total_bytes} bytes")


def _parents(path: str, base: str) -> list[str]:
    parents = []
    while inside(path, base) and path != base:
        path = os.path.dirname(path)
        parents.append(path)
    return parents


def _first_missing(path: str) -> str:
    """The first part of a path that does not exist, as Go names it."""
    current = "/"
    for part in path.split("/")[1:]:
        current = os.path.join(current, part)
        if not os.path.lexists(current):
            return current
    return path
