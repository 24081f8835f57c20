"""Private keys: X25519, hybrid, and SSH (age ``x25519.go``, ``pq.go``, ``agessh/agessh.go``)."""

import base64
import hashlib
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fluxkit.sops.age import bech32, hybrid
from fluxkit.sops.age.stanzas import AgeError, Stanza, decode_base64, encode_base64, exchange, hkdf, unseal

__all__ = ["ED25519_LABEL", "RSA_LABEL", "X25519_LABEL", "Identity", "parse_identities", "ssh_fingerprint"]

X25519_LABEL: Final = b"age-encryption.org/v1/X25519"
ED25519_LABEL: Final = b"age-encryption.org/v1/ssh-ed25519"
RSA_LABEL: Final = b"age-encryption.org/v1/ssh-rsa"
_X25519_BYTES: Final = 32


class Identity(Protocol):
    """A private key."""

    native: bool
    """age's own keys are tried before SSH keys."""

    def unwrap(self, stanza: Stanza) -> bytes | None:
        """The file key, None for a stanza of another key. Raises :class:`AgeError`."""


class _X25519Identity:
    native = True

    def __init__(self, secret: bytes) -> None:
        if len(secret) != _X25519_BYTES:
            raise AgeError("malformed secret key: invalid X25519 secret key")
        self._secret = secret
        self._public = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.type != "X25519":
            return None
        if len(stanza.arguments) != 1:
            raise AgeError("invalid X25519 recipient block")
        theirs = _point(stanza.arguments[0], "X25519")
        secret = exchange(self._secret, theirs)
        return unseal(hkdf(secret, theirs + self._public, X25519_LABEL), stanza.body)


class _HybridIdentity:
    native = True

    def __init__(self, seed: bytes) -> None:
        self._key = hybrid.private_key(seed)

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.type != hybrid.STANZA:
            return None
        if len(stanza.arguments) != 1:
            raise AgeError("invalid mlkem768x25519 recipient block")
        try:
            return hybrid.unwrap(self._key, decode_base64(stanza.arguments[0]), stanza.body)
        except InvalidTag:
            return None


class _Ed25519Identity:
    native = False

    def __init__(self, key: Ed25519PrivateKey) -> None:
        seed = key.private_bytes_raw()
        self._secret = hashlib.sha512(seed).digest()[:_X25519_BYTES]
        self._public = X25519PrivateKey.from_private_bytes(self._secret).public_key().public_bytes_raw()
        self._wire = _wire(key.public_key().public_bytes(*_OPENSSH))

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.type != "ssh-ed25519":
            return None
        if len(stanza.arguments) != 2:
            raise AgeError("invalid ssh-ed25519 recipient block")
        theirs = _point(stanza.arguments[1], "ssh-ed25519")
        if stanza.arguments[0] != ssh_fingerprint(self._wire):
            return None
        tweak = hkdf(b"", self._wire, ED25519_LABEL)
        secret = exchange(tweak, exchange(self._secret, theirs))
        file_key = unseal(hkdf(secret, theirs + self._public, ED25519_LABEL), stanza.body)
        if file_key is None:
            raise AgeError("failed to decrypt file key")
        return file_key


class _RSAIdentity:
    native = False

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key
        self._wire = _wire(key.public_key().public_bytes(*_OPENSSH))

    def unwrap(self, stanza: Stanza) -> bytes | None:
        if stanza.type != "ssh-rsa":
            return None
        if len(stanza.arguments) != 1:
            raise AgeError("invalid ssh-rsa recipient block")
        if stanza.arguments[0] != ssh_fingerprint(self._wire):
            return None
        sha256 = hashes.SHA256()
        try:
            return self._key.decrypt(stanza.body, padding.OAEP(padding.MGF1(sha256), sha256, RSA_LABEL))
        except ValueError:
            raise AgeError("failed to decrypt file key") from None


_OPENSSH: Final = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)


def _wire(public: bytes) -> bytes:
    """The key behind its name in a line of ``authorized_keys``."""
    return base64.b64decode(public.split()[1])


def ssh_fingerprint(wire: bytes) -> str:
    """The short name of an SSH key in a stanza; ``wire`` is the public key in SSH's own encoding."""
    return encode_base64(hashlib.sha256(wire).digest()[:4])


def _point(text: str, kind: str) -> bytes:
    point = decode_base64(text)
    if len(point) != _X25519_BYTES:
        raise AgeError(f"invalid {kind} recipient block")
    return point


def parse_identities(text: str) -> list[Identity]:
    """The keys of an identity file: one to a line, lines with ``#`` aside; or one SSH private key in PEM.

    SSH keys are accepted beyond what upstream reads from Secrets. Raises :class:`AgeError`.
    """
    if text.lstrip().startswith("-----BEGIN "):
        return [_ssh_identity(text)]
    lines = (line.rstrip("\r") for line in text.split("\n"))
    return [_identity(line) for line in lines if line and not line.startswith("#")]


def _identity(line: str) -> Identity:
    if not line.startswith(("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1")):
        if line.startswith("AGE-PLUGIN-"):
            raise AgeError("age plugins are not supported")
        raise AgeError("unknown identity type")
    try:
        prefix, secret = bech32.decode(line)
    except bech32.Bech32Error as error:
        raise AgeError(f"malformed secret key: {error}") from None
    return _X25519Identity(secret) if prefix == "AGE-SECRET-KEY-" else _HybridIdentity(secret)


def _ssh_identity(text: str) -> Identity:
    data = text.strip().encode() + b"\n"
    try:
        load = serialization.load_ssh_private_key if b"BEGIN OPENSSH" in data else serialization.load_pem_private_key
        key = load(data, password=None)
    except TypeError:
        raise AgeError("the SSH key is protected by a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise AgeError("malformed SSH identity") from None
    if isinstance(key, Ed25519PrivateKey):
        return _Ed25519Identity(key)
    if isinstance(key, RSAPrivateKey):
        return _RSAIdentity(key)
    raise AgeError(f"unsupported SSH identity type: {type(key).__name__}")
