"""Cron schedules: five fields, names, ranges, steps, ``@daily`` and its kin, ``@every <duration>``.

Follows github.com/robfig/cron v3 (spec.go, parser.go), which the CronJob controller uses.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fluxkit.durations import parse_duration

__all__ = ["Schedule", "ScheduleError", "parse_schedule"]

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_HORIZON = timedelta(days=5 * 366)


class ScheduleError(ValueError):
    """Text that is no schedule."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is due; times are computed in the time zone of the moment that is asked about."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Both days of the month and days of the week are restricted: one of them suffices."""
    every: timedelta | None = None

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment; None if there is none within five years."""
        if self.every is not None:
            return (moment + self.every).replace(microsecond=0)
        due = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        limit = moment + _HORIZON
        while due < limit:
            if due.month not in self.months or not self._is_day(due):
                due = due.replace(hour=0, minute=0) + timedelta(days=1)
            elif due.hour not in self.hours:
                due = due.replace(minute=0) + timedelta(hours=1)
            elif due.minute not in self.minutes:
                due += timedelta(minutes=1)
            else:
                return due
        return None

    def _is_day(self, moment: datetime) -> bool:
        of_month = moment.day in self.days
        of_week = moment.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week


def _field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        span, slash, step_text = part.partition("/")
        first_text, dash, last_text = span.partition("-")
        try:
            step = int(step_text) if slash else 1
            if first_text in ("*", "?"):
                first, last = low, high
            else:
                first = names[first_text] if first_text in names else int(first_text)
                last = (names[last_text] if last_text in names else int(last_text)) if dash else first
                if slash and not dash:
                    last = high
        except ValueError:
            raise ScheduleError(f"failed to parse int from {part}") from None
        if not (low <= first <= last <= high and step > 0):
            raise ScheduleError(f"{part} is not within {low}-{high}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def parse_schedule(text: str) -> Schedule:
    """A schedule from its text; raises :class:`ScheduleError`."""
    text = text.strip()
    if text.startswith("@every "):
        try:
            seconds = parse_duration(text.removeprefix("@every ").strip())
        except ValueError as error:
            raise ScheduleError(f"failed to parse duration {text}: {error}") from None
        empty: frozenset[int] = frozenset()
        return Schedule(empty, empty, empty, empty, empty, False, timedelta(seconds=max(1, int(seconds))))
    fields = _MACROS.get(text, text).split()
    if len(fields) != 5:
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = fields
    return Schedule(
        _field(minutes, 0, 59, {}),
        _field(hours, 0, 23, {}),
        _field(days, 1, 31, {}),
        _field(months, 1, 12, _MONTHS),
        frozenset(each % 7 for each in _field(weekdays, 0, 7, _DAYS)),
        days[0] not in "*?" and weekdays[0] not in "*?",
    )
