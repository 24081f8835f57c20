"""Decrypting with what is at hand: age keys, and data keys that key services have answered with."""

from collections.abc import Mapping, Sequence

from fluxkit.sops import age
from fluxkit.sops.errors import MasterKeyError
from fluxkit.sops.keys import Decrypter, Deferred
from fluxkit.sops.metadata import MasterKey

__all__ = ["Answers", "Identity", "decrypter", "identity"]

Identity = tuple[str, str, str]
"""What tells one encrypted data key from another."""

Answers = Mapping[Identity, bytes | str]
"""By :func:`identity` of the master key: the data key, or why there is none."""


def identity(key: MasterKey) -> Identity:
    return key.kind, key.name, key.encrypted


def decrypter(age_keys: Sequence[str], answers: Answers) -> Decrypter:
    """Decrypts with the keys of identity files, and defers what is neither age nor answered.

    Raises :class:`MasterKeyError` for a malformed identity file.
    """
    identities = [each for text in age_keys for each in age.parse_identities(text)]

    def decrypt(key: MasterKey) -> bytes:
        if key.kind == "age":
            if not identities:
                raise MasterKeyError("failed to load age identities: no age key was given")
            try:
                return age.decrypt(key.encrypted, identities)
            except MasterKeyError as error:
                reason = f"failed to create reader for decrypting sops data key with age: {error}"
                raise MasterKeyError(reason) from None
        answer = answers.get(identity(key))
        if answer is None:
            raise Deferred([key])
        if isinstance(answer, str):
            raise MasterKeyError(answer)
        return answer

    return decrypt
