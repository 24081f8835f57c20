"""Getting things: Git repositories (OCI, Helm repositories and buckets later), and the artifacts made of them.

A source becomes an *artifact*: a file below the storage root, described by revision, digest, size and URL, served over
HTTP, and unpacked by consumers. The package promises that an artifact is complete or absent at any moment, that the
same tree gives the same bytes, that a fetch costs what changed, and that nothing a remote sends is executed or written
outside the directory it was asked into. It refuses to consult the user's Git configuration, credential helpers, hooks
or SSH agent, and keeps credentials out of arguments, environments and messages.

Reconciling (conditions, intervals, events) is the controllers' work; nothing here knows the Kubernetes API.
"""

from fluxkit.source import archive, include
from fluxkit.source.archive import ArchiveInfo
from fluxkit.source.errors import (
    ArchiveError,
    ArtifactNotFound,
    DigestMismatch,
    DownloadError,
    EmptyRepository,
    GitAuthError,
    GitError,
    GitTimeout,
    IncludeError,
    RefNotFound,
    RepositoryNotFound,
    SourceError,
    StorageError,
)
from fluxkit.source.fetcher import ArtifactFetcher, FetchOptions, UnpackedTree
from fluxkit.source.git import Commit, GitAuth, GitClient, GitRemote, ResolvedRef, normalize_revision
from fluxkit.source.ignore import IgnoreRules
from fluxkit.source.server import ArtifactServer
from fluxkit.source.storage import Storage

__all__ = [
    "ArchiveError",
    "ArchiveInfo",
    "ArtifactFetcher",
    "ArtifactNotFound",
    "ArtifactServer",
    "Commit",
    "DigestMismatch",
    "DownloadError",
    "EmptyRepository",
    "FetchOptions",
    "GitAuth",
    "GitAuthError",
    "GitClient",
    "GitError",
    "GitRemote",
    "GitTimeout",
    "IgnoreRules",
    "IncludeError",
    "RefNotFound",
    "RepositoryNotFound",
    "ResolvedRef",
    "SourceError",
    "Storage",
    "StorageError",
    "UnpackedTree",
    "archive",
    "include",
    "normalize_revision",
]
