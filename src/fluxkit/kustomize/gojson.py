"""JSON text as Go's encoder writes it: sorted keys, shortest floats, and HTML's characters escaped."""

import re
from typing import Any, Final

import orjson

__all__ = ["dumps", "dumps_indented"]

_ESCAPED: Final = re.compile("[<>&\u2028\u2029]")


def _escape(text: str) -> str:
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def dumps(value: Any) -> str:
    """Compact JSON (``json.Marshal``)."""
    return _escape(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


def dumps_indented(value: Any) -> str:
    """JSON indented by two spaces (``json.MarshalIndent``)."""
    return _escape(orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode())
