"""What is out of the ordinary about a Kustomization, told in three ways: as a condition, an event and a metric.

The conditions stand under fluxkit's own prefix beside upstream's and never decide about Ready. An event tells when a
finding appears, changes or ends, not each time it is seen: the condition remembers what was told, across restarts.
"""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Gauge

from fluxkit.api import Kustomization
from fluxkit.controllers.kustomization.directives import PREFIX
from fluxkit.controllers.kustomization.events import KustomizationEvents
from fluxkit.objects import ObjectKey
from fluxkit.runtime import conditions

__all__ = ["Finding", "FindingMetrics", "Findings"]


class Finding(StrEnum):
    """The values are the types of the conditions."""

    CONFLICT = f"{PREFIX}Conflict"
    """Others apply some of the objects as well."""
    DRIFTED = f"{PREFIX}Drifted"
    """Live objects differ from Git, and are left so on request."""
    PRUNE_PENDING = f"{PREFIX}PrunePending"
    """Objects that left Git are still on the cluster, for a reason."""
    ROLLED_BACK = f"{PREFIX}RolledBack"
    """An earlier revision than the source's is applied."""


_METRICS = {
    Finding.CONFLICT: ("conflicting_objects", "Objects that other Kustomizations apply as well."),
    Finding.DRIFTED: ("drifted_objects", "Objects that differ from their source and are left so."),
    Finding.PRUNE_PENDING: ("prune_pending_objects", "Objects that left the source and are not deleted yet."),
    Finding.ROLLED_BACK: ("rolled_back", "1 while an earlier revision than that of the source is applied."),
}


class FindingMetrics:
    """The gauges ``fluxkit_kustomization_*``; a Kustomization has a series while it has something to tell."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = {
            finding: Gauge(f"fluxkit_kustomization_{name}", text, ["name", "namespace"], registry=registry)
            for finding, (name, text) in _METRICS.items()
        }
        self._set: set[tuple[Finding, ObjectKey]] = set()

    def set(self, finding: Finding, key: ObjectKey, value: int) -> None:
        self._gauges[finding].labels(key.name, key.namespace).set(value)
        self._set.add((finding, key))

    def clear(self, finding: Finding, key: ObjectKey) -> None:
        if (finding, key) in self._set:
            self._set.discard((finding, key))
            self._gauges[finding].remove(key.name, key.namespace)

    def forget(self, key: ObjectKey) -> None:
        for finding in Finding:
            self.clear(finding, key)


class Findings:
    """The findings about one Kustomization during one run."""

    def __init__(self, kustomization: Kustomization, events: KustomizationEvents, metrics: FindingMetrics) -> None:
        self._kustomization = kustomization
        self._events = events
        self._metrics = metrics

    def found(self, finding: Finding, reason: str, message: str, count: int = 1, *, harmless: bool = False) -> None:
        """Something is so; told again only if the message is another one, and as a warning unless it is harmless."""
        known = conditions.message_of(self._kustomization, finding)
        conditions.mark_true(self._kustomization, finding, reason, message)
        self._metrics.set(finding, self._kustomization.key, count)
        if conditions.message_of(self._kustomization, finding) != known:
            if harmless:
                self._events.info(message)
            else:
                self._events.warning(reason, message)

    def warn(self, reason: str, message: str) -> None:
        """Something went wrong beside the attempt and leaves no state behind."""
        self._events.warning(reason, message)

    def ended(self, finding: Finding, message: str) -> None:
        """It is not so, or no longer; then ``message`` tells."""
        self._metrics.clear(finding, self._kustomization.key)
        if conditions.has(self._kustomization, finding):
            conditions.delete(self._kustomization, finding)
            self._events.info(message)
