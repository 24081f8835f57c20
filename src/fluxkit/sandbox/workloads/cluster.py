"""The store as controllers see it: whole objects in, whole objects out, all of it synchronous on the event loop."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from fluxkit.objects import Object
from fluxkit.sandbox import names
from fluxkit.sandbox.admission import Operation
from fluxkit.sandbox.apply import track_update
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.registry import DeleteOptions, Registry
from fluxkit.sandbox.status import forbidden, not_found
from fluxkit.sandbox.store import Record
from fluxkit.sandbox.validation import Schemas
from fluxkit.sandbox.validation.defaults import apply_builtin_defaults
from fluxkit.timestamps import format_micro_time, format_time, now

__all__ = ["Cluster", "RegistryCluster", "Written"]

Written = Callable[[str, Record, Record | None, bool], None]
"""Told of every write that a controller makes: resource, new state, previous state, whether it was a deletion."""


class Cluster(Protocol):
    """What a simulated controller may do.

    Resources are named as storage names them (``deployments.apps``, ``pods``). Objects that are returned are shared
    but for their first level: whoever changes one replaces ``metadata``, ``spec`` or ``status`` as a whole. Writes are
    visible to the next read at once and to clients when they are durable.
    """

    def now(self) -> datetime: ...

    def get(self, resource: str, namespace: str, name: str) -> Object | None: ...

    def objects(self, resource: str, namespace: str = "") -> Iterator[Object]: ...

    def labelled(self, resource: str, namespace: str, labels: Mapping[str, str]) -> Iterator[Object]:
        """Objects of a namespace that carry all of some labels."""
        ...

    def owned(self, uid: str, resource: str) -> list[Object]:
        """Objects of one resource that name ``uid`` among their owners."""
        ...

    def owner(self, uid: str) -> tuple[str, Object] | None:
        """The live object with a uid, and its resource."""
        ...

    def create(self, resource: str, obj: Object, manager: str = ...) -> Object:
        """Stores a new object, status included; ``metadata.generateName`` is honoured."""
        ...

    def update(self, resource: str, obj: Object, manager: str = ..., *, status: dict[str, Any] | None = ...) -> Object:
        """Stores a changed object, and its new status in the same write; the generation grows with the spec."""
        ...

    def set_status(self, resource: str, obj: Object, status: dict[str, Any], manager: str = ...) -> Object:
        """Stores a new status, unless it is the one that ``obj`` (the live object) has."""
        ...

    def delete(self, resource: str, obj: Object) -> None:
        """Deletes in the background and without grace."""
        ...

    def event(self, obj: Object, kind: str, reason: str, message: str, component: str) -> None:
        """Records a Kubernetes Event about an object; ``kind`` is Normal or Warning."""
        ...

    def again(self, resource: str, obj: Object, seconds: float) -> None:
        """Has the object looked at again after a while."""
        ...


_MANAGER = "kube-controller-manager"


class RegistryCluster:
    """:class:`Cluster` over the registry's store.

    Controllers write what is valid by construction, so their writes skip admission and validation; that is what makes
    500 Deployments cheap. Field managers are tracked as for any other client.
    """

    def __init__(
        self, registry: Registry, schemas: Schemas, written: Written, again: Callable[[str, Object], None]
    ) -> None:
        self._registry = registry
        self._store = registry.store
        self._schemas = schemas
        self._written = written
        self._again = again
        self._timers: dict[tuple[str, str, str], asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()

    def now(self) -> datetime:
        return now()

    def _resource(self, name: str) -> Resource:
        found = self._registry.catalog.stored(name)
        if found is None:
            raise not_found(name, "", "")
        return found

    # Reading

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        record = self._store.get(resource, (namespace, name))
        return record.view() if record is not None else None

    def objects(self, resource: str, namespace: str = "") -> Iterator[Object]:
        for record in self._store.records(resource, namespace):
            yield record.view()

    def labelled(self, resource: str, namespace: str, labels: Mapping[str, str]) -> Iterator[Object]:
        wanted = labels.items()
        for record in self._store.records(resource, namespace):
            if wanted <= record.labels.items():
                yield record.view()

    def owned(self, uid: str, resource: str) -> list[Object]:
        out = []
        for name, key in self._store.dependents(uid):
            if name == resource:
                record = self._store.get(name, key)
                if record is not None:
                    out.append(record.view())
        return out

    def owner(self, uid: str) -> tuple[str, Object] | None:
        found = self._store.by_uid(uid)
        if found is None:
            return None
        record = self._store.get(*found)
        return (found[0], record.view()) if record is not None else None

    # Writing

    def create(self, resource: str, obj: Object, manager: str = _MANAGER) -> Object:
        served = self._resource(resource)
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "")
        if namespace:
            home = self._store.get("namespaces", ("", namespace))
            if home is None or home.deleting:
                text = f"unable to create new content in namespace {namespace} because it is being terminated"
                raise forbidden(served.plural, served.group, metadata.get("name", ""), text)
        if not metadata.get("name"):
            metadata["name"] = names.generate_name(metadata["generateName"])
            while self._store.get(resource, (namespace, metadata["name"])) is not None:
                metadata["name"] = names.generate_name(metadata["generateName"])
        metadata["uid"] = names.new_uid()
        metadata["creationTimestamp"] = format_time(now())
        obj.setdefault("apiVersion", served.api_version)
        obj.setdefault("kind", served.kind)
        apply_builtin_defaults(served.gvk.group_kind, obj)
        if served.has_status and "spec" in obj:
            metadata["generation"] = 1
        allocate = self._registry.allocators.get(resource)
        if allocate is not None:
            allocate(served, obj, None, False)
        obj = self._admitted(served, obj)
        metadata = obj["metadata"]
        status = obj.pop("status", None)
        obj = self._tracked(served, None, obj, manager)
        if status is not None:
            obj = self._tracked(served, obj, {**obj, "status": status}, manager, "status")
        return self._put(resource, obj, None)

    def _admitted(self, served: Resource, obj: Object) -> Object:
        """What admission makes of a new object; raises StatusError if it is refused."""
        admission = self._registry.admission
        if admission is None or not admission.active:
            return obj
        metadata = obj["metadata"]
        operation = Operation("CREATE", served, "", metadata.get("namespace", ""), metadata["name"], obj, None)
        changed = admission.mutate(operation) or obj
        admission.validate(replace(operation, new=changed))
        return changed

    def _tracked(
        self, served: Resource, before: Object | None, after: Object, manager: str, subresource: str = ""
    ) -> Object:
        return track_update(
            before,
            after,
            schema=self._schemas.of(served),
            manager=manager,
            now=format_time(now()),
            subresource=subresource,
            has_status=served.has_status,
        )

    def update(
        self, resource: str, obj: Object, manager: str = _MANAGER, *, status: dict[str, Any] | None = None
    ) -> Object:
        served = self._resource(resource)
        metadata = obj["metadata"]
        live = self._store.get(resource, (metadata.get("namespace", ""), metadata["name"]))
        if live is None:
            raise not_found(served.plural, served.group, metadata["name"])
        before = live.view()
        changed = obj
        if before != obj:
            counted = "generation" in before["metadata"] and resource != "pods"  # binding a Pod does not count
            if counted and before.get("spec") != obj.get("spec"):
                obj["metadata"] = {**metadata, "generation": before["metadata"]["generation"] + 1}
            changed = self._tracked(served, before, obj, manager)
        if status is not None and changed.get("status") != status:
            changed = self._tracked(served, changed, {**changed, "status": status}, manager, "status")
        return obj if changed is obj else self._put(resource, changed, live)

    def set_status(self, resource: str, obj: Object, status: dict[str, Any], manager: str = _MANAGER) -> Object:
        if obj.get("status") == status:
            return obj
        served = self._resource(resource)
        metadata = obj["metadata"]
        live = self._store.get(resource, (metadata.get("namespace", ""), metadata["name"]))
        if live is None:
            raise not_found(served.plural, served.group, metadata["name"])
        changed = self._tracked(served, obj, {**obj, "status": status}, manager, "status")
        return self._put(resource, changed, live)

    def _put(self, resource: str, obj: Object, previous: Record | None) -> Object:
        metadata = {**obj["metadata"]}
        stored = {**obj, "metadata": metadata}
        record = self._store.put(resource, (metadata.get("namespace", ""), metadata["name"]), stored)
        self._written(resource, record, previous, False)
        return record.view()

    def delete(self, resource: str, obj: Object) -> None:
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        live = self._store.get(resource, (namespace, name))
        if live is None:
            return
        options = DeleteOptions("Background", grace_period=0)
        record, gone = self._registry.delete(self._resource(resource), namespace, name, options)
        if record.revision != live.revision:
            self._written(resource, record, live, gone)

    def event(self, obj: Object, kind: str, reason: str, message: str, component: str) -> None:
        metadata = obj["metadata"]
        about = {
            "kind": obj["kind"],
            "namespace": metadata.get("namespace", ""),
            "name": metadata["name"],
            "uid": metadata["uid"],
            "apiVersion": obj["apiVersion"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        namespace = metadata.get("namespace") or "default"
        home = self._store.get("namespaces", ("", namespace))
        if home is None or home.deleting:
            return
        # One Event per object, reason and message: repetitions raise its count, as the correlator's do.
        identity = "\0".join((metadata["uid"], kind, reason, message))
        name = f"{metadata['name']}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        moment = format_time(now())
        live = self._store.get("events", (namespace, name))
        if live is not None:
            event = live.view()
            event["count"] = event.get("count", 1) + 1
            event["lastTimestamp"] = moment
        else:
            event = {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "uid": names.new_uid(),
                    "creationTimestamp": moment,
                },
                "involvedObject": about,
                "reason": reason,
                "message": message,
                "source": {"component": component},
                "firstTimestamp": moment,
                "lastTimestamp": moment,
                "eventTime": None,
                "count": 1,
                "type": kind,
                "reportingComponent": component,
                "reportingInstance": "",
            }
            if component == "default-scheduler":
                event["eventTime"] = format_micro_time(now())
        self._put("events", event, live)

    # Time

    def again(self, resource: str, obj: Object, seconds: float) -> None:
        metadata = obj["metadata"]
        key = (resource, metadata.get("namespace", ""), metadata["name"])
        due = self._loop.time() + seconds
        known = self._timers.get(key)
        if known is not None:
            if known.when() <= due:
                return
            known.cancel()
        self._timers[key] = self._loop.call_at(due, self._fire, key, obj)

    def _fire(self, key: tuple[str, str, str], obj: Object) -> None:
        del self._timers[key]
        self._again(key[0], obj)

    def close(self) -> None:
        """Forgets all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
