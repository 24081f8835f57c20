"""Parsed template texts, kept: a chart that is rendered again, with other values, is not parsed again.

What a text defines depends on its name and its content alone, and never changes, so that renderings can share it.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from threading import Lock

from fluxkit.template import define
from fluxkit.template.template import Definition

__all__ = ["DefinitionCache"]


class DefinitionCache:
    """What texts define, by name and text; the longest unused go when there are more than ``capacity`` characters.

    A character takes about 40 bytes once it is parsed and compiled.
    """

    def __init__(self, capacity: int = 1 << 22) -> None:
        self._capacity = capacity
        self._size = 0
        self._kept: OrderedDict[tuple[str, str], Mapping[str, Definition]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str, text: str, functions: Collection[str]) -> Mapping[str, Definition]:
        """As :func:`fluxkit.template.define`; ``functions`` must be the same names in all calls."""
        key = (name, text)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        defined = define(name, text, functions)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = defined
                self._size += len(text)
            while self._size > self._capacity:
                (_, dropped), _ = self._kept.popitem(last=False)
                self._size -= len(dropped)
        return defined
