"""The priority of new Pods, from the class that they name or from the default one.

Follows kubernetes/kubernetes ``plugin/pkg/admission/priority``.
"""

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.status import forbidden
from fluxkit.sandbox.store import Store

__all__ = ["PodPriorities"]

_CLASSES = "priorityclasses.scheduling.k8s.io"
_POLICY = "PreemptLowerPriority"


class PodPriorities:
    """The registry's allocator of Pods."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def allocate(self, resource: Resource, pod: Object, old: Object | None, dry_run: bool) -> None:
        """Completes a new Pod in place; raises Forbidden for a class that is not there."""
        if old is not None:
            return
        spec = pod["spec"]
        name = spec.get("priorityClassName")
        found = self._named(name) if name else self._default()
        if name and found is None:
            text = f"no PriorityClass with name {name} was found"
            raise forbidden(resource.plural, resource.group, pod["metadata"]["name"], text)
        if found is None:
            return
        spec["priorityClassName"] = found["metadata"]["name"]
        spec["priority"] = found.get("value", 0)
        spec["preemptionPolicy"] = found.get("preemptionPolicy") or _POLICY

    def _named(self, name: str) -> Object | None:
        record = self._store.get(_CLASSES, ("", name))
        return record.decode() if record is not None else None

    def _default(self) -> Object | None:
        """Of several defaults the one of least value."""
        classes = (record.decode() for record in self._store.records(_CLASSES))
        defaults = (each for each in classes if each.get("globalDefault"))
        return min(defaults, key=lambda each: each.get("value", 0), default=None)
