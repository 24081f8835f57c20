"""Serves what CustomResourceDefinitions define, from the moment they are written, and cleans up after them."""

from fluxkit.objects import Object
from fluxkit.sandbox import crds
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.lifecycle.controller import Controller
from fluxkit.sandbox.registry import DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.store import Change

__all__ = ["Definitions"]

_OPTIONS = WriteOptions("kube-apiserver")


class Definitions:
    """Keeps the catalog in step with the stored definitions.

    A definition is accepted in the same turn of the event loop in which it is written: the very next request finds its
    resources. Deletion waits until all instances are gone.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store
        resource = registry.catalog.stored(crds.KEY)
        if resource is None:
            raise LookupError("the schema lacks CustomResourceDefinition")
        self._resource: Resource = resource
        self._deleting: dict[str, str] = {}
        self.controller: Controller[str] = Controller("definition cleanup", self._clean_up)
        for record in self._store.records(crds.KEY):
            self._serve(record.decode())
            if record.deleting:
                self.controller.enqueue(record.key[1])
        registry.written[crds.KEY] = self._written
        self._store.observe(self._observe)

    def _written(self, definition: Object) -> None:
        """Called synchronously after a definition was created or changed."""
        name = definition["metadata"]["name"]

        def accept(obj: Object) -> Object:
            crds.accept(obj, (record.decode() for record in self._store.records(crds.KEY)))
            return obj

        if "deletionTimestamp" not in definition["metadata"]:
            record = self._registry.patch(self._resource, "", name, accept, _OPTIONS, subresource="status")
            definition = record.decode()
        self._serve(definition)

    def _serve(self, definition: Object) -> None:
        self._registry.catalog.define(definition["metadata"]["name"], crds.resources_of(definition))

    def _observe(self, change: Change) -> None:
        if change.resource == crds.KEY:
            name = change.record.key[1]
            if change.deleted:
                self._registry.catalog.undefine(name)
                self._deleting.pop(name, None)
                for watcher in self._store.watchers():
                    if watcher.resource == name:
                        watcher.close("the definition is gone")
                self._judge_anew(change.record.decode()["spec"]["group"])
            elif change.record.deleting:
                self._deleting[name] = name
                self._serve(change.record.decode())
                self.controller.enqueue(name)
        elif change.deleted and change.resource in self._deleting:
            self.controller.enqueue(change.resource)

    def _judge_anew(self, group: str) -> None:
        """The names of a definition that went may be wanted by others of its group."""
        for record in list(self._store.records(crds.KEY)):
            definition = record.decode()
            if definition["spec"]["group"] == group and not crds.has_its_names(definition):
                self._written(definition)

    def _clean_up(self, name: str) -> None:
        record = self._store.get(crds.KEY, ("", name))
        if record is None or not record.deleting:
            return
        self._deleting[name] = name
        resource = self._registry.catalog.stored(name)
        remaining = 0
        if resource is not None:
            for instance in list(self._store.records(name)):
                gone = False
                if not instance.deleting:
                    _, gone = self._registry.delete(resource, *instance.key, DeleteOptions("Background"))
                remaining += not gone
        if remaining:

            def mark(obj: Object) -> Object:
                text = "CustomResource deletion is in progress"
                crds.set_condition(obj, "Terminating", "True", "InstanceDeletionInProgress", text)
                return obj

            self._registry.patch(self._resource, "", name, mark, _OPTIONS, subresource="status")
            return

        def release(obj: Object) -> Object:
            finalizers = obj["metadata"].get("finalizers") or ()
            obj["metadata"]["finalizers"] = [item for item in finalizers if item != crds.CLEANUP_FINALIZER]
            return obj

        self._registry.patch(self._resource, "", name, release, _OPTIONS)
