"""What all controllers share: from a change in the cluster to a run, and from a run to a status.

What it promises:

- :class:`Controller` runs a :class:`Reconciler` at most once at a time per object, coalesces what happens meanwhile,
  backs off per object, and survives whatever a reconciler raises; a run that only waits occupies nothing.
- :class:`Manager` starts each controller when its own caches are synced and ends all of them in good order.
- :mod:`conditions`, :mod:`status` and :class:`SerialPatcher` keep a status that kstatus clients understand, beside
  other writers.
- :class:`EventRecorder` never delays or fails a run; :class:`WorkerPool` lets untrusted work exhaust itself alone.

What it refuses: knowing any kind. Names, reasons, field names and metrics are upstream's (fluxcd/pkg ``runtime`` and
controller-runtime), as the items RUN-... of ``docs/contract/runtime.md`` list them.
"""

from fluxkit.runtime import conditions, finalizers, status
from fluxkit.runtime.controller import Controller
from fluxkit.runtime.election import LeaderElection, election_id
from fluxkit.runtime.events import EventRecorder
from fluxkit.runtime.jitter import IntervalJitter
from fluxkit.runtime.logging import Logger, get_logger
from fluxkit.runtime.manager import LeadershipLost, Manager, StopSignals
from fluxkit.runtime.metrics import Metrics
from fluxkit.runtime.part import Part, Service
from fluxkit.runtime.patcher import ConditionConflict, SerialPatcher
from fluxkit.runtime.queue import WorkQueue
from fluxkit.runtime.reconcile import Reconciler, Result, Run, Superseded, TerminalError, Trigger
from fluxkit.runtime.workers import (
    WorkerCrashed,
    WorkerError,
    WorkerFailure,
    WorkerMemory,
    WorkerOutput,
    WorkerPool,
    WorkerTimeout,
)

__all__ = [
    "ConditionConflict",
    "Controller",
    "EventRecorder",
    "IntervalJitter",
    "LeaderElection",
    "LeadershipLost",
    "Logger",
    "Manager",
    "Metrics",
    "Part",
    "Reconciler",
    "Result",
    "Run",
    "SerialPatcher",
    "Service",
    "StopSignals",
    "Superseded",
    "TerminalError",
    "Trigger",
    "WorkQueue",
    "WorkerCrashed",
    "WorkerError",
    "WorkerFailure",
    "WorkerMemory",
    "WorkerOutput",
    "WorkerPool",
    "WorkerTimeout",
    "conditions",
    "election_id",
    "finalizers",
    "get_logger",
    "status",
]
