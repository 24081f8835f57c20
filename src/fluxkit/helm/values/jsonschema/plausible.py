"""A quick look at a schema: whether all of it obviously has the form that its metaschema asks for."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fluxkit.helm.values.jsonschema.drafts import Draft, subschemas
from fluxkit.helm.values.jsonschema.numbers import fraction_of, is_number
from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.regex import compiled

__all__ = ["is_plausible"]

_LOCAL_REFERENCE: Final = re.compile(r"#[A-Za-z0-9/_.~$-]*")
_TYPES: Final = frozenset(("array", "boolean", "integer", "null", "number", "object", "string"))


def is_plausible(schema: Any, draft: Draft) -> bool:
    """True only for a schema that is valid; False says nothing."""
    pending: list[tuple[Any, int]] = [(schema, 0)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, bool) and draft.version >= 6:
            continue
        if not isinstance(value, dict) or depth > 100:
            return False
        for keyword, given in value.items():
            check = _CHECKS.get(keyword)
            if check is not None and not check(given):
                return False
            if keyword in _RARE or (keyword in _NOT_4 and draft.version == 4):
                return False
        items = value.get("items")
        if isinstance(items, list) and (draft.version >= 2020 or not items):
            return False
        for pointer, below in subschemas(value, "", draft):
            if below is not items or pointer != "/items" or not isinstance(items, list):
                pending.append((below, depth + 1))
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_pattern(value: Any) -> bool:
    try:
        return isinstance(value, str) and compiled(value) is not None
    except FunctionError:
        return False


def _is_count(value: Any) -> bool:
    return is_number(value) and fraction_of(value) >= 0 and fraction_of(value).denominator == 1


def _is_factor(value: Any) -> bool:
    return is_number(value) and fraction_of(value) > 0


def _is_type(value: Any) -> bool:
    if isinstance(value, str):
        return value in _TYPES
    return _are_names(value) and _TYPES.issuperset(value)


def _are_names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, str) for item in value)
        and len(set(value)) == len(value)
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_patterns(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_pattern(name) for name in value)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and _LOCAL_REFERENCE.fullmatch(value) is not None


def _is_schema_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://json-schema.org/", "https://json-schema.org/"))


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "$schema": _is_schema_address,
    "$ref": _is_reference,
    "$comment": _is_text,
    "title": _is_text,
    "description": _is_text,
    "format": _is_text,
    "type": _is_type,
    "enum": _are_names,
    "multipleOf": _is_factor,
    "maximum": is_number,
    "minimum": is_number,
    "minLength": _is_count,
    "maxLength": _is_count,
    "minItems": _is_count,
    "maxItems": _is_count,
    "minProperties": _is_count,
    "maxProperties": _is_count,
    "pattern": _is_pattern,
    "required": _are_names,
    "uniqueItems": lambda value: isinstance(value, bool),
    "properties": _is_object,
    "definitions": _is_object,
    "$defs": _is_object,
    "patternProperties": _are_patterns,
    "allOf": _is_list,
    "anyOf": _is_list,
    "oneOf": _is_list,
    "prefixItems": _is_list,
    "readOnly": lambda value: isinstance(value, bool),
    "deprecated": lambda value: isinstance(value, bool),
    "examples": lambda value: isinstance(value, list),
}
_NOT_4: Final = frozenset(("additionalProperties", "additionalItems", "examples"))
"""May be ``true`` or ``false`` there, where other schemas may not; ``examples`` is for nothing."""
_RARE: Final = frozenset(
    (
        *("id", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor", "$vocabulary"),
        *("exclusiveMaximum", "exclusiveMinimum", "dependencies", "dependentRequired", "dependentSchemas"),
        *("minContains", "maxContains", "contentEncoding", "contentMediaType", "contentSchema", "writeOnly"),
    )
)
"""Not looked into."""
