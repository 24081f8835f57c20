"""A cluster without HTTP for tests: a store in a file, the registry, and the controllers of workloads and garbage."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from fluxkit.objects import Object, gvk_of, key_of
from fluxkit.sandbox import bootstrap
from fluxkit.sandbox.apply import SchemaFieldManagement
from fluxkit.sandbox.builtin import builtin_resources
from fluxkit.sandbox.catalog import Catalog, Resource
from fluxkit.sandbox.lifecycle import GarbageCollector
from fluxkit.sandbox.registry import DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.storage import Storage
from fluxkit.sandbox.store import Change, Store
from fluxkit.sandbox.validation import Schemas, SchemaTypeChecks
from fluxkit.sandbox.workloads import ServiceAddresses, Workloads

__all__ = ["World", "container", "obj", "workload", "world"]

NAMESPACE = "default"

Listener = Callable[[Object, bool], None]
"""Told of an object's new state, and whether it was deleted."""
_DEADLINE = 20.0


def obj(api_version: str, kind: str, name: str, **more: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **more}


def workload(
    kind: str = "Deployment",
    *,
    image: str = "web:1",
    annotations: dict[str, str] | None = None,
    on: dict[str, str] | None = None,
    pod: dict[str, Any] | None = None,
    ports: list[Any] | None = None,
    **spec: Any,
) -> Object:
    """A workload named w; ``annotations`` are the template's, ``on`` the object's, ``pod`` adds to the pod's spec."""
    metadata: dict[str, Any] = {"labels": {"app": "w"}}
    if annotations:
        metadata["annotations"] = annotations
    inner: dict[str, Any] = {"name": "c", "image": image}
    if ports:
        inner["ports"] = ports
    template = {"metadata": metadata, "spec": {"containers": [inner], **(pod or {})}}
    if kind == "Job":
        made = obj("batch/v1", kind, "w", spec={"template": template, **spec})
    else:
        made = obj("apps/v1", kind, "w", spec={"selector": {"matchLabels": {"app": "w"}}, "template": template, **spec})
    if on:
        made["metadata"]["annotations"] = on
    return made


def container(pod: Object) -> Any:
    return pod["spec"]["containers"][0]


class World:
    """Everything is read from what is committed or about to be; waiting is for commits, never for time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = asyncio.Event()
        self._listeners: list[tuple[str, Listener]] = []
        self._start()

    def _start(self) -> None:
        failures: list[BaseException] = []
        self.store = Store(Storage(self._path), failures.append)
        schemas = Schemas()
        catalog = Catalog(builtin_resources())
        self.registry = Registry(self.store, catalog, SchemaFieldManagement(schemas), SchemaTypeChecks(schemas))
        self.registry.allocators["services"] = ServiceAddresses(self.store).allocate
        bootstrap.populate(self.registry)
        self._workloads = Workloads(self.registry, schemas)
        controllers = [self._workloads.controller, GarbageCollector(self.registry).controller]
        self._tasks = [asyncio.create_task(each.run()) for each in controllers]
        self.store.observe(self._observe)

    async def close(self) -> None:
        self._workloads.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.store.close()

    async def restart(self) -> None:
        await self.close()
        self._start()

    def _observe(self, change: Change) -> None:
        self._changed.set()
        for resource, listener in self._listeners:
            if resource == change.resource:
                listener(change.record.decode(), change.deleted)

    def on_write(self, resource: str, listener: Listener) -> None:
        """Calls a function with every committed state of a resource's objects, in order."""
        self._listeners.append((resource, listener))

    def _resource(self, name: str) -> Resource:
        found = self.registry.catalog.stored(name)
        assert found is not None, name
        return found

    # Acting

    def apply(self, given: Object) -> Object:
        resource = self.registry.catalog.find_kind(gvk_of(given))
        assert resource is not None
        key = key_of(given)
        options = WriteOptions("test", force=True)
        record, _ = self.registry.apply(resource, key.namespace, key.name, copy.deepcopy(given), options)
        return record.decode()

    def change(self, resource: str, name: str, edit: Callable[[Object], Any]) -> None:
        def transform(live: Object) -> Object:
            edit(live)
            return live

        self.registry.patch(self._resource(resource), NAMESPACE, name, transform, WriteOptions("test"))

    def delete(self, resource: str, name: str) -> None:
        self.registry.delete(self._resource(resource), NAMESPACE, name, DeleteOptions("Background"))

    # Seeing

    def objects(self, resource: str, namespace: str = NAMESPACE) -> list[Object]:
        return [record.decode() for record in self.store.records(resource, namespace)]

    def events(self, about: Object) -> list[tuple[str, str]]:
        uid = about["metadata"]["uid"]
        found = [each for each in self.objects("events") if each["involvedObject"]["uid"] == uid]
        return sorted((each["reason"], each["message"]) for each in found)

    def events_of(self, reason: str) -> list[Object]:
        return [each for each in self.objects("events") if each["reason"] == reason]

    # Waiting

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns once a condition holds and what made it hold is committed, so that listeners have been told."""
        async with asyncio.timeout(_DEADLINE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
            await self.store.durable(self.store.revision)

    async def when(self, resource: str, name: str, condition: Callable[[Object], Any]) -> Object:
        """The object once it meets a condition."""
        found: list[Object] = []

        def check() -> bool:
            record = self.store.get(resource, (NAMESPACE, name))
            live = record.decode() if record is not None else None
            if live is None or not condition(live):
                return False
            found.append(live)
            return True

        await self.until(check)
        return found[-1]

    async def settled(self) -> None:
        """Returns when nothing was written between two commits: the controllers have no more to do at once."""
        async with asyncio.timeout(_DEADLINE):
            before = -1
            while before != self.store.revision:
                before = self.store.revision
                await self.store.durable(before)
                for _ in range(10):
                    await asyncio.sleep(0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "state.db")
    yield made
    await made.close()
