"""Merging lists whose items have keys (kyaml ``yaml/walk/associative_sequence.go``).

Items of the patch come first, in its order, merged with their counterparts; the target's other items follow. Lists of
scalars unite. Where items lack their key, upstream loses items; so does this.
"""

from typing import TYPE_CHECKING, Any

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.merge.elements import find_element, key_values, set_element
from fluxkit.kustomize.merge.schema import SchemaNode
from fluxkit.kustomize.tree import MISSING, Node, is_null, kind_name, text_of

if TYPE_CHECKING:
    from fluxkit.kustomize.merge.strategic import Merger

__all__ = ["merge_lists"]


def merge_lists(merger: "Merger", target: Node, patch: Node, schema: SchemaNode) -> Node:
    """The merged list, MISSING if nothing is left of it."""
    keys: list[str] = list(schema.get("k", ()))
    # The patch is read first, so that its items lead.
    sides = [side for side in (patch, target) if isinstance(side, list)]
    if keys:
        wanted: list[list[str]] = []
        for side in sides:
            for item in side:
                values = key_values(item, keys)
                if values not in wanted:
                    wanted.append(values)
    else:
        keys = [""]
        wanted = []
        for side in sides:
            for item in side:
                values = [text_of(item)]
                if values not in wanted:
                    wanted.append(values)
    if not wanted:
        return MISSING if target is MISSING or is_null(target) else target
    if len(keys) > 1:
        _unify(wanted)
    item_schema = merger.schema.items(schema)
    merged_items: list[Any] = []
    used_keys: list[str] = keys
    for values in wanted:
        used_keys, used_values = _usable(wanted, values, keys)
        find_keys, find_values = _usable([used_values], used_values, used_keys)
        merged = merger.walk(_find(target, find_keys, find_values), _find(patch, find_keys, find_values), item_schema)
        if merged is MISSING or is_null(merged) or merged == {}:
            if isinstance(target, list):
                set_element(target, used_keys, used_values, None)
            continue
        if isinstance(merged, dict):
            for key, value in zip(used_keys, used_values, strict=False):
                if value and key not in merged:
                    merged[key] = value
        set_element(merged_items, used_keys, used_values, merged)
    if isinstance(target, list):
        _append_rest(merged_items, target, used_keys)
    return merged_items


def _find(side: Node, keys: list[str], values: list[str]) -> Node:
    if not isinstance(side, list):
        return MISSING
    found = find_element(side, keys, values)
    return MISSING if found is None else found


def _append_rest(items: list[Any], rest: list[Any], keys: list[str]) -> None:
    """Put the target's items behind the merged ones, unless they are among them."""
    for item in list(rest):
        if keys[0] == "":
            set_element(items, [""], [text_of(item)], item)
            continue
        values = []
        for key in keys:
            if is_null(item):
                items.append(item)
                continue
            if not isinstance(item, dict):
                raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(item)}")
            if key not in item:
                items.append(item)
                continue
            values.append(text_of(item[key]))
        if len(keys) > 1:
            set_element(items, keys, values, None)
        set_element(items, keys, values, item)


def _usable(all_values: list[list[str]], values: list[str], keys: list[str]) -> tuple[list[str], list[str]]:
    """The keys that any item has, and this item's values for them; all keys if no item has any."""
    present = {keys[index] for entry in all_values for index, value in enumerate(entry) if value}
    if not present:
        return keys, values
    used_keys = [key for key in keys if key in present]
    used_values = [value for index, value in enumerate(values) if value or keys[index] in present]
    return used_keys, used_values


def _unify(wanted: list[list[str]]) -> None:
    """Let entries that agree on the keys both have stand for one another: a missing secondary key is a wildcard."""
    for left in range(len(wanted)):
        # Upstream's loop keeps the entry it started with while it replaces others.
        first = wanted[left]
        for right in range(len(wanted)):
            combined = _combine(first, wanted[right])
            if combined is not None:
                wanted[left] = combined
                wanted[right] = combined


def _combine(left: list[str], right: list[str]) -> list[str] | None:
    common = False
    combined = []
    for a, b in zip(left, right, strict=True):
        if a == b:
            common = True
            combined.append(a)
        elif a and b:
            return None
        else:
            combined.append(a or b)
    return combined if common else None
