"""A Git remote: what does a reference mean now, and the files of that commit.

``resolve`` costs one round trip and no process over HTTP; ``checkout`` fetches what the local mirror lacks and writes
the tree. Both are bounded by the timeout and by cancellation. Upstream: fluxcd/pkg ``git/gogit``, which clones anew for
every change.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from fluxkit.api.source import GitReference
from fluxkit.source.errors import GitAuthError, GitError, GitTimeout, RefNotFound, SparseCheckoutError
from fluxkit.source.git import export, submodules
from fluxkit.source.git.auth import GitAuth, is_encrypted, parse_url, without_userinfo
from fluxkit.source.git.export import Commit, Damaged, TreeEntry
from fluxkit.source.git.failures import explain
from fluxkit.source.git.mirror import Mirror, MirrorCache
from fluxkit.source.git.process import GitFailed, run_git
from fluxkit.source.git.refs import (
    RefListing,
    ResolvedRef,
    matching_tags,
    parse_listing,
    ref_prefixes,
    select,
    tagged,
)
from fluxkit.source.git.session import git_session
from fluxkit.source.git.smarthttp import HTTPPool

__all__ = ["GitClient", "GitRemote"]


class GitClient:
    """What remotes of one process share: kept connections and local mirrors. Close it at the end."""

    def __init__(self, mirror_dir: Path, *, allow_file: bool = False, max_processes: int = 32) -> None:
        """``allow_file`` permits ``file://`` URLs, which read the controller's own disk.

        ``max_processes`` bounds the operations that run git at the same time, so that a start with hundreds of
        repositories does not become a storm of processes.
        """
        self.pool = HTTPPool()
        self.mirrors = MirrorCache(mirror_dir)
        self.allow_file = allow_file
        self.processes = asyncio.Semaphore(max_processes)

    def remote(self, url: str, auth: GitAuth | None = None, *, proxy: str = "", timeout: float = 60.0) -> "GitRemote":
        """``proxy`` is a URL (http, https, socks5) with its credentials; ``timeout`` is in seconds per operation."""
        return GitRemote(url, auth=auth, proxy=proxy, timeout=timeout, client=self)

    async def close(self) -> None:
        await self.pool.close()
        self.mirrors.close()

    async def __aenter__(self) -> "GitClient":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class GitRemote:
    """One remote with its credentials. Cheap to make; several may work on one URL at the same time."""

    def __init__(
        self, url: str, *, client: GitClient, auth: GitAuth | None = None, proxy: str = "", timeout: float = 60.0
    ) -> None:
        """Raises GitError (reason ``URLInvalid``) for a URL that cannot be used, GitAuthError for its credentials."""
        self._scheme = parse_url(url).scheme
        if self._scheme == "file" and not client.allow_file:
            raise GitError("failed to parse url: file:// URLs are not allowed", reason="URLInvalid")
        self._auth = auth if auth is not None else GitAuth.from_secret(url)
        self.url = without_userinfo(url)
        """The address without user information."""
        self._client = client
        self._proxy = proxy
        self._timeout = timeout
        self._base: tuple[str, GitAuth] | None = None

    async def resolve(self, ref: GitReference | None = None) -> ResolvedRef:
        """The commit that ``ref`` means now (default: branch ``master``).

        A bare commit needs no answer from the remote; a range does one listing, and reads two commits only when tags
        differ in build metadata alone. Raises GitError and its kinds: RefNotFound, EmptyRepository,
        RepositoryNotFound, GitTimeout.
        """
        ref = ref or GitReference()
        if ref.commit:
            return select(ref, RefListing({}), self.url)
        if ref.name.startswith("/") or ref.name.endswith("/"):
            return select(ref, RefListing({}), self.url)
        async with self._deadline(f"unable to list remote for '{self.url}'"):
            prefixes = ref_prefixes(ref)
            listing = await self._list(prefixes)
            if not listing.refs and prefixes[0].startswith("refs/heads/"):
                # Nothing matches: is it the branch that is missing, or is everything?
                listing = await self._list(("refs/",))
            if any(len(commit) == 64 for commit in listing.refs.values()):
                raise GitError(f"unable to clone '{self.url}': SHA-256 repositories are not supported")
            if ref.semver and not ref.tag and not ref.name:
                return await self._resolve_range(ref.semver, listing)
            return select(ref, listing, self.url)

    async def checkout(
        self, resolved: ResolvedRef, dest: Path, *, sparse: Sequence[str] = (), submodules: bool = False
    ) -> Commit:
        """Write the commit's files below ``dest`` (absent or empty).

        ``sparse`` limits it to directories, each of which must exist. Symlinks are left out. The mirror is used
        exclusively meanwhile. Raises GitError and its kinds, UnsafeTree among them.
        """
        return await self._checkout(resolved, dest, tuple(sparse), 0 if submodules else None)

    # --- listing ---

    async def _list(self, prefixes: Sequence[str]) -> RefListing:
        if self._scheme in ("http", "https") and not self._proxy.startswith("socks"):
            try:
                answer = await self._client.pool.list_refs(self.url, self._auth, prefixes, self._proxy)
            except GitError as problem:
                raise type(problem)(self._auth.mask(problem.message), reason=problem.reason) from problem
            self._base = (answer.url, answer.auth)
            return answer.refs
        patterns = [part for prefix in prefixes for part in ([f"{prefix}*"] if prefix.endswith("/") else [prefix])]
        patterns += [f"{prefix}^{{}}" for prefix in prefixes if prefix.startswith("refs/tags/") and prefix[-1] != "/"]
        async with self._client.processes:
            with self._session(self.url, self._auth) as environment:
                try:
                    output = await run_git(
                        ["ls-remote", "--quiet", "--", self._address(), *patterns], environment, timeout=self._timeout
                    )
                except GitFailed as problem:
                    raise self._explained(problem, f"unable to list remote for '{self.url}'")[0] from None
        return parse_listing(output.decode("utf-8", "surrogateescape").splitlines())

    async def _resolve_range(self, expression: str, listing: RefListing) -> ResolvedRef:
        candidates = [tagged(tag, listing, self.url) for tag in matching_tags(expression, listing)]
        if len({candidate.commit for candidate in candidates}) == 1:
            return candidates[-1]
        # Equal precedence: the newest commit wins.
        async with self._mirror() as mirror:
            for candidate in candidates:
                await self._fetch(mirror, candidate)
            commits = await export.read_commits(
                mirror.path, [candidate.commit for candidate in candidates], mirror.environment, self._timeout
            )
        newest = max(range(len(commits)), key=lambda index: (commits[index].when, index))
        return candidates[newest]

    # --- fetching ---

    async def _checkout(self, resolved: ResolvedRef, dest: Path, sparse: tuple[str, ...], depth: int | None) -> Commit:
        # Waiting for other checkouts does not count: each of them ends at its own deadline.
        async with self._mirror() as mirror, self._deadline(f"unable to clone '{self.url}'"):
            entries = await self._entries(mirror, resolved)
            chosen = _sparse(entries, sparse)
            commit = await self._export(mirror, resolved, chosen, dest)
        if depth is not None:
            await self._submodules(chosen, dest, depth)
        return replace(commit, revision=resolved.revision)

    async def _entries(self, mirror: Mirror, resolved: ResolvedRef) -> list[TreeEntry]:
        """The commit's tree, from the mirror if it has it, fetched otherwise; a damaged mirror is made anew once."""
        if mirror.is_used() and not resolved.branch_only:
            try:
                return await self._tree(mirror, resolved)
            except Damaged:
                pass  # not there yet
        used = mirror.is_used()
        try:
            await self._fetch(mirror, resolved)
            return await self._tree(mirror, resolved)
        except Damaged:
            if not used:
                raise
        await mirror.wipe()
        await mirror.create()
        await self._fetch(mirror, resolved)
        return await self._tree(mirror, resolved)

    async def _tree(self, mirror: Mirror, resolved: ResolvedRef) -> list[TreeEntry]:
        return await export.list_tree(mirror.path, resolved.commit, mirror.environment, self._timeout)

    async def _export(self, mirror: Mirror, resolved: ResolvedRef, entries: Sequence[TreeEntry], dest: Path) -> Commit:
        try:
            return await export.export(mirror.path, resolved.commit, entries, dest, mirror.environment, self._timeout)
        except Damaged:
            await mirror.wipe()
            await mirror.create()
            await self._fetch(mirror, resolved)
            await asyncio.to_thread(_clear, dest)
        return await export.export(mirror.path, resolved.commit, entries, dest, mirror.environment, self._timeout)

    async def _fetch(self, mirror: Mirror, resolved: ResolvedRef) -> None:
        """Get the commit into the mirror. Raises GitError; Damaged when the mirror itself is at fault."""
        if resolved.branch_only:
            await self._fetch_refs(mirror, [f"+{resolved.ref}:{resolved.ref}"], shallow=False)
            await self._require_in_branch(mirror, resolved)
            return
        wanted = resolved.tag or resolved.commit
        # What was fetched for a reference before is offered to the server as known.
        slot = f"refs/fluxkit/{hashlib.sha256((resolved.ref or wanted).encode()).hexdigest()[:16]}"
        try:
            await self._fetch_refs(mirror, [f"+{wanted}:{slot}"], shallow=True)
            return
        except RefNotFound:
            raise
        except _NotAllowed:
            pass  # the server gives only what it advertises
        if resolved.ref:
            await self._fetch_refs(mirror, [f"+{resolved.ref}:{slot}"], shallow=resolved.ref.startswith("refs/"))
        else:
            await self._fetch_refs(mirror, ["+refs/heads/*:refs/heads/*"], shallow=False)
        try:
            await export.read_commits(mirror.path, [resolved.commit], mirror.environment, self._timeout)
        except Damaged:
            if resolved.ref:
                raise GitError(
                    f"unable to clone '{self.url}': '{resolved.ref}' moved while it was fetched, "
                    f"commit {resolved.commit} is no longer there"
                ) from None
            raise RefNotFound(f"unable to resolve commit object for '{resolved.commit}': object not found") from None

    async def _fetch_refs(self, mirror: Mirror, refspecs: Sequence[str], *, shallow: bool) -> None:
        base, auth = await self._effective()
        arguments = ["--git-dir", str(mirror.path), "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--force"]
        if shallow:
            arguments += ["--depth=1"]
        elif (mirror.path / "shallow").exists():
            arguments += ["--unshallow"]
        used = mirror.is_used()
        arguments += ["--", base, *refspecs]
        with self._session(base, auth) as environment:
            try:
                with mirror.fetching():
                    await run_git(arguments, environment, timeout=self._timeout, inherit=(mirror.lock,))
            except GitFailed as problem:
                if any(text in problem.stderr for text in _REFUSALS):
                    raise _NotAllowed(self._auth.mask(problem.stderr)) from None
                error, remote = self._explained(problem, f"unable to clone '{self.url}'")
                if used and not remote and not await mirror.is_sound():
                    raise Damaged(str(error)) from None
                raise error from None

    async def _require_in_branch(self, mirror: Mirror, resolved: ResolvedRef) -> None:
        arguments = ["--git-dir", str(mirror.path), "merge-base", "--is-ancestor", resolved.commit, resolved.ref]
        try:
            await run_git(arguments, mirror.environment, timeout=self._timeout)
        except GitFailed:
            raise RefNotFound(
                f"unable to resolve commit object for '{resolved.commit}': object not found in '{resolved.ref}'"
            ) from None

    async def _effective(self) -> tuple[str, GitAuth]:
        """The address after redirects, with what may be sent there; asked for once if no listing came before."""
        if self._base is None and self._scheme in ("http", "https") and not self._proxy.startswith("socks"):
            await self._list(("HEAD",))
        return self._base or (self._address(), self._auth)

    def _address(self) -> str:
        if self._scheme != "ssh":
            return self.url
        return self.url.replace("ssh://", f"ssh://{self._auth.username}@", 1)

    def _session(self, url: str, auth: GitAuth) -> AbstractContextManager[dict[str, str]]:
        sessions, allow_file = self._client.mirrors.sessions, self._client.allow_file
        return git_session(sessions, url, auth, timeout=self._timeout, proxy=self._proxy, allow_file=allow_file)

    # --- submodules ---

    async def _submodules(self, entries: Sequence[TreeEntry], dest: Path, depth: int) -> None:
        links = {entry.path: entry.sha for entry in entries if entry.is_submodule}
        if not links:
            return
        if depth == submodules.MAX_DEPTH:
            raise GitError(f"unable to clone '{self.url}': submodules are nested deeper than {depth} levels")
        modules = submodules.parse_modules(await asyncio.to_thread(_read_modules, dest / ".gitmodules"))
        for path, commit in links.items():
            if path not in modules:
                continue
            url = submodules.resolve_url(modules[path], self.url)
            auth = submodules.auth_for(url, self.url, self._auth)
            remote = GitRemote(url, client=self._client, auth=auth, proxy=self._proxy, timeout=self._timeout)
            await remote._checkout(ResolvedRef("", commit), dest / path, (), depth + 1)

    # --- limits and errors ---

    @asynccontextmanager
    async def _mirror(self) -> AsyncIterator[Mirror]:
        """The local mirror, exclusively, with leave to run git processes."""
        async with self._client.mirrors.mirror(self.url, self._auth) as mirror, self._client.processes:
            yield mirror

    def _explained(self, problem: GitFailed, action: str) -> tuple[GitError, bool]:
        error, remote = explain(self._auth.mask(problem.stderr), action)
        if "unable to authenticate" in error.message and is_encrypted(self._auth.identity):
            return GitAuthError(f"{error.message}; is 'password' in the secret the passphrase of the key?"), remote
        return error, remote

    @asynccontextmanager
    async def _deadline(self, action: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except (TimeoutError, GitTimeout):
            raise GitTimeout(f"{action}: no answer within {self._timeout:g}s: context deadline exceeded") from None


class _NotAllowed(GitError):
    """The server does not hand out this object by its id."""


_REFUSALS: Final = (
    "not our ref",
    "Server does not allow request for unadvertised object",
    "no such remote ref",
    "unadvertised object",
)


def _sparse(entries: list[TreeEntry], directories: Sequence[str]) -> list[TreeEntry]:
    if not directories:
        return entries
    kept: dict[str, TreeEntry] = {}
    for directory in directories:
        inside = os.path.normpath("/" + directory).lstrip("/")
        if not inside:
            return entries
        found = [entry for entry in entries if entry.path == inside or entry.path.startswith(f"{inside}/")]
        if not found:
            raise SparseCheckoutError(
                f"sparse checkout dir '{directory}' does not exist in repository: no such file or directory"
            )
        kept.update((entry.path, entry) for entry in found)
    return [entry for entry in entries if entry.path in kept]


def _read_modules(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(1 << 20).decode("utf-8", "surrogateescape")


def _clear(dest: Path) -> None:
    for child in dest.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
