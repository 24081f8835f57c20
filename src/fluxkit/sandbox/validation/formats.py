"""String formats that structural schemas may name. An unknown format accepts anything, as upstream's does.

Follows kube-openapi ``pkg/validation/strfmt``.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

from fluxkit.timestamps import parse_time

__all__ = ["matches"]

_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_SPACED_DURATION = re.compile(
    r"\s*\d+\s*(?:ns|nanos?|us|micros?|ms|millis?|s|secs?|m|mins?|h|hrs?|hours?|d|days?|w|weeks?)\s*"
)
_HOSTNAME = re.compile(
    r"(?=.{1,255}$)[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*"
)
_MAC = re.compile(r"(?i)[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return check


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


_CHECKS: dict[str, Callable[[str], bool]] = {
    "byte": _parses(lambda text: base64.b64decode(text, validate=True)),
    "cidr": _parses(lambda text: ipaddress.ip_network(text, strict=False)),
    "date": _parses(date.fromisoformat),
    "date-time": _parses(parse_time),
    "datetime": _parses(parse_time),
    "duration": lambda text: bool(_DURATION.fullmatch(text) or _SPACED_DURATION.fullmatch(text)),
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "hostname": lambda text: bool(_HOSTNAME.fullmatch(text)),
    "ipv4": _parses(ipaddress.IPv4Address),
    "ipv6": _parses(ipaddress.IPv6Address),
    "mac": lambda text: bool(_MAC.fullmatch(text)),
    "uri": _is_uri,
    "uuid": lambda text: bool(_UUID.fullmatch(text)),
    "uuid3": lambda text: bool(_UUID.fullmatch(text)),
    "uuid4": lambda text: bool(_UUID.fullmatch(text)),
    "uuid5": lambda text: bool(_UUID.fullmatch(text)),
}


def matches(name: str, text: str) -> bool:
    """Whether a text has the named format."""
    check = _CHECKS.get(name)
    return check is None or check(text)
