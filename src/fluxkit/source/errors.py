"""What can go wrong between a source and its consumers, typed by what the reader can do about it.

Every error carries ``reason``: the condition reason that upstream's controllers report for it. Messages never contain
credentials.
"""

__all__ = [
    "ArchiveError",
    "ArtifactNotFound",
    "DigestMismatch",
    "DownloadError",
    "EmptyRepository",
    "GitAuthError",
    "GitError",
    "GitTimeout",
    "IgnoreError",
    "IncludeError",
    "InvalidDigest",
    "PathError",
    "RefNotFound",
    "RepositoryNotFound",
    "SourceError",
    "SparseCheckoutError",
    "StorageError",
    "UnsafeTree",
]


class SourceError(Exception):
    """Base of this package's errors. ``reason`` is a condition reason of fluxcd/source-controller."""

    reason = "Failed"

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        if reason:
            self.reason = reason


class StorageError(SourceError):
    """The artifact storage cannot be read or written."""

    reason = "ArchiveOperationFailed"


class PathError(StorageError):
    """A path would leave the directory that it belongs to."""

    reason = "InvalidPath"


class InvalidDigest(SourceError):
    """A digest is empty, malformed, or of an algorithm that is not supported."""


class DigestMismatch(SourceError):
    """Content does not have the digest it was announced with."""


class ArchiveError(SourceError):
    """An archive cannot be built, or is malformed, too large or hostile."""

    reason = "ArchiveOperationFailed"


class IgnoreError(SourceError):
    """A ``.sourceignore`` file cannot be read."""

    reason = "SourceIgnoreError"


class IncludeError(StorageError):
    """The content of another source cannot be placed into this one's tree."""

    reason = "CopyFailure"


class ArtifactNotFound(SourceError):
    """The artifact server no longer has the file: wait for the source to publish the current one."""


class DownloadError(SourceError):
    """An artifact cannot be downloaded."""


class GitError(SourceError):
    """A Git operation failed; retry later."""

    reason = "GitOperationFailed"
    context = "failed to checkout and determine revision: "

    @property
    def condition_message(self) -> str:
        """The message as upstream's ``FetchFailed`` condition words it: the step that failed, then this."""
        return f"{self.context}{self.message}"


class GitTimeout(GitError):
    """A Git operation exceeded its time limit and was ended."""


class GitAuthError(GitError):
    """Credentials are missing, malformed or unusable, as told by the Secret itself (not by the server)."""

    reason = "AuthenticationFailed"
    context = "failed to configure authentication options: "


class RepositoryNotFound(GitError):
    """The server knows no such repository, or denies that it does."""


class RefNotFound(GitError):
    """The reference does not exist in the remote repository."""


class EmptyRepository(GitError):
    """The remote repository has no commits yet."""

    reason = "EmptyGitRepository"
    context = ""


class SparseCheckoutError(GitError):
    """A directory of the sparse checkout is not in the repository."""

    context = "failed to sparse checkout directories : "


class UnsafeTree(GitError):
    """A commit contains a path that must never be written to disk, such as ``..`` or ``.git``."""
