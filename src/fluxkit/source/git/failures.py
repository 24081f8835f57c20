"""What git's stderr means, in the words upstream's users know (go-git's and golang.org/x/crypto/ssh's errors)."""

import re
from typing import Final

from fluxkit.source.errors import GitAuthError, GitError, RefNotFound, RepositoryNotFound

__all__ = ["explain"]

_MISSING_REF: Final = re.compile(r"couldn't find remote ref '?([^'\s]+)'?")
_USERINFO: Final = re.compile(r"://[^/@\s]+@")
_KNOWN: Final[tuple[tuple[str, type[GitError], str], ...]] = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", GitError, "ssh: handshake failed: knownhosts: key mismatch"),
    ("has changed and you have requested strict", GitError, "ssh: handshake failed: knownhosts: key mismatch"),
    ("Host key verification failed", GitError, "ssh: handshake failed: knownhosts: key is unknown"),
    ("invalid format", GitAuthError, "the 'identity' field of the secret is no SSH private key"),
    ("error in libcrypto", GitAuthError, "the 'identity' field of the secret is no SSH private key"),
    (
        "Permission denied (",
        GitError,
        "ssh: handshake failed: ssh: unable to authenticate, attempted methods [publickey]",
    ),
    ("Authentication failed for", GitError, "authentication required"),
    ("could not read Username", GitError, "authentication required"),
    ("could not read Password", GitError, "authentication required"),
    ("returned error: 401", GitError, "authentication required"),
    ("returned error: 403", GitError, "authorization failed"),
    ("does not appear to be a git repository", RepositoryNotFound, "repository not found"),
    ("returned error: 404", RepositoryNotFound, "repository not found"),
)
_NOISE: Final = ("Warning: Permanently added", "hint:", "Please make sure", "and the repository exists", "warning:")


def explain(stderr: str, action: str) -> tuple[GitError, bool]:
    """(the error for a failed git command, whether its cause is known to lie with the remote).

    ``action`` begins the message, such as ``unable to clone '<url>'``. The caller masks credentials.
    """
    if found := _MISSING_REF.search(stderr):
        return RefNotFound(f'{action}: couldn\'t find remote ref "{found[1]}"'), True
    for text, kind, meaning in _KNOWN:
        if text in stderr:
            return kind(f"{action}: {meaning}"), True
    if re.search(r"repository '[^']*' not found", stderr):
        return RepositoryNotFound(f"{action}: repository not found"), True
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.strip().startswith(_NOISE)]
    remote = any(line.startswith(("fatal: unable to access", "ssh:", "remote:", "proxy:")) for line in lines)
    detail = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines[:4])
    return GitError(f"{action}: {_USERINFO.sub('://', detail) or 'git failed without a message'}"), remote
