"""The health step of an attempt: which objects count, and waiting for them without occupying the controller."""

import contextlib
import time
from collections.abc import Callable, Collection, Sequence

from fluxkit.api import Kustomization
from fluxkit.apply import ChangeSet, DriftWatch, HealthCheckFailed, StatusWatcher
from fluxkit.apply.kstatus import Status
from fluxkit.controllers.failures import StepFailed
from fluxkit.controllers.kustomization.attempt_status import AttemptStatus, elapsed
from fluxkit.controllers.kustomization.events import KustomizationEvents
from fluxkit.controllers.kustomization.healthexprs import HealthExpressions
from fluxkit.controllers.targets import Target
from fluxkit.durations import format_duration
from fluxkit.objects import GroupKind, GroupVersionKind, Object, ObjectKey, ObjectRef, gvk_of
from fluxkit.runtime import Run, conditions

__all__ = ["HealthCheck", "health_refs"]

_JOB = GroupKind("batch", "Job")


def health_refs(kustomization: Kustomization, applied: Sequence[ObjectRef]) -> list[ObjectRef]:
    """The objects whose health decides: all applied ones with ``wait``, else the listed ones, never the object itself.

    ``healthChecks`` may name objects that do not belong to the Kustomization; an empty apiVersion means ``apps/v1``.
    """
    refs = list(applied)
    if not kustomization.spec.wait:
        refs = [
            ObjectRef(GroupVersionKind.parse(check.api_version or "apps/v1", check.kind), check.namespace, check.name)
            for check in kustomization.spec.health_checks
        ]
    return [ref for ref in refs if ref.identity != kustomization.ref.identity]


class HealthCheck:
    """Checks health for one attempt."""

    def __init__(
        self,
        run: Run,
        status: AttemptStatus,
        events: KustomizationEvents,
        watcher: StatusWatcher,
        drift: DriftWatch[ObjectKey],
        expressions: HealthExpressions,
        *,
        fail_fast: bool = True,
        interruptible: bool = True,
    ) -> None:
        """``fail_fast`` ends a wait at the first failed object, ``interruptible`` when something newer comes up."""
        self._fail_fast = fail_fast
        self._interruptible = interruptible
        self._run = run
        self._status = status
        self._events = events
        self._watcher = watcher
        self._drift = drift
        self._expressions = expressions

    def is_known_healthy(self, refs: Sequence[ObjectRef]) -> bool:
        """Whether these are the versions that were healthy before, as far as the drift watch has heard; asks nobody.

        What expressions say of an object is not remembered.
        """
        if refs and self._expressions:
            return False
        return self._watcher.known_healthy(refs, self._drift)

    async def wait(
        self,
        target: Target,
        refs: Sequence[ObjectRef],
        *,
        changes: ChangeSet,
        ttl_jobs: Collection[tuple[str, str, str, str]] = (),
    ) -> None:
        """Waits until all are healthy. Raises :class:`StepFailed`, and ``Superseded`` if something newer came up.

        ``changes`` is what the attempt applied: what its answers settle is not asked again.
        """
        kustomization = self._status.kustomization
        if not refs:
            conditions.delete(kustomization, conditions.HEALTHY)
            return
        was_healthy = conditions.is_true(kustomization, conditions.HEALTHY)
        message = self._status.step("Running health checks")
        conditions.mark_unknown(kustomization, conditions.HEALTHY, "Progressing", message)
        started = time.monotonic()
        try:
            watching = self._watch(target, refs, changes, ttl_jobs)
            await self._run.waiting(watching, interruptible=self._interruptible)
        except HealthCheckFailed as error:
            conditions.mark_false(kustomization, conditions.HEALTHY, "HealthCheckFailed", str(error))
            after = format_duration(elapsed(started))
            raise StepFailed("HealthCheckFailed", f"health check failed after {after}: {error}") from error
        passed = f"Health check passed in {format_duration(elapsed(started))}"
        conditions.mark_true(kustomization, conditions.HEALTHY, "Succeeded", passed)
        if not was_healthy or (self._status.new_revision and changes.changed()):
            self._events.info(passed)

    async def _watch(
        self,
        target: Target,
        refs: Sequence[ObjectRef],
        changes: ChangeSet,
        ttl_jobs: Collection[tuple[str, str, str, str]],
    ) -> None:
        own = target.own_rights
        async with contextlib.AsyncExitStack() as stack:
            watcher = self._watcher if own else await stack.enter_async_context(StatusWatcher(target.client))
            await watcher.wait_healthy(
                refs,
                timeout=self._status.timeout,
                fail_fast=self._fail_fast,
                ttl_jobs=ttl_jobs,
                managed=own and self._status.kustomization.spec.wait,
                applied=changes.state,
                statuses=changes.statuses,
                view=self._drift if own else None,
                evaluate=self._evaluator(own),
            )

    def _evaluator(self, own_rights: bool) -> Callable[[Object], Status | None] | None:
        """How objects are judged before the built-in rules; upstream's reader of Jobs comes first with own rights."""
        if not self._expressions:
            return None

        def evaluate(obj: Object) -> Status | None:
            if own_rights and gvk_of(obj).group_kind == _JOB:
                return None
            return self._expressions.judge(obj)

        return evaluate
