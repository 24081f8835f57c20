"""Strategic merge patches: merging by merge keys, with directives, as the API server applies them to built-in kinds.

Promises the result of kubernetes/apimachinery ``pkg/util/strategicpatch`` (``StrategicMergeMapPatch``) for any schema
that states patch strategies and merge keys: ``$patch`` (``delete``, ``replace``), ``$retainKeys``,
``$deleteFromPrimitiveList/<field>`` and ``$setElementOrder/<field>``. Where the schema knows nothing of a field, maps
merge and lists are replaced.

Refuses to compute patches (that is the client's work) and to change its arguments.
"""

import copy
from collections.abc import Sequence
from typing import Any

from fluxkit.objects import Object
from fluxkit.schema import SchemaNode

__all__ = ["StrategicPatchError", "apply_strategic_merge_patch"]

_MARKER = "$patch"
_RETAIN_KEYS = "$retainKeys"
_DELETE_FROM_LIST = "$deleteFromPrimitiveList"
_SET_ORDER = "$setElementOrder"

_BAD_LIST = "invalid patch format of primitive list"
_BAD_ORDER = "invalid patch format of setElementOrder list"
_BAD_RETAIN_KEYS = "invalid patch format of retainKeys"


class StrategicPatchError(ValueError):
    """A patch that is malformed or does not fit the object; the text is upstream's where upstream has one."""


def apply_strategic_merge_patch(original: Object, patch: Object, schema: SchemaNode | None) -> Object:
    """``original`` with ``patch`` merged in; neither is changed.

    ``schema`` is the type of the object. Raises :class:`StrategicPatchError`.
    """
    return _merge_map(copy.deepcopy(original), copy.deepcopy(patch), schema)


def _strategy(node: SchemaNode | None) -> str:
    if node is None:
        return ""
    rest = [each for each in node.patch_strategies if each != "retainKeys"]
    return rest[0] if rest else ""


def _child(schema: SchemaNode | None, field: str) -> SchemaNode | None:
    return schema.child(field) if schema is not None else None


def _merge_map(original: dict[str, Any], patch: dict[str, Any], schema: SchemaNode | None) -> dict[str, Any]:
    if _MARKER in patch:
        directive = patch.pop(_MARKER)
        if directive == "replace":
            return patch
        if directive == "delete":
            return {}
        raise StrategicPatchError(f"unknown patch type: {directive} in map: {patch}")
    _retain_keys(original, patch)
    _ordered_lists(original, patch, schema)
    for key, value in patch.items():
        deleting = key.startswith(_DELETE_FROM_LIST)
        field = _directed_field(key, _DELETE_FROM_LIST, _BAD_LIST) if deleting else key
        if value is None:
            original.pop(field, None)
        elif field in original and type(original[field]) is type(value):
            original[field] = _merge_value(original[field], value, _child(schema, field), deleting)
        elif not deleting:
            _discard_nulls(value)
            if _drop_directives(value):
                original[field] = value
            else:
                original.pop(field, None)
    return original


def _merge_value(original: Any, patch: Any, node: SchemaNode | None, deleting: bool) -> Any:
    if isinstance(original, dict):
        return patch if _strategy(node) == "replace" else _merge_map(original, patch, node)
    if isinstance(original, list):
        if _strategy(node) == "merge" or deleting:
            return _merge_list(original, patch, node, deleting)
        return patch
    return patch


def _directed_field(key: str, prefix: str, problem: str) -> str:
    head, slash, field = key.partition("/")
    if not slash or head != prefix:
        raise StrategicPatchError(problem)
    return field


def _discard_nulls(value: Any) -> None:
    """Nulls that delete nothing leave no trace."""
    if isinstance(value, dict):
        for key in [key for key, each in value.items() if each is None]:
            del value[key]
        for each in value.values():
            _discard_nulls(each)
    elif isinstance(value, list):
        for each in value:
            _discard_nulls(each)


def _drop_directives(value: Any) -> bool:
    """Removes every map that carries a directive; False if the value itself is one."""
    if isinstance(value, dict):
        if _MARKER in value:
            return False
        for key in [key for key, each in value.items() if not _drop_directives(each)]:
            del value[key]
    elif isinstance(value, list):
        value[:] = [each for each in value if _drop_directives(each)]
    return True


def _retain_keys(original: dict[str, Any], patch: dict[str, Any]) -> None:
    if _RETAIN_KEYS not in patch:
        return
    keys = patch.pop(_RETAIN_KEYS)
    if not isinstance(keys, list):
        raise StrategicPatchError(_BAD_RETAIN_KEYS)
    for key, value in patch.items():
        if value is not None and not key.startswith((_DELETE_FROM_LIST, _SET_ORDER)) and key not in keys:
            raise StrategicPatchError(_BAD_RETAIN_KEYS)
    for key in [key for key in original if key not in keys]:
        del original[key]


def _ordered_lists(original: dict[str, Any], patch: dict[str, Any], schema: SchemaNode | None) -> None:
    """Merges the lists whose order the patch states with ``$setElementOrder``."""
    for directive in [key for key in patch if key.startswith(_SET_ORDER)]:
        order = patch.pop(directive)
        field = _directed_field(directive, _SET_ORDER, _BAD_ORDER)
        ours, theirs = original.get(field), patch.get(field)
        for each in (order, ours, theirs):
            if each is not None and not isinstance(each, list):
                raise StrategicPatchError(_BAD_ORDER)
        if not isinstance(order, list):
            raise StrategicPatchError(_BAD_ORDER)
        node = _child(schema, field)
        key = node.patch_merge_key if node is not None else ""
        if theirs is not None:
            _check_order(theirs, order, key)
        before = list(ours or ())
        if ours is None and theirs is None:
            continue
        if theirs is None:
            merged = ours
        elif ours is None:
            if not _drop_directives(theirs):
                continue
            merged = theirs
        elif _strategy(node) == "merge":
            merged = _merge_list(ours, theirs, node, False)
        else:
            merged = theirs
        original[field] = _in_order(merged or [], order, before, key)
        patch.pop(field, None)


def _check_order(items: list[Any], order: list[Any], key: str) -> None:
    """Every item of the patch must stand in the stated order, in that order."""
    if not items or not order:
        return
    wanted = [item for item in items if not (isinstance(item, dict) and _MARKER in item)]
    position = 0
    for item in wanted:
        value = _key_of(item, key)
        while position < len(order) and _key_of(order[position], key) != value:
            position += 1
        if position == len(order):
            raise StrategicPatchError(
                f"The order in patch list:\n{items}\n doesn't match {_SET_ORDER} list:\n{order}\n"
            )
        position += 1


def _key_of(item: Any, key: str) -> Any:
    """What identifies an item: the value of its merge key, or a primitive itself."""
    if not key:
        return item
    if not isinstance(item, dict):
        raise StrategicPatchError(f"expected a map, but received a {type(item).__name__}")
    if key not in item:
        raise StrategicPatchError(f"map: {item} does not contain declared merge key: {key}")
    return item[key]


def _merge_list(original: list[Any], patch: list[Any], node: SchemaNode | None, deleting: bool) -> list[Any]:
    if not original and not patch:
        return original
    shapes = {_shape(item) for item in (*original, *patch)}
    if "list" in shapes:
        raise StrategicPatchError("lists of lists are not supported")
    if len(shapes) > 1 and "map" in shapes:
        raise StrategicPatchError(f"list element types are not identical: {[original, patch]}")
    if "map" not in shapes:
        if deleting:
            return [item for item in original if item not in patch]
        both = list(original)
        both.extend(item for item in patch if item not in both)
        return _in_order(both, patch, original, "")
    key = node.patch_merge_key if node is not None else ""
    if not key:
        raise StrategicPatchError(f"cannot merge lists without merge key for {node.name if node is not None else ''}")
    original, patch = _without_directed_items(original, patch, key)
    merged = list(original)
    for item in patch:
        value = _key_of(item, key)
        found = next((at for at, each in enumerate(merged) if each.get(key, _MISSING) == value), None)
        if found is None:
            merged.append(item)
        else:
            merged[found] = _merge_map(merged[found], item, node.items if node is not None else None)
    return _in_order(merged, patch, original, key)


_MISSING = object()


def _shape(item: Any) -> str:
    return "map" if isinstance(item, dict) else "list" if isinstance(item, list) else "scalar"


def _without_directed_items(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Acts on the items of a patch list that carry a directive; returns what remains to be merged."""
    plain: list[Any] = []
    replace = False
    for item in patch:
        directive = item.get(_MARKER)
        if directive is None:
            plain.append(item)
        elif directive == "delete":
            value = _key_of(item, key)
            original = [each for each in original if each.get(key, _MISSING) != value]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise StrategicPatchError("merging lists cannot yet be specified in the patch")
        else:
            raise StrategicPatchError(f"unknown patch type: {directive} in map: {item}")
    return (plain, []) if replace else (original, plain)


def _in_order(merged: list[Any], order: Sequence[Any], before: Sequence[Any], key: str) -> list[Any]:
    """Items that the patch names in its order; those only the server has keep their place among them."""
    ranks = [_key_of(item, key) for item in order]
    places = [_key_of(item, key) for item in before]

    def rank(among: list[Any], item: Any) -> int:
        value = _key_of(item, key)
        return among.index(value) if value in among else len(among)

    named = sorted((item for item in merged if _key_of(item, key) in ranks), key=lambda item: rank(ranks, item))
    others = sorted((item for item in merged if _key_of(item, key) not in ranks), key=lambda item: rank(places, item))
    out: list[Any] = []
    i = j = 0
    while i < len(others) and j < len(named):
        left, right = rank(places, others[i]), rank(places, named[j])
        if left < len(places) and right < len(places) and left < right:
            out.append(others[i])
            i += 1
        else:
            out.append(named[j])
            j += 1
    return out + others[i:] + named[j:]
