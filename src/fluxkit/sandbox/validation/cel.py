"""CEL rules of custom resources (``x-kubernetes-validations``), transition rules included.

Follows kubernetes/apiextensions-apiserver ``pkg/apiserver/schema/cel`` (validation.go). A rule that cannot be compiled
here is refused with its definition (:func:`compile_problem`), unless it only lacks what this platform lacks: then it is
logged once and skipped.
"""

import contextlib
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes
from fluxkit.sandbox.validation.expressions import (
    COST_EXCEEDED,
    CompileError,
    Program,
    Unavailable,
    as_seen,
    compile_expression,
)
from fluxkit.schema import SchemaNode

__all__ = ["compile_problem", "has_rules", "unchecked", "validate_rules"]

_log = logging.getLogger("fluxkit.sandbox")

_VARIABLES = ("self", "oldSelf")
_ABSENT: Any = object()


class _OutOfBudgetError(Exception):
    """A rule did too much: no further rule is evaluated."""


def validate_rules(schema: SchemaNode, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """The rules that an object breaks, its old state given on update; the object fits its schema otherwise."""
    found: list[Cause] = []
    if has_rules(schema):
        with contextlib.suppress(_OutOfBudgetError):
            _walk(schema, _visible(obj), _visible(old) if old is not None else _ABSENT, "", found)
    return found


def _visible(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object as rules at its root see it: of the metadata, names only."""
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key in ("name", "generateName")}
    return {**obj, "metadata": metadata}


def unchecked() -> list[Cause]:
    """What upstream adds to errors that keep it from evaluating rules."""
    text = (
        "some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation"
    )
    return [causes.invalid("<nil>", None, text)]


@lru_cache(maxsize=8192)
def has_rules(schema: SchemaNode) -> bool:
    """Whether a schema has rules anywhere."""
    if schema.validations:
        return True
    children = [*schema.properties.values(), schema.items, schema.additional_properties]
    # Built-in types below (metadata) have names, may be recursive, and have no rules.
    return any(has_rules(child) for child in children if child is not None and not child.name)


def _walk(schema: SchemaNode, value: Any, old: Any, path: str, found: list[Cause]) -> None:
    if value is None:
        return
    for rule in schema.validations:
        _check(schema, rule, value, old, path, found)
    if isinstance(value, dict):
        before = old if isinstance(old, dict) else {}
        for key, child in value.items():
            node = schema.child(key)
            if node is not None and not node.name and has_rules(node):
                inner = f"{path}.{key}" if path else key
                if key not in schema.properties:
                    inner = f"{path}[{key}]"
                _walk(node, child, before.get(key, _ABSENT), inner, found)
    elif isinstance(value, list) and schema.items is not None and has_rules(schema.items):
        earlier = _by_key(schema, old)
        for index, child in enumerate(value):
            # Only items of lists with keys can be told to be the same item as before.
            before = earlier.get(_key_of(schema, child), _ABSENT) if earlier else _ABSENT
            _walk(schema.items, child, before, f"{path}[{index}]", found)


def _key_of(schema: SchemaNode, item: Any) -> tuple[Any, ...]:
    return tuple(repr(item.get(key)) for key in schema.list_map_keys) if isinstance(item, dict) else ()


def _by_key(schema: SchemaNode, old: Any) -> dict[tuple[Any, ...], Any]:
    if schema.list_type != "map" or not isinstance(old, list):
        return {}
    return {_key_of(schema, item): item for item in old}


def _check(schema: SchemaNode, rule: Mapping[str, Any], value: Any, old: Any, path: str, found: list[Cause]) -> None:
    text = rule.get("rule") or ""
    transition = "oldSelf" in text
    optional = bool(rule.get("optionalOldSelf"))
    if transition and old is _ABSENT and not optional:
        return
    if old is not _ABSENT and value == old and not optional:
        # What has not changed is not judged again: the rule may be younger than the value.
        return
    program = _program(text, optional)
    if program is None:
        return
    data: dict[str, Any] = {"self": as_seen(schema, value)}
    if transition:
        data["oldSelf"] = None if old is _ABSENT else as_seen(schema, old)
    message = (rule.get("message") or "").strip() or f"failed rule: {text}"
    where = path or "<nil>"
    if rule.get("fieldPath"):
        where = f"{path}{rule['fieldPath']}" if path else rule["fieldPath"].removeprefix(".")
    problem, result = program.run(data)
    if problem.startswith(COST_EXCEEDED):
        text = (
            f"'{problem}': no further validation rules will be run due to call cost exceeds limit for rule: {message}"
        )
        found.append(causes.invalid(path, schema.type, text))
        raise _OutOfBudgetError
    if problem.startswith("no such overload"):
        how = "call arguments did not match a supported operator, function or macro signature for rule"
        found.append(causes.invalid(path, schema.type, f"'{problem}': {how}: {message}"))
    elif problem:
        found.append(causes.invalid(path, schema.type, f"{problem} evaluating rule: {message}"))
    elif result is not True:
        if rule.get("messageExpression"):
            message = _message(rule["messageExpression"], data) or message
        found.append(_cause(rule.get("reason") or "FieldValueInvalid", where, value, message))


def _cause(reason: str, path: str, value: Any, message: str) -> Cause:
    if reason == "FieldValueForbidden":
        return Cause.forbidden(path, message)
    if reason == "FieldValueRequired":
        return Cause.required(path, message)
    if reason == "FieldValueDuplicate":
        return causes.duplicate(path, value)
    if isinstance(value, dict | list):
        return Cause(reason, path, f"Invalid value: {message}")
    return causes.invalid(path, value, message)


def _message(expression: str, data: dict[str, Any]) -> str:
    program = _program(expression, False)
    if program is None:
        return ""
    problem, text = program.run(data)
    return text.strip() if not problem and isinstance(text, str) and "\n" not in text else ""


# Programs


def _expression(text: str, optional_old: bool) -> str:
    if optional_old:
        # oldSelf is an optional value in such rules; null stands for none.
        return f"cel.bind(oldSelf, oldSelf == null ? optional.none() : optional.of(oldSelf), {text})"
    return text


def compile_problem(text: str, *, optional_old: bool = False) -> str:
    """Why a rule or message expression does not compile, empty if it does or nothing here can tell."""
    try:
        compile_expression(_expression(text, optional_old), _VARIABLES)
    except Unavailable:
        return ""
    except CompileError as error:
        return str(error)
    return ""


@lru_cache(maxsize=4096)
def _program(text: str, optional_old: bool) -> Program | None:
    """A compiled expression; None if it cannot be compiled here."""
    try:
        return compile_expression(_expression(text, optional_old), _VARIABLES)
    except CompileError as error:
        _log.warning("CEL rule skipped: %s: %s", text, str(error).partition("\n")[0])
        return None
