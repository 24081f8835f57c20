"""Paths of sources that stay inside their directory; see :mod:`fluxkit.securejoin`."""

from pathlib import Path

from fluxkit import securejoin
from fluxkit.securejoin import MAX_SYMLINKS
from fluxkit.source.errors import PathError

__all__ = ["MAX_SYMLINKS", "secure_join"]


def secure_join(root: Path, unsafe: str) -> Path:
    """As :func:`fluxkit.securejoin.secure_join`, raising PathError."""
    try:
        return securejoin.secure_join(root, unsafe)
    except securejoin.UnsafePath as error:
        raise PathError(str(error)) from None
