"""Local bare mirrors, so that a fetch costs what changed; disposable at any time.

There is one mirror per URL and identity: what one tenant's credentials may read is never found through another's. The
cache directory belongs to one process at a time, and to the git processes that a killed one leaves behind; another
process gets a directory of its own beside it.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fluxkit.source.errors import GitError
from fluxkit.source.git.auth import GitAuth
from fluxkit.source.git.process import GitFailed, git_environment, run_git

__all__ = ["Mirror", "MirrorCache"]

_MAX_FETCHES: Final = 500
"""Fetches into one mirror before it is made anew: each may leave a pack, and the objects of old commits."""
_LOCAL_TIMEOUT: Final = 60.0
_PRUNE_INTERVAL: Final = 3600.0
_REMOVING: Final = ".removing"
_FETCHES: Final = "fluxkit-fetches"
_FETCHING: Final = "fluxkit-fetching"


@dataclass(frozen=True, slots=True)
class Mirror:
    """One bare repository. Only used while its lock is held."""

    path: Path
    sessions: Path
    """Where private directories of running operations go."""
    environment: dict[str, str]
    """For git commands that stay local."""
    lock: int
    """The descriptor that holds the cache directory, for git processes that write."""

    def is_used(self) -> bool:
        """Whether objects were fetched before, so that damage is possible."""
        return (self.path / _FETCHES).exists()

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Surrounds a fetch: counts it, and leaves a mark if git is killed in it, with its lock files lying about."""
        with (self.path / _FETCHES).open("ab") as file:
            file.write(b".")
        mark = self.path / _FETCHING
        mark.touch()
        try:
            yield
        except GitFailed:
            mark.unlink()
            raise
        mark.unlink()

    async def create(self) -> None:
        """Make it an empty repository unless it is one; one that has grown old or was left in a fetch is made anew."""
        if (self.path / "HEAD").exists():
            old = self.is_used() and (self.path / _FETCHES).stat().st_size >= _MAX_FETCHES
            if not old and not (self.path / _FETCHING).exists():
                return
            await self.wipe()
        arguments = ["init", "--quiet", "--bare", "--template=", str(self.path)]
        try:
            await run_git(arguments, self.environment, timeout=_LOCAL_TIMEOUT)
        except GitFailed as problem:
            raise GitError(f"unable to create the local mirror: {problem.stderr.strip()}") from None

    async def wipe(self) -> None:
        """Remove the mirror; the next fetch is a full one."""
        await asyncio.to_thread(shutil.rmtree, self.path, True)

    async def is_sound(self) -> bool:
        """Whether git can read everything that the mirror's references lead to."""
        arguments = ["--git-dir", str(self.path), "fsck", "--connectivity-only", "--no-dangling", "--no-progress"]
        try:
            await run_git(arguments, self.environment, timeout=_LOCAL_TIMEOUT)
        except (GitFailed, GitError):
            return False
        return True


class MirrorCache:
    """The mirrors of one process below ``root``, bounded by size and age."""

    def __init__(self, root: Path, *, max_bytes: int = 10 << 30, max_age: float = 7 * 86400.0) -> None:
        """``max_age`` in seconds since the last use. Blocks briefly."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._home, self._lock = _claim(root)
        self._finalizer = weakref.finalize(self, os.close, self._lock)
        self._sessions = self._home / "sessions"
        # What a killed process left: credentials above all.
        shutil.rmtree(self._sessions, ignore_errors=True)
        self._sessions.mkdir(mode=0o700)
        for grave in self._home.glob(f"*{_REMOVING}"):
            shutil.rmtree(grave, ignore_errors=True)
        self._pruned = time.monotonic()
        nobody = self._home / "nobody"
        nobody.mkdir(mode=0o700, exist_ok=True)
        self._environment = git_environment(nobody)
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def close(self) -> None:
        """Leave the directory to another process."""
        self._finalizer()

    @property
    def sessions(self) -> Path:
        return self._sessions

    @asynccontextmanager
    async def mirror(self, url: str, auth: GitAuth) -> AsyncIterator[Mirror]:
        """The mirror of a remote, exclusively; created empty when there is none."""
        name = hashlib.sha256(f"{url}\0{auth.cache_key}".encode()).hexdigest()[:40]
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        async with lock:
            mirror = Mirror(self._home / f"{name}.git", self._sessions, self._environment, self._lock)
            await mirror.create()
            try:
                yield mirror
            finally:
                if mirror.path.exists():
                    os.utime(mirror.path)
        if time.monotonic() - self._pruned > _PRUNE_INTERVAL:
            await self.prune()

    async def prune(self) -> int:
        """Remove mirrors that were not used for long, and the least recently used ones beyond the size; how many."""
        self._pruned = time.monotonic()
        mirrors = await asyncio.to_thread(self._measure)
        total = sum(size for _, _, size in mirrors)
        removed = 0
        for used, path, size in mirrors:
            lock = self._locks.get(path.stem)
            if lock is not None and lock.locked():
                continue
            if total > self._max_bytes or used < time.time() - self._max_age:
                # Renamed first: whoever asks for it from now on starts with an empty one.
                grave = path.with_suffix(_REMOVING)
                path.rename(grave)
                await asyncio.to_thread(shutil.rmtree, grave, True)
                total -= size
                removed += 1
        return removed

    def _measure(self) -> list[tuple[float, Path, int]]:
        """(last use, path, bytes) of every mirror, least recently used first."""
        return sorted((path.stat().st_mtime, path, _size(path)) for path in self._home.glob("*.git"))


def _claim(root: Path) -> tuple[Path, int]:
    """The first numbered directory that no living process holds, and the descriptor that holds it."""
    number = 0
    while True:
        home = root / f"mirrors-{number}"
        home.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return home, descriptor
        except BlockingIOError:
            os.close(descriptor)
            number += 1


def _size(directory: Path) -> int:
    total = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total
