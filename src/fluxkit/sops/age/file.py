"""The file: armor, header with its MAC, and the payload in chunks (age ``age.go``, ``internal/format``, ``armor``)."""

import base64
import binascii
import os
from collections.abc import Sequence
from hmac import compare_digest
from hmac import digest as hmac_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fluxkit.sops.age.identities import Identity
from fluxkit.sops.age.recipients import Recipient
from fluxkit.sops.age.stanzas import FILE_KEY_BYTES, AgeError, Stanza, decode_base64, encode_base64, hkdf

__all__ = ["decrypt", "encrypt"]

_INTRO: Final = b"age-encryption.org/v1\n"
_BEGIN: Final = "-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = "-----END AGE ENCRYPTED FILE-----"
_COLUMNS: Final = 64
_CHUNK: Final = 64 * 1024
_TAG: Final = 16
_NONCE: Final = 16


def decrypt(armored: str, identities: Sequence[Identity]) -> bytes:
    """The content of an armored file. Raises :class:`AgeError`."""
    data = _without_armor(armored)
    stanzas, mac, header, payload = _parse(data)
    file_key = _file_key(stanzas, identities)
    if not compare_digest(_header_mac(file_key, header), mac):
        raise AgeError("bad header MAC")
    if len(payload) < _NONCE:
        raise AgeError("failed to read nonce: unexpected EOF")
    key = hkdf(file_key, payload[:_NONCE], b"payload")
    return _decrypt_chunks(key, payload[_NONCE:])


def _without_armor(text: str) -> bytes:
    lines = text.strip().splitlines()
    if not lines or lines[0] != _BEGIN:
        raise AgeError("failed to read header: invalid armor: the first line is not that of an age file")
    if lines[-1] != _END or len(lines) < 3:
        raise AgeError("failed to read header: invalid armor: unexpected EOF")
    body = lines[1:-1]
    if any(len(line) != _COLUMNS for line in body[:-1]) or not 0 < len(body[-1]) <= _COLUMNS:
        raise AgeError("failed to read header: invalid armor: lines are not 64 characters long")
    try:
        return base64.b64decode("".join(body), validate=True)
    except (binascii.Error, ValueError):
        raise AgeError("failed to read header: invalid armor: malformed base64") from None


def _parse(data: bytes) -> tuple[list[Stanza], bytes, bytes, bytes]:
    """The stanzas, the MAC, what the MAC is over, and the payload."""
    if not data.startswith(_INTRO):
        raise AgeError("failed to read header: parsing age header: unexpected intro")
    position = len(_INTRO)
    stanzas: list[Stanza] = []
    while True:
        line, position = _line(data, position)
        kind, *arguments = line.split(" ")
        if kind == "---" and len(arguments) == 1:
            mac = decode_base64(arguments[0])
            header = data[: position - len(line) - 1 + len("---")]
            return stanzas, mac, header, data[position:]
        if kind != "->" or not arguments or not all(_is_word(each) for each in arguments):
            raise AgeError("failed to read header: malformed stanza")
        body = b""
        while True:
            line, position = _line(data, position)
            if len(line) > _COLUMNS:
                raise AgeError("failed to read header: malformed body line: too long")
            body += decode_base64(line)
            if len(line) < _COLUMNS:
                break
        stanzas.append(Stanza(arguments[0], tuple(arguments[1:]), body))


def _line(data: bytes, position: int) -> tuple[str, int]:
    end = data.find(b"\n", position)
    if end < 0:
        raise AgeError("failed to read header: unexpected EOF")
    return data[position:end].decode("latin-1"), end + 1


def _is_word(text: str) -> bool:
    return bool(text) and all("!" <= character <= "~" for character in text)


def _file_key(stanzas: Sequence[Stanza], identities: Sequence[Identity]) -> bytes:
    for identity in sorted(identities, key=lambda each: not each.native):
        for stanza in stanzas:
            file_key = identity.unwrap(stanza)
            if file_key is not None:
                return file_key
    if len(identities) == 1:
        raise AgeError("identity did not match any of the recipients: incorrect identity for recipient block")
    raise AgeError("no identity matched any of the recipients")


def _header_mac(file_key: bytes, header: bytes) -> bytes:
    return hmac_digest(hkdf(file_key, b"", b"header"), header, "sha256")


def _decrypt_chunks(key: bytes, sealed: bytes) -> bytes:
    cipher = ChaCha20Poly1305(key)
    size = _CHUNK + _TAG
    chunks = [sealed[start : start + size] for start in range(0, len(sealed), size)] or [b""]
    plain = []
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        try:
            plain.append(cipher.decrypt(_chunk_nonce(number, last), chunk, None))
        except (InvalidTag, ValueError):
            raise AgeError(
                "failed to decrypt and authenticate payload chunk, file may be corrupted or tampered with"
            ) from None
        if last and number and not plain[-1]:
            raise AgeError("last chunk is empty, try age v1.0.0")
    return b"".join(plain)


def _chunk_nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def encrypt(plain: bytes, recipients: Sequence[Recipient]) -> str:
    """An armored file for the recipients."""
    file_key = os.urandom(FILE_KEY_BYTES)
    header = _INTRO
    for recipient in recipients:
        stanza = recipient.wrap(file_key)
        header += f"-> {' '.join((stanza.type, *stanza.arguments))}\n".encode()
        body = encode_base64(stanza.body)
        # the last line is always shorter than the others, if need be empty
        header += "".join(f"{body[start : start + _COLUMNS]}\n" for start in range(0, len(body) + 1, _COLUMNS)).encode()
    header += b"---"
    nonce = os.urandom(_NONCE)
    cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    chunks = [plain[start : start + _CHUNK] for start in range(0, len(plain), _CHUNK)] or [b""]
    sealed = b"".join(
        cipher.encrypt(_chunk_nonce(number, number == len(chunks) - 1), chunk, None)
        for number, chunk in enumerate(chunks)
    )
    data = header + f" {encode_base64(_header_mac(file_key, header))}\n".encode() + nonce + sealed
    text = base64.b64encode(data).decode()
    lines = "".join(f"{text[start : start + _COLUMNS]}\n" for start in range(0, len(text), _COLUMNS))
    return f"{_BEGIN}\n{lines}{_END}\n"
