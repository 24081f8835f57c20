"""Finding, replacing and removing list items by their key fields (kyaml ``yaml/fns.go``: ElementSetter,
ElementMatcher).
"""

from typing import Any

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.tree import Node, is_empty, is_null, kind_name, text_of

__all__ = ["find_element", "set_element"]


def set_element(items: list[Any], keys: list[str], values: list[str], element: Node | None) -> None:
    """Replace every item whose keys have these values by ``element`` (append it if there is none); None removes them.

    An empty value asks only that the key be there. With fewer values than keys every item is dropped, which is what
    upstream does with items that lack their merge key.
    """
    by_key = bool(keys) and keys[0] != "" and bool(values) and values[0] != ""
    kept: list[Any] = []
    found_one = False
    for item in items:
        if is_null(item) or item == {}:
            continue
        if by_key and not isinstance(item, dict):
            kept.append(item)
            continue
        found = True
        matched = False
        for index, key in enumerate(keys):
            if index < len(values):
                matched = _has(item, key, values[index])
            if not matched:
                found = False
                break
        if not found:
            if values:
                kept.append(item)
            continue
        found_one = True
        if element is not None:
            kept.append(element)
    items[:] = kept
    if element is not None and not is_null(element) and not found_one:
        items.append(element)


def _has(item: Node, key: str, value: str) -> bool:
    if not key:
        if isinstance(item, dict | list):
            raise KustomizeError(f"wrong node kind: expected ScalarNode but got {kind_name(item)}")
        return text_of(item) == value
    if not isinstance(item, dict):
        raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(item)}")
    return key in item and (not value or text_of(item[key]) == value)


def find_element(items: list[Any], keys: list[str], values: list[str]) -> Node | None:
    """The first item whose keys have exactly these values; None if there is none."""
    if not keys or not keys[0]:
        wanted = values[0] if values else ""
        return next((item for item in items if text_of(item) == wanted), None)
    if len(keys) != len(values):
        return None
    for item in items:
        if isinstance(item, dict) and all(
            key in item and text_of(item[key]) == value for key, value in zip(keys, values, strict=True)
        ):
            return item
    return None


def key_values(item: Node, keys: list[str]) -> list[str]:
    """The values of an item's key fields; what is absent or empty has an empty one."""
    if not isinstance(item, dict):
        return [""] * len(keys)
    return ["" if key not in item or is_empty(item[key]) else text_of(item[key]) for key in keys]
