"""time.Time: an instant to the nanosecond with a location. Upstream: Go's ``time``."""

import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.durations import SECOND, Duration
from fluxkit.template.values import GoNamed, GoObject, Int64, wrap_int64

__all__ = ["LOCAL", "UTC_ZONE", "Location", "Time", "civil_seconds", "fixed_zone", "load_location"]

_DAY: Final = 86_400
_CYCLE: Final = 146_097 * _DAY
"""Four hundred years, after which the calendar repeats, weekdays included."""
_YEAR_ONE: Final = -62_135_596_800
"""Unix seconds of the zero time, January 1 of the year 1."""

WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Month(GoNamed, int):
    __slots__ = ()
    go_type: ClassVar[str] = "time.Month"
    go_kind: ClassVar[str] = "int"

    def go_string(self) -> str:
        return MONTHS[self - 1] if 1 <= self <= 12 else f"%!Month({int(self)})"


class Weekday(GoNamed, int):
    __slots__ = ()
    go_type: ClassVar[str] = "time.Weekday"
    go_kind: ClassVar[str] = "int"

    def go_string(self) -> str:
        return WEEKDAYS[self] if 0 <= self < 7 else f"%!Weekday({int(self)})"


Month.go_methods = {"String": Month.go_string}
Weekday.go_methods = {"String": Weekday.go_string}


@dataclass(frozen=True, slots=True)
class Location:
    """A time zone: ``offset_at`` gives seconds east of UTC and the abbreviation at a Unix second."""

    name: str
    offset_at: Callable[[int], tuple[int, str]]


def _local_offset(seconds: int) -> tuple[int, str]:
    try:
        found = clock.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return 0, "UTC"
    return found.tm_gmtoff, found.tm_zone


UTC_ZONE: Final = Location("UTC", lambda _: (0, "UTC"))
LOCAL: Final = Location("Local", _local_offset)
"""The zone of the process."""


def fixed_zone(name: str, offset: int) -> Location:
    return Location(name, lambda _: (offset, name))


@lru_cache(maxsize=64)
def load_location(name: str) -> Location:
    """``time.LoadLocation``; raises FunctionError for a zone that nobody knows."""
    if name in ("", "UTC"):
        return UTC_ZONE
    if name == "Local":
        return LOCAL
    unknown = FunctionError(f"unknown time zone {name}")
    if ".." in name or name[0] in "/\\":
        raise unknown
    from zoneinfo import ZoneInfo

    try:
        zone = ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise unknown from None

    def offset_at(seconds: int) -> tuple[int, str]:
        # The years that datetime knows; the rules before and after them do not change, and the calendar repeats.
        beyond = -(-max(seconds - 253_000_000_000, 0) // _CYCLE)
        bounded = max(seconds - beyond * _CYCLE, -62_000_000_000)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=bounded)
        local = moment.astimezone(zone)
        offset = local.utcoffset()
        return (int(offset.total_seconds()) if offset else 0), local.tzname() or ""

    return Location(name, offset_at)


def civil_seconds(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Seconds from the epoch to a civil time in UTC; values beyond their range carry over."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    years = year - (month <= 2)
    era = years // 400
    of_era = years - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year + day - 1 - 719_468
    return days * _DAY + hour * 3600 + minute * 60 + second


def _civil(days: int) -> tuple[int, int, int]:
    days += 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    part = (5 * of_year + 2) // 153
    month = part + 3 if part < 10 else part - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * part + 2) // 5 + 1


class Time(GoObject):
    """A ``time.Time``; ``seconds`` count from the Unix epoch, ``nanoseconds`` from the second."""

    __slots__ = ("_local", "location", "nanoseconds", "seconds")
    go_type: ClassVar[str] = "time.Time"

    def __init__(self, seconds: int, nanoseconds: int = 0, location: Location = UTC_ZONE) -> None:
        self.seconds = seconds
        self.nanoseconds = nanoseconds
        self.location = location
        self._local: int | None = None

    @classmethod
    def zero(cls) -> "Time":
        return cls(_YEAR_ONE)

    @classmethod
    def civil(
        cls, location: Location, year: int, month: int, day: int, hour: int, minute: int, second: int, nanos: int
    ) -> "Time":
        """``time.Date``: a civil time in a zone; in the gap or overlap of a clock change, Go's choice."""
        second, nanos = second + nanos // SECOND, nanos % SECOND
        unix = civil_seconds(year, month, day, hour, minute, second)
        offset = location.offset_at(unix)[0]
        if offset:
            offset = location.offset_at(unix - offset)[0]
        return cls(unix - offset, nanos, location)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Time)
            and (self.seconds, self.nanoseconds) == (other.seconds, other.nanoseconds)
            and self.location.name == other.location.name
        )

    def __hash__(self) -> int:
        return hash((self.seconds, self.nanoseconds))

    @property
    def instant(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self.seconds * SECOND + self.nanoseconds

    @property
    def zone(self) -> tuple[int, str]:
        """Seconds east of UTC, and the abbreviation."""
        return self.location.offset_at(self.seconds)

    @property
    def local_seconds(self) -> int:
        if self._local is None:
            self._local = self.seconds + self.zone[0]
        return self._local

    @property
    def date(self) -> tuple[int, int, int]:
        """Year, month, day."""
        return _civil(self.local_seconds // _DAY)

    @property
    def time_of_day(self) -> tuple[int, int, int]:
        """Hour, minute, second."""
        minutes, second = divmod(self.local_seconds % _DAY, 60)
        hour, minute = divmod(minutes, 60)
        return hour, minute, second

    @property
    def weekday(self) -> int:
        return (self.local_seconds // _DAY + 4) % 7

    @property
    def day_of_year(self) -> int:
        return self.local_seconds // _DAY - civil_seconds(self.date[0], 1, 1) // _DAY + 1

    def within(self, location: Location) -> "Time":
        return Time(self.seconds, self.nanoseconds, location)

    def plus(self, nanoseconds: int) -> "Time":
        seconds, rest = divmod(self.instant + nanoseconds, SECOND)
        return Time(seconds, rest, self.location)

    def minus(self, other: "Time") -> Duration:
        return Duration(max(-(2**63), min(self.instant - other.instant, 2**63 - 1)))

    def go_string(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def go_json(self) -> str:
        return self.format("2006-01-02T15:04:05.999999999Z07:00")

    def format(self, layout: str) -> str:
        # Here, because layouts are read into times and so need this module.
        from fluxkit.template.sprig.timelayout import format_time

        return format_time(self, layout)


def _add_date(value: Time, years: int, months: int, days: int) -> Time:
    year, month, day = value.date
    hour, minute, second = value.time_of_day
    return Time.civil(value.location, year + years, month + months, day + days, hour, minute, second, value.nanoseconds)


def _other(value: Any) -> Time:
    if not isinstance(value, Time):
        raise FunctionError("wrong type for value; expected time.Time")
    return value


def _truncated(value: Time, multiple: int) -> Time:
    since_year_one = value.instant - _YEAR_ONE * SECOND
    return value.plus(-(since_year_one % multiple)) if multiple > 0 else value


_METHODS: Mapping[str, Callable[..., Any]] = {
    "Add": lambda value, duration: value.plus(int(duration)),
    "AddDate": _add_date,
    "After": lambda value, other: value.instant > _other(other).instant,
    "Before": lambda value, other: value.instant < _other(other).instant,
    "Compare": lambda value, other: (value.instant > _other(other).instant) - (value.instant < _other(other).instant),
    "Day": lambda value: value.date[2],
    "Equal": lambda value, other: value.instant == _other(other).instant,
    "Format": Time.format,
    "Hour": lambda value: value.time_of_day[0],
    "IsZero": lambda value: value.instant == _YEAR_ONE * SECOND,
    "Local": lambda value: value.within(LOCAL),
    "Minute": lambda value: value.time_of_day[1],
    "Month": lambda value: Month(value.date[1]),
    "Nanosecond": lambda value: value.nanoseconds,
    "Second": lambda value: value.time_of_day[2],
    "String": Time.go_string,
    "Sub": lambda value, other: value.minus(_other(other)),
    "Truncate": lambda value, multiple: _truncated(value, int(multiple)),
    "UTC": lambda value: value.within(UTC_ZONE),
    "Unix": lambda value: Int64(value.seconds),
    "UnixMicro": lambda value: wrap_int64(value.instant // 1_000),
    "UnixMilli": lambda value: wrap_int64(value.instant // 1_000_000),
    "UnixNano": lambda value: wrap_int64(value.instant),
    "Weekday": lambda value: Weekday(value.weekday),
    "Year": lambda value: value.date[0],
    "YearDay": lambda value: value.day_of_year,
}
Time.go_methods = _METHODS
