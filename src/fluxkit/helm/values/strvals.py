"""The grammar of ``--set``: ``a.b[0].c=value,d={x,y}``.

A backslash takes the next character literally, ``.`` and ``[n]`` descend, ``,`` ends a value. Typed values are
``true``, ``false``, ``null``, and integers of 64 bits without leading zero, which are int64 (values from files are
floats); everything else is text. Every function sets into the mapping it is given, and what stood before a mistake
stays set.

Upstream: helm/helm ``pkg/strvals/parser.go``, ``literal_parser.go``.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from fluxkit.helm.values.errors import SetError
from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote, quote_rune
from fluxkit.template.sprig.json import loads
from fluxkit.template.sprig.text import is_space, runes
from fluxkit.template.values import Int64, type_name

__all__ = [
    "MAX_INDEX",
    "MAX_NESTING",
    "check_depth",
    "parse_set",
    "parse_set_file",
    "parse_set_json",
    "parse_set_literal",
    "parse_set_string",
]

MAX_INDEX: Final = 65536
MAX_NESTING: Final = 30
MAX_DEPTH: Final = 250
"""Keys and indexes below one another; upstream, whose stack grows, counts keys behind keys only."""
_INT64: Final = range(-(2**63), 2**63)
_MAX_DIGITS: Final = 4000
_JSON: Final = json.JSONDecoder()


def parse_set(text: str, into: dict[str, Any]) -> None:
    """``--set``. Raises SetError."""
    _Parser(text, _typed).parse(into)


def parse_set_string(text: str, into: dict[str, Any]) -> None:
    """``--set-string``: every value is text. Raises SetError."""
    _Parser(text, str).parse(into)


def parse_set_file(text: str, into: dict[str, Any], read: Callable[[str], str]) -> None:
    """``--set-file``: values are paths, ``read`` gives what is there. Raises SetError, and what ``read`` raises."""
    _Parser(text, read).parse(into)


def parse_set_json(text: str, into: dict[str, Any]) -> None:
    """``--set-json key=json,...``; no value is ``null``. Raises SetError."""
    _JSONParser(text).parse(into)


def parse_set_literal(text: str, into: dict[str, Any]) -> None:
    """``--set-literal key=anything``: the rest of the text as it is. Raises SetError."""
    _LiteralParser(text).parse(into)


def _typed(text: str) -> Any:
    folded = _folded(text)
    if folded in _WORDS:
        return _WORDS[folded]
    if text == "0":
        return Int64(0)
    if text and text[0] != "0":
        number = _int64(text)
        if number is not None:
            return number
    return text


_WORDS: Final = {"true": True, "false": False, "null": None}


def _folded(text: str) -> str:
    # Go's EqualFold knows one more letter that folds to ASCII in these words: the long s.
    return text.lower().replace("\u017f", "s") if len(text) <= 5 else text


def _int64(text: str) -> Int64 | None:
    digits = text[1:] if text[0] in "+-" else text
    if not digits or not (digits.isascii() and digits.isdigit()) or len(digits) > _MAX_DIGITS:
        return None
    number = int(text)
    return Int64(number) if number in _INT64 else None


class _End(Exception):
    """The text is read to its end."""


class _Parser:
    """Reads one expression. ``value_of`` makes a value of the text behind ``=``.

    Lists that are long enough are changed in place, others replaced: callers whose mappings share lists see a
    difference, as they do upstream.
    """

    def __init__(self, text: str, value_of: Callable[[str], Any]) -> None:
        self._text = runes(text)
        self._at = 0
        self._value_of = value_of
        self._depth = 0

    def parse(self, into: dict[str, Any]) -> None:
        try:
            while True:
                self._key(into, 0)
        except _End:
            return

    # --- characters

    def _until(self, stops: str) -> tuple[str, str]:
        """The text up to one of ``stops``, and that; the stop is empty at the end."""
        found: list[str] = []
        text, at, end = self._text, self._at, len(self._text)
        while at < end:
            character = text[at]
            at += 1
            if character in stops:
                self._at = at
                return "".join(found), character
            if character == "\\":
                if at == end:
                    break
                character = text[at]
                at += 1
            found.append(character)
        self._at = end
        return "".join(found), ""

    def _at_end(self) -> bool:
        return self._at >= len(self._text)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep()

    # --- keys

    def _name(self) -> tuple[str, str]:
        return self._until("=[,.")

    def _key(self, data: dict[str, Any], level: int) -> None:
        """One assignment. Raises _End at the end of the text."""
        name, stop = self._name()
        if not stop:
            if not name:
                raise _End
            raise SetError(f"key {quote(name)} has no value")
        if stop == "[":
            self._indexed(data, name, level)
        elif stop == "=":
            self._assign(data, name)
        elif stop == ",":
            _set(data, name, "")
            raise SetError(f"key {quote(name)} has no value (cannot end with ,)")
        else:
            self._descend(data, name, level + 1)

    def _descend(self, data: dict[str, Any], name: str, level: int) -> None:
        if level > MAX_NESTING:
            raise SetError(f"value name nested level is greater than maximum supported nested level of {MAX_NESTING}")
        inner: Any = data.get(name, {})
        if not isinstance(inner, dict):
            raise _conversion(inner, "map[string]interface {}")
        try:
            self._deeper()
            self._key(inner, level)
            self._depth -= 1
        except (SetError, _End):
            if inner:
                _set(data, name, inner)
            raise
        if not inner:
            raise SetError(f"key map {quote(name)} has no value")
        _set(data, name, inner)

    def _indexed(self, data: dict[str, Any], name: str, level: int) -> None:
        index = self._index()
        items: Any = data.get(name, [])
        if not isinstance(items, list):
            raise _conversion(items, "[]interface {}")
        try:
            items = self._item(items, index, level)
        finally:
            _set(data, name, items)

    def _index(self) -> int:
        text, stop = self._until("]")
        if not stop:
            raise _End
        digits = text[1:] if text[:1] in ("+", "-") else text
        if not (digits.isascii() and digits.isdigit()):
            raise SetError(f"error parsing index: strconv.Atoi: parsing {quote(text)}: invalid syntax")
        if len(digits) > _MAX_DIGITS or int(text) not in _INT64:
            raise SetError(f"error parsing index: strconv.Atoi: parsing {quote(text)}: value out of range")
        return int(text)

    def _item(self, items: list[Any], index: int, level: int) -> list[Any]:
        """The list after what follows ``[index]``: a value, another index or a key."""
        if index < 0:
            raise SetError(f"negative {index} index not allowed")
        text, stop = self._until("[.=")
        if text:
            shown = " ".join(quote_rune(ord(character)) for character in text)
            raise SetError(f"unexpected data at end of array index: [{shown}]")
        if not stop:
            raise _End
        if stop == "=":
            return _with_item(items, index, self._item_value())
        known = items[index] if index < len(items) else None
        inner: Any
        self._deeper()
        if stop == "[":
            following = self._index()
            if known is not None and not isinstance(known, list):
                raise _conversion(known, "[]interface {}")
            inner = self._item(known or [], following, level)
        else:
            inner = known if isinstance(known, dict) else {}
            if index < len(items):
                items[index] = inner
            self._key(inner, level)
        self._depth -= 1
        return _with_item(items, index, inner)

    # --- values

    def _assign(self, data: dict[str, Any], name: str) -> None:
        if self._at_end():
            _set(data, name, "")
            raise _End
        _set(data, name, self._value())

    def _item_value(self) -> Any:
        return "" if self._at_end() else self._value()

    def _value(self) -> Any:
        if self._text[self._at] == "{":
            self._at += 1
            return self._list()
        return self._value_of(self._until(",")[0])

    def _list(self) -> list[Any]:
        items: list[Any] = []
        while True:
            text, stop = self._until(",}")
            if not stop:
                raise SetError("list must terminate with '}'")
            items.append(self._value_of(text))
            if stop == "}":
                if self._text.startswith(",", self._at):
                    self._at += 1
                return items


class _JSONParser(_Parser):
    """Values are JSON; blanks and a comma may follow them."""

    def __init__(self, text: str) -> None:
        super().__init__(text, str)

    def _assign(self, data: dict[str, Any], name: str) -> None:
        _set(data, name, self._json())

    def _item_value(self) -> Any:
        return self._json()

    def _json(self) -> Any:
        if self._blank():
            return None
        end = _json_end(self._text, self._at)
        try:
            value = loads(self._text[self._at : end])
        except FunctionError as problem:
            raise SetError(str(problem)) from None
        check_depth(value, MAX_DEPTH - self._depth)
        self._at = end
        self._blank()
        return value

    def _blank(self) -> bool:
        """Take blanks and one comma behind them; whether nothing else came."""
        while not self._at_end():
            character = self._text[self._at]
            if character != "," and not is_space(character):
                return False
            self._at += 1
            if character == ",":
                return True
        return True


def _json_end(text: str, start: int) -> int:
    """Where the JSON value at ``start`` ends; the end of the text if there is none."""
    try:
        end = _JSON.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return len(text)
    number = text[start:end].lower()
    if number[-1].isdigit() and "e" not in number:
        following = text[end : end + 1].lower()
        if following == "e" or (following == "." and "." not in number):
            return len(text)  # 1. and 1e are no numbers
    return end


class _LiteralParser(_Parser):
    """Nothing is special in a value, and no character can be escaped in a key."""

    def __init__(self, text: str) -> None:
        super().__init__(text, str)

    def _until(self, stops: str) -> tuple[str, str]:
        start = self._at
        for at in range(start, len(self._text)):
            if self._text[at] in stops:
                self._at = at + 1
                return self._text[start:at], self._text[at]
        self._at = len(self._text)
        return self._text[start:], ""

    def _name(self) -> tuple[str, str]:
        return self._until("=[.")

    def _assign(self, data: dict[str, Any], name: str) -> None:
        _set(data, name, self._until("")[0])

    def _item_value(self) -> Any:
        return self._until("")[0]


def check_depth(value: Any, limit: int = MAX_DEPTH) -> None:
    """Raises SetError where mappings and lists lie in each other more than ``limit`` levels deep."""
    level = [value]
    while level := [
        item
        for each in level
        if isinstance(each, dict | list)
        for item in (each.values() if isinstance(each, dict) else each)
    ]:
        limit -= 1
        if limit < 0:
            raise _too_deep()


def _too_deep() -> SetError:
    return SetError(f"value is nested deeper than {MAX_DEPTH} levels")


def _set(data: dict[str, Any], name: str, value: Any) -> None:
    if name:
        data[name] = value


def _with_item(items: list[Any], index: int, value: Any) -> list[Any]:
    if index > MAX_INDEX:
        raise SetError(f"index of {index} is greater than maximum supported index of {MAX_INDEX}")
    if index >= len(items):
        items = items + [None] * (index + 1 - len(items))
    items[index] = value
    return items


def _conversion(value: Any, wanted: str) -> SetError:
    found = "nil" if value is None else type_name(value)
    return SetError(f"unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
