"""Field errors beyond those that :class:`fluxkit.sandbox.status.Cause` words itself.

Follows kubernetes/apimachinery ``pkg/util/validation/field`` (errors.go).
"""

from collections.abc import Iterable
from typing import Any

import orjson

from fluxkit.sandbox.status import Cause

__all__ = [
    "IMMUTABLE",
    "duplicate",
    "immutable",
    "invalid",
    "not_found",
    "not_supported",
    "too_long",
    "too_many",
    "type_invalid",
]

IMMUTABLE = "field is immutable"


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()


def _with(detail: str) -> str:
    return f": {detail}" if detail else ""


def invalid(field: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueInvalid", field, f"Invalid value: {_shown(value)}{_with(detail)}")


def type_invalid(field: str, value: Any, detail: str) -> Cause:
    return Cause("FieldValueTypeInvalid", field, f"Invalid value: {_shown(value)}{_with(detail)}")


def duplicate(field: str, value: Any) -> Cause:
    return Cause("FieldValueDuplicate", field, f"Duplicate value: {_shown(value)}")


def not_found(field: str, value: Any) -> Cause:
    return Cause("FieldValueNotFound", field, f"Not found: {_shown(value)}")


def not_supported(field: str, value: Any, supported: Iterable[Any]) -> Cause:
    allowed = ", ".join(_shown(str(each)) if isinstance(each, str) else f'"{_shown(each)}"' for each in supported)
    return Cause("FieldValueNotSupported", field, f"Unsupported value: {_shown(value)}: supported values: {allowed}")


def too_long(field: str, limit: int) -> Cause:
    return Cause("FieldValueTooLong", field, f"Too long: may not be more than {limit} byte{'' if limit == 1 else 's'}")


def too_many(field: str, actual: int, limit: int) -> Cause:
    plural = "" if limit == 1 else "s"
    return Cause("FieldValueTooMany", field, f"Too many: {actual}: must have at most {limit} item{plural}")


def immutable(field: str, new: Any, old: Any) -> list[Cause]:
    """One error if the value of an immutable field changed."""
    return [] if new == old else [invalid(field, new, IMMUTABLE)]
