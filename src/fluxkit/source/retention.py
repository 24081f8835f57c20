"""Which stored files of an object are garbage (fluxcd/pkg ``artifact/storage/gc.go``).

First every file but the current one that is older than the time to live; then the oldest ones, while more than the
allowed number remain. The current artifact, symlinks and directories are never garbage, lock files go with theirs.
"""

import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["FILE_LIMIT", "TEMPORARY_PREFIX", "garbage_files", "remove", "target_of", "temporary_prefix"]

FILE_LIMIT: Final = 1000
"""Files considered per object and pass."""

TEMPORARY_PREFIX: Final = ".writing-"


def temporary_prefix(name: str) -> str:
    """How the temporary file of a writer of ``name`` begins; a random suffix without ``~`` follows."""
    return f"{TEMPORARY_PREFIX}{name}~"


def target_of(temporary_name: str) -> str:
    """The file that a temporary file would have become."""
    return temporary_name.removeprefix(TEMPORARY_PREFIX).rpartition("~")[0]


def garbage_files(current: Path, ttl: float, records: int) -> list[Path]:
    """The garbage beside ``current``, oldest first. ``ttl`` in seconds. Blocks; raises OSError."""
    candidates: list[tuple[float, Path]] = []
    total = 0
    for path, modified in _files(current.parent):
        total += 1
        if path != current:
            candidates.append((modified, path))
        if total == FILE_LIMIT:
            break
    candidates.sort()
    oldest_kept = time.time() - ttl
    expired = [path for modified, path in candidates if modified < oldest_kept]
    younger = [path for modified, path in candidates if modified >= oldest_kept]
    surplus = max(0, total - len(expired) - records)
    return expired + younger[:surplus]


def _files(directory: Path) -> Iterable[tuple[Path, float]]:
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in found:
        if entry.name.endswith(".lock") or entry.name.startswith(TEMPORARY_PREFIX):
            continue
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(facts.st_mode):
            yield directory / entry.name, facts.st_mtime


def remove(garbage: Iterable[Path]) -> list[Path]:
    """Remove files with their locks; returns those that were removed by this call."""
    removed: list[Path] = []
    for path in garbage:
        try:
            path.unlink()
            removed.append(path)
        except FileNotFoundError:
            continue
        finally:
            path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    return removed
