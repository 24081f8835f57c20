"""Values walked by their schema: merging, comparing, listing and removing fields.

What decides is the topology of each node: scalars, atomic lists and atomic maps are leaves; associative lists (``map``
and ``set``) are addressed by item; granular maps by key. Where the schema says nothing (custom resources that preserve
unknown fields, or have no schema) topology is deduced from the value: maps are granular, lists atomic.

None of these functions changes its arguments; results share parts with them.

Follows kubernetes-sigs/structured-merge-diff ``typed`` (merge.go, compare.go, tofieldset.go, remove.go, validate.go,
reconcile_schema.go).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from fluxkit.sandbox.apply.fieldset import (
    EMPTY,
    FieldSet,
    field_key,
    is_member,
    item_key,
    node_of,
    path_text,
    value_key,
)
from fluxkit.schema import SchemaNode

__all__ = [
    "Comparison",
    "TypedError",
    "collapse_atomic",
    "compare",
    "equal",
    "merge",
    "problems",
    "read_configuration",
    "remove_items",
    "to_field_set",
]


class TypedError(ValueError):
    """A value that does not fit its schema. ``problems`` are upstream's texts, each beginning with the field's path."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(
            problems[0] if len(problems) == 1 else "\n".join(["errors:", *(f"  {each}" for each in problems)])
        )


class _Absent:
    """No value at all, as opposed to null."""


_ABSENT: Final = _Absent()
_ITEM_ABSENT: Final = object()

_SCALARS = frozenset(["string", "integer", "number", "boolean"])
_CONTAINERS = frozenset([dict, list])


def _is_map(schema: SchemaNode | None, value: Any) -> bool:
    """Whether a value is walked by key: a granular map, or null where one is declared."""
    if isinstance(value, dict):
        return schema is None or schema.map_type == "granular"
    return value is None and schema is not None and schema.type == "object" and schema.map_type == "granular"


def _is_associative(schema: SchemaNode | None, value: Any) -> bool:
    """Whether a value is walked by item: an associative list, or null where one is declared."""
    if schema is None or schema.list_type == "atomic" or schema.type != "array":
        return False
    return value is None or isinstance(value, list)


def _scalar_equal(a: Any, b: Any) -> bool:
    return bool(a == b) and (a is b or isinstance(a, bool) == isinstance(b, bool))


def _alike(a: Any, b: Any) -> bool:
    """Whether two maps or lists are the same, members in the same order: a look that costs far less than a walk."""
    try:
        return orjson.dumps(a) == orjson.dumps(b)
    except TypeError:
        return False  # not JSON: an integer beyond 64 bits


def equal(a: Any, b: Any) -> bool:
    """Whether two values are the same: numbers by value, but true is not 1."""
    return (type(a) in _CONTAINERS and _alike(a, b)) or _equal(a, b)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        if not isinstance(b, dict) or len(a) != len(b):
            return False
        return a is b or all(key in b and _equal(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and (a is b or all(map(_equal, a, b)))
    return _scalar_equal(a, b)


@lru_cache(maxsize=4096)
def _keyed(name: str, value: str) -> str:
    """The commonest path element: an item by one key that is a text."""
    return item_key({name: value})


def _element(schema: SchemaNode, item: Any) -> str:
    """The path element of an item of an associative list; raises ``ValueError`` saying why it has none."""
    if schema.list_type == "map":
        if item is None:
            raise ValueError("associative list with keys may not have a null element")
        if not isinstance(item, dict):
            raise ValueError("associative list with keys may not have non-map elements")
        names = schema.list_map_keys
        if len(names) == 1 and type(found := item.get(names[0])) is str:
            return _keyed(names[0], found)
        keys: dict[str, Any] = {}
        for name in names:
            if name in item:
                keys[name] = item[name]
            else:
                field = schema.items.child(name) if schema.items is not None else None
                if field is not None and field.has_default and field.default is not None:
                    keys[name] = field.default
        if not keys:
            named = " ".join(f'"{name}"' for name in names)
            raise ValueError(
                f"associative list with keys has an element that omits all key fields [{named}] "
                "(and doesn't have default values for any key fields)"
            )
        return item_key(keys)
    if isinstance(item, dict):
        raise ValueError("associative list without keys has an element that's a map type")
    if isinstance(item, list):
        raise ValueError("not supported: associative list with lists as elements")
    if item is None:
        raise ValueError("associative list without keys has an element that's an explicit null")
    return value_key(item)


def _elements(schema: SchemaNode, items: list[Any]) -> list[str]:
    """Path elements of a list that has been checked; what cannot be addressed is left out by an empty element."""
    out = []
    for item in items:
        try:
            out.append(_element(schema, item))
        except ValueError:
            out.append("")
    return out


# Checking


def problems(schema: SchemaNode | None, value: Any, *, allow_duplicates: bool = False) -> list[str]:
    """Why a value does not fit its schema, in upstream's words; empty if it does."""
    found: list[str] = []
    _check(schema, value, None, allow_duplicates, found)
    return found


_Place = tuple["_Place | None", str] | None
"""A path as it is walked: the place above and one element. Most are never told to anybody."""


def _text(place: _Place, *below: str) -> str:
    elements = list(below)
    while place is not None:
        place, element = place
        elements.insert(0, element)
    return path_text(elements)


def _got(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"&{{{_go_text(value)}}}"
    return f"&value.valueUnstructured{{Value:{value!r}}}" if not isinstance(value, str) else f'"{value}"'


def _go_text(value: Any) -> str:
    """A value as Go's ``%v`` writes it."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go_text(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_go_text(each) for each in value) + "]"
    return str(value).lower() if isinstance(value, bool) else "<nil>" if value is None else str(value)


_GO_TYPES = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def _check(schema: SchemaNode | None, value: Any, path: _Place, duplicates: bool, found: list[str]) -> None:
    if schema is None or value is None:
        return
    kind = schema.type
    if kind in _SCALARS:
        text = ""
        if schema.int_or_string:
            if isinstance(value, dict | list | bool):
                text = f"expected any scalar, got {_got(value)}"
        elif kind == "string":
            if not isinstance(value, str):
                text = f"expected string, got {_got(value)}"
        elif kind == "boolean":
            if not isinstance(value, bool):
                text = f"expected boolean, got {_got(value)}"
        elif isinstance(value, bool) or not isinstance(value, int | float):
            text = f"expected numeric (int or float), got {_GO_TYPES.get(type(value), 'unknown')}"
        if text:
            found.append(f"{_text(path)}: {text}")
    elif kind == "object":
        if not isinstance(value, dict):
            found.append(f"{_text(path)}: expected map, got {_got(value)}")
            return
        declared, extra = schema.properties, schema.additional_properties
        for key, child in value.items():
            node = declared.get(key, extra)
            if node is not None:
                if type(child) is not str or node.type != "string":
                    _check(node, child, (path, "f:" + key), duplicates, found)
            elif not schema.preserve_unknown_fields:
                found.append(f"{_text(path, field_key(key))}: field not declared in schema")
    elif kind == "array":
        if not isinstance(value, list):
            found.append(f"{_text(path)}: expected list, got {_got(value)}")
            return
        associative = schema.list_type != "atomic"
        seen: set[str] = set()
        for index, item in enumerate(value):
            element = f"i:{index}"
            if associative:
                try:
                    element = _element(schema, item)
                except ValueError as error:
                    found.append(f"{_text(path)}: element {index}: {error}")
                    return
                if element in seen and not duplicates:
                    found.append(f"{_text(path)}: duplicate entries for key {path_text((element,))}")
                seen.add(element)
            _check(schema.items, item, (path, element), duplicates, found)


# Listing


def to_field_set(schema: SchemaNode | None, value: Any) -> FieldSet:
    """The set of fields that a configuration states an opinion about."""
    return _listed(schema, value) or EMPTY


def _listed(schema: SchemaNode | None, value: Any) -> FieldSet | None:
    if isinstance(value, dict):
        if schema is not None and schema.map_type == "atomic":
            return EMPTY
        declared = schema.properties if schema is not None else EMPTY
        extra = schema.additional_properties if schema is not None else None
        out: FieldSet = {}
        for key, child in value.items():
            node = declared.get(key)
            if type(child) is str:
                out["f:" + key] = EMPTY
                continue
            below = _listed(node or extra, child)
            if below:
                out["f:" + key] = below if node is not None or "." in below else {".": EMPTY, **below}
            elif below is not None or node is None or child is None or child == {}:
                out["f:" + key] = EMPTY
        return out or None
    if isinstance(value, list):
        if not _is_associative(schema, value) or schema is None:
            return EMPTY
        elements = _elements(schema, value)
        out = {}
        for element, item in zip(elements, value, strict=True):
            if element in out:
                out[element] = EMPTY  # an item that is there twice is owned whole
            elif element:
                out[element] = node_of(True, _listed(schema.items, item) or EMPTY)
        return out or None
    if value is None and schema is not None and (_is_map(schema, value) or _is_associative(schema, value)):
        return None
    return EMPTY


# Both at once


def read_configuration(schema: SchemaNode | None, value: Any) -> FieldSet:
    """The fields of a configuration that fits its schema; raises :class:`TypedError` if it does not."""
    found: list[str] = []
    fields = _read(schema, value, None, found)
    if found:
        raise TypedError(found)
    return fields or EMPTY


def _read(schema: SchemaNode | None, value: Any, place: _Place, found: list[str]) -> FieldSet | None:
    """:func:`_check` and :func:`_listed` in one walk, where maps and lists are walked by both."""
    if schema is not None:
        if isinstance(value, dict) and schema.type == "object" and schema.map_type == "granular":
            return _read_map(schema, value, place, found)
        if isinstance(value, list) and schema.type == "array" and schema.list_type != "atomic":
            return _read_list(schema, value, place, found)
        _check(schema, value, place, False, found)
    return _listed(schema, value)


def _read_map(schema: SchemaNode, value: dict[str, Any], place: _Place, found: list[str]) -> FieldSet | None:
    declared, extra = schema.properties, schema.additional_properties
    out: FieldSet = {}
    for key, child in value.items():
        own = declared.get(key)
        node = own or extra
        field = "f:" + key
        if node is None and not schema.preserve_unknown_fields:
            found.append(f"{_text(place, field)}: field not declared in schema")
        if type(child) is str:
            if node is not None and node.type != "string":
                _check(node, child, (place, field), False, found)
            out[field] = EMPTY
            continue
        below = _read(node, child, (place, field), found)
        if below:
            out[field] = below if own is not None or "." in below else {".": EMPTY, **below}
        elif below is not None or own is None or child is None or child == {}:
            out[field] = EMPTY
    return out or None


def _read_list(schema: SchemaNode, value: list[Any], place: _Place, found: list[str]) -> FieldSet | None:
    out: FieldSet = {}
    for index, item in enumerate(value):
        try:
            element = _element(schema, item)
        except ValueError as error:
            found.append(f"{_text(place)}: element {index}: {error}")
            return EMPTY
        if element in out:
            found.append(f"{_text(place)}: duplicate entries for key {path_text((element,))}")
        out[element] = node_of(True, _read(schema.items, item, (place, element), found) or EMPTY)
    return out or None


# Comparing


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which fields ``after`` no longer has, has with another value, and has anew."""

    removed: FieldSet
    modified: FieldSet
    added: FieldSet


_Outcome = tuple[FieldSet | None, FieldSet | None, FieldSet | None]
_SAME: _Outcome = (None, None, None)


def compare(schema: SchemaNode | None, before: Any, after: Any) -> Comparison:
    removed, modified, added = _compared(schema, before, after)
    return Comparison(removed or EMPTY, modified or EMPTY, added or EMPTY)


def _whole(schema: SchemaNode | None, value: Any) -> FieldSet:
    """Every path of a value that appears or disappears, its own included."""
    if isinstance(value, dict):
        if not value or (schema is not None and schema.map_type == "atomic"):
            return EMPTY
        declared, extra = (schema.properties, schema.additional_properties) if schema is not None else ({}, None)
        out: FieldSet = {".": EMPTY}
        for key, child in value.items():
            out["f:" + key] = _whole(declared.get(key, extra), child) if type(child) in _CONTAINERS else EMPTY
        return out
    if isinstance(value, list) and value and schema is not None and _is_associative(schema, value):
        out = {".": EMPTY}
        for element, item in zip(_elements(schema, value), value, strict=True):
            if element in out:
                out[element] = EMPTY
            elif element:
                out[element] = _whole(schema.items, item)
        return out
    return EMPTY


def _compared(schema: SchemaNode | None, before: Any, after: Any) -> _Outcome:
    if before is after:
        return _SAME
    if before is _ABSENT:
        return (None, None, _whole(schema, after))
    if after is _ABSENT:
        return (_whole(schema, before), None, None)
    by_key = isinstance(before, dict) or isinstance(after, dict)
    if by_key and (before or after) and (schema is None or schema.map_type == "granular"):
        if (before is None or isinstance(before, dict)) and (after is None or isinstance(after, dict)):
            return _compared_maps(schema, before or EMPTY, after or EMPTY)
        removed = _children_of(_whole(schema, before)) if isinstance(before, dict) else None
        added = _children_of(_whole(schema, after)) if isinstance(after, dict) else None
        return (removed, EMPTY, added)
    if schema is not None and (before or after) and _is_associative(schema, before) and _is_associative(schema, after):
        return _compared_lists(schema, before or [], after or [])
    return _SAME if equal(before, after) else (None, EMPTY, None)


def _children_of(node: FieldSet) -> FieldSet | None:
    return {key: child for key, child in node.items() if key != "."} or None


def _compared_maps(schema: SchemaNode | None, before: dict[str, Any], after: dict[str, Any]) -> _Outcome:
    removed: FieldSet = {}
    modified: FieldSet = {}
    added: FieldSet = {}
    for key, old in before.items():
        new = after.get(key, _ABSENT)
        if new is old:
            continue
        if type(old) is str and type(new) is str:
            if old != new:
                modified["f:" + key] = EMPTY
            continue
        if type(old) in _CONTAINERS and _alike(old, new):
            continue
        r, m, a = _compared(schema.child(key) if schema is not None else None, old, new)
        if r is not None:
            removed["f:" + key] = r
        if m is not None:
            modified["f:" + key] = m
        if a is not None:
            added["f:" + key] = a
    for key, new in after.items():
        if key not in before:
            added["f:" + key] = _whole(schema.child(key) if schema is not None else None, new)
    return (removed or None, modified or None, added or None)


def _compared_lists(schema: SchemaNode, before: list[Any], after: list[Any]) -> _Outcome:
    removed: FieldSet = {}
    modified: FieldSet = {}
    added: FieldSet = {}
    old_items = _grouped(schema, before)
    new_items = _grouped(schema, after)
    for element in {**old_items, **new_items}:
        olds = old_items.get(element, [])
        news = new_items.get(element, [])
        if len(olds) <= 1 and len(news) <= 1:
            outcome = _compared(schema.items, olds[0] if olds else _ABSENT, news[0] if news else _ABSENT)
        elif len(olds) >= 2 and len(news) >= 2:
            outcome = _SAME if equal(olds, news) else (None, EMPTY, None)
        elif len(olds) >= 2:
            outcome = (EMPTY, None, _whole(schema.items, news[0]) if news else None)
        else:
            gone = _whole(schema.items, olds[0]) if olds else None
            outcome = (gone, None, EMPTY)
        r, m, a = outcome
        if r is not None:
            removed[element] = r
        if m is not None:
            modified[element] = m
        if a is not None:
            added[element] = a
    return (removed or None, modified or None, added or None)


def _grouped(schema: SchemaNode, items: list[Any]) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for element, item in zip(_elements(schema, items), items, strict=True):
        if element:
            out.setdefault(element, []).append(item)
    return out


# Merging


def merge(schema: SchemaNode | None, live: Any, applied: Any) -> Any:
    """``live`` with every opinion of ``applied`` put into it. Both have passed :func:`problems`."""
    if isinstance(live, dict) and (isinstance(applied, dict) or applied is None):
        if schema is not None and schema.map_type == "atomic":
            return applied
        if not live:
            return applied
        return _merged_maps(schema, live, applied) if applied else live
    if schema is not None and isinstance(live, list) and live and _is_associative(schema, applied):
        return _merged_lists(schema, live, applied) if applied else live
    return applied


def _merged_maps(schema: SchemaNode | None, live: dict[str, Any], applied: dict[str, Any]) -> dict[str, Any]:
    out = dict(live)
    for key, value in applied.items():
        old = out.get(key, _ABSENT)
        if old is _ABSENT or type(value) is str:
            out[key] = value
        else:
            out[key] = merge(schema.child(key) if schema is not None else None, old, value)
    return out


def _merged_lists(schema: SchemaNode, live: list[Any], applied: list[Any]) -> list[Any]:
    """Items in the order of ``applied``; items that only ``live`` has keep their place between their neighbours."""
    left, right = _elements(schema, live), _elements(schema, applied)
    observed_left: dict[str, Any] = {}
    for element, item in zip(left, live, strict=True):
        # A live item that is there twice is replaced, not merged with.
        observed_left[element] = None if element in observed_left else item
    observed_right = dict(zip(right, applied, strict=True))
    shared = [element for element in right if element in observed_left]
    upcoming = iter(shared)
    next_shared = next(upcoming, None)
    merged: set[str] = set()
    out: list[Any] = []

    def take(element: str) -> None:
        merged.add(element)
        old = observed_left.get(element, _ITEM_ABSENT)
        new = observed_right[element]
        out.append(new if old is _ITEM_ABSENT or old is None else merge(schema.items, old, new))

    li = ri = 0
    while li < len(left) or ri < len(right):
        if li < len(left) and ri < len(right):
            element = left[li]
            if element == right[ri]:
                take(element)
                li += 1
                ri += 1
                next_shared = next(upcoming, None)
                continue
            if element in observed_right and next_shared is not None and next_shared != element:
                li += 1  # shared, but not the one that is due
                continue
        if li < len(left):
            element = left[li]
            if element not in observed_right:
                out.append(live[li])
                li += 1
                continue
            if element in merged:
                li += 1
        if ri < len(right):
            element = right[ri]
            take(element)
            ri += 1
            if next_shared == element:
                next_shared = next(upcoming, None)
    return out


# Removing


def remove_items(schema: SchemaNode | None, value: Any, fields: FieldSet) -> Any:
    """A value without the fields and items of a set. A map or list that loses everything becomes null."""
    if isinstance(value, dict):
        if not value or (schema is not None and schema.map_type == "atomic"):
            return None
        kept: dict[str, Any] = {}
        for key, child in value.items():
            node = fields.get("f:" + key)
            if node is None:
                kept[key] = child
            elif not is_member(node):
                kept[key] = remove_items(schema.child(key) if schema is not None else None, child, node)
        return kept or None
    if isinstance(value, list):
        if not value or schema is None or not _is_associative(schema, value):
            return None
        items: list[Any] = []
        for element, item in zip(_elements(schema, value), value, strict=True):
            node = fields.get(element)
            if node is None:
                items.append(item)
            elif not is_member(node):
                items.append(remove_items(schema.items, item, node))
        return items or None
    return value


# Following schema changes


def collapse_atomic(schema: SchemaNode | None, fields: FieldSet) -> FieldSet:
    """A set written when a list or map was granular, for a schema in which it is atomic: its owner owns it whole."""
    if schema is None:
        return fields
    out: FieldSet | None = None
    for key, node in fields.items():
        if not node or key == ".":
            continue
        child = schema.child(key[2:]) if key[0] == "f" else schema.items if key[0] == "k" else None
        if child is None:
            continue
        atomic_list = child.type == "array" and child.list_type == "atomic"
        atomic_map = child.type == "object" and child.map_type == "atomic"
        changed = EMPTY if atomic_list or atomic_map else collapse_atomic(child, node)
        if changed is not node:
            out = dict(fields) if out is None else out
            out[key] = changed
    return fields if out is None else out
