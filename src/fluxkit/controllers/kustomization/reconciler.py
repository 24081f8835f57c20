"""The Kustomization reconciler: deletion, suspension, source, dependencies, then an attempt, and what comes of it.

Level-based: every run starts from the object, its source and what is on the cluster. Reasons, texts and requeue rules
follow fluxcd/kustomize-controller ``internal/controller/kustomization_controller.go``.
"""

import time
from collections.abc import Callable
from typing import Never

from fluxkit import timestamps
from fluxkit.api import DecodeError, Kustomization
from fluxkit.cel import CELError
from fluxkit.controllers.failures import Held, StepFailed
from fluxkit.controllers.kustomization.attempt import Attempt, FetchSuperseded, Services
from fluxkit.controllers.kustomization.attempt_status import AttemptStatus, elapsed
from fluxkit.controllers.kustomization.dependencies import (
    HELM_RELEASE,
    KUSTOMIZATION,
    DependencyNotReady,
    InvalidReadyExpression,
    Node,
    check_dependencies,
    closure,
    find_cycle,
)
from fluxkit.controllers.kustomization.directives import Directives, InvalidDirective
from fluxkit.controllers.kustomization.events import KustomizationEvents
from fluxkit.controllers.kustomization.finalization import finalize
from fluxkit.controllers.kustomization.findings import Finding
from fluxkit.controllers.kustomization.healthexprs import HealthExpressions
from fluxkit.controllers.kustomization.helmreleases import HelmReleases
from fluxkit.controllers.kustomization.triggers import dependants_by_fate
from fluxkit.controllers.report import StatusReport
from fluxkit.controllers.sources import AccessDenied, Source, SourceNotFound, SourceReader
from fluxkit.controllers.timing import effective_timeout, interval, retry_interval
from fluxkit.durations import format_duration
from fluxkit.kube import WatchCache
from fluxkit.objects import Object, ObjectKey
from fluxkit.runtime import (
    EventRecorder,
    IntervalJitter,
    Result,
    Run,
    SerialPatcher,
    Superseded,
    TerminalError,
    conditions,
    finalizers,
    status,
)
from fluxkit.runtime.predicates import RECONCILE_REQUEST_ANNOTATION
from fluxkit.source import ArtifactNotFound

__all__ = ["FIELD_OWNER", "KustomizationReconciler"]

FIELD_OWNER = "gotk-kustomize-controller"
"""The field manager of status writes, apart from that of applied objects so that the two do not collide."""

_OWNED = (conditions.READY, conditions.RECONCILING, conditions.STALLED, conditions.HEALTHY, *Finding)
_MOMENT = 2.0
"""Seconds that a deletion gives those that depend on it to be deleted, too; timestamps are whole seconds."""

_TERMINAL = "Reconciliation failed terminally due to configuration error"
_NEEDS_IDENTITY_GATE = (
    "to use spec.decryption.serviceAccountName for decryption authentication please enable the "
    "ObjectLevelWorkloadIdentity feature gate in the controller"
)


class KustomizationReconciler:
    """Keeps the objects of a Kustomization as its source says."""

    def __init__(
        self,
        services: Services,
        sources: SourceReader,
        recorder: EventRecorder,
        kustomizations: Callable[[], WatchCache],
        helm_releases: HelmReleases,
        jitter: IntervalJitter,
    ) -> None:
        self._services = services
        self._sources = sources
        self._recorder = recorder
        self._kustomizations = kustomizations
        self._helm_releases = helm_releases
        self._jitter = jitter

    async def reconcile(self, run: Run) -> Result:
        obj = await run.read()
        if obj is None:
            self._forget(run.key)
            return Result()
        try:
            kustomization = Kustomization.decode(obj)
        except DecodeError as error:
            raise TerminalError(str(error)) from error
        started = time.monotonic()
        events = KustomizationEvents(self._recorder, kustomization)
        worked = False
        async with self._report(run, kustomization) as report:
            result, worked = await self._steps(run, kustomization, report, events)
        if worked and conditions.is_ready(kustomization):
            message = f"Reconciliation finished in {format_duration(elapsed(started))}, next run in "
            message += format_duration(interval(kustomization))
            run.log.info(message, {"revision": kustomization.status.last_attempted_revision})
            events.info(message, commit_status=True)
        return result

    def _forget(self, key: ObjectKey) -> None:
        self._services.memories.forget(key)
        self._services.drift.forget(key)
        self._services.findings.forget(key)
        self._services.tokens.forget(key)

    def _report(self, run: Run, kustomization: Kustomization) -> StatusReport:
        patcher = SerialPatcher(
            self._services.client,
            kustomization,
            field_owner=FIELD_OWNER,
            owned=_OWNED,
            force_overwrite=True,
            on_write=run.wrote,
        )

        async def write() -> None:
            await patcher.patch(kustomization)

        async def conclude() -> None:
            handled = kustomization.status.last_handled_reconcile_at
            status.finalize_progress(kustomization)
            if report.abandoned:
                kustomization.status.last_handled_reconcile_at = handled
            await patcher.patch(kustomization)

        def failed(error: Exception) -> None:
            run.log.error("unable to report progress", error=error)

        report = StatusReport(write, conclude, failed)
        return report

    async def _steps(
        self, run: Run, kustomization: Kustomization, report: StatusReport, events: KustomizationEvents
    ) -> tuple[Result, bool]:
        """The result of the run, and whether there was anything to do."""
        if kustomization.metadata.deletion_timestamp is not None:
            self._forget(run.key)
            wait = self._wait_for_dependants(kustomization)
            if wait:
                return Result(wait), False
            await finalize(self._services, run, kustomization, events)
            return Result(), False
        if finalizers.add(kustomization):
            return Result(immediately=True), False
        if kustomization.spec.suspend:
            run.log.info("Reconciliation is suspended for this object")
            return Result(), False
        try:
            expressions = HealthExpressions(kustomization.spec.health_check_exprs)
        except CELError as error:
            self._refuse_expression(kustomization, events, str(error))
        try:
            directives = Directives.of(kustomization)
        except InvalidDirective as error:
            self._stall(kustomization, events, "InvalidAnnotation", str(error))
        decryption = kustomization.spec.decryption
        if decryption is not None and decryption.service_account_name and not self._per_object_identity():
            self._stall(kustomization, events, "FeatureGateDisabled", _NEEDS_IDENTITY_GATE)
        try:
            source = await self._sources.read(kustomization)
        except SourceNotFound as error:
            self._mark_waiting(kustomization, "ArtifactFailed", str(error))
            run.log.info(str(error))
            return Result(retry_interval(kustomization)), False
        except AccessDenied as error:
            self._stall(kustomization, events, "AccessDenied", str(error))
        if source.artifact is None:
            return self._wait_for_artifact(run, kustomization, "Source artifact not found"), False
        events.concern(source.artifact.revision, source.origin_revision)
        try:
            if any(node.kind == HELM_RELEASE for node in closure(kustomization.encode(), self._lookup)):
                await self._helm_releases.follow()
            additive = self._services.options.gate("AdditiveCELDependencyCheck")
            check_dependencies(kustomization, source.artifact.revision, self._lookup, additive=additive)
        except InvalidReadyExpression as error:
            self._refuse_expression(kustomization, events, str(error))
        except DependencyNotReady as error:
            return self._wait_for_dependency(run, kustomization, events, str(error)), False
        return await self._attempt(run, kustomization, source, report, events, expressions, directives)

    def _per_object_identity(self) -> bool:
        return self._services.options.gate("ObjectLevelWorkloadIdentity")

    def _wait_for_dependants(self, kustomization: Kustomization) -> float:
        """Seconds for which a deletion has to wait at most: what depends on it goes first, if that goes at all.

        The timeout of the spec bounds it, so that no other deletion can hold it up for ever. Those that leave Git in
        the same commit are deleted one after the other, in whichever order: hence the moment.
        """
        if find_cycle(Node(KUSTOMIZATION, kustomization.key), self._lookup):
            return 0.0
        going, staying = dependants_by_fate(self._kustomizations(), kustomization.key)
        began = timestamps.parse_time(kustomization.metadata.deletion_timestamp or "")
        age = (timestamps.now() - began).total_seconds()
        left = effective_timeout(kustomization) - age
        if not going or left <= 0:
            return max(_MOMENT - age, 0.0) if staying else 0.0
        names = ", ".join(f"Kustomization/{key}" for key in going)
        text = f"waiting for the deletion of what depends on it: {names}"
        conditions.mark_false(kustomization, conditions.READY, "DependantsNotDeleted", text)
        return left

    def _refuse_expression(self, kustomization: Kustomization, events: KustomizationEvents, problem: str) -> Never:
        kustomization.status.observed_generation = kustomization.metadata.generation
        self._stall(kustomization, events, "InvalidCELExpression", f"{_TERMINAL}: {problem}")

    def _stall(self, kustomization: Kustomization, events: KustomizationEvents, reason: str, text: str) -> Never:
        conditions.mark_false(kustomization, conditions.READY, reason, text)
        conditions.mark_stalled(kustomization, reason, text)
        events.error(text)
        raise TerminalError(text)

    def _mark_waiting(self, kustomization: Kustomization, reason: str, text: str) -> None:
        """Not ready, but it will be looked at again: what stalled it before is over."""
        conditions.mark_false(kustomization, conditions.READY, reason, text)
        conditions.delete(kustomization, conditions.STALLED)

    def _wait_for_artifact(self, run: Run, kustomization: Kustomization, what: str) -> Result:
        delay = self._services.options.requeue_dependency
        message = f"{what}, retrying in {format_duration(delay)}"
        self._mark_waiting(kustomization, "ArtifactFailed", message)
        run.log.info(message)
        return Result(delay)

    def _wait_for_dependency(
        self, run: Run, kustomization: Kustomization, events: KustomizationEvents, problem: str
    ) -> Result:
        delay = self._services.options.requeue_dependency
        self._mark_waiting(kustomization, "DependencyNotReady", problem)
        message = f"Dependencies do not meet ready condition, retrying in {format_duration(delay)}"
        run.log.info(message, {"dependency": problem})
        events.info(message)
        return Result(delay)

    def _lookup(self, node: Node) -> Object | None:
        if node.kind == HELM_RELEASE:
            return self._helm_releases.get(node.key)
        return self._kustomizations().get(node.key.namespace, node.key.name)

    async def _attempt(
        self,
        run: Run,
        kustomization: Kustomization,
        source: Source,
        report: StatusReport,
        events: KustomizationEvents,
        expressions: HealthExpressions,
        directives: Directives,
    ) -> tuple[Result, bool]:
        assert source.artifact is not None
        started = time.monotonic()
        progress = AttemptStatus(kustomization, source.artifact, source.origin_revision, report)
        memory = self._services.memories.of(run.key, kustomization.metadata.uid)
        forced = _requested(kustomization)
        attempt = Attempt(self._services, run, source, memory, progress, events, expressions, directives, forced=forced)
        try:
            worked = await attempt.execute()
        except ArtifactNotFound:
            return self._wait_for_artifact(run, kustomization, "Source is not ready, artifact not found"), False
        except FetchSuperseded:
            report.abandoned = True
            return Result(immediately=True), False
        except Superseded as superseded:
            conditions.mark_false(kustomization, conditions.READY, "HealthCheckCanceled", str(superseded))
            run.log.info("New reconciliation triggered, canceling health checks", {"trigger": str(superseded.trigger)})
            events.info(f"Health checks canceled due to new reconciliation triggered by {superseded.trigger}")
            return Result(immediately=True), False
        except Held as held:
            conditions.mark_false(kustomization, conditions.READY, held.reason, str(held))
            run.log.info("Reconciliation waits for a decision", {"reason": held.reason, "message": str(held)})
            return Result(self._jitter(interval(kustomization))), False
        except StepFailed as failure:
            delay = retry_interval(kustomization)
            conditions.mark_false(kustomization, conditions.READY, failure.reason, str(failure))
            run.log.error(
                f"Reconciliation failed after {format_duration(elapsed(started))}, "
                f"next try in {format_duration(delay)}",
                {"revision": source.artifact.revision},
                error=failure,
            )
            events.error(failure.event)
            return Result(delay), False
        return Result(self._jitter(interval(kustomization))), worked


def _requested(kustomization: Kustomization) -> bool:
    """Whether somebody asked for this run: then nothing that is remembered counts."""
    requested = kustomization.metadata.annotations.get(RECONCILE_REQUEST_ANNOTATION)
    return requested is not None and requested != kustomization.status.last_handled_reconcile_at
