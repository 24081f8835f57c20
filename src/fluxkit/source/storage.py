"""Artifacts on disk: ``<kind>/<namespace>/<name>/<file>`` below one root, written atomically, kept for a while.

A reader never sees half an artifact: content goes to a temporary file in the target's directory, is hashed and counted
on the way, synced, and renamed over the target, all under an advisory lock that a crash releases. What a killed process
left behind is removed by :meth:`Storage.sweep` at the next start.

Methods that are ``async`` do their work in a thread; the others only compute or ask one file's status.

Upstream: fluxcd/pkg ``artifact/storage``.
"""

import asyncio
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from fluxkit.api.source import Artifact
from fluxkit.source import archive, retention
from fluxkit.source.digest import CHUNK, Digest, Hasher, hash_file, new_hasher
from fluxkit.source.errors import DigestMismatch, InvalidDigest, PathError, StorageError
from fluxkit.source.ignore import IgnoreRules
from fluxkit.source.paths import secure_join
from fluxkit.timestamps import format_time, now

__all__ = ["Storage"]

_FILE_MODE: Final = 0o600
_DIRECTORY_MODE: Final = 0o700


class Storage:
    """The artifact storage of one controller process.

    ``advertised`` is the address consumers reach the artifact server at: ``host:port``, or a URL that is used as is.
    ``retention_ttl`` is in seconds; ``retention_records`` bounds the artifacts kept per object.
    """

    def __init__(
        self,
        root: Path,
        advertised: str,
        *,
        retention_ttl: float = 60.0,
        retention_records: int = 2,
        algorithm: str = "sha256",
    ) -> None:
        """Raises StorageError unless ``root`` is a directory (it is never created), InvalidDigest for the algorithm."""
        if not root.is_dir():
            raise StorageError(f"invalid dir path: {root}", reason="InvalidPath")
        new_hasher(algorithm)
        self.root = root.resolve()
        self.advertised = advertised
        self.retention_ttl = retention_ttl
        self.retention_records = retention_records
        self.algorithm = algorithm

    # --- naming ---

    def artifact_for(self, kind: str, namespace: str, name: str, revision: str, filename: str) -> Artifact:
        """An artifact that is not stored yet: path, URL and revision are set, digest and size are not."""
        path = f"{kind.lower()}/{namespace}/{name}/{filename}"
        return Artifact(path=path, url=self.url(path), revision=revision, digest="", last_update_time=_now())

    def url(self, path: str) -> str:
        """The address of a stored file."""
        base = self.advertised if self.advertised.startswith(("http://", "https://")) else f"http://{self.advertised}"
        return f"{base}/{path.lstrip('/')}"

    def with_current_url(self, artifact: Artifact) -> Artifact:
        """The artifact at the address that is advertised now (its path is kept)."""
        current = urlsplit(self.url(""))
        path = urlsplit(artifact.url).path
        url = urlunsplit((current.scheme, current.netloc, path, "", "")) if path else self.url(artifact.path)
        return artifact if url == artifact.url else msgspec.structs.replace(artifact, url=url)

    def local_path(self, artifact: Artifact) -> Path:
        """Where the artifact's file is. ``..`` and symlinks cannot lead out of the root; raises PathError."""
        return self._inside(artifact.path)

    def _inside(self, path: str) -> Path:
        directory, _, filename = path.rpartition("/")
        if filename in ("", ".", ".."):
            raise PathError(f"artifact path {path!r} does not name a file")
        return secure_join(self.root, directory) / filename

    def exists(self, artifact: Artifact) -> bool:
        """Whether the artifact's file is there, and a regular file."""
        try:
            return stat.S_ISREG(os.lstat(self.local_path(artifact)).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    # --- writing ---

    async def store_tree(self, artifact: Artifact, tree: Path, ignore: IgnoreRules) -> Artifact:
        """Archive a directory as the artifact's file; returns the artifact with digest, size and time."""

        def write(file: BinaryIO) -> tuple[Digest, int]:
            info = archive.build(tree, file, ignore, algorithm=self.algorithm)
            return info.digest, info.size

        return await asyncio.to_thread(self._store, artifact, write)

    async def store_bytes(self, artifact: Artifact, data: bytes) -> Artifact:
        """Store content as it is."""
        return await asyncio.to_thread(self._store, artifact, lambda file: self._copy(iter((data,)), file))

    async def store_file(self, artifact: Artifact, path: Path) -> Artifact:
        """Store a copy of a local file."""

        def write(file: BinaryIO) -> tuple[Digest, int]:
            with path.open("rb") as source:
                return self._copy(iter(lambda: source.read(CHUNK), b""), file)

        return await asyncio.to_thread(self._store, artifact, write)

    def _copy(self, chunks: Iterator[bytes], file: BinaryIO) -> tuple[Digest, int]:
        hasher: Hasher = new_hasher(self.algorithm)
        size = 0
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
            file.write(chunk)
        return Digest(self.algorithm, hasher.hexdigest()), size

    def _store(self, artifact: Artifact, write: Callable[[BinaryIO], tuple[Digest, int]]) -> Artifact:
        target = self.local_path(artifact)
        try:
            self._make_directories(target.parent)
        except OSError as problem:
            raise StorageError(
                f"failed to create artifact directory: {problem}", reason="DirectoryCreationFailed"
            ) from problem
        try:
            with self._lock(target):
                digest, size = self._replace(target, write)
        except OSError as problem:
            raise StorageError(f"unable to store artifact {artifact.path}: {problem}") from problem
        return msgspec.structs.replace(artifact, digest=str(digest), size=size, last_update_time=_now())

    def _make_directories(self, directory: Path) -> None:
        # Path.mkdir would give its mode to the last directory only.
        if directory != self.root:
            self._make_directories(directory.parent)
            directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)

    def _replace(self, target: Path, write: Callable[[BinaryIO], tuple[Digest, int]]) -> tuple[Digest, int]:
        descriptor, temporary = tempfile.mkstemp(prefix=retention.temporary_prefix(target.name), dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                result = write(file)
                file.flush()
                os.fchmod(descriptor, _FILE_MODE)
                os.fsync(descriptor)
            os.rename(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_directory(target.parent)
        return result

    @contextmanager
    def _lock(self, target: Path) -> Iterator[None]:
        """Hold ``<target>.lock``: one writer per artifact, across processes; the kernel releases it at a crash."""
        descriptor = os.open(f"{target}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    async def link_latest(self, artifact: Artifact, link: str) -> str:
        """Point the symlink ``link`` (such as ``latest.tar.gz``) beside the artifact at it; returns the link's URL."""

        def replace() -> None:
            target = self.local_path(artifact)
            temporary = target.parent / f"{link}.tmp"
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(target)
            temporary.rename(target.parent / link)

        try:
            await asyncio.to_thread(replace)
        except OSError as problem:
            raise StorageError(f"failed to update {link}: {problem}", reason="SymlinkUpdateFailed") from problem
        return self.url(f"{artifact.path.rpartition('/')[0]}/{link}")

    # --- checking and removing ---

    async def verify(self, artifact: Artifact) -> None:
        """Recompute the stored file's digest. Raises InvalidDigest, DigestMismatch, or StorageError when unreadable."""
        if not artifact.digest:
            raise InvalidDigest("artifact has no digest")
        wanted = Digest.parse(artifact.digest)
        path = self.local_path(artifact)
        try:
            computed = await asyncio.to_thread(hash_file, path, wanted.algorithm)
        except OSError as problem:
            raise StorageError(f"unable to read artifact {artifact.path}: {problem.strerror}") from problem
        if computed != wanted.hex:
            raise DigestMismatch(f"computed digest doesn't match '{wanted}'")

    async def remove(self, artifact: Artifact) -> None:
        """Remove one artifact's file, such as one that failed verification; absent is fine."""
        path = self.local_path(artifact)
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as problem:
            raise StorageError(f"unable to remove artifact {artifact.path}: {problem.strerror}") from problem

    async def collect_garbage(self, artifact: Artifact) -> list[str]:
        """Remove the files beside the current artifact that retention no longer covers; returns their paths.

        Raises StorageError; upstream gives this 5 seconds and ignores failures.
        """
        current = self.local_path(artifact)

        def collect() -> list[str]:
            garbage = retention.garbage_files(current, self.retention_ttl, self.retention_records)
            return [path.relative_to(self.root).as_posix() for path in retention.remove(garbage)]

        try:
            return await asyncio.to_thread(collect)
        except OSError as problem:
            raise StorageError(
                f"garbage collection of artifacts failed: {problem}", reason="GarbageCollectionFailed"
            ) from problem

    async def remove_all(self, kind: str, namespace: str, name: str) -> bool:
        """Remove everything stored for an object; false when there was nothing."""
        directory = self._inside(f"{kind.lower()}/{namespace}/{name}")

        def remove() -> bool:
            if not directory.exists():
                return False
            shutil.rmtree(directory)
            return True

        try:
            return await asyncio.to_thread(remove)
        except OSError as problem:
            raise StorageError(
                f"garbage collection for deleted resource failed: {problem}", reason="GarbageCollectionFailed"
            ) from problem

    async def sweep(self) -> int:
        """Remove temporary files of writers that no longer run; returns how many. Call it at start."""

        def sweep() -> int:
            removed = 0
            for leftover in self.root.glob(f"*/*/*/{retention.TEMPORARY_PREFIX}*"):
                target = leftover.parent / retention.target_of(leftover.name)
                descriptor = os.open(f"{target}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    leftover.unlink(missing_ok=True)
                    removed += 1
                except BlockingIOError:
                    continue  # its writer is alive
                finally:
                    os.close(descriptor)
            return removed

        try:
            return await asyncio.to_thread(sweep)
        except OSError as problem:
            raise StorageError(f"unable to clean the artifact storage: {problem}") from problem


def _now() -> str:
    return format_time(now())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
