"""How Go's typed values are represented in Python: the model that the engine and every function library share.

========================  ==========================================================================================
Go                        Python
========================  ==========================================================================================
untyped nil               ``None``
bool, string              ``bool``, ``str`` (bytes that are not UTF-8 are lone surrogates, PEP 383 "surrogateescape")
int, float64, complex128  ``int``, ``float``, ``complex``
int64, uint8, ...         :class:`Int64`, :class:`Uint8`, ... : subclasses of ``int`` (:class:`Float32` of ``float``)
[]byte                    ``bytes``
[]interface {}            ``list``
[]T, nil slices           :class:`Slice`, a ``list`` that knows its element type and whether it is nil
map[string]interface {}   ``dict`` with ``str`` keys
map[string]T, nil maps    :class:`Map`, a ``dict`` that knows its element type and whether it is nil
structs, named types      subclasses of :class:`GoObject`, or of the classes above with :class:`GoNamed` mixed in
functions                 :class:`fluxkit.template.functions.Function`
========================  ==========================================================================================

``isinstance(v, list)`` is thus true for every slice but []byte, ``isinstance(v, dict)`` for every map, and
``isinstance(v, int)`` for every integer *and bool*: ask :func:`kind_of` where it matters. Arithmetic on wrapped
numbers gives plain numbers; a function whose Go result is an int64 wraps it again: ``Int64(a + b)`` (see
:func:`wrap_int64` for Go's overflow). A named number such as time.Duration is
``class Duration(GoNamed, Int64)`` with ``go_type = "time.Duration"; go_kind = "int64"`` and a ``go_string``.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from operator import itemgetter
from typing import Any, ClassVar

__all__ = [
    "MAPS",
    "Float32",
    "GoNamed",
    "GoObject",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Map",
    "Slice",
    "Uint",
    "Uint8",
    "Uint16",
    "Uint32",
    "Uint64",
    "byte_length",
    "from_bytes",
    "is_nil",
    "is_true",
    "kind_of",
    "method_of",
    "nil_map",
    "nil_slice",
    "sorted_items",
    "to_bytes",
    "type_name",
    "wrap_int64",
]

EMPTY_INTERFACE = "interface {}"

MAPS: dict[type, Container[str]] = {}
"""Classes beside dict whose objects are maps of interface {}, read with ``get``: their methods, which hide keys."""


class GoNamed:
    """Mixed into a value class whose Go type has a name of its own, methods, or both.

    ``go_type`` is what ``%T`` prints, ``go_kind`` what ``kindOf`` answers. ``go_methods`` maps Go method names to
    callables that take the value first; templates reach nothing else of the Python object. A value that implements
    fmt.Stringer or error overrides :meth:`go_string`.
    """

    __slots__ = ()
    go_type: ClassVar[str] = ""
    go_kind: ClassVar[str] = "struct"
    go_methods: ClassVar[Mapping[str, Callable[..., Any]]] = {}

    def go_string(self) -> str | None:
        """The text of String() or Error(), or None where the type has neither."""
        return None


class GoObject(GoNamed):
    """A Go struct, or pointer to one (``go_kind = "ptr"``): fields in order of declaration."""

    __slots__ = ()

    def go_fields(self) -> Mapping[str, Any]:
        """Field name to value, in Go's order; unexported fields included, templates reach exported ones only."""
        return {}

    def go_addressed_string(self) -> str | None:
        """What an action prints of a struct whose String() belongs to its pointer: ``%v`` then prints the fields."""
        return None


class Int8(int):
    __slots__ = ()


class Int16(int):
    __slots__ = ()


class Int32(int):
    __slots__ = ()


class Int64(int):
    __slots__ = ()


class Uint(int):
    __slots__ = ()


class Uint8(int):
    __slots__ = ()


class Uint16(int):
    __slots__ = ()


class Uint32(int):
    __slots__ = ()


class Uint64(int):
    __slots__ = ()


class Float32(float):
    __slots__ = ()


class Slice(list[Any]):
    """A []T other than []interface {}, or a nil slice of any element type."""

    __slots__ = ("element", "nil")

    def __init__(self, element: str, items: Iterable[Any] = (), *, nil: bool = False) -> None:
        super().__init__(items)
        self.element = element
        self.nil = nil


class Map(dict[str, Any]):
    """A map[string]T other than map[string]interface {}, or a nil map of any element type.

    ``zero`` is what reading a missing key gives (Go's zero value of T).
    """

    __slots__ = ("element", "nil", "zero")

    def __init__(
        self, element: str, items: Mapping[str, Any] | None = None, *, zero: Any = None, nil: bool = False
    ) -> None:
        super().__init__(items or {})
        self.element = element
        self.zero = zero
        self.nil = nil


def nil_slice(element: str = EMPTY_INTERFACE) -> Slice:
    """A nil []T: falsy, prints ``[]``, is ``null`` in JSON."""
    return Slice(element, nil=True)


def nil_map(element: str = EMPTY_INTERFACE, zero: Any = None) -> Map:
    """A nil map[string]T: falsy, prints ``map[]``, is ``null`` in JSON."""
    return Map(element, zero=zero, nil=True)


_KINDS: dict[type, str] = {
    type(None): "invalid",
    bool: "bool",
    str: "string",
    int: "int",
    float: "float64",
    complex: "complex128",
    bytes: "slice",
    list: "slice",
    Slice: "slice",
    dict: "map",
    Map: "map",
    Int8: "int8",
    Int16: "int16",
    Int32: "int32",
    Int64: "int64",
    Uint: "uint",
    Uint8: "uint8",
    Uint16: "uint16",
    Uint32: "uint32",
    Uint64: "uint64",
    Float32: "float32",
}

_KEY = itemgetter(0)
_NAMES: dict[type, str] = {
    **{cls: kind for cls, kind in _KINDS.items() if kind not in ("slice", "map")},
    type(None): "<nil>",
    bytes: "[]uint8",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def kind_of(value: Any) -> str:
    """Go's reflect kind: ``invalid`` for nil, ``string``, ``int``, ``float64``, ``slice``, ``map``, ``struct`` ..."""
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    if isinstance(value, GoNamed):
        return value.go_kind
    if isinstance(value, dict):
        return "map"
    if isinstance(value, list | tuple):
        return "slice"
    if callable(value):
        return "func"
    raise TypeError(f"a {type(value).__name__} is no template value")


def type_name(value: Any) -> str:
    """Go's type text, as ``%T`` prints it: ``float64``, ``[]interface {}``, ``map[string]string``, ``<nil>`` ..."""
    name = _NAMES.get(type(value))
    if name is not None:
        return name
    if isinstance(value, GoNamed) and value.go_type:
        return value.go_type
    if isinstance(value, Slice):
        return f"[]{value.element}"
    if isinstance(value, Map):
        return f"map[string]{value.element}"
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list | tuple):
        return "[]interface {}"
    if callable(value):
        return str(getattr(value, "go_type", "func()"))
    raise TypeError(f"a {type(value).__name__} is no template value")


def is_nil(value: Any) -> bool:
    """Whether ``value`` is nil, untyped or typed."""
    return value is None or (isinstance(value, Slice | Map) and value.nil)


def is_true(value: Any) -> bool:
    """Go's template truth: false are false, 0, "", nil and whatever has length 0; a struct never is."""
    if isinstance(value, GoObject):
        return True
    return bool(value)


def method_of(value: Any, name: str) -> Callable[..., Any] | None:
    """The Go method ``name`` of ``value``, still to be given the value as first argument; None without one."""
    return value.go_methods.get(name) if isinstance(value, GoNamed) else None


def to_bytes(text: str) -> bytes:
    """The bytes of a Go string."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """The Go string with these bytes."""
    return data.decode("utf-8", "surrogateescape")


def byte_length(text: str) -> int:
    """Go's len(string)."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def sorted_items(mapping: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The entries of a map in byte order of the keys, as Go ranges over them and prints them."""
    entries = sorted(mapping.items(), key=_KEY)
    if not "".join(mapping).isascii():
        # Code points sort like their UTF-8 form, except the surrogates that stand for single bytes.
        entries.sort(key=lambda entry: to_bytes(entry[0]))
    return entries


def wrap_int64(value: int) -> Int64:
    """``value`` modulo 2**64, as Go's int64 arithmetic overflows."""
    return Int64((value + (1 << 63)) % (1 << 64) - (1 << 63))
