"""Namespaces: their default content while they live, and the order in which they die.

Follows kubernetes/kubernetes ``pkg/controller/namespace/deletion`` (Pods first, then everything else; conditions say
what remains), ``pkg/controller/serviceaccount`` and the root CA publisher. An object with a finalizer keeps its
namespace Terminating: that is also how a test gets a stuck one.
"""

from collections import Counter
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.lifecycle.controller import Controller
from fluxkit.sandbox.registry import DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.store import Change, Record
from fluxkit.timestamps import format_time, now

__all__ = ["NamespaceLifecycle"]

_OPTIONS = WriteOptions("kube-controller-manager")
_NAMESPACES = "namespaces"
_CONTENT = frozenset(["serviceaccounts", "configmaps"])
_DELETIONS_PER_TURN = 100
"""Objects deleted before other tasks of the event loop get their turn."""
ROOT_CA = "kube-root-ca.crt"


class NamespaceLifecycle:
    """Fills new namespaces (default ServiceAccount, root CA) and empties terminating ones."""

    def __init__(self, registry: Registry, authority: str) -> None:
        self._registry = registry
        self._store = registry.store
        self._authority = authority
        self._budget = 0
        self._resource = _served(registry, _NAMESPACES)
        self.controller: Controller[str] = Controller("namespace controller", self._handle)
        for record in self._store.records(_NAMESPACES):
            self.controller.enqueue(record.key[1])
        self._store.observe(self._observe)

    def _observe(self, change: Change) -> None:
        if change.resource == _NAMESPACES:
            if not change.deleted:
                self.controller.enqueue(change.record.key[1])
            return
        namespace = change.record.key[0]
        if not namespace:
            return
        if change.deleted and change.resource in _CONTENT:
            self.controller.enqueue(namespace)
            return
        record = self._store.get(_NAMESPACES, ("", namespace))
        if record is not None and record.deleting:
            self.controller.enqueue(namespace)

    def _handle(self, name: str) -> None:
        record = self._store.get(_NAMESPACES, ("", name))
        if record is None:
            return
        if record.deleting:
            self._terminate(name, record)
        else:
            self._fill(name)

    def _fill(self, name: str) -> None:
        accounts, configs = _served(self._registry, "serviceaccounts"), _served(self._registry, "configmaps")
        if self._registry.find(accounts, name, "default") is None:
            account: Object = {"metadata": {"name": "default"}}
            self._registry.create(accounts, name, account, _OPTIONS)
        if self._registry.find(configs, name, ROOT_CA) is None:
            annotations = {
                "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when "
                "using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
                "guaranteed across distributions of Kubernetes clusters."
            }
            config: Object = {
                "metadata": {"name": ROOT_CA, "annotations": annotations},
                "data": {"ca.crt": self._authority},
            }
            self._registry.create(configs, name, config, _OPTIONS)

    def _terminate(self, name: str, namespace: Record) -> None:
        self._budget = _DELETIONS_PER_TURN
        pods = self._delete_all("pods", name)
        remaining = Counter({"pods": len(pods)}) if pods else Counter[str]()
        finalizers = Counter(item for record in pods for item in _finalizers(record))
        if not pods:
            for resource in self._registry.catalog.stored_resources():
                if resource.namespaced and self._store.count(resource.key):
                    left = self._delete_all(resource.key, name)
                    if left:
                        remaining[f"{resource.plural}.{resource.group}"] = len(left)
                        finalizers.update(item for record in left for item in _finalizers(record))
        if self._budget <= 0:
            self.controller.enqueue(name)
            return
        if not remaining:
            self._registry.patch(self._resource, "", name, _finalized, _OPTIONS, subresource="finalize")
            return
        conditions = _conditions(remaining, finalizers)
        self._registry.patch(
            self._resource, "", name, lambda obj: _with_conditions(obj, conditions), _OPTIONS, subresource="status"
        )

    def _delete_all(self, key: str, namespace: str) -> list[Record]:
        """Deletes all objects of a resource; returns those that finalizers or grace periods hold."""
        resource = self._registry.catalog.stored(key)
        if resource is None:
            return []
        held: list[Record] = []
        for record in list(self._store.records(key, namespace)):
            current, gone = record, False
            if not record.deleting and self._budget > 0:
                self._budget -= 1
                current, gone = self._registry.delete(resource, *record.key, DeleteOptions("Background"))
            if not gone:
                held.append(current)
        return held


def _served(registry: Registry, plural: str) -> Resource:
    resource = registry.catalog.find("", "v1", plural)
    if resource is None:
        raise LookupError(f"the schema lacks {plural}")
    return resource


def _finalizers(record: Record) -> list[str]:
    return list(record.decode()["metadata"].get("finalizers") or ())


def _finalized(obj: Object) -> Object:
    spec = obj.get("spec") or {}
    spec["finalizers"] = [item for item in spec.get("finalizers") or () if item != "kubernetes"]
    obj["spec"] = spec
    return obj


def _conditions(remaining: Counter[str], finalizers: Counter[str]) -> list[dict[str, Any]]:
    def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
        return {"type": kind, "status": status, "reason": reason, "message": message}

    left = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(remaining.items()))
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    content = condition(
        "NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {left}"
    )
    if held:
        finalization = condition(
            "NamespaceFinalizersRemaining",
            "True",
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {held}",
        )
    else:
        finalization = condition(
            "NamespaceFinalizersRemaining",
            "False",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        )
    return [
        condition(
            "NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        condition(
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        content,
        finalization,
    ]


def _with_conditions(obj: Object, conditions: list[dict[str, Any]]) -> Object:
    status = obj.setdefault("status", {})
    known = {item.get("type"): item for item in status.get("conditions") or ()}
    moment = format_time(now())
    merged = []
    for condition in conditions:
        before = known.get(condition["type"])
        same = before is not None and before.get("status") == condition["status"]
        merged.append({**condition, "lastTransitionTime": before["lastTransitionTime"] if same and before else moment})
    status["conditions"] = merged
    return obj
