"""RFC 3339 timestamps as Kubernetes writes them: UTC, whole seconds (``Time``) or microseconds (``MicroTime``)."""

import re
from datetime import UTC, datetime

__all__ = ["format_micro_time", "format_time", "now", "parse_time"]

_FRACTION = re.compile(r"\.(\d+)")


def now() -> datetime:
    return datetime.now(UTC)


def format_time(moment: datetime) -> str:
    """``metav1.Time``: ``2006-01-02T15:04:05Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def format_micro_time(moment: datetime) -> str:
    """``metav1.MicroTime``: ``2006-01-02T15:04:05.000000Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """A timezone-aware moment from RFC 3339 text with any number of fractional digits; raises ``ValueError``."""
    trimmed = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text, count=1)
    moment = datetime.fromisoformat(trimmed)
    if moment.tzinfo is None:
        raise ValueError(f"timestamp {text!r} has no time zone")
    return moment
