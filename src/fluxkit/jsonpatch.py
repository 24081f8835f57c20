"""JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and JSON Pointer (RFC 6901) on decoded documents.

Pure functions; inputs are never modified. Failures raise :class:`PatchError` with the operation's index and path.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "PatchError",
    "apply_json_patch",
    "apply_merge_patch",
    "create_merge_patch",
    "parse_pointer",
    "to_pointer",
]


class PatchError(ValueError):
    """A patch is malformed or does not fit the document."""


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: mappings merge recursively, ``None`` deletes, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge_patch(merged.get(key), value)
    return merged


def create_merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest merge patch that turns ``before`` into ``after``; empty when they are equal."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key not in before:
            patch[key] = value
            continue
        old = before[key]
        if isinstance(old, dict) and isinstance(value, dict):
            nested = create_merge_patch(old, value)
            if nested:
                patch[key] = nested
        elif not _equal(old, value):
            patch[key] = value
    return patch


def parse_pointer(pointer: str) -> list[str]:
    """The unescaped tokens of a JSON Pointer; the empty pointer is the whole document."""
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise PatchError(f"JSON pointer {pointer!r} must start with '/'")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def to_pointer(tokens: Sequence[str | int]) -> str:
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def apply_json_patch(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """RFC 6902: all operations in order on a copy, or :class:`PatchError` naming the first that fails."""
    result = copy.deepcopy(document)
    for index, operation in enumerate(operations):
        try:
            result = _apply_operation(result, operation)
        except PatchError as error:
            raise PatchError(f"operation {index} ({operation.get('op')} {operation.get('path')!r}): {error}") from error
    return result


def _apply_operation(document: Any, operation: Mapping[str, Any]) -> Any:
    name = operation.get("op")
    tokens = parse_pointer(_required_text(operation, "path"))
    match name:
        case "add":
            return _add(document, tokens, copy.deepcopy(_required(operation, "value")))
        case "remove":
            return _remove(document, tokens)
        case "replace":
            _find(document, tokens)
            return _replace(document, tokens, copy.deepcopy(_required(operation, "value")))
        case "move":
            source = parse_pointer(_required_text(operation, "from"))
            if tokens[: len(source)] == source and len(tokens) > len(source):
                raise PatchError("cannot move a value into itself")
            value = _find(document, source)
            return _add(_remove(document, source), tokens, value)
        case "copy":
            value = copy.deepcopy(_find(document, parse_pointer(_required_text(operation, "from"))))
            return _add(document, tokens, value)
        case "test":
            if not _equal(_find(document, tokens), _required(operation, "value")):
                raise PatchError("test failed: the value differs")
            return document
        case _:
            raise PatchError("unknown operation: expected add, remove, replace, move, copy or test")


def _equal(left: Any, right: Any) -> bool:
    """Equality of JSON values, in which ``true`` is not ``1`` although Python says so."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return bool(left == right)


def _required(operation: Mapping[str, Any], field: str) -> Any:
    if field not in operation:
        raise PatchError(f"missing member {field!r}")
    return operation[field]


def _required_text(operation: Mapping[str, Any], field: str) -> str:
    value = _required(operation, field)
    if not isinstance(value, str):
        raise PatchError(f"member {field!r} must be a string")
    return value


def _index(items: list[Any], token: str, *, limit: int) -> int:
    if not token.isdigit() or (len(token) > 1 and token[0] == "0"):
        raise PatchError(f"{token!r} is not an array index")
    index = int(token)
    if index >= limit:
        raise PatchError(f"array index {index} is out of bounds (length {len(items)})")
    return index


def _child(parent: Any, token: str) -> Any:
    if isinstance(parent, dict):
        if token not in parent:
            raise PatchError(f"the path does not exist (no member {token!r})")
        return parent[token]
    if isinstance(parent, list):
        return parent[_index(parent, token, limit=len(parent))]
    raise PatchError(f"the path does not exist ({token!r} is below a scalar)")


def _find(document: Any, tokens: Sequence[str]) -> Any:
    for token in tokens:
        document = _child(document, token)
    return document


def _add(document: Any, tokens: Sequence[str], value: Any) -> Any:
    if not tokens:
        return value
    parent = _find(document, tokens[:-1])
    last = tokens[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(parent, last, limit=len(parent) + 1), value)
    else:
        raise PatchError("the parent is neither an object nor an array")
    return document


def _remove(document: Any, tokens: Sequence[str]) -> Any:
    if not tokens:
        return None
    parent = _find(document, tokens[:-1])
    _child(parent, tokens[-1])
    if isinstance(parent, dict):
        del parent[tokens[-1]]
    else:
        del parent[int(tokens[-1])]
    return document


def _replace(document: Any, tokens: Sequence[str], value: Any) -> Any:
    if not tokens:
        return value
    parent = _find(document, tokens[:-1])
    if isinstance(parent, dict):
        parent[tokens[-1]] = value
    else:
        parent[int(tokens[-1])] = value
    return document
