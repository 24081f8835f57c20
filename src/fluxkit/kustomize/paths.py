"""Paths into trees, as replacements and vars write them (kyaml ``yaml/fns.go`` PathGetter, ``yaml/match.go``).

``spec.template.spec.containers.[name=nginx].image``: elements separated by dots, ``\\.`` escapes one, brackets may hold
dots. ``[k=v]`` names list items, a number an index, ``*`` every item.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import split_path
from fluxkit.kustomize.selectors import compile_pattern
from fluxkit.kustomize.tree import MISSING, NULL, Node, is_null, kind_name, read_documents, text_of, untyped

__all__ = ["Create", "Slot", "find_slots", "lookup", "lookup_slot", "split_field_path"]

Create = Literal["", "map", "list", "scalar"]
Slot = tuple[Any, Any]
"""A container and the key or index of the field in it."""


@lru_cache(maxsize=4096)
def split_field_path(path: str) -> tuple[str, ...]:
    """Split at dots, keeping bracketed elements whole; brackets around a mapping key are dropped."""
    pieces = split_path(path, ".")
    result: list[str] = []
    index = 0
    while index < len(pieces):
        piece = pieces[index]
        if piece.startswith("[") and not piece.endswith("]"):
            bracketed = [piece]
            while index < len(pieces) - 1:
                index += 1
                bracketed.append(pieces[index])
                if pieces[index].endswith("]"):
                    break
            joined = ".".join(bracketed)
            result.append(joined if "=" in joined else joined.strip("[]"))
        else:
            result.append(piece)
        index += 1
    return tuple(result)


def _as_index(part: str) -> int | None:
    """Go's Atoi: an optional sign and ASCII digits."""
    digits = part[1:] if part[:1] in ("+", "-") else part
    return int(part) if digits.isascii() and digits.isdigit() else None


def _is_item(part: str) -> bool:
    return part.startswith("[") and part.endswith("]")


def _item_key(part: str) -> tuple[str, str]:
    key, equals, value = part.removesuffix("]").removeprefix("[").partition("=")
    if not equals:
        raise KustomizeError("list path element must contain fieldName=fieldValue for element to match")
    return key, value


def _require(node: Node, kind: type) -> None:
    if not isinstance(node, kind) and not is_null(node):
        expected = "MappingNode" if kind is dict else "SequenceNode"
        raise KustomizeError(f"wrong node kind: expected {expected} but got {kind_name(node)}")


def lookup(node: Node, path: tuple[str, ...]) -> Node:
    """The node at a path, MISSING if there is none. Matches in brackets are exact. Raises :class:`KustomizeError`."""
    slot = lookup_slot({"": node}, ("", *path))
    return slot[0][slot[1]] if slot is not None else MISSING


def lookup_slot(root: dict[str, Any], path: tuple[str, ...]) -> Slot | None:
    """As :func:`lookup`, the field itself: its container and key. The first element is a key of ``root``."""
    slot: Slot = (root, path[0])
    if path[0] not in root:
        return None
    for raw in path[1:]:
        part = raw.strip()
        if not part:
            continue
        node = slot[0][slot[1]]
        index = _as_index(part)
        found: Any = None
        if index is not None:
            if index < 0:
                raise KustomizeError(f"array index {index} cannot be negative")
            _require(node, list)
            found = index if isinstance(node, list) and index < len(node) else None
        elif part == "-":
            _require(node, list)
            found = len(node) - 1 if isinstance(node, list) and node else None
        elif part == "*":
            raise KustomizeError("wildcard is not supported in PathGetter")
        elif _is_item(part):
            key, value = _item_key(part)
            _require(node, list)
            found = _first_item(node if isinstance(node, list) else [], key, value)
        elif not is_null(node):
            _require(node, dict)
            found = part if part in node else None
        if found is None:
            return None
        slot = (node, found)
    return slot


def _first_item(items: list[Any], key: str, value: str) -> int | None:
    for index, item in enumerate(items):
        if not key:
            if text_of(item) == value:
                return index
        elif isinstance(item, dict) and key in item and text_of(item[key]) == value:
            return index
    return None


def _made(next_part: str, leaf: Create) -> Node:
    """What to create for an element: a list before an item, a mapping before a key, the leaf at the end."""
    index = _as_index(next_part)
    if _is_item(next_part) or (index is not None and index >= 0):
        return []
    if next_part:
        return {}
    return {"map": {}, "list": []}.get(leaf, untyped(""))


class _Finder:
    """One search. ``structured`` opens scalars that hold YAML or JSON."""

    def __init__(self, create: Create, scalar_text: Callable[[Node], str]) -> None:
        self.create = create
        self.scalar_text = scalar_text
        self.found: list[Slot] = []

    def descend(self, slot: Slot, path: tuple[str, ...]) -> None:
        container, key = slot
        node = container[key]
        if not path:
            self.found.append(slot)
            return
        part = path[0]
        index = _as_index(part)
        if index is not None and index >= 0:
            self._index(node, index, path)
        elif _is_item(part):
            self._items(node, path)
        elif part == "*":
            _require(node, list)
            for position in range(len(node)) if isinstance(node, list) else ():
                self.descend((node, position), path[1:])
        else:
            self._field(node, path)

    def _field(self, node: Node, path: tuple[str, ...]) -> None:
        part = path[0]
        if is_null(node):
            return
        _require(node, dict)
        if part not in node:
            if not self.create:
                return
            node[part] = _made(path[1] if len(path) > 1 else "", self.create)
        value = node[part]
        if len(path) > 1 and not isinstance(value, dict | list):
            # Upstream looks into the text, and forgets what is then written there.
            value = parse_scalar(text_of(value))
            self.descend(({"": value}, ""), path[1:])
            return
        self.descend((node, part), path[1:])

    def _index(self, node: Node, index: int, path: tuple[str, ...]) -> None:
        _require(node, list)
        items = node if isinstance(node, list) else []
        if len(items) == index and self.create:
            items.append(_made(path[1] if len(path) > 1 else "", self.create))
        if len(items) <= index:
            raise KustomizeError(f"index {index} specified but only {len(items)} elements found")
        self.descend((items, index), path[1:])

    def _items(self, node: Node, path: tuple[str, ...]) -> None:
        key, pattern = _item_key(path[0])
        _require(node, list)
        items = node if isinstance(node, list) else []
        before = len(self.found)
        if items:
            matches = compile_pattern(pattern)
            for position, item in enumerate(items):
                if not key:
                    if matches(self.scalar_text(item).strip()):
                        self.found.append((items, position))
                elif isinstance(item, dict) and key in item and matches(self.scalar_text(item[key]).strip()):
                    self.descend((items, position), path[1:])
        if len(self.found) > before or not self.create:
            return
        items.append({key: untyped(pattern)} if key else untyped(pattern))
        if not compile_pattern(pattern)(pattern):
            raise KustomizeError(f'failed to create element for "{path[0]}"')
        self._items(node, path)


def find_slots(root: dict[str, Any], path: tuple[str, ...], create: Create = "") -> list[Slot]:
    """All fields at a path, as slots. ``[k=v]`` is an unanchored regular expression here. ``create`` makes what is
    missing, the leaf of that kind. Raises :class:`KustomizeError`."""
    finder = _Finder(create, scalar_string)
    finder.descend(({"": root}, ""), path)
    return finder.found


def parse_scalar(text: str) -> Node:
    """What a scalar's text holds when it is read as YAML. Raises :class:`KustomizeError`."""
    documents = read_documents(text)
    return documents[0] if documents else NULL


def scalar_string(node: Node) -> str:
    """A node as YAML text, which is what patterns in brackets are matched against: a quoted string keeps its quotes."""
    if isinstance(node, dict | list):
        from fluxkit import yaml
        from fluxkit.kustomize.tree import plain

        return yaml.dump(plain(node))
    return text_of(node)
