"""Built-in objects as the API server holds them after decoding: typed, without unknown fields, nulls and empties.

The API server decodes JSON into Go structs and writes those: nulls vanish, empty lists and maps of optional fields too,
quantities take their canonical form, and values of a wrong type are refused. This module does the same by schema.
"""

import base64
import binascii
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.validation.quantity import QuantityError, canonical
from fluxkit.schema import SchemaNode

__all__ = ["DecodingError", "decode_builtin"]


class DecodingError(ValueError):
    """A value that does not fit its field's type; the message is that of Go's JSON decoder."""


_INTEGER_LIMITS = {"int32": 2**31, "int64": 2**63}
_JSON_NAMES = {str: "string", bool: "bool", int: "number", float: "number", dict: "object", list: "array"}


def decode_builtin(obj: Object, schema: SchemaNode) -> tuple[Object, list[str]]:
    """A new object in decoded form, and the unknown fields that were left out (``spec.foo``), in order.

    Raises :class:`DecodingError`.
    """
    unknown: list[str] = []
    decoded = _object(schema, obj, None, unknown, schema.name)
    return decoded, unknown


def _go_type(schema: SchemaNode) -> str:
    if schema.int_or_string:
        return "resource.Quantity" if schema.format == "quantity" else "intstr.IntOrString"
    if schema.type == "array":
        return "[]" + (_go_type(schema.items) if schema.items is not None else "interface {}")
    if schema.type == "object":
        if schema.additional_properties is not None:
            return "map[string]" + _go_type(schema.additional_properties)
        *_, version, kind = ("v1", *schema.name.split(".")) if schema.name else ("v1", "Object")
        return f"{version}.{kind}"
    return {"integer": schema.format or "int64", "number": "float64", "boolean": "bool"}.get(schema.type, schema.type)


_Place = tuple["_Place | None", str, bool] | None
"""Where a value stands: the place above, ``.member`` or ``[index]``, and whether the decoder's words include that.

Strict errors name list indexes and keys of maps, those of the decoder neither. Most places are never told to anybody.
"""


def _path(place: _Place, *, whole: bool) -> str:
    parts: list[str] = []
    while place is not None:
        place, part, told = place
        if whole or told:
            parts.append(part)
    return "".join(reversed(parts)).removeprefix(".")


def _refuse(schema: SchemaNode, value: Any, place: _Place, owner: str) -> DecodingError:
    path = _path(place, whole=False)
    found = _JSON_NAMES.get(type(value), "value")
    if found == "number" and schema.type == "integer":
        found = f"number {value}"
    struct = owner.rpartition(".")[2]
    where = f"Go struct field {struct}.{path}" if path else "Go value"
    return DecodingError(f"json: cannot unmarshal {found} into {where} of type {_go_type(schema)}")


def _object(schema: SchemaNode, value: dict[str, Any], place: _Place, unknown: list[str], owner: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    declared = schema.properties
    extra = schema.additional_properties
    owner = schema.name or owner
    for key, child in value.items():
        node = declared.get(key) or extra
        if node is None:
            if schema.preserve_unknown_fields:
                out[key] = child
            else:
                unknown.append(_path((place, "." + key, True), whole=True))
            continue
        if child is None:
            # A member of a struct is absent then, an entry of a map has its type's zero value.
            zero = _zero(extra) if extra is not None and key not in declared else None
            if zero is not None:
                out[key] = zero
            continue
        if type(child) is str and node.type == "string" and not node.int_or_string and not node.format:
            out[key] = child
            continue
        decoded = _value(node, child, (place, "." + key, extra is None or place is None), unknown, owner)
        if decoded or not _vanishes(node, decoded) or key in schema.required:
            out[key] = decoded
    return out


def _vanishes(node: SchemaNode, value: Any) -> bool:
    """Whether Go's ``omitempty`` leaves an empty value out: lists and maps, but not structs behind a pointer."""
    if isinstance(value, list):
        return node.type == "array"
    return isinstance(value, dict) and node.additional_properties is not None


def _value(schema: SchemaNode, value: Any, place: _Place, unknown: list[str], owner: str) -> Any:
    kind = schema.type
    if schema.int_or_string:
        return _int_or_string(schema, value, place, owner)
    if kind == "object":
        if not isinstance(value, dict):
            raise _refuse(schema, value, place, owner)
        return _object(schema, value, place, unknown, owner)
    if kind == "array":
        if not isinstance(value, list):
            raise _refuse(schema, value, place, owner)
        items = schema.items
        if items is None:
            return value
        if items.type == "string" and all(type(each) is str for each in value):
            return list(value)
        return [
            _value(items, each, (place, f"[{index}]", False), unknown, owner) if each is not None else _zero(items)
            for index, each in enumerate(value)
        ]
    if kind == "string":
        if not isinstance(value, str):
            raise _refuse(schema, value, place, owner)
        if schema.format == "byte":
            _check_base64(value)
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            raise _refuse(schema, value, place, owner)
        return value
    if kind == "integer":
        if isinstance(value, bool) or not isinstance(value, int):
            raise _refuse(schema, value, place, owner)
        limit = _INTEGER_LIMITS.get(schema.format, 2**63)
        if not -limit <= value < limit:
            raise _refuse(schema, value, place, owner)
        return value
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _refuse(schema, value, place, owner)
    return value


def _zero(schema: SchemaNode) -> Any:
    return {"object": {}, "array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(schema.type)


def _int_or_string(schema: SchemaNode, value: Any, place: _Place, owner: str) -> Any:
    if isinstance(value, bool | dict | list):
        raise _refuse(schema, value, place, owner)
    if schema.format == "quantity":
        try:
            return canonical(value if isinstance(value, str) else repr(value))
        except QuantityError as error:
            raise DecodingError(str(error)) from None
    if isinstance(value, float):
        raise _refuse(schema, value, place, owner)
    return value


def _check_base64(text: str) -> None:
    try:
        base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        position = next((at for at, each in enumerate(text) if each not in alphabet), len(text) // 4 * 4)
        raise DecodingError(f"illegal base64 data at input byte {position}") from None
