"""Public keys: whom a file is encrypted for (age ``x25519.go``, ``pq.go``, ``agessh/agessh.go``)."""

import os
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fluxkit.sops.age import bech32, hybrid
from fluxkit.sops.age.identities import X25519_LABEL
from fluxkit.sops.age.stanzas import AgeError, Stanza, encode_base64, exchange, hkdf, seal

__all__ = ["Recipient", "parse_recipient"]


class Recipient(Protocol):
    """A public key."""

    def wrap(self, file_key: bytes) -> Stanza:
        """The file key, for the owner of the private key only."""


class _X25519Recipient:
    def __init__(self, public: bytes) -> None:
        self._public = public

    def wrap(self, file_key: bytes) -> Stanza:
        ephemeral = os.urandom(32)
        ours = X25519PrivateKey.from_private_bytes(ephemeral).public_key().public_bytes_raw()
        key = hkdf(exchange(ephemeral, self._public), ours + self._public, X25519_LABEL)
        return Stanza("X25519", (encode_base64(ours),), seal(key, file_key))


class _HybridRecipient:
    def __init__(self, public: bytes) -> None:
        self._public = hybrid.public_key(public)

    def wrap(self, file_key: bytes) -> Stanza:
        encapsulated, body = hybrid.wrap(self._public, file_key)
        return Stanza(hybrid.STANZA, (encode_base64(encapsulated),), body)


def parse_recipient(text: str) -> Recipient:
    """``age1...`` or ``age1pq1...``. Raises :class:`AgeError`."""
    try:
        prefix, public = bech32.decode(text)
    except bech32.Bech32Error as error:
        raise AgeError(f'malformed recipient "{text}": {error}') from None
    if prefix == "age" and len(public) == 32:
        return _X25519Recipient(public)
    if prefix == "age1pq":
        return _HybridRecipient(public)
    raise AgeError(f'malformed recipient "{text}": expected an age1... or age1pq1... public key')
