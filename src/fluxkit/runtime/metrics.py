"""Prometheus metrics under upstream's names.

``gotk_*`` as in fluxcd/pkg ``runtime/metrics``, ``controller_runtime_*`` and ``workqueue_*`` as in controller-runtime
``pkg/internal/controller/metrics`` and ``pkg/metrics``, ``rest_client_requests_total`` as in client-go. Each
:class:`Metrics` has a registry of its own, so that a process (or a test) can hold several.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from fluxkit.kube import Client
from fluxkit.objects import ObjectKey

__all__ = ["DURATION_BUCKETS", "ControllerMetrics", "Metrics", "QueueMetrics"]


def _exponential_range(low: float, high: float, count: int) -> tuple[float, ...]:
    """``prometheus.ExponentialBucketsRange``."""
    growth = (high / low) ** (1.0 / (count - 1))
    return tuple(low * growth**step for step in range(count))


DURATION_BUCKETS = _exponential_range(0.01, 1800.0, 10)
_RECONCILE_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
    1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
)  # fmt: skip
_QUEUE_BUCKETS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000)
_RESULTS = ("success", "error", "requeue", "requeue_after")


class Metrics:
    """The metrics of one manager.

    ``gotk_reconcile_condition`` and ``gotk_suspend_status`` are registered for completeness; like upstream's current
    controllers, nothing records them.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        registry = self.registry
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self.reconcile_duration = Histogram(
            "gotk_reconcile_duration_seconds",
            "The duration in seconds of a GitOps Toolkit resource reconciliation.",
            ["kind", "name", "namespace"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.reconcile_condition = Gauge(
            "gotk_reconcile_condition",
            "The current condition status of a GitOps Toolkit resource reconciliation.",
            ["kind", "name", "namespace", "type", "status"],
            registry=registry,
        )
        self.suspend_status = Gauge(
            "gotk_suspend_status",
            "The current suspend status of a GitOps Toolkit resource.",
            ["kind", "name", "namespace"],
            registry=registry,
        )
        by_controller = ["controller"]
        self._total = Counter(
            "controller_runtime_reconcile_total",
            "Total number of reconciliations per controller",
            [*by_controller, "result"],
            registry=registry,
        )
        self._errors = Counter(
            "controller_runtime_reconcile_errors_total",
            "Total number of reconciliation errors per controller",
            by_controller,
            registry=registry,
        )
        self._terminal_errors = Counter(
            "controller_runtime_terminal_reconcile_errors_total",
            "Total number of terminal reconciliation errors per controller",
            by_controller,
            registry=registry,
        )
        self._panics = Counter(
            "controller_runtime_reconcile_panics_total",
            "Total number of reconciliation panics per controller",
            by_controller,
            registry=registry,
        )
        self._time = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            by_controller,
            buckets=_RECONCILE_BUCKETS,
            registry=registry,
        )
        self._active = Gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            by_controller,
            registry=registry,
        )
        self._max_concurrent = Gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller",
            by_controller,
            registry=registry,
        )
        by_queue = ["name", "controller"]
        self._depth = Gauge("workqueue_depth", "Current depth of workqueue", by_queue, registry=registry)
        self._adds = Counter(
            "workqueue_adds_total", "Total number of adds handled by workqueue", by_queue, registry=registry
        )
        self._retries = Counter(
            "workqueue_retries_total", "Total number of retries handled by workqueue", by_queue, registry=registry
        )
        self._queue_duration = Histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            by_queue,
            buckets=_QUEUE_BUCKETS,
            registry=registry,
        )
        self._work_duration = Histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            by_queue,
            buckets=_QUEUE_BUCKETS,
            registry=registry,
        )
        self._unfinished = Gauge(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work has been done that is in progress and hasn't been observed by work_duration.",
            by_queue,
            registry=registry,
        )
        self._longest = Gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds has the longest running processor for workqueue been running.",
            by_queue,
            registry=registry,
        )
        self.leader = Gauge(
            "leader_election_master_status",
            "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master.",
            ["name"],
            registry=registry,
        )

    def render(self) -> bytes:
        """The text exposition format; with many objects it takes so long that it belongs into a thread."""
        return generate_latest(self.registry)

    def queue(self, name: str, work_in_progress: Callable[[], Iterable[float]]) -> "QueueMetrics":
        """The observer of one queue; ``work_in_progress`` gives how many seconds each item has been worked on.

        It is called whenever metrics are read, possibly from another thread.
        """
        labels = (name, name)

        def unfinished() -> float:
            return sum(work_in_progress())

        def longest() -> float:
            return max(work_in_progress(), default=0.0)

        self._unfinished.labels(*labels).set_function(unfinished)
        self._longest.labels(*labels).set_function(longest)
        return QueueMetrics(
            self._adds.labels(*labels),
            self._depth.labels(*labels),
            self._retries.labels(*labels),
            self._queue_duration.labels(*labels),
            self._work_duration.labels(*labels),
        )

    def controller(self, name: str, kind: str, concurrency: int, active: Callable[[], float]) -> "ControllerMetrics":
        """What one controller records; ``active`` gives how many of its slots are occupied."""
        self._active.labels(name).set_function(active)
        self._max_concurrent.labels(name).set(concurrency)
        return ControllerMetrics(
            kind,
            {result: self._total.labels(name, result) for result in _RESULTS},
            self._errors.labels(name),
            self._terminal_errors.labels(name),
            self._panics.labels(name),
            self._time.labels(name),
            self.reconcile_duration,
        )

    def count_requests(self, client: Client) -> None:
        """Exposes what a Kubernetes client counts, when metrics are read."""
        self.registry.register(_Requests(client))


class QueueMetrics:
    """The :class:`~fluxkit.runtime.queue.QueueObserver` of one work queue."""

    def __init__(
        self, adds: Counter, depth: Gauge, retries: Counter, queue_duration: Histogram, work_duration: Histogram
    ) -> None:
        self._adds = adds
        self._depth = depth
        self._retries = retries
        self._queue_duration = queue_duration
        self._work_duration = work_duration

    def added(self) -> None:
        self._adds.inc()

    def depth(self, ready: int) -> None:
        self._depth.set(ready)

    def started(self, queued_for: float) -> None:
        self._queue_duration.observe(queued_for)

    def finished(self, worked_for: float) -> None:
        self._work_duration.observe(worked_for)

    def retried(self) -> None:
        self._retries.inc()


class ControllerMetrics:
    """What one controller records about its runs."""

    def __init__(
        self,
        kind: str,
        results: dict[str, Counter],
        errors: Counter,
        terminal_errors: Counter,
        panics: Counter,
        time: Histogram,
        reconcile_duration: Histogram,
    ) -> None:
        self._kind = kind
        self._results = results
        self._errors = errors
        self._terminal_errors = terminal_errors
        self._panics = panics
        self._time = time
        self._reconcile_duration = reconcile_duration

    def ended(self, result: str, seconds: float, *, terminal: bool = False, panic: bool = False) -> None:
        """Counts a run: ``result`` is success, error, requeue or requeue_after."""
        self._results[result].inc()
        self._time.observe(seconds)
        if result == "error":
            self._errors.inc()
        if terminal:
            self._terminal_errors.inc()
        if panic:
            self._panics.inc()

    def reconciled(self, key: ObjectKey, seconds: float) -> None:
        self._reconcile_duration.labels(self._kind, key.name, key.namespace).observe(seconds)

    def gone(self, key: ObjectKey) -> None:
        """Removes the series of an object that no longer exists."""
        with suppress(KeyError):  # the object may never have been reconciled by this process
            self._reconcile_duration.remove(self._kind, key.name, key.namespace)


class _Requests(Collector):
    def __init__(self, client: Client) -> None:
        self._host = urlsplit(client.config.server).netloc
        self._stats = client.stats

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "rest_client_requests",
            "Number of HTTP requests, partitioned by status code, method, and host.",
            labels=["code", "method", "host"],
        )
        for (method, code), count in sorted(self._stats.answers.items()):
            family.add_metric([str(code), method, self._host], count)
        yield family

    def describe(self) -> Iterable[Metric]:
        return []
