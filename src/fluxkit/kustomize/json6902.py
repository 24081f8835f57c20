"""JSON 6902 patches with the leniencies of the library that upstream uses (evanphx/json-patch v4 ``patch.go``).

``replace`` of an absent member adds it, negative array indices count from the end, and ``test`` of an absent member
against null passes. :mod:`fluxkit.jsonpatch` is the strict implementation that the API server's behaviour needs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from fluxkit.kustomize.budget import Budget, size_of
from fluxkit.kustomize.decode import json_type
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.kustomization import parse_yaml11
from fluxkit.kustomize.tree import copy_tree
from fluxkit.yaml.composer import compose_all
from fluxkit.yaml.errors import YAMLError
from fluxkit.yaml.loader import RULES

__all__ = ["Operation", "apply", "parse"]

Operation = Mapping[str, Any]


def parse(text: str, *, strict: bool = False) -> list[Operation]:
    """The operations in a patch: JSON if it starts with a bracket, else YAML 1.1. Raises :class:`KustomizeError`.

    Of several YAML documents the first is read; ``strict`` refuses them.
    """
    try:
        if strict and not text.startswith("[") and len(list(compose_all(text, "patch", RULES))) > 1:
            raise KustomizeError("a JSON patch must be one YAML document, all but the first would be ignored")
        value = orjson.loads(text) if text.startswith("[") else parse_yaml11(text, "patch")
    except orjson.JSONDecodeError as error:
        raise KustomizeError(f"invalid JSON: {error}") from None
    except YAMLError as error:
        raise KustomizeError(f"yaml: line {error.line}: {error.problem}") from None
    if value is None:
        return []
    if not isinstance(value, list):
        raise KustomizeError(f"json: cannot unmarshal {json_type(value)} into Go value of type jsonpatch.Patch")
    for operation in value:
        if not isinstance(operation, dict):
            raise KustomizeError("json: cannot unmarshal an operation into Go value of type jsonpatch.Operation")
    return value


def apply(document: Any, operations: Sequence[Operation], budget: Budget) -> Any:
    """The document after all operations; it is changed in place. Raises :class:`KustomizeError`."""
    for operation in operations:
        kind = operation.get("op")
        if kind == "copy":
            budget.spend(_size_of_copy(document, operation))
        method = _OPERATIONS.get(kind) if isinstance(kind, str) else None
        if method is None:
            raise KustomizeError(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        document = method(document, operation)
    return document


def _size_of_copy(document: Any, operation: Operation) -> int:
    found = _find(document, _pointer(operation, "from", "copy"))
    if found is None or not isinstance(found[0], dict):
        return size_of(found[0]) if found is not None else 0
    return size_of(found[0].get(found[1]))


def _pointer(operation: Operation, field: str, kind: str) -> str:
    value = operation.get(field)
    if not isinstance(value, str):
        raise KustomizeError(f"{kind} operation failed to decode {field}: missing value")
    return value


def _find(document: Any, pointer: str) -> tuple[Any, str] | None:
    """The container and the last key of a pointer; None if the container is not there."""
    parts = pointer.split("/")
    if len(parts) < 2:
        return None
    *inner, last = (part.replace("~1", "/").replace("~0", "~") for part in parts[1:])
    for part in inner:
        try:
            document = _get(document, part)
        except KustomizeError:
            return None
        if not isinstance(document, dict | list):
            return None
    return document, last


def _number(key: str) -> int:
    try:
        return int(key)
    except ValueError:
        raise KustomizeError(f'strconv.Atoi: parsing "{key}": invalid syntax') from None


def _index(items: list[Any], key: str, size: int) -> int:
    index = _number(key)
    if index >= size or index < -size:
        raise KustomizeError(f"Unable to access invalid index: {index}: invalid index referenced")
    return index + size if index < 0 else index


def _get(container: Any, key: str) -> Any:
    if isinstance(container, list):
        return container[_index(container, key, len(container))]
    return container.get(key)


def _add(container: Any, key: str, value: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        try:
            int(key)
        except ValueError as error:
            raise KustomizeError(f"value was not a proper array index: '{key}': {error}") from None
        container.insert(_index(container, key, len(container) + 1), value)


def _remove(container: Any, key: str) -> Any:
    if isinstance(container, dict):
        if key not in container:
            raise KustomizeError(f"Unable to remove nonexistent key: {key}: missing value")
        return container.pop(key)
    return container.pop(_index(container, key, len(container)))


def _op_add(document: Any, operation: Operation) -> Any:
    path = _pointer(operation, "path", "add")
    found = _find(document, path)
    if found is None:
        raise KustomizeError(f'add operation does not apply: doc is missing path: "{path}": missing value')
    try:
        _add(*found, copy_tree(operation.get("value")))
    except KustomizeError as error:
        raise error.wrap(f"error in add for path: '{path}'") from None
    return document


def _op_remove(document: Any, operation: Operation) -> Any:
    path = _pointer(operation, "path", "remove")
    found = _find(document, path)
    if found is None:
        raise KustomizeError(f'remove operation does not apply: doc is missing path: "{path}": missing value')
    try:
        _remove(*found)
    except KustomizeError as error:
        raise error.wrap(f"error in remove for path: '{path}'") from None
    return document


def _op_replace(document: Any, operation: Operation) -> Any:
    path = _pointer(operation, "path", "replace")
    value = copy_tree(operation.get("value"))
    if path == "":
        if not isinstance(value, dict | list):
            raise KustomizeError("replace operation value must be object or array")
        return value
    found = _find(document, path)
    if found is None:
        raise KustomizeError(f"replace operation does not apply: doc is missing path: {path}: missing value")
    container, key = found
    if isinstance(container, list):
        try:
            container[_index(container, key, len(container))] = value
        except KustomizeError:
            raise KustomizeError(
                f"replace operation does not apply: doc is missing key: {path}: missing value"
            ) from None
    else:
        container[key] = value
    return document


def _op_move(document: Any, operation: Operation) -> Any:
    origin = _pointer(operation, "from", "move")
    found = _find(document, origin)
    if found is None:
        raise KustomizeError(f"move operation does not apply: doc is missing from path: {origin}: missing value")
    try:
        value = _remove(*found)
    except KustomizeError as error:
        raise error.wrap(f"error in move for path: '{found[1]}'") from None
    path = _pointer(operation, "path", "move")
    target = _find(document, path)
    if target is None:
        raise KustomizeError(f"move operation does not apply: doc is missing destination path: {path}: missing value")
    try:
        _add(*target, value)
    except KustomizeError as error:
        raise error.wrap(f"error in move for path: '{path}'") from None
    return document


def _op_copy(document: Any, operation: Operation) -> Any:
    origin = _pointer(operation, "from", "copy")
    found = _find(document, origin)
    if found is None:
        raise KustomizeError(f"copy operation does not apply: doc is missing from path: {origin}: missing value")
    try:
        value = copy_tree(_get(*found))
    except KustomizeError as error:
        raise error.wrap(f"error in copy for from: '{origin}'") from None
    path = _pointer(operation, "path", "copy")
    target = _find(document, path)
    if target is None:
        raise KustomizeError(f"copy operation does not apply: doc is missing destination path: {path}: missing value")
    try:
        _add(*target, value)
    except KustomizeError as error:
        raise error.wrap("error while adding value during copy") from None
    return document


def _op_test(document: Any, operation: Operation) -> Any:
    path = _pointer(operation, "path", "test")
    if path == "":
        actual = document
    else:
        found = _find(document, path)
        if found is None:
            raise KustomizeError(f"test operation does not apply: is missing path: {path}: missing value")
        try:
            actual = _get(*found)
        except KustomizeError as error:
            raise error.wrap(f"error in test for path: '{path}'") from None
    if not _same(actual, operation.get("value")):
        raise KustomizeError(f"testing value {path} failed: test failed")
    return document


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(_same(a, b) for a, b in zip(left, right, strict=True))
    return type(left) is type(right) and bool(left == right)


_OPERATIONS = {
    "add": _op_add,
    "remove": _op_remove,
    "replace": _op_replace,
    "move": _op_move,
    "copy": _op_copy,
    "test": _op_test,
}
