"""Artifacts for consumers: downloaded, verified and unpacked once per digest, shared read-only by everybody.

Two hundred Kustomizations on one source cost one download and one unpacking. Each caller holds a lease on the tree; a
tree without leases stays until the cache needs the room, least recently used first. A tree becomes visible by one
rename, complete, so a killed process leaves nothing that looks like a tree; the next start removes what it left.

Upstream: fluxcd/pkg ``http/fetch`` (which downloads and unpacks anew for every reconcile).
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
import weakref
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from fluxkit.api.source import Artifact
from fluxkit.source import archive
from fluxkit.source.digest import CHUNK, Digest, new_hasher
from fluxkit.source.errors import ArtifactNotFound, DigestMismatch, DownloadError

__all__ = ["ArtifactFetcher", "FetchOptions", "UnpackedTree"]

Wait = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Times in seconds, sizes in bytes; a size of None is unlimited."""

    retries: int = 9
    wait_min: float = 5.0
    wait_max: float = 30.0
    request_timeout: float = 300.0
    max_download: int | None = None
    max_unpacked: int | None = archive.DEFAULT_MAX_BYTES
    cache_bytes: int = 2 << 30
    cache_trees: int = 256
    host_override: str = ""
    """Replaces the host of every URL (SOURCE_CONTROLLER_LOCALHOST)."""
    watcher_override: str = ""
    """Replaces it for artifacts of source-watcher instead (SOURCE_WATCHER_LOCALHOST)."""


class UnpackedTree:
    """A lease on an unpacked artifact. Read-only: others look at the same files.

    The tree stays until :meth:`release`, the end of a ``with`` block, or the garbage collection of this object.
    """

    def __init__(self, entry: "_Tree") -> None:
        self.path: Path = entry.path
        self.digest: str = entry.digest
        self.files: Mapping[str, str] = entry.contents.files
        """sha256 of each regular file by its path from the root, with ``/``."""
        self.directories: frozenset[str] = entry.contents.directories
        """All directories below the root; with ``files``, what any listing would show."""
        entry.leases += 1
        self._finalizer = weakref.finalize(self, entry.release)

    def release(self) -> None:
        """Give up the lease; the paths must not be used afterwards. Further calls do nothing."""
        self._finalizer()

    def __enter__(self) -> "UnpackedTree":
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


@dataclass(slots=True)
class _Tree:
    path: Path
    digest: str
    contents: archive.Contents
    leases: int = 0

    def release(self) -> None:
        self.leases -= 1


@dataclass(slots=True)
class _Download:
    task: "asyncio.Task[_Tree]"
    waiters: int = 0


_LOCK: Final = "lock"


class ArtifactFetcher:
    """A cache of unpacked artifacts in ``cache_dir``, which several processes may share (each keeps its own trees)."""

    def __init__(self, cache_dir: Path, options: FetchOptions | None = None, *, wait: Wait = asyncio.sleep) -> None:
        """``wait`` is how the fetcher waits between retries."""
        self._options = options or FetchOptions()
        self._wait = wait
        cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(cache_dir / _LOCK):
            _remove_abandoned(cache_dir)
            self._home = Path(tempfile.mkdtemp(prefix="trees-", dir=cache_dir))
            self._lock = os.open(self._home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._trees: OrderedDict[str, _Tree] = OrderedDict()
        self._downloading: dict[str, _Download] = {}
        self._wanted: Counter[str] = Counter()
        self._session: aiohttp.ClientSession | None = None
        self.downloads = 0
        """Downloads that were completed, for metrics and tests."""

    async def close(self) -> None:
        """End running downloads and remove every tree of this process, leased or not."""
        tasks = [download.task for download in self._downloading.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._trees.clear()
        await asyncio.to_thread(shutil.rmtree, self._home, True)
        os.close(self._lock)

    async def __aenter__(self) -> "ArtifactFetcher":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def fetch(self, artifact: Artifact) -> UnpackedTree:
        """A lease on the artifact's unpacked tree: ``with await fetcher.fetch(artifact) as tree: ...``

        Concurrent callers share one download. Raises InvalidDigest, ArtifactNotFound (404), DigestMismatch,
        DownloadError, ArchiveError.
        """
        digest = str(Digest.parse(artifact.digest))
        self._wanted[digest] += 1
        try:
            tree = self._trees.get(digest) or await self._shared(digest, artifact.url)
            self._trees.move_to_end(digest)
            lease = UnpackedTree(tree)
        finally:
            self._wanted[digest] -= 1
        await self._evict()
        return lease

    async def _shared(self, digest: str, url: str) -> _Tree:
        # Same digest at another address: its failure is not ours, so the address is part of the key.
        key = f"{digest} {url}"
        download = self._downloading.get(key)
        if download is None:
            download = self._downloading[key] = _Download(asyncio.create_task(self._load(digest, url)))
        download.waiters += 1
        try:
            return await asyncio.shield(download.task)
        finally:
            download.waiters -= 1
            if not download.waiters:
                del self._downloading[key]
                download.task.cancel()  # nobody waits any more; no effect on a finished task

    async def _load(self, digest: str, url: str) -> _Tree:
        workplace = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="unpacking-", dir=self._home))
        try:
            download = workplace / "artifact.tar.gz"
            await self._download(url, Digest.parse(digest), download)
            self.downloads += 1
            contents = await asyncio.to_thread(
                archive.extract,
                download,
                workplace / "tree",
                max_bytes=self._options.max_unpacked,
                skip_symlinks=False,
                read_only=True,
            )
            if (present := self._trees.get(digest)) is not None:
                return present
            path = self._home / digest.replace(":", "-")
            tree = _Tree(path, digest, contents)
            os.rename(workplace / "tree", path)
            self._trees[digest] = tree
            return tree
        finally:
            await asyncio.to_thread(shutil.rmtree, workplace, True)

    async def _download(self, url: str, digest: Digest, target: Path) -> None:
        override = self._options.host_override
        if "//source-watcher" in url:
            override = self._options.watcher_override
        if override:
            url = urlunsplit(urlsplit(url)._replace(netloc=override))
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        attempt = 0
        while True:
            try:
                await self._attempt(self._session, url, digest, target)
                return
            except _Retryable as problem:
                if attempt == self._options.retries:
                    raise DownloadError(f"failed to download archive: {problem}") from problem
            await self._wait(min(self._options.wait_max, self._options.wait_min * 2**attempt))
            attempt += 1

    async def _attempt(self, session: aiohttp.ClientSession, url: str, digest: Digest, target: Path) -> None:
        timeout = aiohttp.ClientTimeout(total=self._options.request_timeout)
        try:
            async with session.get(url, timeout=timeout) as response:
                status = f"{response.status} {response.reason or ''}".strip()
                if response.status == 404:
                    raise ArtifactNotFound(f"file not found: {url}")
                if response.status >= 500 or response.status == 429:
                    raise _Retryable(f"{url} answered {status}")
                if response.status != 200:
                    raise DownloadError(f"failed to download archive from {url} (status: {status})")
                await self._save(response, digest, target)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as problem:
            raise _Retryable(f"{url}: {str(problem) or type(problem).__name__}") from problem
        except aiohttp.ClientError as problem:
            raise DownloadError(f"failed to download archive from {url}: {problem}") from problem

    async def _save(self, response: aiohttp.ClientResponse, digest: Digest, target: Path) -> None:
        hasher = new_hasher(digest.algorithm)
        limit = self._options.max_download
        received = 0
        with target.open("wb") as file:

            def keep(chunk: bytes) -> None:
                hasher.update(chunk)
                file.write(chunk)

            async for chunk in response.content.iter_chunked(CHUNK):
                received += len(chunk)
                if limit is not None and received > limit:
                    raise DownloadError(f"artifact is greater than the max download size of {limit} bytes")
                await asyncio.to_thread(keep, chunk)
        if hasher.hexdigest() != digest.hex:
            raise DigestMismatch(f"failed to verify archive: computed digest doesn't match provided '{digest}'")

    async def _evict(self) -> None:
        total = sum(tree.contents.size for tree in self._trees.values())
        doomed: list[_Tree] = []
        for tree in list(self._trees.values()):
            fits = total <= self._options.cache_bytes and len(self._trees) <= self._options.cache_trees
            if fits:
                break
            if tree.leases == 0 and not self._wanted[tree.digest]:
                total -= tree.contents.size
                del self._trees[tree.digest]
                doomed.append(tree)
        for tree in doomed:
            grave = self._home / f"removing-{tree.path.name}-{id(tree)}"
            os.rename(tree.path, grave)
            await asyncio.to_thread(shutil.rmtree, grave, True)


class _Retryable(Exception):
    """The server may answer the same request differently later."""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(cache_dir: Path) -> None:
    """Remove the trees of processes that no longer hold their lock."""
    for home in cache_dir.glob("trees-*"):
        descriptor = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(home, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
