"""Custom resources by their structural schema: pruning, defaulting, validation.

Follows kubernetes/apiextensions-apiserver ``pkg/apiserver/schema`` (pruning, defaulting, listtype, objectmeta) and
``pkg/apiserver/validation``, and the messages of kube-openapi's ``pkg/validation``.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

import re2

from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes, formats
from fluxkit.schema import SchemaNode

__all__ = ["apply_defaults", "prune", "validate"]


# Pruning


def prune(schema: SchemaNode, value: Any, unknown: list[str], path: str = "") -> None:
    """Removes fields that the schema does not declare, in place; their paths are appended to ``unknown``."""
    if isinstance(value, dict):
        declared, extra = schema.properties, schema.additional_properties
        doomed: list[str] = []
        for key, child in value.items():
            node = declared.get(key)
            if node is None:
                node = extra
                if node is None:
                    if not schema.preserve_unknown_fields:
                        doomed.append(key)
                    continue
            if isinstance(child, dict | list):
                prune(node, child, unknown, f"{path}.{key}" if path else key)
        for key in doomed:
            unknown.append(f"{path}.{key}" if path else key)
            del value[key]
    elif isinstance(value, list):
        items = schema.items
        if items is not None:
            for index, child in enumerate(value):
                if isinstance(child, dict | list):
                    prune(items, child, unknown, f"{path}[{index}]")


# Defaulting


def apply_defaults(schema: SchemaNode, value: Any) -> None:
    """Fills in defaults, in place; a member that is null where null is not allowed counts as absent."""
    if isinstance(value, dict):
        for key in [key for key, child in value.items() if child is None]:
            node_or_none = schema.child(key)
            if node_or_none is not None and not node_or_none.nullable and not node_or_none.has_default:
                del value[key]
        for key, node in schema.properties.items():
            if node.has_default and (key not in value or (value[key] is None and not node.nullable)):
                value[key] = copy.deepcopy(node.default)
        for key, child in value.items():
            if isinstance(child, dict | list):
                node_or_none = schema.child(key)
                if node_or_none is not None:
                    apply_defaults(node_or_none, child)
    elif isinstance(value, list) and schema.items is not None:
        for child in value:
            apply_defaults(schema.items, child)


# Validation

_ABSENT: Any = object()
_NOWHERE = "<nil>"
"""The field of errors that upstream tells without one."""


def validate(schema: SchemaNode, obj: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[Cause]:
    """What is wrong with a whole custom resource. ``metadata`` is judged elsewhere.

    What was there in the stored object ``old`` already is not judged again: schemas may have become stricter since
    (kubernetes/apiextensions-apiserver ``pkg/apiserver/validation/ratcheting.go``).
    """
    before: Mapping[str, Any] = old if old is not None else {}
    found: list[Cause] = []
    missing = [key for key in schema.required if key not in obj]
    found.extend(Cause.required(key) for key in missing)
    for key, node in schema.properties.items():
        if key in obj and key not in ("apiVersion", "kind", "metadata"):
            _value(node, obj[key], key, found, before.get(key, _ABSENT))
    metadata = schema.constraints.get("metadata")
    if isinstance(metadata, SchemaNode) and isinstance(obj.get("metadata"), dict):
        for key in ("name", "generateName"):
            node_or_none = metadata.properties.get(key)
            if node_or_none is not None and key in obj["metadata"]:
                _value(node_or_none, obj["metadata"][key], f"metadata.{key}", found, _ABSENT)
    return found


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _fits(kind: str, value: Any) -> bool:
    actual = _json_type(value)
    if kind == "number":
        return actual in ("number", "integer")
    if kind == "integer":
        return actual == "integer" or (isinstance(value, float) and value.is_integer())
    return actual == kind


def _value(schema: SchemaNode, value: Any, path: str, found: list[Cause], old: Any) -> None:
    if (value is None and schema.nullable) or (old is not _ABSENT and value == old):
        return
    kind = schema.type
    if schema.int_or_string:
        if isinstance(value, bool) or not isinstance(value, int | str):
            actual = _json_type(value)
            text = f'{path} in body must be of type integer,string: "{actual}"'
            found.append(causes.type_invalid(path, actual, text))
            return
    elif kind and not _fits(kind, value):
        actual = _json_type(value)
        found.append(causes.type_invalid(path, actual, f'{path} in body must be of type {kind}: "{actual}"'))
        return
    if schema.format == "int32" and isinstance(value, int) and not -(2**31) <= value < 2**31:
        text = f"Checked value must be of type integer with format int32 in {path}"
        found.append(causes.invalid(_NOWHERE, "", text))
    if schema.enum and value not in schema.enum:
        found.append(causes.not_supported(path, value, schema.enum))
    if schema.constraints:
        _constraints(schema.constraints, value, path, found)
    if schema.format and isinstance(value, str) and not formats.matches(schema.format, value):
        text = f"{path} in body must be of type {schema.format}: {json.dumps(value)}"
        found.append(causes.type_invalid(path, value, text))
    if isinstance(value, dict):
        _members(schema, value, path, found, old if isinstance(old, dict) else {})
    elif isinstance(value, list):
        _items(schema, value, path, found, old if isinstance(old, list) else [])


def _members(schema: SchemaNode, value: dict[str, Any], path: str, found: list[Cause], old: Mapping[str, Any]) -> None:
    for key in schema.required:
        if key not in value:
            found.append(Cause.required(f"{path}.{key}"))
    if schema.embedded_resource:
        for key in ("apiVersion", "kind"):
            if not value.get(key):
                found.append(Cause.required(f"{path}.{key}"))
    for key, child in value.items():
        node = schema.child(key)
        if node is not None and not (schema.embedded_resource and key in ("apiVersion", "kind", "metadata")):
            _value(node, child, f"{path}.{key}", found, old.get(key, _ABSENT))


def _items(schema: SchemaNode, value: list[Any], path: str, found: list[Cause], old: list[Any]) -> None:
    if schema.items is not None:
        earlier = {_identity(schema, each): each for each in old} if schema.list_type == "map" else {}
        for index, child in enumerate(value):
            before = earlier.get(_identity(schema, child), _ABSENT) if earlier else _ABSENT
            _value(schema.items, child, f"{path}[{index}]", found, before)
    if schema.list_type == "atomic":
        return
    seen: set[str] = set()
    for index, child in enumerate(value):
        shown = child
        if schema.list_type == "map":
            if not isinstance(child, dict):
                continue
            shown = {key: child.get(key, _default_of(schema, key)) for key in schema.list_map_keys}
        key = json.dumps(shown, sort_keys=True)
        if key in seen:
            found.append(causes.duplicate(f"{path}[{index}]", shown))
        seen.add(key)


def _identity(schema: SchemaNode, item: Any) -> tuple[str, ...]:
    """What makes items of a list with keys the same item."""
    return tuple(repr(item.get(key)) for key in schema.list_map_keys) if isinstance(item, dict) else ()


def _default_of(schema: SchemaNode, key: str) -> Any:
    node = schema.items.properties.get(key) if schema.items is not None else None
    return node.default if node is not None else None


def _constraints(rules: Mapping[str, Any], value: Any, path: str, found: list[Cause]) -> None:
    for text in _broken(rules, value, path):
        if isinstance(text, Cause):
            found.append(text)
        else:
            found.append(causes.invalid(path, value, text))


def _broken(rules: Mapping[str, Any], value: Any, path: str) -> list[str | Cause]:
    """The constraints that a value breaks, as texts or, where upstream words them otherwise, as causes."""
    out: list[str | Cause] = []
    if isinstance(value, bool):
        pass
    elif isinstance(value, int | float):
        _numeric(rules, value, path, out)
    elif isinstance(value, str):
        if "maxLength" in rules and len(value) > rules["maxLength"]:
            out.append(causes.too_long(path, rules["maxLength"]))
        elif "minLength" in rules and len(value) < rules["minLength"]:
            out.append(f"{path} in body should be at least {rules['minLength']} chars long")
        elif "pattern" in rules and not re2.search(rules["pattern"], value):
            out.append(f"{path} in body should match '{rules['pattern']}'")
    elif isinstance(value, list):
        if "maxItems" in rules and len(value) > rules["maxItems"]:
            out.append(causes.too_many(path, len(value), rules["maxItems"]))
        if "minItems" in rules and len(value) < rules["minItems"]:
            text = f"{path} in body should have at least {rules['minItems']} items"
            out.append(causes.invalid(path, len(value), text))
        if rules.get("uniqueItems") and len({json.dumps(each, sort_keys=True) for each in value}) < len(value):
            out.append(f"{path} in body shouldn't contain duplicates")
    elif isinstance(value, dict):
        if "maxProperties" in rules and len(value) > rules["maxProperties"]:
            out.append(causes.too_many(path, len(value), rules["maxProperties"]))
        if "minProperties" in rules and len(value) < rules["minProperties"]:
            text = f"{path} in body should have at least {rules['minProperties']} properties"
            out.append(causes.invalid(path, len(value), text))
    _combined(rules, value, path, out)
    return out


def _numeric(rules: Mapping[str, Any], value: int | float, path: str, out: list[str | Cause]) -> None:
    low, high = rules.get("minimum"), rules.get("maximum")
    if low is not None and rules.get("exclusiveMinimum") and value <= low:
        out.append(f"{path} in body should be greater than {low}")
    elif low is not None and value < low:
        out.append(f"{path} in body should be greater than or equal to {low}")
    if high is not None and rules.get("exclusiveMaximum") and value >= high:
        out.append(f"{path} in body should be less than {high}")
    elif high is not None and value > high:
        out.append(f"{path} in body should be less than or equal to {high}")
    step = rules.get("multipleOf")
    if step and value % step:
        out.append(f"{path} in body should be a multiple of {step}")


def _combined(rules: Mapping[str, Any], value: Any, path: str, out: list[str | Cause]) -> None:
    if "anyOf" in rules and not any(_accepts(rule, value, path) for rule in rules["anyOf"]):
        out.append(causes.invalid(_NOWHERE, "", f'"{path}" must validate at least one schema (anyOf)'))
        out += _broken(rules["anyOf"][0], value, path)
    if "oneOf" in rules:
        count = sum(_accepts(rule, value, path) for rule in rules["oneOf"])
        if count != 1:
            many = "Found none valid" if count == 0 else f"Found {count} valid alternatives"
            text = f'"{path}" must validate one and only one schema (oneOf). {many}'
            out.append(causes.invalid(_NOWHERE, "", text))
    failed = [rule for rule in rules.get("allOf") or () if not _accepts(rule, value, path)]
    if failed:
        none = ". None validated" if len(failed) == len(rules["allOf"]) else ""
        for rule in failed:
            out += _broken(rule, value, path)
        out.append(causes.invalid(_NOWHERE, "", f'"{path}" must validate all the schemas (allOf){none}'))
    if "not" in rules and _accepts(rules["not"], value, path):
        out.append(causes.invalid(_NOWHERE, "", f'"{path}" must not validate the schema (not)'))


def _accepts(rule: Mapping[str, Any], value: Any, path: str) -> bool:
    """Whether a value satisfies a schema inside a logical junctor, which constrains but does not declare."""
    kind = rule.get("type")
    if kind and not (_fits(kind, value) or (value is None and rule.get("nullable"))):
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    if rule.get("format") and isinstance(value, str) and not formats.matches(rule["format"], value):
        return False
    if _broken(rule, value, path):
        return False
    if isinstance(value, dict):
        if any(key not in value for key in rule.get("required") or ()):
            return False
        properties = rule.get("properties") or {}
        if not all(_accepts(each, value[key], path) for key, each in properties.items() if key in value):
            return False
        extra = rule.get("additionalProperties")
        if isinstance(extra, Mapping):
            return all(_accepts(extra, child, path) for key, child in value.items() if key not in properties)
    if isinstance(value, list) and isinstance(rule.get("items"), Mapping):
        return all(_accepts(rule["items"], child, path) for child in value)
    return True
