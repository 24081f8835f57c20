"""One encrypted value: ``ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]`` (getsops/sops ``aes/cipher.go``)."""

import base64
import binascii
import os
import re
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fluxkit.sops.errors import SopsError
from fluxkit.sops.values import Comment, Timestamp, decode_text, to_bytes

__all__ = ["NONCE_BYTES", "decrypt", "encrypt"]

NONCE_BYTES: Final = 32
_TAG_BYTES: Final = 16
_VALUE: Final = re.compile(r"ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_BOOLEANS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def decrypt(text: str, key: bytes, additional_data: bytes) -> Any:
    """The plain value, of its own type; empty text stands for itself. Raises :class:`SopsError` without the text."""
    if not text:
        return ""
    found = _VALUE.match(text)
    if found is None:
        # what is not encrypted may be a secret somebody forgot to encrypt
        raise SopsError("Input string <redacted> does not match sops' data format")
    data, nonce, tag = (_decode(found[group], name) for group, name in ((1, "data"), (2, "iv"), (3, "tag")))
    try:
        plain = AESGCM(key).decrypt(nonce, data + tag, additional_data)
    except InvalidTag:
        raise SopsError("Could not decrypt with AES_GCM: cipher: message authentication failed") from None
    except ValueError as error:
        raise SopsError(f"Could not decrypt with AES_GCM: {error}") from None
    return _typed(plain, found[4])


def _decode(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SopsError(f"Error base64-decoding {name}: {error}") from None


def _typed(plain: bytes, kind: str) -> Any:
    text = decode_text(plain)
    match kind:
        case "str":
            return text
        case "int":
            if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
                return int(text)
        case "float":
            try:
                return float(text)
            except ValueError:
                pass
        case "bytes":
            return plain
        case "bool":
            if text in _BOOLEANS:
                return _BOOLEANS[text]
        case "time":
            return Timestamp(text)
        case "comment":
            return Comment(text)
        case _:
            raise SopsError(f"Unknown datatype: {kind}")
    raise SopsError(f"the decrypted value is no {kind}")


def encrypt(value: Any, key: bytes, additional_data: bytes) -> str:
    """The encrypted form of a value; empty text stays empty."""
    kind = _kind(value)
    plain = to_bytes(value)
    if not plain and kind in ("str", "comment"):
        return ""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain, additional_data)
    data, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    parts = (base64.b64encode(part).decode() for part in (data, nonce, tag))
    return "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]".format(*parts, kind)


def _kind(value: Any) -> str:
    match value:
        case str() | bytes():
            return "str"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case Timestamp():
            return "time"
        case Comment():
            return "comment"
    raise SopsError(f"Value to encrypt has unsupported type {type(value).__name__}")
