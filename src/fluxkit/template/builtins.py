"""text/template's own functions (golang/go ``src/text/template/funcs.go``); and, or and call are the compiler's."""

import itertools
import re
from typing import Any

from fluxkit.template.errors import FunctionError, LimitError
from fluxkit.template.execution import INVALID
from fluxkit.template.fmt import MAX_TEXT, sprint, sprintf, sprintln
from fluxkit.template.functions import VALUE, Function
from fluxkit.template.quoting import is_print
from fluxkit.template.values import (
    Map,
    Slice,
    Uint8,
    byte_length,
    from_bytes,
    is_nil,
    is_true,
    kind_of,
    to_bytes,
    type_name,
)

__all__ = ["AND", "BUILTINS", "CALL", "DECLARED", "OR", "RAW", "Declared"]

RAW = "reflect.Value, invalid included"
"""Parameter type of ``len``, which tells a nil that was found from no value at all."""

DECLARED = "reflect.Value, as declared"
"""Parameter type of the indexes of ``slice``: what Go knows as an interface {} only arrives as :class:`Declared`."""


class Declared:
    """A value that Go knows as an interface {} only, where that makes a difference."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


_HTML = str.maketrans({"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}
_JS_SPECIAL = "[\\\\'\"<>&=\0-\x1f\x80-\U0010ffff]"
"""A class so large that compiling it takes milliseconds: the first use does."""


def _basic_kind(value: Any) -> str:
    """The kind for comparisons; all that has none is ``invalid``."""
    kind = kind_of(value)
    if kind.startswith("int"):
        return "int"
    if kind.startswith("uint"):
        return "uint"
    if kind.startswith("float"):
        return "float"
    if kind.startswith("complex"):
        return "complex"
    return kind if kind in ("bool", "string") else "invalid"


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise FunctionError("missing argument for comparison")
    kind = _basic_kind(first)
    return any(_equals(first, kind, other) for other in others)


def _equals(first: Any, kind: str, other: Any) -> bool:
    other_kind = _basic_kind(other)
    if kind != other_kind:
        if {kind, other_kind} == {"int", "uint"}:
            return bool(first == other)
        if first is not None and other is not None:
            raise FunctionError(f"incompatible types for comparison: {type_name(first)} and {type_name(other)}")
        return False
    if kind != "invalid":
        return bool(first == other)
    if kind_of(first) != kind_of(other) and first is not None and other is not None:
        raise FunctionError(
            sprintf("non-comparable types %s: %v, %s: %v", first, type_name(first), type_name(other), other)
        )
    if is_nil(first) or is_nil(other):
        return is_nil(first) and is_nil(other)
    if isinstance(other, dict | list | bytes):
        raise FunctionError(sprintf("non-comparable type %s: %v", other, type_name(other)))
    return bool(first == other)


def _not_equal(first: Any, second: Any) -> bool:
    return not _equal(first, second)


def _less(first: Any, second: Any) -> bool:
    kind, other_kind = _basic_kind(first), _basic_kind(second)
    if "invalid" in (kind, other_kind):
        raise FunctionError("invalid type for comparison")
    if kind != other_kind and {kind, other_kind} != {"int", "uint"}:
        raise FunctionError(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")
    if kind in ("bool", "complex"):
        raise FunctionError("invalid type for comparison")
    if kind == "string":
        return to_bytes(first) < to_bytes(second)
    return bool(first < second)


def _less_or_equal(first: Any, second: Any) -> bool:
    return _less(first, second) or _equal(first, second)


def _greater(first: Any, second: Any) -> bool:
    return not _less_or_equal(first, second)


def _greater_or_equal(first: Any, second: Any) -> bool:
    return not _less(first, second)


def _not(value: Any) -> bool:
    return not is_true(value)


def _length(value: Any) -> int:
    if value is INVALID:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    if value is None:
        raise FunctionError("len of nil pointer")
    if isinstance(value, str):
        return byte_length(value)
    if isinstance(value, dict | list | bytes):
        return len(value)
    raise FunctionError(f"len of type {type_name(value)}")


def _position(index: Any, capacity: int) -> int:
    if index is None:
        raise FunctionError("cannot index slice/array with nil")
    if isinstance(index, Declared):
        # Unlike index, slice does not look into an interface: a number out of a map does not do.
        raise FunctionError("cannot index slice/array with type interface {}")
    if _basic_kind(index) not in ("int", "uint"):
        raise FunctionError(f"cannot index slice/array with type {type_name(index)}")
    if not 0 <= index <= capacity:
        raise FunctionError(f"index out of range: {int(index)}")
    return int(index)


def _index(item: Any, *indexes: Any) -> Any:
    if item is None:
        raise FunctionError("index of untyped nil")
    for index in indexes:
        if item is None:
            raise FunctionError("index of nil pointer")
        if isinstance(item, dict):
            if type(index) is not str:
                if index is None:
                    raise FunctionError("value is nil; should be of type string")
                raise FunctionError(f"value has type {type_name(index)}; should be string")
            item = item.get(index, item.zero if isinstance(item, Map) else None)
        elif isinstance(item, list | bytes | str):
            data = to_bytes(item) if isinstance(item, str) else item
            at = _position(index, len(data))
            if at == len(data):
                raise FunctionError(f"reflect: {'string' if isinstance(item, str) else 'slice'} index out of range")
            item = Uint8(data[at]) if isinstance(data, bytes) else data[at]
        else:
            raise FunctionError(f"can't index item of type {type_name(item)}")
    return item


def _slice(item: Any, *indexes: Any) -> Any:
    if item is None:
        raise FunctionError("slice of untyped nil")
    if len(indexes) > 3:
        raise FunctionError(f"too many slice indexes: {len(indexes)}")
    if isinstance(item, str):
        if len(indexes) == 3:
            raise FunctionError("cannot 3-index slice a string")
        data: Any = to_bytes(item)
    elif isinstance(item, list | bytes):
        data = item
    else:
        raise FunctionError(f"can't slice item of type {type_name(item)}")
    bounds = [0, len(data)]
    for number, index in enumerate(indexes):
        bounds[number : number + 1] = [_position(index, len(data))]
    for lower, upper in itertools.pairwise(bounds):
        if lower > upper:
            raise FunctionError(f"invalid slice index: {lower} > {upper}")
    part = data[bounds[0] : bounds[1]]
    if isinstance(item, str):
        return from_bytes(part)
    return Slice(item.element, part) if isinstance(item, Slice) else part


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise LimitError(f"printing would take more than {MAX_TEXT} characters")
    return text


def _print(*values: Any) -> str:
    return _bounded(sprint(*values))


def _printf(template: str, *values: Any) -> str:
    return sprintf(template, *values)


def _println(*values: Any) -> str:
    return _bounded(sprintln(*values))


def _joined(values: tuple[Any, ...]) -> str:
    if len(values) == 1 and type(values[0]) is str:
        return values[0]
    return _bounded(sprint(*("<no value>" if value is None else value for value in values)))


def _html(*values: Any) -> str:
    return _joined(values).translate(_HTML)


def _js(*values: Any) -> str:
    return re.sub(_JS_SPECIAL, _js_escaped, _joined(values))


def _js_escaped(found: re.Match[str]) -> str:
    character = found.group()
    if character in _JS:
        return _JS[character]
    code = ord(character)
    if code >= 0x80 and (is_print(character) or 0xDC80 <= code <= 0xDCFF):
        return character
    return f"\\u{code:04X}"


def _urlquery(*values: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(to_bytes(_joined(values)), safe="")


def _compiled(*_: Any) -> Any:
    raise FunctionError("this function is part of the template language and has no value")


AND = Function(_compiled, (VALUE,), VALUE)
OR = Function(_compiled, (VALUE,), VALUE)
CALL = Function(_compiled, (VALUE,), VALUE)
_ANY = "interface {}"

BUILTINS: dict[str, Function] = {
    # Logic
    "and": AND,
    "or": OR,
    "not": Function(_not, (VALUE,)),
    # Comparison
    "eq": Function(_equal, (VALUE,), VALUE),
    "ne": Function(_not_equal, (VALUE, VALUE)),
    "lt": Function(_less, (VALUE, VALUE)),
    "le": Function(_less_or_equal, (VALUE, VALUE)),
    "gt": Function(_greater, (VALUE, VALUE)),
    "ge": Function(_greater_or_equal, (VALUE, VALUE)),
    # Containers
    "index": Function(_index, (VALUE,), VALUE),
    "slice": Function(_slice, (VALUE,), DECLARED),
    "len": Function(_length, (RAW,)),
    # Text
    "print": Function(_print, (), _ANY),
    "printf": Function(_printf, ("string",), _ANY),
    "println": Function(_println, (), _ANY),
    "html": Function(_html, (), _ANY),
    "js": Function(_js, (), _ANY),
    "urlquery": Function(_urlquery, (), _ANY),
    # Functions
    "call": CALL,
}
