"""The values that YAML and JSON do not share with Python, and their spelling in the MAC."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fluxkit.sops.errors import SopsError

__all__ = ["Comment", "Timestamp", "decode_text", "encode_text", "float_text", "to_bytes"]


@dataclass(frozen=True, slots=True)
class Comment:
    """The text of a comment behind its ``#``; ``inline`` if it stands behind a value on the same line."""

    value: str
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point in time as text in RFC 3339 with as many digits of the second as it has."""

    text: str


def decode_text(data: bytes) -> str:
    """Bytes as text; what is not UTF-8 survives the way back through :func:`encode_text`."""
    return data.decode("utf-8", "surrogateescape")


def encode_text(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def float_text(value: float) -> str:
    """The shortest digits that give the float, never with an exponent (Go's ``FormatFloat(f, 'f', -1, 64)``)."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_bytes(value: Any) -> bytes:
    """How a plain value enters the MAC and is encrypted (getsops/sops ``sops.go``, ToBytes)."""
    match value:
        case str():
            return encode_text(value)
        case bytes():
            return value
        case bool():
            return b"True" if value else b"False"
        case int():
            return str(value).encode()
        case float():
            return float_text(value).encode()
        case Timestamp():
            return value.text.encode()
        case Comment():
            return encode_text(value.value)
    raise SopsError(f"Could not convert unknown type {type(value).__name__} to bytes")
