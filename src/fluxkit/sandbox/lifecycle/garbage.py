"""Garbage collection by owner references: background, foreground and orphan.

Follows kubernetes/kubernetes ``pkg/controller/garbagecollector``, with an exact index instead of a graph built from
watches: an owner is absent when no live object has its uid.
"""

from typing import Any

from fluxkit.objects import GroupVersionKind, Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.lifecycle.controller import Controller
from fluxkit.sandbox.registry import FOREGROUND, ORPHAN, DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.store import Change, Key, Record

__all__ = ["GarbageCollector"]

_OPTIONS = WriteOptions("kube-controller-manager")


class GarbageCollector:
    """Deletes objects whose owners are gone, and finishes foreground and orphaning deletions."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        self.controller: Controller[tuple[str, Key]] = Controller("garbage collector", self._handle)
        for name in self._store.resources():
            for record in self._store.records(name):
                if record.owners or record.deleting:
                    self.controller.enqueue((name, record.key))
        self._store.observe(self._observe)

    def _observe(self, change: Change) -> None:
        record = change.record
        if change.deleted:
            for dependent in self._store.dependents(record.uid):
                self.controller.enqueue(dependent)
            for owner in record.owners:
                found = self._store.by_uid(owner)
                if found is not None:
                    self.controller.enqueue(found)
        elif record.owners or record.deleting:
            self.controller.enqueue((change.resource, record.key))
            if record.deleting:
                for dependent in self._store.dependents(record.uid):
                    self.controller.enqueue(dependent)

    def _handle(self, item: tuple[str, Key]) -> None:
        name, key = item
        record = self._store.get(name, key)
        resource = self._registry.catalog.stored(name)
        if record is None or resource is None or not (record.owners or record.deleting):
            return
        obj = record.decode()
        finalizers = obj["metadata"].get("finalizers") or ()
        if record.deleting and ORPHAN in finalizers:
            self._orphan(resource, record)
        elif record.deleting and FOREGROUND in finalizers:
            self._finish_foreground(resource, record)
        elif record.owners and not record.deleting:
            self._check_owners(resource, record, obj)

    def _orphan(self, resource: Resource, record: Record) -> None:
        for name, key in self._store.dependents(record.uid):
            dependent = self._registry.catalog.stored(name)
            if dependent is not None:
                self._drop_owners(dependent, key, {record.uid})
        self._drop_finalizer(resource, record.key, ORPHAN)

    def _finish_foreground(self, resource: Resource, record: Record) -> None:
        blocking = False
        for name, key in self._store.dependents(record.uid):
            found = self._store.get(name, key)
            if found is None:
                continue
            self.controller.enqueue((name, key))
            for owner in found.decode()["metadata"].get("ownerReferences") or ():
                if owner.get("uid") == record.uid and owner.get("blockOwnerDeletion"):
                    blocking = True
        if not blocking:
            self._drop_finalizer(resource, record.key, FOREGROUND)

    def _check_owners(self, resource: Resource, record: Record, obj: Object) -> None:
        solid, dangling, waiting = 0, set[str](), set[str]()
        for owner in obj["metadata"].get("ownerReferences") or ():
            state = self._owner_state(owner, record.key[0])
            if state == "solid":
                solid += 1
            elif state == "waiting":
                waiting.add(owner["uid"])
            else:
                dangling.add(owner["uid"])
        if solid:
            if dangling or waiting:
                self._drop_owners(resource, record.key, dangling | waiting)
            return
        if waiting and self._store.dependents(record.uid):
            propagation = "Foreground"
        else:
            finalizers = obj["metadata"].get("finalizers") or ()
            propagation = (
                "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"
            )
        self._registry.delete(resource, *record.key, DeleteOptions(propagation, uid=record.uid))

    def _owner_state(self, owner: dict[str, Any], namespace: str) -> str:
        found = self._store.by_uid(owner.get("uid", ""))
        if found is None:
            kind = GroupVersionKind.parse(str(owner.get("apiVersion", "")), str(owner.get("kind", "")))
            served = any(item.group == kind.group and item.kind == kind.kind for item in self._registry.catalog)
            # Nothing is known about owners of a kind that is not served: they are left alone, as upstream does.
            return "dangling" if served else "solid"
        name, key = found
        if key[0] and key[0] != namespace:
            return "dangling"
        record = self._store.get(name, key)
        if record is None or not record.deleting:
            return "solid"
        return "waiting" if FOREGROUND in (record.decode()["metadata"].get("finalizers") or ()) else "solid"

    def _drop_owners(self, resource: Resource, key: Key, uids: set[str]) -> None:
        def drop(obj: Object) -> Object:
            owners = obj["metadata"].get("ownerReferences") or ()
            obj["metadata"]["ownerReferences"] = [owner for owner in owners if owner.get("uid") not in uids]
            return obj

        self._registry.patch(resource, *key, drop, _OPTIONS)

    def _drop_finalizer(self, resource: Resource, key: Key, finalizer: str) -> None:
        def drop(obj: Object) -> Object:
            finalizers = obj["metadata"].get("finalizers") or ()
            obj["metadata"]["finalizers"] = [item for item in finalizers if item != finalizer]
            return obj

        self._registry.patch(resource, *key, drop, _OPTIONS)
