"""Keys and credentials as they lie in a Secret (fluxcd/kustomize-controller ``internal/decryptor``, ImportKeys)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fluxkit import yaml
from fluxkit.sops.age import parse_identities
from fluxkit.sops.errors import MasterKeyError

__all__ = ["KeyImportError", "KeyMaterial"]


class KeyImportError(ValueError):
    """An entry cannot be used; ``entry`` is its name, the text the reason without any of its content."""

    def __init__(self, entry: str, problem: str) -> None:
        super().__init__(problem)
        self.entry = entry


@dataclass(frozen=True)
class KeyMaterial:
    """What was given for decrypting. ``repr`` shows none of it."""

    age: tuple[str, ...] = field(default=(), repr=False)
    """Identity files: one or more private keys each."""
    pgp: tuple[bytes, ...] = field(default=(), repr=False)
    """Private keys without passphrase, armored or not."""
    vault_token: str = field(default="", repr=False)
    aws: Mapping[str, str] | None = field(default=None, repr=False)
    azure: Mapping[str, Any] | None = field(default=None, repr=False)
    gcp: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def from_secret(cls, data: Mapping[str, bytes], *, age_only: bool = False) -> "KeyMaterial":
        """Entries by the ending of their name or by name; others are ignored. Raises :class:`KeyImportError`."""
        age: list[str] = []
        pgp: list[bytes] = []
        rest: dict[str, Any] = {}
        for name in sorted(data):
            value = data[name]
            try:
                if name.endswith(".agekey"):
                    age.append(_age(value))
                elif age_only:
                    continue
                elif name.endswith(".asc"):
                    pgp.append(_pgp(value))
                elif name == "sops.vault-token":
                    rest["vault_token"] = value.decode("utf-8", "replace").strip()
                elif name == "sops.aws-kms":
                    rest["aws"] = _aws(value)
                elif name == "sops.azure-kv":
                    rest["azure"] = _azure(value)
                elif name == "sops.gcp-kms":
                    rest["gcp"] = _gcp(value)
            except (ValueError, MasterKeyError) as error:
                raise KeyImportError(name, str(error)) from None
        return cls(tuple(age), tuple(pgp), **rest)

    def digest(self) -> str:
        """Equal for equal material only."""
        parts = (self.age, self.pgp, self.vault_token, self.aws, self.azure, self.gcp)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _age(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    try:
        parse_identities(text)
    except MasterKeyError as error:
        raise ValueError(f"failed to parse and add to age identities: {error}") from None
    return text


def _pgp(value: bytes) -> bytes:
    # whether gpg takes it shows when it is needed; what is no key at all is told at once
    if b"-----BEGIN PGP " not in value and not (value and value[0] & 0x80):
        raise ValueError("failed to import armored key data into GnuPG keyring: no valid OpenPGP data found")
    return value


def _mapping(text: str, what: str) -> dict[str, Any]:
    try:
        document = yaml.load(text)
    except yaml.YAMLError:
        raise ValueError(f"failed to unmarshal {what}: not valid YAML") from None
    if not isinstance(document, dict):
        raise ValueError(f"failed to unmarshal {what}: expected a mapping")
    return document


def _aws(value: bytes) -> dict[str, str]:
    document = _mapping(value.decode("utf-8", "replace"), "AWS credentials file")
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name: str(document.get(name) or "") for name in names}


def _azure(value: bytes) -> dict[str, Any]:
    encoding = "utf-16" if value[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    document = _mapping(value.decode(encoding, "replace"), "Azure authentication file")
    has = {name for name, each in document.items() if each}
    usable = (
        {"tenantId", "clientId", "clientSecret"},
        {"tenantId", "clientId", "clientCertificate"},
        {"tenant", "appId", "password"},
        {"clientId"},
    )
    if not any(names <= has for names in usable):
        raise ValueError(
            "invalid data: requires a 'clientId' field, a combination of 'tenantId', 'clientId' and 'clientSecret', or "
            "'tenantId', 'clientId' and 'clientCertificate'"
        )
    return document


def _gcp(value: bytes) -> dict[str, Any]:
    document = _mapping(value.decode("utf-8", "replace").strip("\n"), "GCP credentials file")
    if document.get("type") != "service_account":
        # other types may read files of the controller and send them away
        raise ValueError("expected the JSON key of a service account (type 'service_account')")
    return document
