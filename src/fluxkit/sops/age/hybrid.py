"""Hybrid post-quantum keys: HPKE over ML-KEM-768 with X25519, also called X-Wing (age ``pq.go``, filippo.io/hpke)."""

import hashlib
from typing import TYPE_CHECKING, Final

from fluxkit.sops.age.stanzas import FILE_KEY_BYTES, AgeError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

__all__ = ["STANZA", "private_key", "public_key", "unwrap", "wrap"]

STANZA: Final = "mlkem768x25519"
_LABEL: Final = b"age-encryption.org/mlkem768x25519"
_SEED_BYTES: Final = 32
_KEM_SEED_BYTES: Final = 64
_KEM_PUBLIC_BYTES: Final = 1184
_X25519_BYTES: Final = 32
_TAG_BYTES: Final = 16


def _suite() -> "Suite":
    try:
        from cryptography.hazmat.primitives import hpke

        return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    except (ImportError, AttributeError):
        raise AgeError("post-quantum keys need version 47 or later of the Python package 'cryptography'") from None


def private_key(seed: bytes) -> "MLKEM768X25519PrivateKey":
    """Raises :class:`AgeError`."""
    if len(seed) != _SEED_BYTES:
        raise AgeError("malformed secret key: invalid MLKEM768-X25519 secret key")
    _suite()
    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

    expanded = hashlib.shake_256(seed).digest(_KEM_SEED_BYTES + _X25519_BYTES)
    return hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:_KEM_SEED_BYTES]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[_KEM_SEED_BYTES:]),
    )


def public_key(data: bytes) -> "MLKEM768X25519PublicKey":
    """Raises :class:`AgeError`."""
    if len(data) != _KEM_PUBLIC_BYTES + _X25519_BYTES:
        raise AgeError("malformed recipient: invalid MLKEM768-X25519 public key")
    _suite()
    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(data[:_KEM_PUBLIC_BYTES]),
        x25519.X25519PublicKey.from_public_bytes(data[_KEM_PUBLIC_BYTES:]),
    )


def unwrap(key: "MLKEM768X25519PrivateKey", encapsulated: bytes, body: bytes) -> bytes:
    """The file key. Raises ``InvalidTag`` for the stanza of another key, and :class:`AgeError`."""
    if len(body) != FILE_KEY_BYTES + _TAG_BYTES:
        raise AgeError("invalid mlkem768x25519 recipient block: incorrect file key size")
    return _suite().decrypt(encapsulated + body, key, _LABEL)


def wrap(key: "MLKEM768X25519PublicKey", file_key: bytes) -> tuple[bytes, bytes]:
    """What the receiver needs to find the key, and the wrapped file key."""
    sealed = _suite().encrypt(file_key, key, _LABEL)
    split = len(sealed) - FILE_KEY_BYTES - _TAG_BYTES
    return sealed[:split], sealed[split:]
