"""Go durations: the text form of every interval and timeout in the Kubernetes and Flux APIs.

Follows golang/go ``time.ParseDuration`` and ``Duration.String``.
"""

import re

__all__ = ["DurationError", "format_duration", "parse_duration"]

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TERM = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


class DurationError(ValueError):
    """A text is not a Go duration."""


def parse_duration(text: str) -> float:
    """Seconds of a Go duration such as ``1h30m`` or ``750ms``; raises :class:`DurationError`."""
    rest = text
    sign = 1
    if rest[:1] in ("-", "+"):
        sign = -1 if rest[0] == "-" else 1
        rest = rest[1:]
    if rest == "0":
        return 0.0
    total = 0.0
    position = 0
    while found := _TERM.match(rest, position):
        total += float(found[1]) * _NANOSECONDS[found[2]]
        position = found.end()
    if not rest or position != len(rest):
        raise DurationError(f'invalid duration "{text}": expected a sequence such as 1h30m, 45s or 750ms')
    return sign * total / 1e9


def format_duration(seconds: float) -> str:
    """The Go form of a duration in seconds: ``90`` is ``1m30s``, ``0.25`` is ``250ms``, ``0`` is ``0s``."""
    nanoseconds = round(abs(seconds) * 1e9)
    sign = "-" if seconds < 0 and nanoseconds else ""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 1_000_000_000:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if nanoseconds >= size:
                return f"{sign}{_decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    text = f"{_decimal(rest, 1_000_000_000)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return sign + text


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    if not fraction:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{fraction:0{digits}d}".rstrip("0")
