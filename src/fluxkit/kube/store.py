"""The objects of one kind in memory, with indexes: what a watch cache keeps, without the watching.

Pure and synchronous. Everything that changes it answers with the events that bring a reader from the old content to
the new one, so that it does not matter to a reader whether a change came over a watch or was found by listing again.
"""

import builtins
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from fluxkit.kube.watch import WatchEvent
from fluxkit.objects import Object, metadata_of

__all__ = ["CacheEvent", "Indexer", "ObjectStore", "version_number"]

log: Final = logging.getLogger("fluxkit.kube.cache")

Indexer = Callable[[Object], Iterable[str]]
"""Gives the keys under which an object is found in an index."""
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CacheEvent:
    """What became of one object: ``old`` is None for ADDED, ``new`` for DELETED, whose ``old`` is the last state."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    old: Object | None
    new: Object | None

    @property
    def object(self) -> Object:
        """The newest state known of the object."""
        found = self.new if self.new is not None else self.old
        return found if found is not None else {}


class _Index:
    def __init__(self, name: str, indexer: Indexer) -> None:
        self.name = name
        self.indexer = indexer
        self.entries: dict[str, dict[Key, Object]] = {}
        self.keys_of: dict[Key, tuple[str, ...]] = {}

    def put(self, key: Key, obj: Object) -> None:
        self.drop(key)
        try:
            names = tuple(self.indexer(obj))
        except Exception:
            # The boundary to code of others: an object that an index cannot read must not stop the cache of its kind.
            log.exception("index %s: cannot index %s/%s", self.name, *key)
            names = ()
        self.keys_of[key] = names
        for name in names:
            self.entries.setdefault(name, {})[key] = obj

    def drop(self, key: Key) -> None:
        for name in self.keys_of.pop(key, ()):
            held = self.entries[name]
            held.pop(key, None)
            if not held:
                del self.entries[name]


class ObjectStore:
    """Objects by namespace and name. Objects handed out are the stored ones: read-only for everybody."""

    def __init__(self, indexers: Mapping[str, Indexer] | None = None) -> None:
        self._namespaces: dict[str, dict[str, Object]] = {}
        self._indexes = {name: _Index(name, indexer) for name, indexer in (indexers or {}).items()}

    def __len__(self) -> int:
        return sum(len(names) for names in self._namespaces.values())

    def __iter__(self) -> Iterator[Object]:
        for names in self._namespaces.values():
            yield from names.values()

    def get(self, namespace: str, name: str) -> Object | None:
        names = self._namespaces.get(namespace)
        return None if names is None else names.get(name)

    def list(self, namespace: str | None = None) -> builtins.list[Object]:
        return list(self if namespace is None else self._namespaces.get(namespace, {}).values())

    def index(self, index: str, key: str) -> builtins.list[Object]:
        """The objects under a key; raises KeyError for an index that was never added."""
        return list(self._indexes[index].entries.get(key, {}).values())

    def add_indexer(self, name: str, indexer: Indexer) -> None:
        """Index what is there and what will come; a name that exists already is kept as it is."""
        if name in self._indexes:
            return
        made = self._indexes[name] = _Index(name, indexer)
        for obj in self:
            made.put(_key(obj), obj)

    def replace(self, objects: Iterable[Object]) -> builtins.list[CacheEvent]:
        """Become exactly these objects."""
        gone = {_key(obj) for obj in self}
        events: builtins.list[CacheEvent] = []
        for obj in objects:
            gone.discard(_key(obj))
            events += self._put(obj)
        for key in gone:
            events += self._drop(key, None)
        return events

    def apply(self, event: WatchEvent) -> builtins.list[CacheEvent]:
        """Follow one watch event; what it says is judged by what is stored, not by its type alone."""
        if event.type == "BOOKMARK":
            return []
        if event.type == "DELETED":
            return self._drop(_key(event.object), event.object)
        return self._put(event.object)

    def _put(self, obj: Object) -> builtins.list[CacheEvent]:
        key = _key(obj)
        old = self.get(*key)
        if old is not None:
            before, after = metadata_of(old), metadata_of(obj)
            if before.get("uid") != after.get("uid"):
                # Deleted and created again while nobody watched: two objects, not a change of one.
                return [*self._drop(key, None), *self._put(obj)]
            if before.get("resourceVersion") == after.get("resourceVersion") and "resourceVersion" in after:
                return []
        self._namespaces.setdefault(key[0], {})[key[1]] = obj
        for index in self._indexes.values():
            index.put(key, obj)
        return [CacheEvent("ADDED", None, obj) if old is None else CacheEvent("MODIFIED", old, obj)]

    def _drop(self, key: Key, final: Object | None) -> builtins.list[CacheEvent]:
        names = self._namespaces.get(key[0], {})
        old = names.pop(key[1], None)
        if old is None:
            return []
        if not names:
            del self._namespaces[key[0]]
        for index in self._indexes.values():
            index.drop(key)
        return [CacheEvent("DELETED", old if final is None else final, None)]


def version_number(version: str) -> int | None:
    """A resourceVersion as the number that it is since Kubernetes 1.35 by contract, None if it is something else."""
    return int(version) if version.isdecimal() else None


def _key(obj: Object) -> Key:
    metadata = metadata_of(obj)
    return metadata.get("namespace") or "", metadata.get("name") or ""
