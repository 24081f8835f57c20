"""Paths that stay inside their directory (github.com/cyphar/filepath-securejoin)."""

import os
from pathlib import Path
from typing import Final

__all__ = ["MAX_SYMLINKS", "UnsafePath", "secure_join"]

MAX_SYMLINKS: Final = 255


class UnsafePath(ValueError):
    """The path cannot be resolved."""


def secure_join(root: Path, unsafe: str) -> Path:
    """``root/unsafe`` with ``..`` and symlinks resolved as if ``root`` were the root of the file system.

    The result is always inside ``root``; it need not exist. Raises :class:`UnsafePath` for NUL bytes and symlink loops.
    """
    if "\0" in unsafe:
        raise UnsafePath(f"path {unsafe!r} contains a NUL byte")
    pending = unsafe.split("/")[::-1]
    done: list[str] = []
    links = 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if done:
                done.pop()
            continue
        candidate = root.joinpath(*done, part)
        try:
            target = os.readlink(candidate)
        except OSError:
            done.append(part)
            continue
        links += 1
        if links > MAX_SYMLINKS:
            raise UnsafePath(f"path {unsafe!r} has too many levels of symbolic links")
        if target.startswith("/"):
            done = []
        pending.extend(target.split("/")[::-1])
    return root.joinpath(*done)
