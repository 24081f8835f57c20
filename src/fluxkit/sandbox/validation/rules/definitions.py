"""CustomResourceDefinitions. Follows kubernetes/apiextensions-apiserver ``pkg/apis/apiextensions/validation``."""

from typing import Any

import re2

from fluxkit.objects import Object
from fluxkit.sandbox import names
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes, cel
from fluxkit.sandbox.validation.rules import common

__all__ = ["custom_resource_definition"]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_GO_TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list, "boolean": bool, "integer": int, "number": (int, float), "object": dict, "string": str,
}  # fmt: skip
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_MIXED_CASE = "may have mixed case, but should otherwise match: "


def custom_resource_definition(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    given = spec.get("names") or {}
    found = common.required(spec, "spec", "group", "scope")
    found += _names(given)
    wanted = f"{given.get('plural', '')}.{spec.get('group', '')}"
    if old is None and obj["metadata"].get("name") != wanted:
        text = 'must be spec.names.plural+"."+spec.group'
        found.append(causes.invalid("metadata.name", obj["metadata"].get("name"), text))
    found += common.one_of(spec, "spec", "scope", "Cluster", "Namespaced")
    if spec.get("group") and "." not in spec["group"]:
        found.append(causes.invalid("spec.group", spec["group"], "should be a domain with at least one dot"))
    found += _versions(spec.get("versions") or [])
    found += _parts(spec.get("versions") or [])
    if spec.get("preserveUnknownFields"):
        text = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        found.append(causes.invalid("spec.preserveUnknownFields", True, text))
    conversion = spec.get("conversion") or {}
    if conversion.get("strategy") == "Webhook":
        webhook = conversion.get("webhook") or {}
        if not webhook.get("clientConfig"):
            text = "required when strategy is set to Webhook"
            found.append(Cause.required("spec.conversion.webhookClientConfig", text))
        if not webhook.get("conversionReviewVersions"):
            found.append(Cause.required("spec.conversion.conversionReviewVersions"))
    served = {each.get("name") for each in spec.get("versions") or ()}
    for index, version in enumerate((obj.get("status") or {}).get("storedVersions") or () if old is not None else ()):
        if version not in served:
            text = (
                f"missing from spec.versions; {version} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {version} and removes "
                f"{version} from status.storedVersions"
            )
            found.append(causes.invalid(f"status.storedVersions[{index}]", version, text))
    if old is not None:
        before = old.get("spec") or {}
        for field in ("group", "scope"):
            found += causes.immutable(f"spec.{field}", spec.get(field), before.get(field))
        for field in ("plural", "kind"):
            now, was = given.get(field), (before.get("names") or {}).get(field)
            found += causes.immutable(f"spec.names.{field}", now, was)
    return found


def _names(given: dict[str, Any]) -> list[Cause]:
    found = common.required(given, "spec.names", "plural", "singular", "kind", "listKind")
    for field in ("plural", "singular", "kind", "listKind"):
        name = given.get(field)
        if not name:
            continue
        mixed = field in ("kind", "listKind")
        problem = names.is_dns1035_label(name.lower() if mixed else name)
        if problem:
            found.append(causes.invalid(f"spec.names.{field}", name, (_MIXED_CASE if mixed else "") + problem))
    for field in ("shortNames", "categories"):
        for index, name in enumerate(given.get(field) or ()):
            problem = names.is_dns1035_label(name)
            if problem:
                found.append(causes.invalid(f"spec.names.{field}[{index}]", name, problem))
    return found


_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")


def _parts(versions: list[dict[str, Any]]) -> list[Cause]:
    """Columns, selectable fields and subresources. Upstream names what all versions share by the definition's spec."""
    found: list[Cause] = []
    for index, version in enumerate(versions):

        def place(member: str, number: int = index, given: dict[str, Any] = version) -> tuple[str, Any]:
            shared = all(each.get(member) == versions[0].get(member) for each in versions)
            path = f"spec.{member}" if shared else f"spec.versions[{number}].{member}"
            return path, given.get(member) if not shared or number == 0 else None

        where, columns = place("additionalPrinterColumns")
        for number, column in enumerate(columns or ()):
            kind = column.get("type") or ""
            if kind not in _COLUMN_TYPES:
                text = f"must be one of {','.join(_COLUMN_TYPES)}"
                found.append(causes.invalid(f"{where}[{number}].type", kind, text))
            if not column.get("jsonPath"):
                found.append(Cause.required(f"{where}[{number}].JSONPath"))
        where, fields = place("selectableFields")
        for number, field in enumerate(fields or ()):
            path = field.get("jsonPath") or ""
            if not _declares((version.get("schema") or {}).get("openAPIV3Schema") or {}, path):
                text = "is an invalid path: does not refer to a valid field"
                found.append(causes.invalid(f"{where}[{number}].jsonPath", path, text))
        where, subresources = place("subresources")
        scale = (subresources or {}).get("scale")
        if scale is not None:
            for member, root in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
                path = scale.get(member) or ""
                if not path:
                    found.append(Cause.required(f"{where}.scale.{member}"))
                elif not path.startswith(f"{root}."):
                    text = f"should be a json path under {root}"
                    found.append(causes.invalid(f"{where}.scale.{member}", path, text))
    return found


def _declares(schema: dict[str, Any], path: str) -> bool:
    """Whether a schema declares the field at a simple JSON path, outside of metadata."""
    parts = path.removeprefix(".").split(".")
    if not path.startswith(".") or parts[0] == "metadata":
        return False
    for part in parts:
        child = (schema.get("properties") or {}).get(part)
        if not isinstance(child, dict):
            return False
        schema = child
    return True


def _versions(versions: list[dict[str, Any]]) -> list[Cause]:
    found: list[Cause] = []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "must have exactly one version marked as storage version"
        found.append(causes.invalid("spec.versions", [_shown(each) for each in versions], text))
        text = "must have at least one stored version"
        if not any(version.get("storage") for version in versions):
            found.append(causes.invalid("status.storedVersions", None, text))
    taken: set[str] = set()
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    # Upstream keeps a schema that all versions share beside them, and names it by that place.
    shared = all(schema == schemas[0] for schema in schemas)
    for index, version in enumerate(versions):
        where = f"spec.versions[{index}]"
        name = version.get("name") or ""
        problem = names.is_dns1035_label(name)
        if problem:
            found.append(causes.invalid(f"{where}.name", name, problem))
            if index == 0:
                found.append(causes.invalid("spec.version", name, problem))
        if name in taken:
            text = "must contain unique version names"
            found.append(causes.invalid("spec.versions", [each.get("name") for each in versions], text))
        taken.add(name)
        if schemas[index] is None:
            found.append(Cause.required(f"{where}.schema.openAPIV3Schema"))
        elif not shared or index == 0:
            place = "spec.validation" if shared else f"{where}.schema"
            found += _structural(schemas[index] or {}, f"{place}.openAPIV3Schema", root=True)
    return found


def _shown(version: dict[str, Any]) -> dict[str, Any]:
    """A version as Go writes its internal type, whose shared parts are kept elsewhere."""
    members = ("DeprecationWarning", "Schema", "Subresources", "AdditionalPrinterColumns", "SelectableFields")
    flags = {key.title(): bool(version.get(key)) for key in ("served", "storage", "deprecated")}
    return {"Name": version.get("name", ""), **flags, **dict.fromkeys(members)}


def _structural(schema: dict[str, Any], path: str, *, root: bool = False) -> list[Cause]:
    """What keeps a schema from being structural, and what is wrong with its own fields."""
    found: list[Cause] = []
    kind = schema.get("type")
    if "$ref" in schema:
        return [Cause.forbidden(f"{path}.$ref", "$ref is not supported")]
    if root and _names_more((schema.get("properties") or {}).get("metadata")):
        text = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        found.append(Cause.forbidden(f"{path}.properties[metadata]", text))
    if root and not kind:
        found.append(Cause.required(f"{path}.type", "must not be empty at the root"))
    elif root and kind != "object":
        found.append(causes.invalid(f"{path}.type", kind, "must be object at the root"))
    elif not kind and not (
        schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        found.append(Cause.required(f"{path}.type", "must not be empty for specified object fields"))
    elif kind and kind not in _TYPES:
        found.append(causes.not_supported(f"{path}.type", kind, _TYPES))
    for junctor in ("anyOf", "allOf", "oneOf"):
        for index, each in enumerate(schema.get(junctor) or ()):
            if each.get("type") and not schema.get("x-kubernetes-int-or-string"):
                found.append(Cause.forbidden(f"{path}.{junctor}[{index}].type", "must be empty to be structural"))
    found += _own_fields(schema, path)
    if schema.get("properties") and isinstance(schema.get("additionalProperties"), dict):
        text = "additionalProperties and properties are mutual exclusive"
        found.append(Cause.forbidden(f"{path}.additionalProperties", text))
    for name, child in (schema.get("properties") or {}).items():
        found += _structural(child, f"{path}.properties[{name}]")
    items = schema.get("items")
    if isinstance(items, list):
        found.append(Cause.forbidden(f"{path}.items", "items must be a schema object and not an array"))
    elif isinstance(items, dict):
        found += _structural(items, f"{path}.items")
    elif kind == "array":
        found.append(Cause.required(f"{path}.items", "must be specified"))
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        found += _structural(extra, f"{path}.additionalProperties")
    return found


def _names_more(metadata: dict[str, Any] | None) -> bool:
    return metadata is not None and bool(set(metadata.get("properties") or ()) - {"name", "generateName"})


def _own_fields(schema: dict[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    pattern = schema.get("pattern")
    if pattern:
        try:
            re2.compile(pattern)
        except re2.error as error:
            problem = f"error parsing regexp: {_re2_problem(error)}: `{pattern}`"
            text = f"must be a valid regular expression, but isn't: {problem}"
            found.append(causes.invalid(f"{path}.pattern", pattern, text))
    if schema.get("uniqueItems"):
        text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        found.append(Cause.forbidden(f"{path}.uniqueItems", text))
    list_type = schema.get("x-kubernetes-list-type")
    if list_type and list_type not in ("atomic", "set", "map"):
        where = f"{path}.x-kubernetes-list-type"
        found.append(causes.not_supported(where, list_type, ("atomic", "set", "map")))
    items = schema.get("items")
    scalar = not isinstance(items, dict) or items.get("type") not in ("object", "array")
    if list_type == "set" and isinstance(items, dict) and not scalar:
        member = "x-kubernetes-map-type" if items["type"] == "object" else "x-kubernetes-list-type"
        if items.get(member) != "atomic" and not (items["type"] == "array" and member not in items):
            text = "must be atomic as item of a list with x-kubernetes-list-type=set"
            found.append(causes.invalid(f"{path}.items.{member}", items.get(member), text))
    if list_type == "map" and not schema.get("x-kubernetes-list-map-keys"):
        text = 'must not be empty if x-kubernetes-list-type is "map"'
        found.append(Cause.required(f"{path}.x-kubernetes-list-map-keys", text))
    elif list_type == "map" and isinstance(schema.get("items"), dict):
        keys = schema["x-kubernetes-list-map-keys"]
        if not set(keys) <= set(schema["items"].get("properties") or ()):
            text = "entries must all be names of item properties"
            found.append(causes.invalid(f"{path}.x-kubernetes-list-map-keys", keys, text))
    expected = _GO_TYPES.get(schema.get("type") or "")
    default = schema.get("default")
    wrong_flag = isinstance(default, bool) and schema.get("type") != "boolean"
    if default is not None and expected is not None and (wrong_flag or not isinstance(default, expected)):
        actual = next(name for name, kind in _ORDERED if isinstance(default, kind))
        text = f' in body must be of type {schema["type"]}: "{actual}"'
        found.append(causes.type_invalid(f"{path}.default", actual, text))
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        if not (rule.get("rule") or "").strip():
            where = f"{path}.x-kubernetes-validations[{index}].rule"
            found.append(Cause.required(where, "rule is not specified"))
            continue
        if "\n" in (rule.get("message") or ""):
            where = f"{path}.x-kubernetes-validations[{index}].message"
            found.append(causes.invalid(where, rule["message"], "message must not contain line breaks"))
        if rule.get("reason") and rule["reason"] not in _REASONS:
            where = f"{path}.x-kubernetes-validations[{index}].reason"
            found.append(causes.not_supported(where, rule["reason"], _REASONS))
        for member in ("rule", "messageExpression"):
            optional_old = bool(rule.get("optionalOldSelf"))
            problem = cel.compile_problem(rule[member], optional_old=optional_old) if rule.get(member) else ""
            if problem:
                where = f"{path}.x-kubernetes-validations[{index}].{member}"
                kind = "" if member == "rule" else "messageExpression "
                found.append(causes.invalid(where, _shown_rule(rule), f"{kind}compilation failed: {problem}"))
    return found


def _shown_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as Go writes its internal type."""
    texts = {"Rule": "rule", "Message": "message", "MessageExpression": "messageExpression"}
    return {
        **{shown: rule.get(member, "") for shown, member in texts.items()},
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""),
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }


_ORDERED: tuple[tuple[str, type], ...] = (
    ("boolean", bool), ("integer", int), ("number", float), ("string", str), ("array", list), ("object", dict),
)  # fmt: skip


def _re2_problem(error: Exception) -> str:
    text = str(error.args[0]) if error.args else str(error)
    return (
        text.removeprefix("b'").removesuffix("'").partition(": ")[0]
        if text.startswith("b'")
        else text.partition(": ")[0]
    )
