"""``spec.healthCheckExprs``: the health of custom resources as their users define it.

Pure. Rules and texts follow fluxcd/pkg ``runtime/cel`` (status_evaluator.go, poller.go).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fluxkit.api.meta import CustomHealthCheck
from fluxkit.apply.kstatus import Status, StatusCode
from fluxkit.cel import CELError, Condition
from fluxkit.objects import GroupKind, GroupVersionKind, Object, gvk_of, metadata_of

__all__ = ["HealthExpressions"]

_FIELDS = (("InProgress", "in_progress"), ("Failed", "failed"), ("Current", "current"))
_CODES = {"InProgress": StatusCode.IN_PROGRESS, "Failed": StatusCode.FAILED, "Current": StatusCode.CURRENT}


@dataclass(frozen=True, slots=True)
class _Rule:
    steps: Sequence[tuple[StatusCode, Condition]]

    def judge(self, obj: Object) -> Status:
        status = obj.get("status")
        observed = status.get("observedGeneration") if isinstance(status, dict) else None
        if isinstance(observed, int) and observed != metadata_of(obj).get("generation", 0):
            return Status(StatusCode.IN_PROGRESS, "the generation has not been observed yet")
        for code, condition in self.steps:
            try:
                if condition.holds(obj):
                    return Status(code, "the healthCheckExprs say so")
            except CELError as error:
                return Status(StatusCode.UNKNOWN, error=str(error))
        return Status(StatusCode.IN_PROGRESS, "none of the healthCheckExprs is true")


class HealthExpressions:
    """Judges objects for which there are expressions. A kind's own entry precedes that of its whole group.

    Raises :class:`~fluxkit.cel.CELError` if an entry cannot be parsed or comes twice; versions do not count.
    """

    def __init__(self, checks: Sequence[CustomHealthCheck]) -> None:
        self._rules: dict[GroupKind, _Rule] = {}
        for index, check in enumerate(checks):
            kind = GroupVersionKind.parse(check.api_version, check.kind).group_kind
            if kind in self._rules:
                raise CELError(f"duplicate custom health check for GroupKind {kind} at healthchecks[{index}]")
            self._rules[kind] = _Rule([*_steps(check, index)])

    def __bool__(self) -> bool:
        return bool(self._rules)

    def judge(self, obj: Object) -> Status | None:
        """The status of an object, None if no expression is about it. Never raises."""
        kind = gvk_of(obj).group_kind
        rule = self._rules.get(kind) or self._rules.get(GroupKind(kind.group, ""))
        return None if rule is None else rule.judge(obj)


def _steps(check: CustomHealthCheck, index: int) -> "list[tuple[StatusCode, Condition]]":
    steps = []
    for name, field in _FIELDS:
        text: str = getattr(check, field)
        if not text:
            continue
        try:
            steps.append((_CODES[name], Condition(text)))
        except CELError as error:
            problem = f"failed to parse the expression {name}: {error}"
            raise CELError(f"failed to create custom status evaluator for healthchecks[{index}]: {problem}") from error
    return steps
