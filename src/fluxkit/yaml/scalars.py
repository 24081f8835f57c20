"""What a plain scalar means: the resolution rules of go-yaml.

Two generations of go-yaml read Kubernetes manifests. Version 2 (through sigs.k8s.io/yaml: kubectl, controllers, the
JSON 6902 patches of kustomize) takes ``yes``, ``on`` and ``y`` as booleans; version 3 (the resource reader of
kustomize) does not. Numbers and timestamps are recognised alike (go.yaml.in/yaml ``resolve.go``).
"""

import base64
import binascii
import math
import re
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Final

__all__ = [
    "YAML11_BOOLEANS",
    "ScalarKind",
    "classify",
    "decode_binary",
    "float_text",
    "float_value",
    "int_of",
    "json_number",
    "needs_quotes",
    "rfc3339_of",
]

INT64_MIN: Final = -(2**63)
UINT64_MAX: Final = 2**64 - 1

YAML11_BOOLEANS: Final = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}
"""Words that only YAML 1.1 reads as booleans."""


class ScalarKind(Enum):
    """The type that an untagged plain scalar resolves to."""

    STRING = "!!str"
    NULL = "!!null"
    BOOL = "!!bool"
    INT = "!!int"
    FLOAT = "!!float"
    TIMESTAMP = "!!timestamp"


_WORDS: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), ScalarKind.BOOL),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ScalarKind.NULL),
    **dict.fromkeys((".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF"), ScalarKind.FLOAT),
    **dict.fromkeys(("+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"), ScalarKind.FLOAT),
}

_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_INT = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO](?P<oct>[0-7]+)"
    r"|0(?P<old>[0-7]+)|(?P<dec>0|[1-9][0-9]*))",
    re.ASCII,
)
# A binary literal may carry its sign behind the prefix, because go-yaml strips the prefix and parses the rest.
_SIGNED_BINARY = re.compile(r"0b[-+][01]+", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2})([.,]\d+)?(Z|[-+]\d\d:\d\d)?)?", re.ASCII
)
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)
_NUMERIC_START: Final = frozenset("+-.0123456789")


def int_of(text: str) -> int | None:
    """The integer that ``text`` spells in any notation of go-yaml (``010`` is 8), None if it is none of 64 bits."""
    plain = text.replace("_", "")
    match = _INT.fullmatch(plain)
    if match is None:
        if _SIGNED_BINARY.fullmatch(plain):
            return int(plain[2:], 2)
        return None
    digits, base = "", 10
    for group, radix in (("dec", 10), ("hex", 16), ("bin", 2), ("oct", 8), ("old", 8)):
        found = match[group]
        if found is not None:
            digits, base = found, radix
            break
    if len(digits) > 64:
        return None
    value = int(digits, base)
    sign = match["sign"]
    if sign == "-":
        value = -value
    limit = UINT64_MAX if not sign else 2**63 - 1
    return value if INT64_MIN <= value <= limit else None


def _timestamp(text: str) -> datetime | None:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    year, month, day, separator, hour, minute, second, fraction, zone = match.groups()
    try:
        if separator is None:
            found = date(int(year), int(month), int(day))
            return datetime(found.year, found.month, found.day, tzinfo=UTC)
        # Only the form with a space has no zone, and the forms with T must have one.
        if (separator == " ") != (zone is None):
            return None
        offset = UTC
        if zone and zone != "Z":
            delta = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
            offset = timezone(-delta if zone[0] == "-" else delta)
        micro = int((fraction[1:] + "000000")[:6]) if fraction else 0
        return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micro, offset)
    except ValueError:
        return None


def rfc3339_of(text: str) -> str:
    """A timestamp scalar in the form that Go prints a time in JSON: ``2001-01-01`` is ``2001-01-01T00:00:00Z``."""
    stamp = _timestamp(text)
    match = _TIMESTAMP.fullmatch(text)
    if stamp is None or match is None:
        return text
    fraction = (match[8] or "").replace(",", ".").rstrip("0").rstrip(".")
    zone = match[9] or "Z"
    return f"{stamp:%Y-%m-%dT%H:%M:%S}{fraction[:10]}{'Z' if zone == 'Z' or zone[1:] == '00:00' else zone}"


def classify(text: str) -> ScalarKind:
    """The type of an untagged plain scalar in go-yaml v3; v2 differs by :data:`YAML11_BOOLEANS` only."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[0] not in _NUMERIC_START:
        return ScalarKind.STRING
    if text[0] == ".":
        return ScalarKind.FLOAT if _FLOAT.fullmatch(text) and _finite(text) else ScalarKind.STRING
    if text[4:5] == "-" and _timestamp(text) is not None:
        return ScalarKind.TIMESTAMP
    if int_of(text) is not None:
        return ScalarKind.INT
    plain = text.replace("_", "")
    return ScalarKind.FLOAT if _FLOAT.fullmatch(plain) and _finite(plain) else ScalarKind.STRING


def _finite(text: str) -> bool:
    return not math.isinf(float(text))


def float_value(text: str) -> float:
    """The value of a scalar that :func:`classify` found to be a float."""
    folded = text.lower()
    if folded.endswith((".inf", ".nan")):
        return float(folded.replace(".", ""))
    return float(text.replace("_", ""))


def json_number(value: float) -> int | float:
    """A float as it comes out of a trip through JSON: integral values that fit 64 bits are integers (``1e3``)."""
    if value.is_integer() and abs(value) < 1e21:
        # JSON spells the shortest digits that give the float, and zeros behind them.
        from decimal import Decimal

        whole = int(Decimal(repr(value)))
        if INT64_MIN <= whole <= UINT64_MAX:
            return whole
    return value


def needs_quotes(text: str) -> bool:
    """Whether sigs.k8s.io/yaml double-quotes this string because, plain, it would read as another type."""
    if text in _WORDS or text in YAML11_BOOLEANS:
        return True
    if text[0] not in _NUMERIC_START:
        return False
    return classify(text) is not ScalarKind.STRING or (":" in text and _BASE60.fullmatch(text) is not None)


def decode_binary(text: str) -> str:
    """The text in a ``!!binary`` scalar; bytes that are not UTF-8 become U+FFFD. Raises ValueError on bad base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except binascii.Error:
        raise ValueError("!!binary value contains invalid base64 data") from None


def float_text(value: float) -> str:
    """A float as Go prints it with ``strconv.FormatFloat(f, 'g', -1, 64)``: ``1.5e-07``, ``1.2345675e+06``."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    mantissa, _, exponent_text = f"{value!r}".partition("e")
    digits_text = mantissa.lstrip("-")
    whole, _, fraction = digits_text.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent_text or 0)
    leading = len(whole + fraction) - len((whole + fraction).lstrip("0"))
    point -= leading
    digits = digits.rstrip("0")
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if not digits:
        return sign + "0"
    exponent = point - 1
    if exponent < -4 or exponent >= 6:
        body = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{body}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"
