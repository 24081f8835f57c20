"""Sets of field paths, in the very shape in which ``fieldsV1`` writes them.

A set is a trie of dicts. Each key names one path element: ``f:name`` (a field or map key), ``k:{...}`` (an item of an
associative list, by its key fields), ``v:...`` (a member of a list of scalars) or ``i:n`` (an index). What is below a
key says whether the path up to it belongs to the set: ``{}`` means it does and nothing below it; a ``"."`` entry means
it does, beside what is below; otherwise only paths below it do. The empty set is ``{}`` at the root.

Holding sets in their wire form makes decoding free. Nothing here changes a set in place: results share their parts with
the operands, so sets must be treated as immutable.

Follows kubernetes-sigs/structured-merge-diff ``fieldpath`` (set.go, serialize.go, element.go).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import orjson

from fluxkit.schema import SchemaNode

__all__ = [
    "EMPTY",
    "FieldSet",
    "Path",
    "difference",
    "ensure_named_members",
    "field_key",
    "from_paths",
    "has",
    "intersection",
    "is_member",
    "item_key",
    "node_of",
    "ordered",
    "path_text",
    "paths",
    "recursive_difference",
    "union",
    "value_key",
]

FieldSet = dict[str, Any]
Path = tuple[str, ...]

EMPTY: FieldSet = {}
_SELF = "."


def _escaped(encoded: bytes) -> str:
    """JSON as Go writes it: the three characters that matter in HTML are escaped."""
    text = encoded.decode()
    if "&" in text or "<" in text or ">" in text:
        text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return text


def field_key(name: str) -> str:
    return "f:" + name


def _number(value: Any) -> Any:
    """Whole numbers without a fraction, as Go writes them: 2.0 and 2 are one key."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def value_key(value: Any) -> str:
    return "v:" + _escaped(orjson.dumps(_number(value)))


def item_key(fields: dict[str, Any]) -> str:
    fields = {name: _number(value) for name, value in fields.items()}
    return "k:" + _escaped(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))


def is_member(node: FieldSet) -> bool:
    """Whether the path that leads to this node is in the set; never asked of a root."""
    return not node or _SELF in node


def node_of(member: bool, children: FieldSet) -> FieldSet | None:
    """The node for a path that is or is not in the set, with what is below it; None if there is nothing to record."""
    if member:
        return {_SELF: EMPTY, **children} if children else EMPTY
    return children or None


def union(a: FieldSet, b: FieldSet) -> FieldSet:
    if not a or a is b:
        return b
    if not b:
        return a
    out = dict(a)
    for key, theirs in b.items():
        ours = out.get(key)
        if ours is None:
            out[key] = theirs
        elif key != _SELF and ours is not theirs:
            out[key] = _union_node(ours, theirs)
    return out


def _union_node(a: FieldSet, b: FieldSet) -> FieldSet:
    if not a or not b:
        # One side is a bare member: the union is the other side, as a member.
        other = a or b
        return other if not other or _SELF in other else {_SELF: EMPTY, **other}
    return union(a, b)


def intersection(a: FieldSet, b: FieldSet) -> FieldSet:
    out: FieldSet = {}
    if len(b) < len(a):
        a, b = b, a
    for key, ours in a.items():
        if key == _SELF:
            continue
        theirs = b.get(key)
        if theirs is None:
            continue
        node = node_of(is_member(ours) and is_member(theirs), intersection(ours, theirs) if ours and theirs else EMPTY)
        if node is not None:
            out[key] = node
    return out


def difference(a: FieldSet, b: FieldSet) -> FieldSet:
    """Paths of ``a`` that are not in ``b``; a path below one that is in ``b`` stays."""
    if not a or not b:
        return a
    out: FieldSet = {}
    for key, ours in a.items():
        if key == _SELF:
            continue
        theirs = b.get(key)
        if theirs is None:
            out[key] = ours
            continue
        node = node_of(is_member(ours) and not is_member(theirs), _children(difference(ours, theirs)))
        if node is not None:
            out[key] = node
    return out


def recursive_difference(a: FieldSet, b: FieldSet) -> FieldSet:
    """Paths of ``a`` that are neither in ``b`` nor below a path that is."""
    if not a or not b:
        return a
    out: FieldSet = {}
    for key, ours in a.items():
        if key == _SELF:
            continue
        theirs = b.get(key)
        if theirs is None:
            out[key] = ours
        elif not is_member(theirs):
            node = node_of(is_member(ours), _children(recursive_difference(ours, theirs)))
            if node is not None:
                out[key] = node
    return out


def _children(node: FieldSet) -> FieldSet:
    if _SELF in node:
        return {key: child for key, child in node.items() if key != _SELF}
    return node


def has(fields: FieldSet, path: Sequence[str]) -> bool:
    node: FieldSet | None = fields
    for element in path:
        node = node.get(element) if node else None
        if node is None:
            return False
    return bool(path) and node is not None and is_member(node)


def from_paths(wanted: Sequence[Path]) -> FieldSet:
    out: FieldSet = {}
    for path in wanted:
        node: FieldSet = EMPTY
        for element in reversed(path):
            node = {element: node}
        out = union(out, node)
    return out


def ensure_named_members(fields: FieldSet, schema: SchemaNode | None) -> FieldSet:
    """The set with every declared field that has members below it made a member itself."""
    if schema is None:
        return fields
    out: FieldSet = {}
    for key, node in fields.items():
        if key == _SELF or not node:
            out[key] = node
            continue
        kind, text = key[0], key[2:]
        if kind == "f":
            child = schema.child(text)
            below = ensure_named_members(node, child)
            if _SELF not in below and text in schema.properties:
                below = {_SELF: EMPTY, **below}
            out[key] = below
        else:
            out[key] = ensure_named_members(node, schema.items) if kind == "k" else node
    return out


_RANKS = {"f": 0, "k": 1, "v": 2, "i": 3}


def _value_order(value: Any) -> tuple[int, Any]:
    """Go's order of values of mixed types: numbers, strings, booleans, the rest."""
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value)
    return (3, orjson.dumps(value))


@lru_cache(maxsize=4096)
def _order(key: str) -> tuple[int, Any]:
    if key == _SELF:
        return (-1, "")
    rank = _RANKS[key[0]]
    if rank == 0:
        return (0, key)
    if rank == 3:
        return (3, int(key[2:]))
    parsed = orjson.loads(key[2:])
    if rank == 1 and isinstance(parsed, dict):
        return (1, [(name, _value_order(parsed[name])) for name in sorted(parsed)])
    return (rank, _value_order(parsed))


def ordered(fields: FieldSet) -> FieldSet:
    """The set with its keys in the order in which upstream writes them."""
    keys: Sequence[str] = list(fields)
    if len(keys) > 1:
        keys = sorted(keys)
        if keys[-1][0] != "f":  # fields and the set's own mark sort before all other elements
            keys = sorted(keys, key=_order)
    return {key: ordered(node) if (node := fields[key]) else EMPTY for key in keys}


def paths(fields: FieldSet, prefix: Path = ()) -> Iterator[Path]:
    """Every path of the set: at each level first the members, then what is below."""
    keys = [key for key in ordered(fields) if key != _SELF]
    for key in keys:
        if is_member(fields[key]):
            yield (*prefix, key)
    for key in keys:
        yield from paths(fields[key], (*prefix, key))


def _go_text(value: Any) -> str:
    if isinstance(value, str):
        return orjson.dumps(value).decode()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def path_text(path: Sequence[str]) -> str:
    """``.spec.containers[name="web"].image``: a path as upstream prints it."""
    out = []
    for element in path:
        kind, text = element[0], element[2:]
        if kind == "f":
            out.append("." + text)
        elif kind == "k":
            parsed = orjson.loads(text)
            out.append("[" + ",".join(f"{name}={_go_text(parsed[name])}" for name in sorted(parsed)) + "]")
        elif kind == "v":
            out.append(f"[={_go_text(orjson.loads(text))}]")
        else:
            out.append(f"[{text}]")
    return "".join(out)
