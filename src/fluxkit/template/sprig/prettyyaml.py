"""toYamlPretty: Go values as go.yaml.in/yaml/v3 writes them with an indentation of two.

Unlike :func:`fluxkit.yaml.dump` it indents lists below their key, never folds, keeps Go's float forms, and does not go
through JSON. Upstream: helm ``pkg/engine/funcs.go``, go.yaml.in/yaml ``encode.go``, ``sorter.go``, ``emitterc.go``.
"""

import base64
import math
import re
from collections.abc import Mapping
from functools import cmp_to_key
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.limits import check_tree
from fluxkit.template.sprig.durations import Duration
from fluxkit.template.sprig.elements import elements, is_list
from fluxkit.template.sprig.gotime import Time
from fluxkit.template.sprig.limits import MAX_DEPTH
from fluxkit.template.values import GoNamed, GoObject, to_bytes, type_name
from fluxkit.yaml.emitter import escaped, natural_less, quoted
from fluxkit.yaml.scalars import needs_quotes

__all__ = ["dump_pretty"]

_LONGEST_SIMPLE_KEY: Final = 128
_INVALID: Final = re.compile("[\ud800-\udfff]").search
_BREAKS: Final = "\n\u2028\u2029"
_BREAK: Final = re.compile(f"[{_BREAKS}]").search
_SPACE_BREAK: Final = re.compile(f" [{_BREAKS}]").search
_BREAK_SPACE: Final = re.compile(f"[{_BREAKS}] ").search
_BEHIND_BREAKS: Final = re.compile(f"(?<=[{_BREAKS}])(?=[^{_BREAKS}])")
_UNPRINTABLE: Final = "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]"
"""A class so large that compiling it takes milliseconds: the first use does."""


def dump_pretty(value: Any) -> str:
    """One document, ending in a newline. Raises FunctionError for what has no YAML."""
    check_tree(value)
    out: list[str] = []
    _node(value, "", "", out, 0)
    return "".join(out).removeprefix(" ")


def _node(value: Any, indent: str, list_indent: str, out: list[str], depth: int) -> None:
    """The value behind a key or dash, from the space on, up to and with the newline.

    ``indent`` is that of the keys of a mapping, ``list_indent`` that of the dashes of a sequence.
    """
    if depth > MAX_DEPTH:
        raise FunctionError("yaml: exceeded max depth")
    mapping = _as_mapping(value)
    if mapping is not None:
        if not mapping:
            out.append(" {}\n")
            return
        out.append("\n" if out else "")
        _mapping(mapping, indent, indent, out, depth)
    elif is_list(value):
        items = elements(value)
        if not items:
            out.append(" []\n")
            return
        out.append("\n" if out else "")
        _sequence(items, list_indent, list_indent, out, depth)
    else:
        text = _scalar(value, indent or "  ")
        out.append(f" {text}" if text.startswith("|") and text[-1] in _BREAKS else f" {text}\n")


def _as_mapping(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, dict):
        return value
    if isinstance(value, GoObject) and not isinstance(value, Time) and getattr(value, "go_json", None) is None:
        return {name.lower(): item for name, item in value.go_fields().items() if name[:1].isupper()}
    return None


def _mapping(mapping: Mapping[str, Any], indent: str, lead: str, out: list[str], depth: int) -> None:
    for key in sorted(mapping, key=cmp_to_key(_order)):
        value = mapping[key]
        if len(to_bytes(key)) > _LONGEST_SIMPLE_KEY or _BREAK(key) or "\x85" in key or "\r" in key:
            out.append(f"{lead}? {_string(key, indent + '  ')}".removesuffix("\n") + "\n")
            _item(value, indent, f"{indent}:", out, depth)
        else:
            out.append(f"{lead}{_string(key, indent)}:")
            _node(value, indent + "  ", indent + "  ", out, depth + 1)
        lead = indent


def _sequence(items: list[Any], indent: str, lead: str, out: list[str], depth: int) -> None:
    for item in items:
        _item(item, indent, f"{lead}-", out, depth)
        lead = indent


def _item(item: Any, indent: str, lead: str, out: list[str], depth: int) -> None:
    """What stands behind a dash or behind the colon of a long key: collections begin on the same line."""
    if depth > MAX_DEPTH:
        raise FunctionError("yaml: exceeded max depth")
    deeper = indent + "  "
    mapping = _as_mapping(item)
    if mapping:
        _mapping(mapping, deeper, lead + " ", out, depth + 1)
    elif mapping is None and is_list(item) and elements(item):
        _sequence(elements(item), deeper, lead + " ", out, depth + 1)
    else:
        out.append(lead)
        _node(item, deeper, deeper, out, depth + 1)


def _scalar(value: Any, indent: str) -> str:
    if isinstance(value, str):
        return _string(value, indent)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Time):
        return value.go_json()
    if isinstance(value, Duration):
        return _string(value.go_string(), indent)
    if isinstance(value, GoNamed) and getattr(value, "go_json", None) is not None:
        return _string(value.go_string() or "", indent)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        if math.isfinite(value):
            return text_of(value)
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    raise FunctionError(f"cannot marshal type: {type_name(value)}")


def _string(text: str, indent: str) -> str:
    if _INVALID(text):
        return "!!binary " + base64.b64encode(to_bytes(text)).decode("ascii")
    if "\n" in text:
        return _literal(text, indent)
    if _BREAK(text):
        if re.search(_UNPRINTABLE, text) or "\t" in text or _SPACE_BREAK(text) or _BREAK_SPACE(text):
            return f'"{escaped(text)}"'
        return "'" + _indented(text.replace("'", "''"), indent) + "'"
    return quoted(text, indent, force=needs_quotes(text))


def _indented(text: str, indent: str) -> str:
    """With the indentation behind every run of breaks."""
    return _BEHIND_BREAKS.sub(indent, text)


def _literal(text: str, indent: str) -> str:
    if re.search(_UNPRINTABLE, text) or text[-1] == " " or _SPACE_BREAK(text):
        return f'"{escaped(text)}"'
    hint = "2" if text[0] in " " + _BREAKS else ""
    if text[-1] not in _BREAKS:
        chomp = "-"
    else:
        chomp = "+" if len(text) == 1 or text[-2] in _BREAKS else ""
    lead = "" if text[0] in _BREAKS else indent
    return f"|{hint}{chomp}\n{lead}{_indented(text, indent)}"


def _order(left: str, right: str) -> int:
    if left == right:
        return 0
    return -1 if _less(left, right) else 1


def _less(left: str, right: str) -> bool:
    """Behind a digit letters come first; otherwise as in v2."""
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            if a.isalpha() != b.isalpha() and index and left[index - 1].isdecimal():
                return a.isalpha()
            break
    return natural_less(left, right)
