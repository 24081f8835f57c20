"""APIServices: one for each group and version that is served, as kube-aggregator registers them.

Follows kubernetes/kubernetes ``pkg/controlplane/apiserver/aggregator.go`` and kube-aggregator
``pkg/controllers/{autoregister,status}``. Requests are never passed on to other API servers: an APIService that asks
for it says that it is not available.
"""

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource, version_priority
from fluxkit.sandbox.lifecycle.controller import Controller
from fluxkit.sandbox.registry import DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.store import Change
from fluxkit.timestamps import format_time, now

__all__ = ["KEY", "APIServices"]

KEY = "apiservices.apiregistration.k8s.io"
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
_OPTIONS = WriteOptions("kube-apiserver")
_ALL = ""
"""The key that stands for everything that the catalog serves."""

_PRIORITIES = {
    "": 18000, "apps": 17800, "events.k8s.io": 17750, "authentication.k8s.io": 17700, "authorization.k8s.io": 17600,
    "autoscaling": 17500, "batch": 17400, "certificates.k8s.io": 17300, "networking.k8s.io": 17200, "policy": 17100,
    "rbac.authorization.k8s.io": 17000, "storage.k8s.io": 16800, "apiextensions.k8s.io": 16700,
    "admissionregistration.k8s.io": 16700, "scheduling.k8s.io": 16600, "coordination.k8s.io": 16500,
    "node.k8s.io": 16300, "discovery.k8s.io": 16200, "flowcontrol.apiserver.k8s.io": 16100,
}  # fmt: skip
_OTHER_PRIORITY = 15000
_CUSTOM_PRIORITY = 1000


class APIServices:
    """Registers what the catalog serves, and judges what anybody else registers."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        resource = registry.catalog.stored(KEY)
        if resource is None:
            raise LookupError("the schema lacks APIService")
        self._resource: Resource = resource
        self.controller: Controller[str] = Controller("apiservices", self._handle)
        self.controller.enqueue(_ALL)
        for record in registry.store.records(KEY):
            self.controller.enqueue(record.key[1])
        registry.store.observe(self._observe)

    def _observe(self, change: Change) -> None:
        if change.resource == _DEFINITIONS or (change.resource == KEY and change.deleted):
            self.controller.enqueue(_ALL)
        elif change.resource == KEY and not change.deleted:
            self.controller.enqueue(change.record.key[1])

    def _wanted(self) -> dict[str, Object]:
        """APIServices by name."""
        out: dict[str, Object] = {}
        catalog = self._registry.catalog
        for group in catalog.groups():
            versions = sorted(catalog.versions(group), key=version_priority)
            for place, version in enumerate(versions):
                custom = all(each.custom is not None for each in catalog.resources(group, version))
                if group == KEY.partition(".")[2]:
                    continue  # the aggregator does not register itself
                name = f"{version}.{group}"
                out[name] = {
                    "metadata": {"name": name, "labels": {_AUTOMANAGED: "true" if custom else "onstart"}},
                    "spec": {
                        "group": group,
                        "version": version,
                        "groupPriorityMinimum": _CUSTOM_PRIORITY if custom else _PRIORITIES.get(group, _OTHER_PRIORITY),
                        "versionPriority": 100 - place if custom else max(1, 15 - place),
                    },
                }
        return out

    def _handle(self, name: str) -> None:
        if name == _ALL:
            self._register()
            return
        record = self._registry.find(self._resource, "", name)
        if record is not None and not record.deleting:
            self._judge(record.view())

    def _register(self) -> None:
        wanted = self._wanted()
        for record in list(self._registry.list(self._resource)):
            name = record.key[1]
            known = wanted.pop(name, None)
            if known is None and record.labels.get(_AUTOMANAGED):
                self._registry.delete(self._resource, "", name, DeleteOptions())
        for obj in wanted.values():
            self._registry.create(self._resource, "", obj, _OPTIONS)

    def _judge(self, obj: Object) -> None:
        local = (obj.get("spec") or {}).get("service") is None
        value, reason, text = (
            ("True", "Local", "Local APIServices are always available")
            if local
            else ("False", "FailedDiscoveryCheck", "the sandbox passes no requests on to other API servers")
        )
        before: dict[str, str] = next(
            (each for each in (obj.get("status") or {}).get("conditions") or () if each["type"] == "Available"), {}
        )
        if (before.get("status"), before.get("reason")) == (value, reason):
            return
        condition = {
            "type": "Available",
            "status": value,
            "reason": reason,
            "message": text,
            "lastTransitionTime": format_time(now()),
        }

        def write(live: Object) -> Object:
            live["status"] = {"conditions": [condition]}
            return live

        self._registry.patch(self._resource, "", obj["metadata"]["name"], write, _OPTIONS, subresource="status")
