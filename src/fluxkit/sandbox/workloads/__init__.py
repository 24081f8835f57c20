"""Simulated controllers: workloads that behave, without running anything.

Promises that Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, Pods, Services, claims, Ingresses,
autoscalers and disruption budgets get the children, the status and the events that a real cluster would give them,
within milliseconds; that failures and delays can be asked for (:mod:`fluxkit.sandbox.workloads.control`); and that
nothing polls.

Refuses to run containers, to keep state outside the store, and to write anything but through :class:`Cluster`.
"""

from fluxkit.sandbox.workloads.addresses import ServiceAddresses
from fluxkit.sandbox.workloads.cluster import Cluster
from fluxkit.sandbox.workloads.volumes import CLAIMS, DefaultClass
from fluxkit.sandbox.workloads.workloads import Workloads

__all__ = ["CLAIMS", "Cluster", "DefaultClass", "ServiceAddresses", "Workloads"]
