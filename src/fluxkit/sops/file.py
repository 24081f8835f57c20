"""Decrypting and encrypting a file, or an object that was one, as a whole."""

import base64
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any, Final

from fluxkit.sops import cipher, shamir
from fluxkit.sops.errors import DataKeyError, MacMismatch, SopsError
from fluxkit.sops.formats import Format
from fluxkit.sops.keys import Decrypter, Deferred, data_key
from fluxkit.sops.metadata import MasterKey, Metadata, extract_metadata
from fluxkit.sops.rules import Rules
from fluxkit.sops.tree import Branch, Document, decrypt_document, encrypt_document
from fluxkit.sops.values import Timestamp, encode_text, float_text
from fluxkit.yaml.scalars import json_number

__all__ = ["FORMAT_VERSION", "Encrypter", "decrypt_file", "decrypt_object", "encrypt_file"]

FORMAT_VERSION: Final = "3.13.2"
"""The version of SOPS whose files are written."""

_DATA_KEY_BYTES: Final = 32

Encrypter = Callable[[bytes], MasterKey]
"""Makes the master key that encrypts the given data key, or share of one."""


def decrypt_file(
    data: bytes, source: Format, decrypt: Decrypter, target: Format | None = None, *, verify_mac: bool = True
) -> bytes:
    """The plain file, written in the format ``target`` (by default that of ``source``) as upstream writes it.

    Raises :class:`SopsError`, and :class:`~fluxkit.sops.keys.Deferred` where ``decrypt`` does.
    """
    target = target or source
    where = f"failed to emit encrypted {source.value} file as decrypted {target.value}"
    with _guarded(where):
        try:
            document, metadata = source.load(data)
        except SopsError as error:
            raise SopsError(f"failed to load encrypted {source.value} data: {error}") from None
        plain = _decrypt(document, metadata, decrypt, verify_mac=verify_mac)
        try:
            return target.dump(plain)
        except SopsError as error:
            raise SopsError(f"{where}: {error}") from None


def decrypt_object(obj: dict[str, Any], decrypt: Decrypter) -> dict[str, Any]:
    """An object whose ``sops`` field says how it is encrypted, in the clear.

    Comments and perhaps fields were lost or added since it was encrypted, so the MAC is not looked at.
    """
    with _guarded("failed to decrypt the object"):
        try:
            document, metadata = extract_metadata([_branch(obj)], "nested")
        except SopsError as error:
            raise SopsError(f"failed to load encrypted JSON data: {error}") from None
        plain = _decrypt(document, metadata, decrypt, verify_mac=False, comments_lost=True)
        result: dict[str, Any] = _json(plain[0])
    return result


@contextmanager
def _guarded(where: str) -> Iterator[None]:
    """Whatever else goes wrong inside is told without its text, which may quote what was decrypted."""
    try:
        yield
    except (SopsError, Deferred, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - boundary: malicious files must not crash what builds them
        raise SopsError(f"{where}: {type(error).__name__}") from None


def _decrypt(
    document: Document, metadata: Metadata, decrypt: Decrypter, *, verify_mac: bool, comments_lost: bool = False
) -> Document:
    try:
        key = data_key(metadata, decrypt)
    except DataKeyError as error:
        raise DataKeyError(f"cannot get sops data key: {error}") from None
    if len(key) not in (16, 24, 32):
        raise DataKeyError(f"cannot get sops data key: it has {len(key)} bytes, expected {_DATA_KEY_BYTES}")
    try:
        plain, mac = decrypt_document(document, key, metadata.rules, comments_lost=comments_lost)
    except SopsError as error:
        raise SopsError(f"error decrypting sops tree: {error}") from None
    if verify_mac:
        _verify(metadata, key, mac)
    return plain


def _verify(metadata: Metadata, key: bytes, mac: str) -> None:
    try:
        expected = cipher.decrypt(metadata.mac, key, metadata.last_modified.encode())
    except SopsError as error:
        raise MacMismatch(f"failed to verify sops data integrity: {error}") from None
    if not isinstance(expected, str) or not compare_digest(expected.encode(), mac.encode()):
        raise MacMismatch(
            "failed to verify sops data integrity: MAC mismatch: the file was changed after it was encrypted"
        )


def _branch(value: Any) -> Any:
    if isinstance(value, dict):
        return Branch((key, _branch(each)) for key, each in value.items())
    return [_branch(each) for each in value] if isinstance(value, list) else value


def _json(value: Any) -> Any:
    """A plain value as it comes out of a trip through JSON."""
    match value:
        case Branch():
            return {key: _json(each) for key, each in value}
        case list():
            return [_json(each) for each in value]
        case float():
            if not math.isfinite(value):
                raise SopsError(f"Error marshaling to json: json: unsupported value: {float_text(value)}")
            return json_number(value)
        case bytes():
            return base64.b64encode(value).decode()
        case str():
            return encode_text(value).decode("utf-8", "replace")
        case Timestamp():
            return value.text
    return value


def encrypt_file(
    data: bytes,
    source: Format,
    groups: Sequence[Sequence[Encrypter]],
    rules: Rules | None = None,
    *,
    threshold: int = 0,
    target: Format | None = None,
    now: datetime | None = None,
) -> bytes:
    """An encrypted file that SOPS and every client of its format can read. Raises :class:`SopsError`.

    Each group of master keys gets the data key or, where there are several groups, a share of it; ``threshold`` of them
    (by default all) are needed then.
    """
    rules = rules or Rules(unencrypted_suffix="_unencrypted")
    rules.check()
    if not groups or not all(groups):
        raise SopsError("no master keys to encrypt with")
    document = source.load_plain(data)
    for branch in document:
        if any(key == "sops" for key, _ in branch):
            raise SopsError('Found key "sops" in the data, which is a reserved key used for SOPS metadata')
    key = os.urandom(_DATA_KEY_BYTES)
    shares = [key]
    if len(groups) > 1:
        threshold = threshold or len(groups)
        shares = shamir.split(key, len(groups), threshold)
    modified = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    encrypted, mac = encrypt_document(document, key, rules)
    metadata = Metadata(
        groups=tuple(
            tuple(encrypter(share) for encrypter in group) for group, share in zip(groups, shares, strict=True)
        ),
        rules=rules,
        last_modified=modified,
        mac=cipher.encrypt(mac, key, modified.encode()),
        version=FORMAT_VERSION,
        shamir_threshold=threshold if len(groups) > 1 else 0,
    )
    return (target or source).dump_encrypted(encrypted, metadata)
