"""What the scalars of a node mean, and how values are spelled (go-yaml v3 ``resolve.go``, ``encode.go``)."""

import base64
import re
from typing import Any, Final

from fluxkit.sops.stores.yaml.nodes import Node, ScalarStyle
from fluxkit.sops.values import Timestamp, decode_text, encode_text
from fluxkit.yaml.scalars import (
    UINT64_MAX,
    YAML11_BOOLEANS,
    ScalarKind,
    classify,
    float_text,
    float_value,
    int_of,
    rfc3339_of,
)

__all__ = ["node_of", "value_of"]

_BASE60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)
_SPECIAL: Final = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_TAB_OR_SPECIAL: Final = re.compile("[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_BREAKS: Final = "\n\r\x85\u2028\u2029"
_BREAK_SPACE: Final = re.compile(f"[{_BREAKS}] ")
_SPACE_BREAK: Final = re.compile(f" [{_BREAKS}]")
_INDICATORS: Final = re.compile(
    r"^(?:---|\.\.\.|[#,\[\]{}&*!|>'\"%@`]|[?:-](?=[ \t]|$))|:(?=[ \t]|$)|[\s\0]#", re.ASCII
)
_LINE: Final = 70


def value_of(node: Node) -> Any:
    """The value of a scalar. Raises ValueError for text that does not fit its tag."""
    text = node.value
    if node.tag == "!!binary":
        return decode_text(base64.b64decode("".join(text.split()), validate=True))
    if node.style or node.tag:
        if not node.tag or node.tag in ("!", "!!str"):
            return text if node.tag != "!" or node.style else _plain(text)
        return _tagged(node.tag, text)
    return _plain(text)


def _plain(text: str) -> Any:
    match classify(text):
        case ScalarKind.NULL:
            return None
        case ScalarKind.BOOL:
            return text[0] in "tT"
        case ScalarKind.INT:
            value = int_of(text)
            if value is not None and 2**63 <= value <= UINT64_MAX:
                raise ValueError("Cannot walk value, unknown type: uint64")
            return value
        case ScalarKind.FLOAT:
            return float_value(text)
        case ScalarKind.TIMESTAMP:
            return Timestamp(rfc3339_of(text))
    return text


def _tagged(tag: str, text: str) -> Any:
    if tag not in ("!!bool", "!!int", "!!float", "!!null", "!!timestamp"):
        return text
    value = _plain(text)
    if tag == "!!float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    kind = classify(text).value
    if kind != tag:
        raise ValueError(f"cannot decode {kind} as a {tag}")
    return value


def node_of(value: Any) -> Node:
    """The scalar node that spells a value."""
    match value:
        case None:
            return Node("scalar", "null")
        case bool():
            return Node("scalar", "true" if value else "false")
        case int():
            return Node("scalar", str(value))
        case float():
            return Node("scalar", float_text(value))
        case Timestamp():
            return Node("scalar", value.text)
        case bytes():
            return node_of(decode_text(value))
    return _text_node(value)


def _text_node(text: str) -> Node:
    try:
        text.encode()
    except UnicodeEncodeError:
        encoded = base64.b64encode(encode_text(text)).decode()
        lines = [encoded[start : start + _LINE] for start in range(0, len(encoded), _LINE)]
        many = len(encoded) >= _LINE
        wrapped = "".join(f"{line}\n" for line in lines) if many else encoded
        return Node("scalar", wrapped, "!!binary", "|" if many else "")
    if text == "<<":
        return Node("scalar", text, "!!merge")
    return Node("scalar", text, style=_style(text))


def _style(text: str) -> ScalarStyle:
    if "\n" in text:
        block = not text.endswith(" ") and not _SPACE_BREAK.search(text) and not _SPECIAL.search(text)
        return "|" if block else '"'
    if not text or text in YAML11_BOOLEANS or _BASE60.fullmatch(text):
        return '"'
    if classify(text) is not ScalarKind.STRING:
        return '"'
    if _SPACE_BREAK.search(text) or _BREAK_SPACE.search(text) or _TAB_OR_SPECIAL.search(text):
        return '"'
    edges = " " + _BREAKS
    if text[0] in edges or text[-1] in edges or any(char in text for char in _BREAKS) or _INDICATORS.search(text):
        return "'"
    return ""
