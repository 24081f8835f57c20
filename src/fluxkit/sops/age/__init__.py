"""The age file format, version 1, as far as SOPS needs it (age-encryption.org, filippo.io/age).

Promises: files for X25519, hybrid post-quantum and SSH keys (ssh-ed25519, ssh-rsa) are decrypted and files for the
former two are written, armored, as the reference implementation does. Errors never contain key material.

Refuses: passphrases and plugins, which need a person or a foreign program.
"""

from fluxkit.sops.age.file import decrypt, encrypt
from fluxkit.sops.age.identities import Identity, parse_identities
from fluxkit.sops.age.recipients import Recipient, parse_recipient

__all__ = ["Identity", "Recipient", "decrypt", "encrypt", "parse_identities", "parse_recipient"]
