"""The files and keys that ``scripts/make_sops_fixtures.py`` made with the real tools."""

import shutil
from pathlib import Path

import pytest

from fluxkit.sops import Decrypter, Format, decrypt_file
from fluxkit.sops.answers import decrypter

__all__ = ["FIXTURES", "SECRET", "Case", "age_keys", "cases", "key", "needs_gpg"]

FIXTURES = Path(__file__).parent / "fixtures"
SECRET = "s3cr3t-hunter2"
"""What every file has encrypted, and no error may show."""


needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="PGP keys need the gpg program (package gnupg)")


class Case:
    """A file as it was, as sops encrypted it, and as sops printed it."""

    def __init__(self, name: str) -> None:
        self.name = name
        folder = FIXTURES / name
        (self.path,) = folder.glob("encrypted*")
        self.suffix = self.path.name.removeprefix("encrypted")
        self.plain = (folder / f"plain{self.suffix}").read_bytes()
        self.encrypted = self.path.read_bytes()
        self.decrypted = (folder / f"decrypted{self.suffix}").read_bytes()
        self.format = Format.of_path(self.suffix)

    def decrypt(self, decrypt: Decrypter, *, verify_mac: bool = True) -> bytes:
        return decrypt_file(self.encrypted, self.format, decrypt, verify_mac=verify_mac)


def cases() -> list[str]:
    return sorted(each.name for each in FIXTURES.iterdir() if each.name != "keys")


def key(name: str) -> str:
    """A key file below ``fixtures/keys``."""
    return (FIXTURES / "keys" / f"test-{name}").read_text()


def age_keys(*names: str) -> Decrypter:
    """Decrypts with identity files."""
    return decrypter([key(name) for name in names], {})
