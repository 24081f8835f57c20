"""Dates: formatting, reading and shifting times. Upstream: Masterminds/sprig ``date.go``."""

from collections.abc import Callable
from typing import Any

from fluxkit.template.errors import FunctionError
from fluxkit.template.functions import Function
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.durations import HOUR, MINUTE, SECOND, Duration, parse_duration
from fluxkit.template.sprig.gotime import LOCAL, Time, load_location
from fluxkit.template.sprig.numbers import parse_int
from fluxkit.template.sprig.timelayout import parse_time
from fluxkit.template.values import kind_of, type_name, wrap_int64

__all__ = ["functions"]

_ROUNDED = (
    (365 * 24 * HOUR, "y"),
    (30 * 24 * HOUR, "mo"),
    (24 * HOUR, "d"),
    (HOUR, "h"),
    (MINUTE, "m"),
    (SECOND, "s"),
)


def _plus(text: str, moment: Time) -> Time:
    return moment.plus(parse_duration(text))


def _date_modify(text: str, moment: Time) -> Time:
    """A text that is no duration changes nothing."""
    try:
        return _plus(text, moment)
    except FunctionError:
        return moment


def _to_date(layout: str, text: str) -> Time:
    try:
        return parse_time(layout, text)
    except FunctionError:
        return Time.zero()


def _unix_epoch(moment: Time) -> str:
    return str(moment.seconds)


def _duration(seconds: Any) -> str:
    """Only a decimal text and an int64 count."""
    number = 0
    if isinstance(seconds, str):
        number = parse_int(seconds) or 0
    elif type_name(seconds) == "int64":
        number = int(seconds)
    return Duration(wrap_int64(number * SECOND)).go_string()


def _is_unix(value: Any, types: tuple[str, ...]) -> bool:
    return kind_of(value) in types and type_name(value) in types


def functions(now: Callable[[], Time]) -> dict[str, Function]:
    """The date functions over a clock: name in templates -> Go signature and implementation."""

    def moment_of(value: Any, *integers: str) -> Time:
        """A time as it is, integers as Unix seconds, everything else is now."""
        if isinstance(value, Time):
            return value
        return Time(int(value), 0, LOCAL) if _is_unix(value, integers) else now()

    def date_in_zone(layout: str, value: Any, zone: str) -> str:
        try:
            location = load_location(zone)
        except FunctionError:
            location = load_location("UTC")
        return moment_of(value, "int", "int32", "int64").within(location).format(layout)

    def date(layout: str, value: Any) -> str:
        return date_in_zone(layout, value, "Local")

    def html_date(value: Any) -> str:
        return date_in_zone("2006-01-02", value, "Local")

    def html_date_in_zone(value: Any, zone: str) -> str:
        return date_in_zone("2006-01-02", value, zone)

    def ago(value: Any) -> str:
        return now().minus(moment_of(value, "int", "int64")).rounded(SECOND).go_string()

    def duration_round(value: Any) -> str:
        """In the largest unit that it exceeds, without sign."""
        size = 0
        if isinstance(value, str):
            try:
                size = abs(parse_duration(value))
            except FunctionError:
                size = 0
        elif type_name(value) == "int64":
            size = abs(int(value))
        elif isinstance(value, Time):
            size = abs(now().minus(value))
        return next((f"{size // unit}{name}" for unit, name in _ROUNDED if size > unit), "0s")

    return declare(
        {
            "ago": ("func(interface {}) string", ago),
            "date": ("func(string, interface {}) string", date),
            "dateInZone": ("func(string, interface {}, string) string", date_in_zone),
            "dateModify": ("func(string, time.Time) time.Time", _date_modify),
            "date_in_zone": ("func(string, interface {}, string) string", date_in_zone),
            "date_modify": ("func(string, time.Time) time.Time", _date_modify),
            "duration": ("func(interface {}) string", _duration),
            "durationRound": ("func(interface {}) string", duration_round),
            "htmlDate": ("func(interface {}) string", html_date),
            "htmlDateInZone": ("func(interface {}, string) string", html_date_in_zone),
            "mustDateModify": ("func(string, time.Time) (time.Time, error)", _plus),
            "mustToDate": ("func(string, string) (time.Time, error)", parse_time),
            "must_date_modify": ("func(string, time.Time) (time.Time, error)", _plus),
            "now": ("func() time.Time", now),
            "toDate": ("func(string, string) time.Time", _to_date),
            "unixEpoch": ("func(time.Time) string", _unix_epoch),
        }
    )
