"""Stanzas of the header, each the file key wrapped for one recipient, and the primitives that wrap it."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fluxkit.sops.errors import MasterKeyError

__all__ = [
    "FILE_KEY_BYTES",
    "AgeError",
    "Stanza",
    "decode_base64",
    "encode_base64",
    "exchange",
    "hkdf",
    "seal",
    "unseal",
]

FILE_KEY_BYTES: Final = 16
_TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)


class AgeError(MasterKeyError):
    """A file or a key is malformed; the message holds no key material."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """``arguments`` without the type; ``body`` is the wrapped file key."""

    type: str
    arguments: tuple[str, ...]
    body: bytes


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def decode_base64(text: str) -> bytes:
    """Base64 without padding, canonical only. Raises :class:`AgeError`."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise AgeError("malformed base64") from None
    if encode_base64(data) != text:
        raise AgeError("malformed base64: not canonical")
    return data


def hkdf(secret: bytes, salt: bytes, label: bytes, length: int = 32) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, label).derive(secret)


def exchange(secret: bytes, public: bytes) -> bytes:
    """X25519. Raises :class:`AgeError` for a public key of low order."""
    try:
        key = X25519PublicKey.from_public_bytes(public)
        return X25519PrivateKey.from_private_bytes(secret).exchange(key)
    except ValueError:
        raise AgeError("invalid X25519 recipient") from None


def seal(key: bytes, plain: bytes) -> bytes:
    return ChaCha20Poly1305(key).encrypt(_NONCE, plain, None)


def unseal(key: bytes, sealed: bytes) -> bytes | None:
    """The file key, None if the key is another. Raises :class:`AgeError` for a wrong size."""
    if len(sealed) != FILE_KEY_BYTES + _TAG_BYTES:
        raise AgeError("invalid recipient block: incorrect file key size")
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        return None
