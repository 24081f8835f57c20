"""CEL rules of custom resources (``x-kubernetes-validations``), transition rules included.

Follows kubernetes/apiextensions-apiserver ``pkg/apiserver/schema/cel`` (validation.go). Expressions are compiled and
run by Google's CEL implementation, imported when the first rule is met. Of the functions that Kubernetes adds to CEL,
``isSorted``, ``sum``, ``min``, ``max``, ``find``, ``findAll``, ``isURL``, ``isIP``, ``isCIDR`` and ``isQuantity`` are
here; a rule that uses any other (``quantity``, ``ip``, ``format``, ...) does not compile, is logged once and skipped.
"""

import ipaddress
import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import re2

from fluxkit.durations import parse_duration
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes, quantity
from fluxkit.schema import SchemaNode
from fluxkit.timestamps import parse_time

__all__ = ["has_rules", "unchecked", "validate_rules"]

_log = logging.getLogger("fluxkit.sandbox")

_KEYWORDS = "true false null in as break const continue else for function if import let loop package namespace return"
_RESERVED = frozenset([*_KEYWORDS.split(), "var", "void", "while"])
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_ABSENT: Any = object()


def validate_rules(schema: SchemaNode, obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """The rules that an object breaks, its old state given on update; the object fits its schema otherwise."""
    found: list[Cause] = []
    if has_rules(schema):
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
    program = _program(text, optional)
    if program is None:
        return
    data: dict[str, Any] = {"self": _converted(schema, value)}
    if transition:
        data["oldSelf"] = None if old is _ABSENT else _converted(schema, old)
    message = (rule.get("message") or "").strip() or f"failed rule: {text}"
    where = path or "<nil>"
    if rule.get("fieldPath"):
        where = f"{path}{rule['fieldPath']}" if path else rule["fieldPath"].removeprefix(".")
    problem, result = _run(program, data)
    if problem:
        found.append(causes.invalid(path, schema.type, f"{problem} evaluating rule: {message}"))
    elif result is not True:
        if rule.get("messageExpression"):
            message = _message(rule["messageExpression"], data) or message
        found.append(_cause(rule.get("reason") or "FieldValueInvalid", where, value, message))


def _run(program: Any, data: dict[str, Any]) -> tuple[str, Any]:
    """Why an expression has no value, in cel-go's words where they are known; its value otherwise."""
    try:
        outcome = program.eval(data=data)
    except RuntimeError as error:
        return str(error).partition("\n")[0], None
    result = outcome.value()
    if outcome.type().name() != "ERROR":
        return "", result
    text = str(result)
    missing = re2.search('Key not found in map : "(.*)"', text)
    return (f"no such key: {missing.group(1)}" if missing else text), None


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
    problem, text = _run(program, data)
    return text.strip() if not problem and isinstance(text, str) and "\n" not in text else ""


# Values


def _identifier(name: str) -> str:
    """A property's name as CEL can spell it."""
    if name in _RESERVED:
        return f"__{name}__"
    for plain, escape in _ESCAPES:
        name = name.replace(plain, escape)
    return name


def _converted(schema: SchemaNode | None, value: Any) -> Any:
    """A JSON value as its schema makes CEL see it: numbers as doubles, dates and durations as such."""
    if isinstance(value, dict):
        if schema is None:
            return {key: _converted(None, child) for key, child in value.items() if child is not None}
        declared = schema.properties
        return {
            _identifier(key) if key in declared else key: _converted(schema.child(key), child)
            for key, child in value.items()
            if child is not None
        }
    if isinstance(value, list):
        items = schema.items if schema is not None else None
        return [_converted(items, each) for each in value]
    if schema is None or isinstance(value, bool):
        return value
    if schema.type == "number" and isinstance(value, int):
        return float(value)
    if isinstance(value, str) and schema.format in ("date-time", "duration"):
        try:
            return parse_time(value) if schema.format == "date-time" else timedelta(seconds=parse_duration(value))
        except ValueError:
            return value
    return value


# Programs


@lru_cache(maxsize=4096)
def _program(expression: str, optional_old: bool) -> Any:
    """A compiled expression; None if it cannot be compiled here."""
    environment = _environment()
    if environment is None:
        return None
    if optional_old:
        # oldSelf is an optional value in such rules; null stands for none.
        expression = f"cel.bind(oldSelf, oldSelf == null ? optional.none() : optional.of(oldSelf), {expression})"
    try:
        return environment.compile(expression)
    except RuntimeError as error:
        _log.warning("CEL rule skipped: %s: %s", expression, str(error).partition("\n")[0])
        return None


@cache
def _environment() -> Any:
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings
    except ImportError as error:
        _log.warning("CEL rules of custom resources are not checked: %s", error)
        return None
    types = cel.Type
    dyn, text, boolean = types.DYN, types.STRING, types.BOOL
    members: list[tuple[str, list[Any], Any, Any]] = [
        ("isSorted", [types.LIST], boolean, lambda items: all(a <= b for a, b in pairwise(items))),
        ("sum", [types.LIST], dyn, sum),
        ("min", [types.LIST], dyn, min),
        ("max", [types.LIST], dyn, max),
        ("find", [text, text], text, _find),
        ("findAll", [text, text], types.List(text), lambda value, pattern: re2.findall(f"(?:{pattern})", value)),
    ]
    functions = [
        cel.FunctionDecl(
            name,
            [cel.Overload(f"k8s_{name}", return_type=result, parameters=parameters, is_member=True, impl=run)],
        )
        for name, parameters, result, run in members
    ]
    plain = (("isURL", _is_url), ("isIP", _is_ip), ("isCIDR", _is_cidr), ("isQuantity", _is_quantity))
    functions += [
        cel.FunctionDecl(name, [cel.Overload(f"k8s_{name}", return_type=boolean, parameters=[text], impl=run)])
        for name, run in plain
    ]
    extensions = [
        ext_strings.ExtStrings(),
        ext_optional.ExtOptional(),
        ext_math.ExtMath(),
        ext_bindings.ExtBindings(),
        ext_encoders.ExtEncoders(),
    ]
    return cel.NewEnv(variables={"self": dyn, "oldSelf": dyn}, functions=functions, extensions=extensions)


def _find(value: str, pattern: str) -> str:
    found = re2.search(pattern, value)
    return str(found.group(0)) if found else ""


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) or text.startswith("/")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_cidr(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


def _is_quantity(text: str) -> bool:
    try:
        quantity.parse(text)
    except quantity.QuantityError:
        return False
    return True
