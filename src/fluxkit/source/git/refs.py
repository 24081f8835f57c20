"""From what a user asked for (branch, tag, range, name, commit) to one commit of a remote's references.

Upstream: fluxcd/pkg ``git/gogit/clone.go`` and ``git/git.go`` (revision text).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fluxkit.api.source import GitReference
from fluxkit.semver import Constraint, ConstraintError, Version, VersionError, parse_tag
from fluxkit.source.errors import EmptyRepository, GitError, RefNotFound

__all__ = [
    "PEELED",
    "RefListing",
    "ResolvedRef",
    "matching_tags",
    "normalize_revision",
    "ref_prefixes",
    "select",
]

PEELED: Final = "^{}"
_DEFAULT_BRANCH: Final = "master"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RefListing:
    """A remote's references: object id by full name; what an annotated tag points to is under its name + ``^{}``."""

    refs: Mapping[str, str]

    def commit_of(self, name: str) -> str | None:
        """The commit of a reference, tags followed."""
        return self.refs.get(name + PEELED) or self.refs.get(name)


@dataclass(frozen=True, slots=True)
class ResolvedRef:
    """One commit of a remote, and how it is named.

    ``revision`` is what goes into an artifact, such as ``main@sha1:<hex>``. ``ref`` is the full name of the remote
    reference that leads to the commit (empty for a bare commit), ``tag`` the object id of the annotated tag it names.
    """

    revision: str
    commit: str
    ref: str = ""
    tag: str = ""
    branch_only: bool = False
    """The commit must be part of the branch ``ref``, whose tip it need not be."""


def ref_prefixes(ref: GitReference) -> tuple[str, ...]:
    """Which references a listing must hold to resolve ``ref``; empty when no listing is needed."""
    if ref.commit:
        return ()
    if ref.name:
        return (ref.name.removesuffix(PEELED),)
    if ref.tag:
        return (f"refs/tags/{ref.tag}",)
    if ref.semver:
        return ("refs/tags/",)
    return (f"refs/heads/{ref.branch or _DEFAULT_BRANCH}",)


def select(ref: GitReference, listing: RefListing, url: str) -> ResolvedRef:
    """The commit that ``ref`` (not a range) means. Raises RefNotFound, GitError, EmptyRepository.

    Precedence is commit, name, tag, semver, branch, as upstream's code has it.
    """
    if ref.commit:
        commit = ref.commit.lower()
        if not _COMMIT.fullmatch(commit):
            raise RefNotFound(f"unable to resolve commit object for '{ref.commit}': object not found")
        if ref.branch:
            return ResolvedRef(f"{ref.branch}@{_digest(commit)}", commit, f"refs/heads/{ref.branch}", branch_only=True)
        return ResolvedRef(_digest(commit), commit)
    if ref.name:
        return _named(ref.name, listing)
    if ref.tag:
        return tagged(ref.tag, listing, url)
    name = f"refs/heads/{ref.branch or _DEFAULT_BRANCH}"
    if not listing.refs:
        raise EmptyRepository("git repository is empty")
    return ResolvedRef(
        f"{ref.branch or _DEFAULT_BRANCH}@{_digest(_found(name, listing, url))}", listing.refs[name], name
    )


def _named(name: str, listing: RefListing) -> ResolvedRef:
    if name.startswith("/") or name.endswith("/"):
        raise GitError(f"ref {name} is invalid; Git refs cannot begin or end with a slash '/'")
    plain = name.removesuffix(PEELED)
    commit = listing.commit_of(plain) if plain.startswith("refs/tags/") else listing.refs.get(name)
    if commit is None:
        raise RefNotFound(f"unable to resolve ref '{name}' to a specific commit")
    return ResolvedRef(f"{name}@{_digest(commit)}", commit, plain, _annotated(plain, listing))


def tagged(tag: str, listing: RefListing, url: str) -> ResolvedRef:
    """The commit of a tag."""
    name = f"refs/tags/{tag}"
    _found(name, listing, url)
    commit = listing.commit_of(name) or ""
    return ResolvedRef(f"{tag}@{_digest(commit)}", commit, name, _annotated(name, listing))


def matching_tags(expression: str, listing: RefListing) -> list[str]:
    """The tags with the highest version that satisfies the range: several when they differ in build metadata only.

    Raises GitError for a malformed range, RefNotFound when nothing matches.
    """
    try:
        constraint = Constraint(expression)
    except ConstraintError as problem:
        raise GitError(f"semver parse error: {problem}") from None
    highest: list[Version] = []
    for name in listing.refs:
        if not name.startswith("refs/tags/") or name.endswith(PEELED):
            continue
        try:
            version = parse_tag(name.removeprefix("refs/tags/"))
        except VersionError:
            continue
        if not constraint.check(version) or (highest and version < highest[0]):
            continue
        highest = [*highest, version] if highest and version == highest[0] else [version]
    if not highest:
        raise RefNotFound(f"no match found for semver: {expression}")
    return sorted(version.original for version in highest)


def _found(name: str, listing: RefListing, url: str) -> str:
    if name not in listing.refs:
        raise RefNotFound(f"unable to clone '{url}': couldn't find remote ref \"{name}\"")
    return listing.refs[name]


def _annotated(name: str, listing: RefListing) -> str:
    return listing.refs[name] if name + PEELED in listing.refs else ""


def _digest(commit: str) -> str:
    return f"{'sha1' if len(commit) == 40 else '<unknown>'}:{commit}"


def normalize_revision(revision: str) -> str:
    """A revision in today's form; earlier releases wrote ``main/<sha>``, ``HEAD/<sha>`` and a bare ``<sha>``.

    Upstream: fluxcd/pkg ``git/utils.go`` TransformRevision.
    """
    head, separator, tail = revision.rpartition("/")
    if not _COMMIT.fullmatch(tail) or "@" in revision:
        return revision
    if not separator or head == "HEAD":
        return _digest(tail)
    return f"{head}@{_digest(tail)}"


def parse_listing(lines: Iterable[str]) -> RefListing:
    """The output of ``git ls-remote``: object id, tab, name."""
    refs: dict[str, str] = {}
    for line in lines:
        commit, separator, name = line.partition("\t")
        if separator and _COMMIT.fullmatch(commit):
            refs[name] = commit
    return RefListing(refs)
