"""Checking arguments against the Go types of parameters (``evalArg`` and ``validateType`` of text/template)."""

from typing import Any

from fluxkit.template import nodes
from fluxkit.template.builtins import DECLARED, RAW
from fluxkit.template.execution import INVALID, Site
from fluxkit.template.functions import VALUE
from fluxkit.template.values import (
    EMPTY_INTERFACE,
    Float32,
    GoNamed,
    Int8,
    Int16,
    Int32,
    Int64,
    Map,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    nil_map,
    nil_slice,
    type_name,
)

__all__ = ["accepts_anything", "converted", "ideal", "literal"]

_SIGNED: dict[str, type[int]] = {"int": int, "int8": Int8, "int16": Int16, "int32": Int32, "int64": Int64}
_UNSIGNED: dict[str, type[int]] = {
    "uint": Uint,
    "uint8": Uint8,
    "uint16": Uint16,
    "uint32": Uint32,
    "uint64": Uint64,
}
_ANYTHING = frozenset({EMPTY_INTERFACE, "any", VALUE, RAW, DECLARED})


def accepts_anything(parameter: str) -> bool:
    """Whether a parameter of this type takes every value as it is."""
    return parameter in _ANYTHING


def _can_be_nil(parameter: str) -> bool:
    return parameter in _ANYTHING or parameter == "error" or parameter.startswith(("[]", "map[", "*", "func"))


def _nil_of(parameter: str) -> Any:
    if parameter.startswith("[]"):
        return nil_slice(parameter[2:])
    if parameter.startswith("map[string]"):
        return nil_map(parameter[len("map[string]") :])
    return INVALID if parameter == RAW else None


def converted(value: Any, parameter: str, site: Site, *, found: bool) -> Any:
    """``value`` for a parameter of this type, or the error that it does not fit.

    ``found`` says of a None that it is a nil out of a map or slice, rather than no value at all.
    """
    if value is INVALID or (value is None and not found):
        if _can_be_nil(parameter):
            return _nil_of(parameter)
        raise site.error(f"invalid value; expected {parameter}")
    if parameter in _ANYTHING:
        return value
    name = EMPTY_INTERFACE if value is None else type_name(value)
    if name == parameter:
        return value
    # A named map or slice type can stand for the plain one with the same elements.
    if isinstance(value, GoNamed) and isinstance(value, dict):
        element = value.element if isinstance(value, Map) else EMPTY_INTERFACE
        if parameter == f"map[string]{element}":
            return value
    raise site.error(f"wrong type for value; expected {parameter}; got {name}")


def ideal(node: nodes.Number, site: Site) -> Any:
    """The constant's own value where any type will do: complex, float64 or int by its looks."""
    if node.as_complex is not None:
        return node.as_complex
    text = node.text
    is_rune = text.startswith("'")
    is_hexadecimal = len(text) > 2 and text[0] == "0" and text[1] in "xX" and not ("p" in text or "P" in text)
    if node.as_float is not None and not is_rune and not is_hexadecimal and any(mark in text for mark in ".eEpP"):
        return node.as_float
    if node.as_int is not None:
        return node.as_int
    raise site.error(f"{text} overflows int")


def literal(node: nodes.Node, parameter: str, site: Site) -> Any:
    """A constant in the template for a parameter of this type; numbers convert where they fit."""
    if isinstance(node, nodes.Nil):
        if _can_be_nil(parameter):
            return _nil_of(parameter)
        raise site.error(f"cannot assign nil to {parameter}")
    if parameter in _ANYTHING:
        match node:
            case nodes.Bool():
                return node.value
            case nodes.String():
                return node.text
            case nodes.Number():
                return ideal(node, site)
    number = node if isinstance(node, nodes.Number) else None
    if parameter == "bool":
        if isinstance(node, nodes.Bool):
            return node.value
        raise site.error(f"expected bool; found {node}")
    if parameter == "string":
        if isinstance(node, nodes.String):
            return node.text
        raise site.error(f"expected string; found {node}")
    if signed := _SIGNED.get(parameter):
        if number and number.as_int is not None:
            return signed(number.as_int)
        raise site.error(f"expected integer; found {node}")
    if unsigned := _UNSIGNED.get(parameter):
        if number and number.as_uint is not None:
            return unsigned(number.as_uint)
        raise site.error(f"expected unsigned integer; found {node}")
    if parameter in ("float64", "float32"):
        if number and number.as_float is not None:
            return Float32(number.as_float) if parameter == "float32" else number.as_float
        raise site.error(f"expected float; found {node}")
    if parameter in ("complex128", "complex64"):
        if number and number.as_complex is not None:
            return number.as_complex
        raise site.error(f"expected complex; found {node}")
    raise site.error(f"can't handle {node} for arg of type {parameter}")
