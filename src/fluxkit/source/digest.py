"""Digests of stored files: ``<algorithm>:<hex>`` (opencontainers/go-digest, fluxcd/pkg ``artifact/digest``)."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fluxkit.source.errors import InvalidDigest

__all__ = ["ALGORITHMS", "CHUNK", "Digest", "Hasher", "hash_file", "new_hasher"]

CHUNK = 1 << 20
"""Bytes per read or write of file content."""


class Hasher(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


def _blake3() -> Hasher:
    from blake3 import blake3

    return blake3()


ALGORITHMS: dict[str, tuple[Callable[[], Hasher], int]] = {
    "sha1": (lambda: hashlib.sha1(usedforsecurity=False), 40),
    "sha256": (hashlib.sha256, 64),
    "sha384": (hashlib.sha384, 96),
    "sha512": (hashlib.sha512, 128),
    "blake3": (_blake3, 64),
}
"""Algorithm name to its constructor and the length of its hex form."""

_HEX = re.compile(r"[0-9a-f]+")


def new_hasher(algorithm: str) -> Hasher:
    """Raises InvalidDigest for an algorithm outside ``ALGORITHMS``."""
    if algorithm not in ALGORITHMS:
        raise InvalidDigest(f"unsupported digest algorithm '{algorithm}': expected one of {', '.join(ALGORITHMS)}")
    return ALGORITHMS[algorithm][0]()


@dataclass(frozen=True, slots=True)
class Digest:
    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """``<algorithm>:<hex>``; bare hex counts as sha256. Raises InvalidDigest."""
        if not text:
            raise InvalidDigest("empty digest")
        algorithm, separator, value = text.partition(":")
        if not separator:
            algorithm, value = "sha256", text
        if algorithm not in ALGORITHMS:
            raise InvalidDigest(f"failed to parse digest '{text}': unsupported digest algorithm")
        if len(value) != ALGORITHMS[algorithm][1] or not _HEX.fullmatch(value):
            raise InvalidDigest(f"failed to parse digest '{text}': invalid checksum digest format")
        return cls(algorithm, value)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def hash_file(path: Path, algorithm: str) -> str:
    """Hex digest of a file's bytes, read in chunks. Blocks: call it in a thread."""
    hasher = new_hasher(algorithm)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()
