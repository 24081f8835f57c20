"""JSON, and binary content in a JSON envelope (getsops/sops ``stores/json/store.go``, Go's ``encoding/json``)."""

import base64
import json
import re
from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any, Final

from fluxkit.sops.errors import SopsError
from fluxkit.sops.tree import Branch, Document
from fluxkit.sops.values import Comment, Timestamp, decode_text, encode_text, float_text

__all__ = ["dump", "dump_binary", "load", "load_plain_binary"]

_HTML: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def _pairs(pairs: list[tuple[str, Any]]) -> Branch:
    return Branch(pairs)


def _integer(text: str) -> int | float:
    value = int(text) if len(text) < 21 else 2**64
    return value if -(2**63) <= value < 2**63 else _float(text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise SopsError("Could not unmarshal input data: a number is out of range")
    return value


def _constant(text: str) -> Any:
    raise SopsError(f"Could not unmarshal input data: invalid number {text}")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def load(data: bytes) -> Document:
    """The top-level object; what stands behind it is ignored, as upstream does. Raises :class:`SopsError`."""
    text = data.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text.startswith("{"):
        raise SopsError(
            "Could not unmarshal input data: SOPS only supports JSON files with a top-level object "
            "(starting with '{'), not arrays or other types"
        )
    try:
        value, _ = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise SopsError(f"Could not unmarshal input data: {error.msg} at line {error.lineno}") from None
    except RecursionError:
        raise SopsError("Could not unmarshal input data: nested too deeply") from None
    return [_without_lone_surrogates(value)] if _SURROGATES.search(text) or "\\ud" in text.lower() else [value]


def _without_lone_surrogates(value: Any) -> Any:
    """Half a surrogate pair is no character: Go reads it as U+FFFD."""
    if isinstance(value, Branch):
        return Branch((_without_lone_surrogates(key), _without_lone_surrogates(each)) for key, each in value)
    if isinstance(value, list):
        return [_without_lone_surrogates(each) for each in value]
    return _SURROGATES.sub("\ufffd", value) if isinstance(value, str) else value


def dump(document: Document) -> bytes:
    """The first branch, indented by tabs, without its comments."""
    if not document:
        raise SopsError("there is no document to write as JSON")
    out: list[str] = []
    _write(document[0], "\n", out)
    return ("".join(out) + "\n").encode()


def _write(value: Any, line: str, out: list[str]) -> None:
    if isinstance(value, Branch):
        _write_all("{", "}", ((f"{_text(key)}: ", each) for key, each in value if not _is_comment(key)), line, out)
    elif isinstance(value, list):
        _write_all("[", "]", (("", each) for each in value if not _is_comment(each)), line, out)
    else:
        out.append(_scalar(value))


def _write_all(start: str, end: str, items: Iterable[tuple[str, Any]], line: str, out: list[str]) -> None:
    inner = line + "\t"
    lead = start + inner
    for label, item in items:
        out.append(lead + label)
        _write(item, inner, out)
        lead = "," + inner
    out.append(start + end if lead.startswith(start) else line + end)


def _is_comment(value: Any) -> bool:
    return isinstance(value, Comment)


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _text(value)
        case bytes():
            return f'"{base64.b64encode(value).decode()}"'
        case Timestamp():
            return _text(value.text)
    raise SopsError(f"Error marshaling to json: unsupported value of type {type(value).__name__}")


def _number(value: float) -> str:
    """Go's encoder: an exponent only for very small and very large numbers."""
    if value != value or value in (float("inf"), float("-inf")):
        raise SopsError(f"Error marshaling to json: json: unsupported value: {float_text(value)}")
    if value and not 1e-6 <= abs(value) < 1e21:
        mantissa, _, exponent = f"{value!r}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
    return float_text(value)


def _text(text: str) -> str:
    quoted: str = encode_basestring(text).translate(_HTML)
    return _SURROGATES.sub(r"\\ufffd", quoted)


def load_plain_binary(data: bytes) -> Document:
    """Any content as a document of one value."""
    return [Branch([("data", decode_text(data))])]


def dump_binary(document: Document) -> bytes:
    """The content that :func:`load_plain_binary` put into a document. Raises :class:`SopsError`."""
    if len(document) != 1:
        raise SopsError("error emitting binary store: there must be exactly one tree branch")
    for key, value in document[0]:
        if key == "data":
            if not isinstance(value, str):
                raise SopsError("error emitting binary store: 'data' key in tree does not have a string value")
            return encode_text(value)
    raise SopsError("error emitting binary store: no binary data found in tree")
