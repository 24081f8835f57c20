"""toJson and fromJson with the bytes and errors of Go's ``encoding/json``.

Upstream: helm ``pkg/engine/funcs.go``, Masterminds/sprig ``defaults.go``.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.limits import check_tree
from fluxkit.template.quoting import quote_rune
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.limits import MAX_DEPTH, nesting
from fluxkit.template.values import (
    EMPTY_INTERFACE,
    GoNamed,
    GoObject,
    is_nil,
    nil_map,
    nil_slice,
    sorted_items,
    type_name,
)

__all__ = ["FUNCTIONS", "Fields", "cannot_unmarshal", "dumps", "plain"]

_INVALID: Final = re.compile("[\ud800-\udfff]")
_SAFE: Final = re.compile(r"[ !#-\[\]-~]*").fullmatch
_SAFE_HTML: Final = re.compile(r"[ !#-%'-;=?-\[\]-~]*").fullmatch
_ESCAPED: Final = re.compile('[\x00-\x1f"\\\\\u2028\u2029]')
_ESCAPED_HTML: Final = re.compile('[\x00-\x1f"\\\\\u2028\u2029<>&]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"


def _string(text: str) -> str:
    if _SAFE(text):
        return f'"{text}"'
    return '"' + _ESCAPED.sub(_escape, _INVALID.sub("\ufffd", text)) + '"'


def _string_html(text: str) -> str:
    if _SAFE_HTML(text):
        return f'"{text}"'
    return '"' + _ESCAPED_HTML.sub(_escape, _INVALID.sub("\ufffd", text)) + '"'


def _float(value: float) -> str:
    """The shortest digits; an exponent below 1e-6 and from 1e21 on."""
    if not math.isfinite(value):
        raise FunctionError(f"json: unsupported value: {text_of(value)}")
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    mantissa, _, exponent_text = text.partition("e")
    exponent = int(exponent_text)
    if 1e-6 <= abs(value) < 1e21:
        whole, _, fraction = mantissa.partition(".")
        if exponent > 0:
            return whole + fraction.rstrip("0").ljust(exponent, "0") if fraction != "0" else whole + "0" * exponent
        sign, digits = ("-", whole[1:]) if whole[0] == "-" else ("", whole)
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}{fraction.rstrip('0')}"
    return f"{mantissa.removesuffix('.0')}e{'-' if exponent < 0 else '+'}{abs(exponent)}"


class Fields(dict[str, Any]):
    """A struct as JSON has it: its fields stay in their order, where a map is sorted."""


def plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON has it: dicts, lists, texts, numbers, booleans, None; dicts in no particular order.

    Raises FunctionError where ``encoding/json`` fails: functions, cycles.
    """
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    if depth == 0:
        check_tree(value)
    if depth > MAX_DEPTH:
        raise FunctionError(f"json: unsupported value: encountered a cycle via {type_name(value)}")
    if kind is dict:
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if kind is list:
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, GoNamed):
        encode = getattr(value, "go_json", None)
        if encode is not None:
            return encode()
        if isinstance(value, GoObject):
            fields = value.go_fields()
            return Fields({name: plain(item, depth + 1) for name, item in fields.items() if name[:1].isupper()})
    if is_nil(value):
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise FunctionError(f"json: unsupported type: {type_name(value)}")


def _pieces(value: Any, string: Callable[[str], str], indent: str | None, margin: str) -> Iterator[str]:
    if type(value) is str:
        yield string(value)
    elif value is None:
        yield "null"
    elif value is True:
        yield "true"
    elif value is False:
        yield "false"
    elif isinstance(value, int):
        yield str(value)
    elif isinstance(value, float):
        yield _float(value)
    elif not value:
        yield "{}" if isinstance(value, dict) else "[]"
    else:
        deeper = margin if indent is None else margin + indent
        newline = "" if indent is None else "\n" + deeper
        colon = ":" if indent is None else ": "
        if isinstance(value, dict):
            lead = "{" + newline
            for key, item in value.items() if type(value) is Fields else sorted_items(value):
                yield f"{lead}{string(key)}{colon}"
                yield from _pieces(item, string, indent, deeper)
                lead = "," + newline
        else:
            lead = "[" + newline
            for item in value:
                yield lead
                yield from _pieces(item, string, indent, deeper)
                lead = "," + newline
        if indent is not None:
            yield "\n" + margin
        yield "}" if isinstance(value, dict) else "]"


def dumps(value: Any, *, indent: str | None = None, escape_html: bool = True) -> str:
    """``json.Marshal``, or ``json.MarshalIndent`` with ``indent``. Raises FunctionError with its texts."""
    string = _string_html if escape_html else _string
    return "".join(_pieces(plain(value), string, indent, ""))


def _must_to_json(value: Any) -> str:
    return dumps(value)


def _must_to_pretty_json(value: Any) -> str:
    return dumps(value, indent="  ")


def _to_raw_json(value: Any) -> str:
    return dumps(value, escape_html=False)


def _lenient(must: Callable[[Any], str]) -> Callable[[Any], str]:
    def text(value: Any) -> str:
        try:
            return must(value)
        except FunctionError:
            return ""

    return text


# --- reading ---------------------------------------------------------------------------------------------------------

_SPACE: Final = " \t\r\n"
_LITERALS: Final = {"t": "true", "f": "false", "n": "null"}


class _Scanner:
    """Finds what is wrong with a text that is no JSON, in the words of Go's scanner."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def problem(self) -> str:
        try:
            self._value("looking for beginning of value")
            self._blanks()
            if self._at < len(self._text):
                self._fail("after top-level value")
        except FunctionError as found:
            return str(found)
        return "invalid JSON"

    def _blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise FunctionError("unexpected end of JSON input")
        return self._text[self._at]

    def _fail(self, context: str) -> None:
        found = self._peek()
        byte = found.encode("utf-8", "surrogateescape")[0]
        shown = {"'": "'\\''", '"': "'\"'"}.get(found) or quote_rune(byte)
        raise FunctionError(f"invalid character {shown} {context}")

    def _value(self, context: str) -> None:
        # Nested values are on a stack of their own: the text may be as deep as it likes.
        stack: list[str] = []
        while True:
            self._blanks()
            start = self._peek()
            if start in "{[":
                self._at += 1
                self._blanks()
                if self._peek() == ("}" if start == "{" else "]"):
                    self._at += 1
                else:
                    stack.append(start)
                    if start == "{":
                        self._key("looking for beginning of object key string")
                    context = "looking for beginning of value"
                    continue
            else:
                self._scalar(start, context)
            if not self._close(stack):
                return
            context = "looking for beginning of value"

    def _close(self, stack: list[str]) -> bool:
        """Goes on behind a value: True where another one follows."""
        while stack:
            self._blanks()
            following = self._peek()
            if stack[-1] == "{":
                if following == ",":
                    self._at += 1
                    self._blanks()
                    self._key("looking for beginning of object key string")
                    return True
                if following != "}":
                    self._fail("after object key:value pair")
            elif following == ",":
                self._at += 1
                return True
            elif following != "]":
                self._fail("after array element")
            self._at += 1
            stack.pop()
        return False

    def _key(self, context: str) -> None:
        if self._peek() != '"':
            self._fail(context)
        self._string()
        self._blanks()
        if self._peek() != ":":
            self._fail("after object key")
        self._at += 1

    def _scalar(self, start: str, context: str) -> None:
        if start == '"':
            self._string()
        elif start in _LITERALS:
            word = _LITERALS[start]
            for expected in word[1:]:
                self._at += 1
                if self._peek() != expected:
                    self._fail(f"in literal {word} (expecting {quote_rune(ord(expected))})")
            self._at += 1
        elif start == "-" or start in "0123456789":
            self._digits(start)
        else:
            self._fail(context)

    def _string(self) -> None:
        self._at += 1
        while (found := self._peek()) != '"':
            if found < " ":
                self._fail("in string literal")
            self._at += 1
            if found == "\\":
                escape = self._peek()
                if escape not in 'bfnrt\\/"u':
                    self._fail("in string escape code")
                self._at += 1
                for _ in range(4 if escape == "u" else 0):
                    if self._peek() not in "0123456789abcdefABCDEF":
                        self._fail("in \\u hexadecimal character escape")
                    self._at += 1
        self._at += 1

    def _run_of_digits(self, context: str) -> None:
        if self._at >= len(self._text):
            # Go's scanner is given a space at the end, which only states that allow one take.
            raise FunctionError(f"invalid character ' ' {context}")
        if self._peek() not in "0123456789":
            self._fail(context)
        while self._at < len(self._text) and self._text[self._at] in "0123456789":
            self._at += 1

    def _digits(self, start: str) -> None:
        if start == "-":
            self._at += 1
        if self._peek() == "0":
            self._at += 1
        else:
            self._run_of_digits("in numeric literal")
        if self._text[self._at : self._at + 1] == ".":
            self._at += 1
            self._run_of_digits("after decimal point in numeric literal")
        if self._text[self._at : self._at + 1] in ("e", "E"):
            self._at += 1
            if self._peek() in "+-":
                self._at += 1
            self._run_of_digits("in exponent of numeric literal")


class _NumberOutOfRange(ValueError):
    pass


def _float_of(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _NumberOutOfRange(text)
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def loads(text: str) -> Any:
    """``json.Unmarshal`` into an interface: every number is a float. Raises FunctionError with its texts."""
    text = _INVALID.sub("\ufffd", text)
    if nesting(text) > MAX_DEPTH:
        raise FunctionError("exceeded max depth")
    try:
        value = json.loads(text, parse_float=_float_of, parse_int=_float_of, parse_constant=_constant)
    except _NumberOutOfRange as problem:
        raise FunctionError(f"json: cannot unmarshal number {problem} into Go value of type float64") from None
    except ValueError:
        raise FunctionError(_Scanner(text).problem()) from None
    return _without_surrogates(value) if "\\u" in text else value


def _without_surrogates(value: Any) -> Any:
    """An escape that is half of a pair gives U+FFFD."""
    if isinstance(value, str):
        return _INVALID.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list) else value


def cannot_unmarshal(value: Any, go_type: str) -> str:
    """Go's complaint about a JSON value of another kind than asked for."""
    kind = {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(value), "number")
    return f"json: cannot unmarshal {kind} into Go value of type {go_type}"


def _from_json(text: str) -> dict[str, Any]:
    try:
        value = loads(text)
    except FunctionError as problem:
        return {"Error": str(problem)}
    if value is None:
        return nil_map()
    return value if isinstance(value, dict) else {"Error": cannot_unmarshal(value, f"map[string]{EMPTY_INTERFACE}")}


def _from_json_array(text: str) -> list[Any]:
    try:
        value = loads(text)
    except FunctionError as problem:
        return [str(problem)]
    if value is None:
        return nil_slice()
    return value if isinstance(value, list) else [cannot_unmarshal(value, f"[]{EMPTY_INTERFACE}")]


FUNCTIONS = declare(
    {
        "fromJson": ("func(string) map[string]interface {}", _from_json),
        "fromJsonArray": ("func(string) []interface {}", _from_json_array),
        "mustFromJson": ("func(string) (interface {}, error)", loads),
        "mustToJson": ("func(interface {}) string", _must_to_json),
        "mustToPrettyJson": ("func(interface {}) (string, error)", _must_to_pretty_json),
        "mustToRawJson": ("func(interface {}) (string, error)", _to_raw_json),
        "toJson": ("func(interface {}) string", _lenient(_must_to_json)),
        "toPrettyJson": ("func(interface {}) string", _lenient(_must_to_pretty_json)),
        "toRawJson": ("func(interface {}) string", _to_raw_json),
    }
)
"""Name in templates -> Go signature and implementation."""
