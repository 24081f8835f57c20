"""Base64 and base32, with Go's word on where a text is wrong. Upstream: Go's ``encoding/base64`` and ``base32``."""

import base64
import binascii

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.declare import declare
from fluxkit.template.values import from_bytes, to_bytes

__all__ = ["FUNCTIONS", "decode_base32", "decode_base64"]

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_PAD = ord("=")
_NEWLINES = b"\r\n"


def decode_base64(text: str) -> bytes:
    """Standard base64, newlines ignored. Raises FunctionError with the position of the first wrong byte."""
    data = to_bytes(text)
    wrong = _wrong_base64(data)
    if wrong is not None:
        raise FunctionError(f"illegal base64 data at input byte {wrong}")
    return binascii.a2b_base64(data.translate(None, _NEWLINES))


def _wrong_base64(data: bytes) -> int | None:
    position = filled = 0
    while position < len(data):
        byte = data[position]
        position += 1
        if byte in _BASE64:
            filled = (filled + 1) % 4
        elif byte in _NEWLINES:
            continue
        elif byte != _PAD or filled < 2:
            return position - 1
        else:
            return _wrong_padding(data, position, filled)
    return position - filled if filled else None


def _wrong_padding(data: bytes, position: int, filled: int) -> int | None:
    """Behind the first ``=``: a second one if only two characters were given, then nothing but newlines."""

    def skip_newlines(start: int) -> int:
        while start < len(data) and data[start] in _NEWLINES:
            start += 1
        return start

    if filled == 2:
        position = skip_newlines(position)
        if position == len(data):
            return position
        if data[position] != _PAD:
            return position - 1
        position += 1
    position = skip_newlines(position)
    return position if position < len(data) else None


def decode_base32(text: str) -> bytes:
    """Standard base32, newlines ignored. Raises FunctionError with the position of the first wrong byte."""
    data = to_bytes(text).translate(None, _NEWLINES)
    wrong = _wrong_base32(data)
    if wrong is not None:
        raise FunctionError(f"illegal base32 data at input byte {wrong}")
    return base64.b32decode(data)


def _wrong_base32(data: bytes) -> int | None:
    for position, byte in enumerate(data):
        filled, left = position % 8, len(data) - position - 1
        if byte == _PAD and filled >= 2 and left < 8:
            if left + filled < 7:
                return len(data)
            for offset in range(7 - filled):
                if left > offset and data[position + 1 + offset] != _PAD:
                    return position + offset
            return position if filled in (3, 6) else None
        if byte not in _BASE32:
            return position
    return len(data) - len(data) % 8 if len(data) % 8 else None


def _b64enc(text: str) -> str:
    return base64.b64encode(to_bytes(text)).decode("ascii")


def _b64dec(text: str) -> str:
    try:
        return from_bytes(decode_base64(text))
    except FunctionError as problem:
        return str(problem)


def _b32enc(text: str) -> str:
    return base64.b32encode(to_bytes(text)).decode("ascii")


def _b32dec(text: str) -> str:
    try:
        return from_bytes(decode_base32(text))
    except FunctionError as problem:
        return str(problem)


FUNCTIONS = declare(
    {
        "b32dec": ("func(string) string", _b32dec),
        "b32enc": ("func(string) string", _b32enc),
        "b64dec": ("func(string) string", _b64dec),
        "b64enc": ("func(string) string", _b64enc),
    }
)
"""Name in templates -> Go signature and implementation."""
