"""All simulated controllers behind one queue, woken by changes and timers."""

from collections.abc import Callable

from fluxkit.objects import Object
from fluxkit.sandbox.admission.quotas import QUOTAS
from fluxkit.sandbox.bootstrap import NODE_NAME
from fluxkit.sandbox.lifecycle import Controller, Pace
from fluxkit.sandbox.registry import Registry
from fluxkit.sandbox.store import Change, Key, Record
from fluxkit.sandbox.validation import Schemas
from fluxkit.sandbox.workloads import cronjobs, daemonsets, deployments, jobs, pods, replicasets, services, statefulsets
from fluxkit.sandbox.workloads.cluster import RegistryCluster
from fluxkit.sandbox.workloads.provisioning import Autoscalers, Budgets, Ingresses, QuotaStatus
from fluxkit.sandbox.workloads.volumes import CLAIMS, VOLUMES, Claims

__all__ = ["Workloads"]

_MEASURED = frozenset(["pods", "services", "persistentvolumeclaims"])
"""Kinds of which a quota counts more than how many there are."""

_REPLICATING = (replicasets.RESOURCE, replicasets.REPLICATION_CONTROLLERS)
_POD_OWNERS = frozenset([*_REPLICATING, statefulsets.RESOURCE, daemonsets.RESOURCE, jobs.RESOURCE])


class Workloads:
    """Watches the store and keeps every workload moving.

    ``controller.run()`` does the work; :meth:`close` forgets pending timers. A write that a controller makes wakes the
    controllers it concerns at once, without waiting for the disk: a Deployment and its ReplicaSet, Pods and status
    are usually one commit, in which clients still see every step.
    """

    def __init__(self, registry: Registry, schemas: Schemas, pace: Pace | None = None) -> None:
        self._store = registry.store
        self.controller: Controller[tuple[str, Key]] = Controller("workloads", self._handle, pace)
        self._cluster = RegistryCluster(registry, schemas, self._written, self._again)
        self._pods = pods.PodLifecycle(self._cluster, NODE_NAME)
        self._services = services.Services(self._cluster)
        self._claims = Claims(self._cluster)
        self._autoscalers = Autoscalers(self._cluster)
        budgets, ingresses = Budgets(self._cluster), Ingresses(self._cluster)
        self._handlers: dict[str, Callable[[Object], None]] = {
            deployments.RESOURCE: deployments.Deployments(self._cluster).reconcile,
            **{each: replicasets.ReplicaSets(self._cluster, each).reconcile for each in _REPLICATING},
            statefulsets.RESOURCE: statefulsets.StatefulSets(self._cluster).reconcile,
            daemonsets.RESOURCE: daemonsets.DaemonSets(self._cluster).reconcile,
            jobs.RESOURCE: jobs.Jobs(self._cluster).reconcile,
            cronjobs.RESOURCE: cronjobs.CronJobs(self._cluster).reconcile,
            pods.RESOURCE: self._pods.reconcile,
            services.RESOURCE: self._services.reconcile,
            CLAIMS: self._claims.reconcile,
            VOLUMES: self._claims.note_volume,
            Ingresses.RESOURCE: ingresses.reconcile,
            Autoscalers.RESOURCE: self._autoscalers.reconcile,
            Budgets.RESOURCE: budgets.reconcile,
        }
        if registry.admission is not None:
            self._handlers[QUOTAS] = QuotaStatus(self._cluster, registry.admission.quotas).reconcile
        self._mine: set[int] = set()
        for resource in self._handlers:
            for record in self._store.records(resource):
                if resource == services.RESOURCE:
                    self._services.note(record.decode(), deleted=False)
                self.controller.enqueue((resource, record.key))
        self._store.observe(self._observe)

    def close(self) -> None:
        self._cluster.close()

    def _handle(self, item: tuple[str, Key]) -> None:
        resource, key = item
        record = self._store.get(resource, key)
        if record is not None:
            self._handlers[resource](record.view())

    def _again(self, resource: str, obj: Object) -> None:
        metadata = obj["metadata"]
        self.controller.enqueue((resource, (metadata.get("namespace", ""), metadata["name"])))

    def _observe(self, change: Change) -> None:
        if change.revision in self._mine:
            self._mine.remove(change.revision)
            return
        self._wake(change.resource, change.record, change.previous, change.deleted)

    def _written(self, resource: str, record: Record, previous: Record | None, deleted: bool) -> None:
        self._mine.add(record.revision)
        self._wake(resource, record, previous, deleted)

    def _wake(self, resource: str, record: Record, previous: Record | None, deleted: bool) -> None:
        """Enqueues the objects that a change concerns."""
        if self._store.count(QUOTAS) and (deleted or previous is None or resource in _MEASURED):
            for quota in self._store.records(QUOTAS, record.key[0]) if record.key[0] else ():
                self.controller.enqueue((QUOTAS, quota.key))
        handled = resource in self._handlers
        if handled and not deleted:
            self.controller.enqueue((resource, record.key))
        if resource == pods.RESOURCE:
            self._wake_for_pod(record, previous, deleted)
        elif resource == replicasets.RESOURCE:
            self._wake_owners(record, deployments.RESOURCE)
            if not deleted:
                self._wake_unready(record)
        elif resource == services.RESOURCE:
            self._services.note(record.view(), deleted=deleted)
        elif resource in _POD_OWNERS:
            if resource == jobs.RESOURCE:
                self._wake_owners(record, cronjobs.RESOURCE)
            if not deleted:
                self._wake_unready(record)
        elif resource == CLAIMS:
            if deleted:
                self._claims.released(record.view())
        elif resource == VOLUMES:
            if not deleted:
                for claim in self._claims.waiting(record.view()):
                    self._again(CLAIMS, claim)
        elif resource == deployments.RESOURCE and not deleted and self._store.count(Autoscalers.RESOURCE):
            for scaler in self._autoscalers.concerning(record.key[0], "Deployment", record.key[1]):
                self._again(Autoscalers.RESOURCE, scaler)
        elif resource == "nodes" and (deleted or previous is None):
            for each in self._store.records(daemonsets.RESOURCE):
                self.controller.enqueue((daemonsets.RESOURCE, each.key))

    def _wake_owners(self, record: Record, *resources: str) -> None:
        for uid in record.owners:
            found = self._store.by_uid(uid)
            if found is not None and found[0] in resources:
                self.controller.enqueue(found)

    def _wake_for_pod(self, record: Record, previous: Record | None, deleted: bool) -> None:
        self._wake_owners(record, *_POD_OWNERS)
        if deleted:
            self._pods.release(record.view())
        elif previous is None:
            self._wake_claims(record)
        namespace = record.key[0]
        names = set(self._services.selecting(namespace, dict(record.labels)))
        if previous is not None and previous.labels != record.labels:
            names.update(self._services.selecting(namespace, dict(previous.labels)))
        for name in names:
            self.controller.enqueue((services.RESOURCE, (namespace, name)))
        if self._store.count(Budgets.RESOURCE):
            for budget in self._store.records(Budgets.RESOURCE, namespace):
                self.controller.enqueue((Budgets.RESOURCE, budget.key))

    def _wake_claims(self, record: Record) -> None:
        """Claims that have waited for a Pod to use them."""
        for volume in record.view()["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name:
                self.controller.enqueue((CLAIMS, (record.key[0], name)))

    def _wake_unready(self, record: Record) -> None:
        """Pods look at the annotations of their owners: those may have changed."""
        for resource, key in self._store.dependents(record.uid):
            if resource == pods.RESOURCE:
                self.controller.enqueue((resource, key))
