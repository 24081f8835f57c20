"""Stored objects in the form that upstream's Go types give them when they are written out again.

What a person wrote and what the API server defaulted comes back as upstream's commands print it: durations spelt in
full (``1m`` as ``1m0s``), optional fields without content left out, fields that the current version does not know gone.
"""

from functools import cache
from typing import Any

from msgspec import inspect as types

from fluxkit.api.fields import DURATIONS
from fluxkit.api.resource import Resource
from fluxkit.durations import format_duration, parse_duration

__all__ = ["canonical_spec"]


def canonical_spec(model: type[Resource], spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of a stored object of this kind; values that do not fit the model stay as they are."""
    (field,) = (field for field in _struct(model).fields if field.name == "spec")
    canonical = _canonical(field.type, spec)
    assert isinstance(canonical, dict)
    return canonical


@cache
def _struct(model: type[Resource]) -> types.StructType:
    info = types.type_info(model)
    assert isinstance(info, types.StructType)
    return info


def _canonical(kind: types.Type, value: Any) -> Any:
    match kind, value:
        case types.Metadata(), str() if (kind.extra_json_schema or {}).get("pattern") in DURATIONS:
            return _in_full(value)
        case types.Metadata(), _:
            return _canonical(kind.type, value)
        case types.UnionType(), _:
            (present,) = [member for member in kind.types if not isinstance(member, types.NoneType)]
            return _canonical(present, value)
        case types.ListType(), list():
            return [_canonical(kind.item_type, item) for item in value]
        case types.StructType(), dict():
            return {
                field.encode_name: _canonical(field.type, value[field.encode_name])
                for field in kind.fields
                if field.encode_name in value and (field.required or not _is_empty(value[field.encode_name]))
            }
    return value


def _in_full(duration: str) -> str:
    try:
        return format_duration(parse_duration(duration))
    except ValueError:
        return duration


def _is_empty(value: Any) -> bool:
    """What Go's ``omitempty`` leaves out; an empty mapping is a pointer to something, and stays."""
    return value is None or value is False or value in ("", [])
