"""Master keys to encrypt with in tests."""

from fluxkit.sops import Encrypter, MasterKey, age
from tests.sops.fixture import key

__all__ = ["age_owner"]


def age_owner(name: str) -> Encrypter:
    """Encrypts for the owner of an age key of the fixtures."""
    recipient = next(line.split()[-1] for line in key(name).splitlines() if "public key" in line)

    def encrypter(data_key: bytes) -> MasterKey:
        armored = age.encrypt(data_key, [age.parse_recipient(recipient)])
        return MasterKey("age", {"recipient": recipient}, armored)

    return encrypter
