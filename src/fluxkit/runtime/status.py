"""What a run leaves in the status: progress while it lasts, and the conclusion when it ends.

Follows fluxcd/pkg ``runtime/reconcile/result.go`` and, for kinds that keep their own conditions in order, the closing
part of fluxcd/kustomize-controller ``internal/controller/kustomization_controller.go``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fluxkit.api import Condition, ObjectMeta
from fluxkit.runtime import conditions
from fluxkit.runtime.predicates import RECONCILE_REQUEST_ANNOTATION
from fluxkit.runtime.reconcile import Result

__all__ = [
    "ConditionSet",
    "NotReady",
    "Reportable",
    "ResultFinalizer",
    "finalize_progress",
    "mirror_reconcile_request",
    "observes_generation",
    "report_progress",
]


class _ReportableStatus(Protocol):
    conditions: list[Condition]
    observed_generation: int
    last_handled_reconcile_at: str


class Reportable(Protocol):
    """An object whose status tells how its last run ended."""

    metadata: ObjectMeta

    @property
    def status(self) -> _ReportableStatus: ...


class NotReady(Exception):
    """A run ended without an error of its own, but the summary says that the object is not ready; it is retried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionSet:
    """A target condition and the conditions that it summarises."""

    target: str = conditions.READY
    summarize: Sequence[str]
    negative: Sequence[str] = ()

    @classmethod
    def ready(cls, summarize: Sequence[str], negative: Sequence[str] = ()) -> "ConditionSet":
        """A summary into Ready for a source-type kind: Stalled and Reconciling always outrank positive results."""
        outranking = (conditions.STALLED, conditions.RECONCILING)
        return cls(
            summarize=(*summarize, *(type for type in outranking if type not in summarize)),
            negative=(*negative, *(type for type in outranking if type not in negative)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFinalizer:
    """Turns a result or an error into conditions that kstatus clients understand.

    ``interval`` is the delay in seconds after which a success runs again; None is the event-driven model, in which
    success is an empty result. ``success_message`` goes into Ready when a success left it unset. The two models have
    to be told apart because a stalled object also ends in an empty result.
    """

    interval: float | None
    success_message: str
    summaries: Sequence[ConditionSet] = ()

    def _succeeds(self, result: Result) -> bool:
        if self.interval is None:
            return result.empty
        return not result.immediately and result.requeue_after == self.interval

    def finalize(self, obj: Reportable, result: Result, error: Exception | None) -> Exception | None:
        """Completes the conditions of the object and returns the error that the run ends with, if any."""
        matches = self._succeeds(result)
        success = error is None and matches
        if error is not None:
            conditions.delete(obj, conditions.STALLED)
        if not success or self.interval is None:
            if not result.empty and not matches:
                conditions.delete(obj, conditions.STALLED)
            stalled = conditions.get(obj, conditions.STALLED)
            if stalled is not None and stalled.status == "True" and not conditions.is_false(obj, conditions.READY):
                conditions.mark_false(obj, conditions.READY, stalled.reason, stalled.message)
        if success or conditions.is_true(obj, conditions.STALLED):
            conditions.delete(obj, conditions.RECONCILING)
        if error is not None and not conditions.is_false(obj, conditions.READY):
            conditions.mark_false(obj, conditions.READY, "Failed", str(error) or type(error).__name__)
        for wanted in self.summaries:
            conditions.set_summary(
                obj, wanted.target, conditions.Summary(types=wanted.summarize, negative=wanted.negative)
            )
        if (
            success
            and self.interval is not None
            and conditions.is_false(obj, conditions.READY)
            and not conditions.is_stalled(obj)
        ):
            error = NotReady(conditions.message_of(obj, conditions.READY))
        if (
            error is None
            and matches
            and conditions.is_unknown(obj, conditions.READY)
            and not conditions.is_reconciling(obj)
            and not conditions.is_stalled(obj)
        ):
            conditions.mark_true(obj, conditions.READY, "Succeeded", self.success_message)
        mirror_reconcile_request(obj)
        return error


def report_progress(obj: Reportable, reason: str, message: str, *, drift: bool = False) -> None:
    """Reconciling becomes True; Ready follows as Unknown only if it is missing or Unknown already, or on drift.

    Otherwise the last verdict stays visible while the run lasts.
    """
    conditions.mark_reconciling(obj, reason, message)
    if drift or conditions.is_unknown(obj, conditions.READY):
        conditions.mark_unknown(obj, conditions.READY, reason, message)


def mirror_reconcile_request(obj: Reportable) -> None:
    """Copies the handled reconcile request into the status, on success and failure alike."""
    requested = obj.metadata.annotations.get(RECONCILE_REQUEST_ANNOTATION)
    if requested is not None:
        obj.status.last_handled_reconcile_at = requested


def observes_generation(obj: Reportable) -> bool:
    """Whether the object reached a final state, so that its generation may be recorded as observed."""
    return conditions.is_stalled(obj) or conditions.is_ready(obj)


def finalize_progress(obj: Reportable) -> bool:
    """The closing step of kinds that set Ready themselves (Kustomization).

    Ready True ends Reconciling and observes the generation; Ready False while Reconciling tells that it is retried.
    The reconcile request is mirrored in any case. Returns whether the generation was observed.
    """
    mirror_reconcile_request(obj)
    if conditions.is_true(obj, conditions.READY):
        conditions.delete(obj, conditions.RECONCILING)
        obj.status.observed_generation = obj.metadata.generation
        return True
    reconciling = conditions.get(obj, conditions.RECONCILING)
    if reconciling is not None and conditions.is_false(obj, conditions.READY):
        conditions.mark_true(obj, conditions.RECONCILING, "ProgressingWithRetry", reconciling.message)
    return False
