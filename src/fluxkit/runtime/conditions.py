"""Reading, setting and summarising the conditions of our own objects.

Follows fluxcd/pkg ``runtime/conditions``, where ``lastTransitionTime`` moves, other than in plain Kubernetes, with
every change of status, reason or message. ``Reconciling`` and ``Stalled`` are abnormal-true: they exist only while
True, and never both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from fluxkit import timestamps
from fluxkit.api import Condition, ObjectMeta

__all__ = [
    "ACCESS_DENIED",
    "HEALTHY",
    "READY",
    "RECONCILING",
    "STALLED",
    "Conditioned",
    "Summary",
    "aggregate",
    "delete",
    "get",
    "has",
    "has_any",
    "is_false",
    "is_ready",
    "is_reconciling",
    "is_stalled",
    "is_true",
    "is_unknown",
    "mark_false",
    "mark_reconciling",
    "mark_stalled",
    "mark_true",
    "mark_unknown",
    "message_of",
    "mirror",
    "reason_of",
    "same_state",
    "set_condition",
    "set_mirror",
    "set_summary",
    "summarize",
]

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
HEALTHY = "Healthy"
ACCESS_DENIED = "AccessDenied"

Status = Literal["True", "False", "Unknown"]

MAX_MESSAGE_LENGTH = 32768
_WEIGHTS = {STALLED: 0, RECONCILING: 1, READY: 2}


class _HasConditions(Protocol):
    conditions: list[Condition]


class Conditioned(Protocol):
    """An object with metadata and ``status.conditions``; every kind of :mod:`fluxkit.api` is one."""

    metadata: ObjectMeta

    @property
    def status(self) -> _HasConditions: ...


def get(obj: Conditioned, type: str) -> Condition | None:
    return find(obj.status.conditions, type)


def find(conditions: Iterable[Condition], type: str) -> Condition | None:
    return next((condition for condition in conditions if condition.type == type), None)


def has(obj: Conditioned, type: str) -> bool:
    return get(obj, type) is not None


def has_any(obj: Conditioned, types: Iterable[str]) -> bool:
    return any(has(obj, type) for type in types)


def is_true(obj: Conditioned, type: str) -> bool:
    condition = get(obj, type)
    return condition is not None and condition.status == "True"


def is_false(obj: Conditioned, type: str) -> bool:
    condition = get(obj, type)
    return condition is not None and condition.status == "False"


def is_unknown(obj: Conditioned, type: str) -> bool:
    """Whether the condition is Unknown or missing."""
    condition = get(obj, type)
    return condition is None or condition.status == "Unknown"


def is_ready(obj: Conditioned) -> bool:
    """Ready is True and the object is neither Stalled nor Reconciling."""
    return not is_stalled(obj) and not is_reconciling(obj) and is_true(obj, READY)


def is_stalled(obj: Conditioned) -> bool:
    return not is_true(obj, RECONCILING) and is_true(obj, STALLED)


def is_reconciling(obj: Conditioned) -> bool:
    return not is_true(obj, STALLED) and is_true(obj, RECONCILING)


def reason_of(obj: Conditioned, type: str) -> str:
    """The reason of a condition, empty if it is missing."""
    condition = get(obj, type)
    return "" if condition is None else condition.reason


def message_of(obj: Conditioned, type: str) -> str:
    """The message of a condition, empty if it is missing."""
    condition = get(obj, type)
    return "" if condition is None else condition.message


def same_state(left: Condition, right: Condition) -> bool:
    """Equality of type, status, reason and message; times and generations do not count."""
    return (left.type, left.status, left.reason, left.message) == (
        right.type,
        right.status,
        right.reason,
        right.message,
    )


def merge_into(conditions: Sequence[Condition], condition: Condition) -> list[Condition]:
    """The conditions with one added or replaced, in stored order; its transition time is decided here.

    A changed state gets the present time, an equal one keeps the stored time, a new condition keeps its own if given.
    """
    existing = find(conditions, condition.type)
    moment = condition.last_transition_time
    if existing is not None and same_state(existing, condition):
        moment = existing.last_transition_time
    elif existing is not None or not moment:
        moment = timestamps.format_time(timestamps.now())
    merged = msgspec.structs.replace(condition, last_transition_time=moment)
    return sorted([*(other for other in conditions if other.type != condition.type), merged], key=_order)


def set_condition(obj: Conditioned, condition: Condition) -> None:
    """Sets a condition, judged on the object's generation; see :func:`merge_into` for its transition time."""
    stamped = msgspec.structs.replace(
        condition, observed_generation=obj.metadata.generation, message=_trim(condition.message)
    )
    obj.status.conditions = merge_into(obj.status.conditions, stamped)


def _order(condition: Condition) -> tuple[int, int, str]:
    weight = _WEIGHTS.get(condition.type)
    if weight is not None:
        return (weight, 0, "")
    return (len(_WEIGHTS), -condition.observed_generation, condition.type)


def _trim(message: str) -> str:
    """At most 32768 bytes, as Go counts length, without splitting a character."""
    encoded = message.encode()
    if len(encoded) <= MAX_MESSAGE_LENGTH:
        return message
    return encoded[: MAX_MESSAGE_LENGTH - 3].decode(errors="ignore") + "..."


def _mark(obj: Conditioned, type: str, status: Status, reason: str, message: str) -> None:
    set_condition(obj, Condition(type=type, status=status, reason=reason, message=message, last_transition_time=""))


def mark_true(obj: Conditioned, type: str, reason: str, message: str) -> None:
    _mark(obj, type, "True", reason, message)


def mark_false(obj: Conditioned, type: str, reason: str, message: str) -> None:
    _mark(obj, type, "False", reason, message)


def mark_unknown(obj: Conditioned, type: str, reason: str, message: str) -> None:
    _mark(obj, type, "Unknown", reason, message)


def mark_reconciling(obj: Conditioned, reason: str, message: str) -> None:
    """Reconciling becomes True, Stalled is removed."""
    delete(obj, STALLED)
    mark_true(obj, RECONCILING, reason, message)


def mark_stalled(obj: Conditioned, reason: str, message: str) -> None:
    """Stalled becomes True, Reconciling is removed."""
    delete(obj, RECONCILING)
    mark_true(obj, STALLED, reason, message)


def delete(obj: Conditioned, type: str) -> None:
    obj.status.conditions = [condition for condition in obj.status.conditions if condition.type != type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How conditions are condensed into one (upstream's merge options).

    ``types`` are the conditions to consider, in the order that decides whose reason and message is taken; None means
    all. ``negative`` types are abnormal-true. ``step_counter`` makes the message ``x of y completed``, ``counter``
    makes it ``x of y <Type>``; with ``step_counter_if_only`` or ``counter_if_only`` a counter appears only while no
    other conditions are in scope. ``source_ref`` adds ``@ <Kind>/<name>`` to the reason, ``source_ref_if`` does so if
    one of its types exists. ``latest_generation`` ignores conditions of older generations.
    """

    types: Sequence[str] | None = None
    negative: Sequence[str] = ()
    step_counter: bool = False
    step_counter_if_only: Sequence[str] | None = None
    counter: bool = False
    counter_if_only: Sequence[str] | None = None
    source_ref: bool = False
    source_ref_if: Sequence[str] = ()
    latest_generation: bool = False


_Located = tuple[Condition, Conditioned]


@dataclass(slots=True)
class _Group:
    status: str
    negative: bool
    generation: int
    members: list[_Located]

    @property
    def priority(self) -> int:
        match self.status, self.negative:
            case "True", True:
                return 0
            case "False", False:
                return 1
            case "True", False:
                return 2
            case "False", True:
                return 3
            case _:
                return 4


def summarize(obj: Conditioned, target: str, options: Summary) -> Condition | None:
    """One condition that stands for the others of an object, None if there is none to stand for.

    The groups, by priority: negative True, positive False, positive True, negative False, Unknown. The first that is
    not empty gives status (inverted where its polarity is not the target's), reason and message.
    """
    scope: list[_Located] = [
        (condition, obj)
        for condition in obj.status.conditions
        if condition.type != target and (options.types is None or condition.type in options.types)
    ]
    total = len(scope)
    step_counter = options.step_counter
    if options.step_counter_if_only is not None:
        step_counter = step_counter and all(located[0].type in options.step_counter_if_only for located in scope)
        total = len(options.step_counter_if_only)
    elif options.types is not None:
        total = len(options.types)
    # without a step counter upstream leaves the total of the plain counter at zero
    return _merge(scope, target, options, step_counter, options.counter, total if step_counter else 0, False)


def aggregate(objects: Sequence[Conditioned], target: str, options: Summary) -> Condition | None:
    """One condition that stands for those of many objects, by the same priorities as :func:`summarize`."""
    scope: list[_Located] = [
        (condition, obj)
        for obj in objects
        for condition in obj.status.conditions
        if options.types is None or condition.type in options.types
    ]
    counter = options.counter
    if options.counter_if_only is not None:
        counter = counter and all(located[0].type in options.counter_if_only for located in scope)
    source_ref = any(located[0].type in options.source_ref_if for located in scope)
    return _merge(scope, target, options, options.step_counter, counter, len(objects), source_ref)


def _merge(
    scope: Sequence[_Located],
    target: str,
    options: Summary,
    step_counter: bool,
    counter: bool,
    total: int,
    source_ref: bool,
) -> Condition | None:
    groups = _group(scope, options)
    if not groups:
        return None
    top = groups[0]
    first, owner = _first(top, options.types or ())
    reason = first.reason
    if (options.source_ref or source_ref) and "@" not in reason:
        reason = f"{reason} @ {getattr(owner, 'kind', '')}/{owner.metadata.name}"
    if step_counter:
        done = next((len(group.members) for group in groups if not group.negative and group.status == "True"), 0)
        message = f"{done} of {total} completed"
    elif counter:
        message = f"{len(top.members)} of {total} {top.members[0][0].type}"
    else:
        message = first.message
    status = top.status
    if top.negative != (target in options.negative) and status in ("True", "False"):
        status = "False" if status == "True" else "True"
    return Condition(type=target, status=status, reason=reason, message=message, last_transition_time="")


def _group(scope: Sequence[_Located], options: Summary) -> list[_Group]:
    groups: list[_Group] = []
    for located in scope:
        condition = located[0]
        negative = condition.type in options.negative
        generation = condition.observed_generation if options.latest_generation else 0
        for group in groups:
            if (group.status, group.negative, group.generation) == (condition.status, negative, generation):
                group.members.append(located)
                break
        else:
            groups.append(_Group(condition.status, negative, generation, [located]))
    if options.latest_generation and groups:
        latest = max(group.generation for group in groups)
        groups = [group for group in groups if group.generation == latest]
    groups.sort(key=lambda group: group.priority)
    if groups:
        groups[0].members.sort(key=lambda located: (*_order(located[0]), located[1].metadata.name))
    return groups


def _first(group: _Group, order: Sequence[str]) -> _Located:
    for type in order:
        for located in group.members:
            if located[0].type == type:
                return located
    return group.members[0]


def set_summary(obj: Conditioned, target: str, options: Summary) -> None:
    """Sets the target to the summary; without anything to summarise it is left alone."""
    condition = summarize(obj, target, options)
    if condition is not None:
        set_condition(obj, condition)


def mirror(source: Conditioned, target: str, fallback: Condition | None = None) -> Condition | None:
    """The Ready condition of another object under the target's type; ``fallback`` stands in if it has none."""
    condition = get(source, READY) or fallback
    return None if condition is None else msgspec.structs.replace(condition, type=target)


def set_mirror(obj: Conditioned, target: str, source: Conditioned, fallback: Condition | None = None) -> None:
    condition = mirror(source, target, fallback)
    if condition is not None:
        set_condition(obj, condition)
