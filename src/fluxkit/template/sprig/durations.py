"""time.Duration: a count of nanoseconds. Upstream: Go's ``time``, helm ``pkg/engine/funcs.go``."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.numbers import parse_float
from fluxkit.template.sprig.text import SPACE
from fluxkit.template.values import GoNamed, Int64, kind_of, to_bytes, type_name

__all__ = ["FUNCTIONS", "SECOND", "Duration", "parse_duration", "quoted"]

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
_UNITS: Final = {
    "ns": 1,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_LIMIT: Final = 2**63
_NUMBER: Final = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?")
_UNIT: Final = re.compile(r"[^.0-9]*")


class Duration(GoNamed, Int64):
    """A ``time.Duration``."""

    __slots__ = ()
    go_type: ClassVar[str] = "time.Duration"
    go_kind: ClassVar[str] = "int64"

    def go_string(self) -> str:
        return _text(int(self))

    @property
    def seconds(self) -> float:
        return _in_units(self, SECOND)

    def rounded(self, multiple: int) -> "Duration":
        """To the nearest multiple, halves away from zero; unchanged for a multiple of no size."""
        if multiple <= 0:
            return self
        rest = abs(self) % multiple
        size = abs(self) - rest + (multiple if rest * 2 >= multiple else 0)
        return Duration(max(-_LIMIT, min(size if self >= 0 else -size, _LIMIT - 1)))

    def truncated(self, multiple: int) -> "Duration":
        """Toward zero to a multiple."""
        if multiple <= 0:
            return self
        size = abs(self) - abs(self) % multiple
        return Duration(size if self >= 0 else -size)


def _in_units(value: int, unit: int) -> float:
    """As Go divides: whole units and the rest apart."""
    size = abs(value)
    number = float(size // unit) + float(size % unit) / unit
    return number if value >= 0 else -number


def _fraction(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0")


def _text(value: int) -> str:
    """``Duration.String``."""
    size, sign = abs(value), "-" if value < 0 else ""
    if size == 0:
        return "0s"
    for unit, name in ((1, "ns"), (MICROSECOND, "µs"), (MILLISECOND, "ms")):
        if size < unit * 1000:
            return f"{sign}{_fraction(size, unit)}{name}"
    minutes, rest = divmod(size, MINUTE)
    text = f"{_fraction(rest, SECOND)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return sign + text


_UNQUOTED: Final = re.compile(rb'["\\\x00-\x1f\x80-\xff]')


def quoted(text: str) -> str:
    """A text in the messages of Go's ``time``: every byte that is not printable ASCII is escaped."""

    def escape(found: re.Match[bytes]) -> bytes:
        return b"\\" + found[0] if found[0] in b'"\\' else b"\\x%02x" % found[0][0]

    return '"' + _UNQUOTED.sub(escape, to_bytes(text)).decode("ascii") + '"'


def parse_duration(text: str) -> Duration:
    """``time.ParseDuration``; raises FunctionError with its texts."""
    invalid = FunctionError(f"time: invalid duration {quoted(text)}")
    negative = text[:1] == "-"
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return Duration(0)
    if not rest:
        raise invalid
    total = 0
    while rest:
        number = _NUMBER.match(rest)
        if number is None or not (number[1] or number[3]):
            raise invalid
        whole, fraction = int(number[1] or "0"), number[3] or ""
        rest = rest[number.end() :]
        found = _UNIT.match(rest)
        name = found[0] if found else ""
        if not name:
            raise FunctionError(f"time: missing unit in duration {quoted(text)}")
        if name not in _UNITS:
            raise FunctionError(f"time: unknown unit {quoted(name)} in duration {quoted(text)}")
        unit = _UNITS[name]
        total += whole * unit + int(float(fraction or "0") * (unit / 10.0 ** len(fraction)))
        if total > _LIMIT:
            raise invalid
        rest = rest[len(name) :]
    if total == _LIMIT and not negative:
        raise invalid
    return Duration(-total if negative else total)


def _from_seconds(seconds: int) -> Duration:
    if not -_LIMIT <= seconds * SECOND < _LIMIT:
        raise FunctionError(f"duration seconds overflow: {seconds}")
    return Duration(seconds * SECOND)


def _from_float(seconds: float) -> Duration:
    if not math.isfinite(seconds):
        raise FunctionError(f"invalid duration seconds: {text_of(seconds)}")
    if abs(seconds) > _LIMIT / SECOND:
        raise FunctionError(f"duration seconds overflow: {text_of(seconds)}")
    return Duration(min(int(seconds * 1e9), _LIMIT - 1))


def as_duration(value: Any) -> Duration:
    """A duration from a duration, its text, or a number of seconds. Raises FunctionError."""
    if isinstance(value, Duration):
        return value
    if value is None:
        raise FunctionError("invalid duration")
    if isinstance(value, str):
        text = value.strip(SPACE)
        if not text:
            raise FunctionError("empty duration")
        try:
            return parse_duration(text)
        except FunctionError:
            number = parse_float(text)
            if number is not None:
                return _from_float(number)
        raise FunctionError(f"could not parse duration {quote(value)}")
    kind = kind_of(value)
    if kind.startswith(("int", "uint")):
        return _from_seconds(int(value))
    if kind.startswith("float"):
        return _from_float(float(value))
    raise FunctionError(f"unsupported duration type {type_name(value)}")


def _number_of(convert: Callable[[Duration], Any]) -> Callable[[Any], Any]:
    """A function that counts something in what may be a duration, 0 if it is none."""

    def number(value: Any) -> Any:
        try:
            return convert(as_duration(value))
        except FunctionError:
            return convert(Duration(0))

    return number


def _whole(unit: int) -> Callable[[Duration], Int64]:
    return lambda value: Int64(abs(value) // unit if value >= 0 else -(abs(value) // unit))


def _hours(value: Duration) -> float:
    return _in_units(value, HOUR)


def _to_multiple(adjust: Callable[[Duration, int], Duration]) -> Callable[[Any, Any], Duration]:
    def adjusted(value: Any, multiple: Any) -> Duration:
        try:
            duration = as_duration(value)
        except FunctionError:
            return Duration(0)
        try:
            return adjust(duration, as_duration(multiple))
        except FunctionError:
            return duration

    return adjusted


_METHODS: Mapping[str, Callable[..., Any]] = {
    "Abs": lambda value: Duration(min(abs(value), _LIMIT - 1)),
    "Hours": _hours,
    "Microseconds": _whole(MICROSECOND),
    "Milliseconds": _whole(MILLISECOND),
    "Minutes": lambda value: _in_units(value, MINUTE),
    "Nanoseconds": _whole(1),
    "Round": lambda value, multiple: value.rounded(int(multiple)),
    "Seconds": lambda value: value.seconds,
    "String": lambda value: value.go_string(),
    "Truncate": lambda value, multiple: value.truncated(int(multiple)),
}
Duration.go_methods = _METHODS


FUNCTIONS = declare(
    {
        "durationDays": ("func(interface {}) float64", _number_of(lambda value: _hours(value) / 24.0)),
        "durationHours": ("func(interface {}) float64", _number_of(_hours)),
        "durationMicroseconds": ("func(interface {}) int64", _number_of(_whole(MICROSECOND))),
        "durationMilliseconds": ("func(interface {}) int64", _number_of(_whole(MILLISECOND))),
        "durationMinutes": ("func(interface {}) float64", _number_of(lambda value: _in_units(value, MINUTE))),
        "durationNanoseconds": ("func(interface {}) int64", _number_of(_whole(1))),
        "durationRoundTo": ("func(interface {}, interface {}) time.Duration", _to_multiple(Duration.rounded)),
        "durationSeconds": ("func(interface {}) float64", _number_of(lambda value: value.seconds)),
        "durationTruncateTo": ("func(interface {}, interface {}) time.Duration", _to_multiple(Duration.truncated)),
        "durationWeeks": ("func(interface {}) float64", _number_of(lambda value: _hours(value) / 24.0 / 7.0)),
        "mustToDuration": ("func(interface {}) time.Duration", as_duration),
    }
)
"""Name in templates -> Go signature and implementation."""
