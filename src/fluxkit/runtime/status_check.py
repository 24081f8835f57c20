"""Whether a status says what kstatus clients and users rely on.

The rules of fluxcd/pkg ``runtime/conditions/check``, for tests of reconcilers: final ones hold after a run, those of an
unfinished run hold after each progress report. Failures are contradictions, warnings are untidiness.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fluxkit.runtime import conditions
from fluxkit.runtime.conditions import READY, RECONCILING, STALLED
from fluxkit.runtime.status import Reportable

__all__ = ["StatusReport", "check_final", "check_in_progress"]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What is wrong with a status; both lists are empty for a good one."""

    failures: Sequence[str]
    warnings: Sequence[str]


def check_final(obj: Reportable, negative: Sequence[str]) -> StatusReport:
    """Judges the status after a run; ``negative`` are the kind's abnormal-true conditions, most important first."""
    return StatusReport(list(_final_failures(obj, negative)), list(_final_warnings(obj, negative)))


def check_in_progress(obj: Reportable) -> StatusReport:
    """Judges the status during a run: Ready may still be the last verdict, or Unknown beside Reconciling."""
    failures = [*_always(obj)]
    if conditions.is_unknown(obj, READY) and not conditions.is_true(obj, RECONCILING):
        failures.append("Ready is Unknown without Reconciling")
    return StatusReport(failures, list(_always_warnings(obj)))


def _always(obj: Reportable) -> Iterator[str]:
    ready = conditions.get(obj, READY)
    if ready is None:
        yield "Ready is missing"
    elif ready.status != "False" and conditions.is_true(obj, STALLED):
        yield "Stalled is True and Ready is not False"
    if conditions.has(obj, RECONCILING) and conditions.has(obj, STALLED):
        yield "Reconciling and Stalled are both present"
    if obj.status.observed_generation > obj.metadata.generation:
        yield f"observedGeneration {obj.status.observed_generation} is ahead of generation {obj.metadata.generation}"


def _final_failures(obj: Reportable, negative: Sequence[str]) -> Iterator[str]:
    yield from _always(obj)
    abnormal = [type for type in negative if conditions.is_true(obj, type)]
    if conditions.is_true(obj, READY) and abnormal:
        yield f"Ready is True beside {', '.join(abnormal)}"
    ready = conditions.get(obj, READY)
    if ready is not None and ready.status != "False" and conditions.is_true(obj, RECONCILING):
        yield "Reconciling is True and Ready is not False"
    if not conditions.is_ready(obj):
        return
    if obj.status.observed_generation < obj.metadata.generation:
        yield f"Ready is True for generation {obj.metadata.generation}, observed is {obj.status.observed_generation}"
    other = [each.type for each in obj.status.conditions if each.observed_generation != obj.status.observed_generation]
    if other:
        yield f"Ready is True beside conditions of another generation: {', '.join(other)}"


def _final_warnings(obj: Reportable, negative: Sequence[str]) -> Iterator[str]:
    yield from _always_warnings(obj)
    present = [type for type in negative if conditions.has(obj, type)]
    if not present:
        return
    if conditions.is_true(obj, READY):
        yield f"Ready is True while {', '.join(present)} exist"
        return
    top, ready = conditions.get(obj, present[0]), conditions.get(obj, READY)
    if present[0] in (RECONCILING, STALLED) or top is None or ready is None:
        return
    if (ready.reason, ready.message) != (top.reason, top.message):
        yield f"Ready does not mirror {top.type}"


def _always_warnings(obj: Reportable) -> Iterator[str]:
    for type in (RECONCILING, STALLED):
        if conditions.is_false(obj, type):
            yield f"{type} is False and could be removed"
    missing = [each.type for each in obj.status.conditions if each.observed_generation < 1]
    if missing:
        yield f"conditions without observedGeneration: {', '.join(missing)}"
