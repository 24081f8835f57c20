"""Nested metadata as flat pairs such as ``age__list_0__map_recipient`` (getsops/sops ``stores/flatten.go``)."""

import re
from typing import Any, Final

from fluxkit.sops.errors import SopsError
from fluxkit.sops.tree import Branch
from fluxkit.sops.values import Comment

__all__ = ["flatten", "unflatten"]

_MAP: Final = "__map_"
_LIST: Final = "__list_"
_SEPARATOR: Final = re.compile(f"({_MAP}|{_LIST})")


class _Place:
    """A node of the tree that the flat keys describe: a value, a mapping, or a list."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.keys: dict[str, _Place] = {}
        self.positions: dict[int, _Place] = {}

    def tree(self) -> Any:
        if bool(self.values) + bool(self.keys) + bool(self.positions) > 1 or len(self.values) > 1:
            raise SopsError("Error while unflattening: Type mismatch")
        if self.values:
            return self.values[0]
        if self.positions:
            if sorted(self.positions) != list(range(len(self.positions))):
                raise SopsError("Error while unflattening: Incomplete list")
            return [self.positions[position].tree() for position in range(len(self.positions))]
        return Branch((key, self.keys[key].tree()) for key in sorted(self.keys))


def unflatten(pairs: Branch) -> Branch:
    """The tree that flat pairs stand for; mappings are sorted. Raises :class:`SopsError`."""
    root = _Place()
    for key, value in pairs:
        if isinstance(key, Comment):
            continue
        first, *rest = _SEPARATOR.split(key)
        place = root.keys.setdefault(first, _Place())
        for separator, name in zip(rest[::2], rest[1::2], strict=True):
            if separator == _MAP:
                place = place.keys.setdefault(name, _Place())
            else:
                place = place.positions.setdefault(int(name) if name.isascii() and name.isdigit() else 0, _Place())
        if place.values:
            raise SopsError(f'Error while unflattening "{key}": Duplicate value')
        place.values.append(value)
    tree = root.tree()
    if not isinstance(tree, Branch):
        raise SopsError("Error while unflattening: no mapping at the top")
    return tree


def flatten(tree: Branch, prefix: str) -> Branch:
    """The flat pairs for a tree, each key led by ``prefix``; comments are left out."""
    pairs = Branch()

    def descend(value: Any, key: str) -> None:
        if isinstance(value, Branch):
            for name, each in value:
                if not isinstance(name, Comment):
                    descend(each, f"{key}{_MAP}{name}")
        elif isinstance(value, list):
            for position, each in enumerate(value):
                descend(each, f"{key}{_LIST}{position}")
        else:
            pairs.append((key, value))

    for name, value in tree:
        if not isinstance(name, Comment):
            descend(value, prefix + str(name))
    return pairs
