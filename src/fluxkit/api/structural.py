"""Structural OpenAPI v3 schemas, as CustomResourceDefinitions want them, from the models."""

import inspect
from typing import Any

from msgspec import inspect as types

from fluxkit.api.fields import Model

__all__ = ["schema_of"]


def schema_of(model: type[Model]) -> dict[str, Any]:
    """The ``openAPIV3Schema`` of a kind; metadata is left to the API server, as the format demands."""
    schema = _schema(types.type_info(model))
    schema["properties"]["metadata"] = {"type": "object"}
    schema.pop("required", None)  # upstream's kinds require neither spec nor status
    return schema


def _schema(kind: types.Type) -> dict[str, Any]:
    match kind:
        case types.Metadata():
            schema = _schema(kind.type)
            return {**schema, **_facts(kind)}
        case types.UnionType():
            (present,) = [member for member in kind.types if not isinstance(member, types.NoneType)]
            return _schema(present)
        case types.StrType():
            return {"type": "string"}
        case types.BoolType():
            return {"type": "boolean"}
        case types.IntType():
            return {"type": "integer"}
        case types.ListType():
            return {"type": "array", "items": _schema(kind.item_type)}
        case types.DictType():
            return {"type": "object", "additionalProperties": _schema(kind.value_type)}
        case types.AnyType():
            return {"x-kubernetes-preserve-unknown-fields": True}
        case types.StructType():
            return _struct_schema(kind)
        case _:
            raise TypeError(f"{kind!r} has no structural schema")


def _facts(kind: types.Metadata) -> dict[str, Any]:
    return dict(kind.extra_json_schema or {})


def _struct_schema(kind: types.StructType) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    text = inspect.getdoc(kind.cls)
    if text and text != inspect.getdoc(Model):
        schema["description"] = " ".join(text.split())
    schema["properties"] = {field.encode_name: _schema(field.type) for field in kind.fields}
    required = sorted(field.encode_name for field in kind.fields if field.required)
    if required:
        schema["required"] = required
    return schema
