"""The formats of texts that drafts up to 7 check (santhosh-tekuri/jsonschema ``format.go``)."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote, quote_rune
from fluxkit.template.sprig.gotime import UTC_ZONE
from fluxkit.template.sprig.regex import compiled
from fluxkit.template.sprig.timelayout import parse_time
from fluxkit.template.sprig.urls import parse_url

__all__ = ["FORMATS", "FormatCheck", "FormatProblem"]

FormatCheck = Callable[[Any], None]
"""Raises FormatProblem; whatever is no text passes."""

_ALNUM: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_LOCAL: Final = _ALNUM | frozenset(".!#$%&'*+-/=?^_`{|}~")
_UNITS: Final = ("YMD", "HMS")
_DIGITS: Final = re.compile(r"[0-9]*")


class FormatProblem(ValueError):
    """Why a text is not of a format."""


def _date(text: str) -> None:
    try:
        parse_time("2006-01-02", text, UTC_ZONE)
    except FunctionError as problem:
        raise FormatProblem(str(problem)) from None


def _atoi(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _clock(text: str, what: str, where: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(":", 2 if what == "hour/min/sec" else 1):
        number = _atoi(part)
        if number is None:
            raise FormatProblem(f"invalid {what}{where}")
        if number < 0:
            raise FormatProblem(f"non-positive {what}{where}")
        numbers.append(number)
    return numbers


def _time(text: str) -> None:
    if len(text.encode("utf-8", "surrogateescape")) < 9:
        raise FormatProblem("less than 9 characters long")
    if text[2] != ":" or text[5:6] != ":":
        raise FormatProblem("missing colon in correct place")
    hour, minute, second = _clock(text[:8], "hour/min/sec", "")
    if hour > 23 or minute > 59 or second > 60:
        raise FormatProblem("hour/min/sec out of range")
    rest = text[8:]
    if rest.startswith("."):
        digits = _run(rest[1:])
        if not digits:
            raise FormatProblem("no digits in second fraction")
        rest = rest[1 + len(digits) :]
    if rest not in ("z", "Z"):
        if len(rest) != 6:
            raise FormatProblem("offset must be 6 characters long")
        if rest[0] not in "+-":
            raise FormatProblem("offset must begin with plus/minus")
        if rest[3] != ":":
            raise FormatProblem("missing colon in offset in correct place")
        hours, minutes = _clock(rest[1:], "hour/min", " in offset")
        if hours > 23 or minutes > 59:
            raise FormatProblem("hour/min in offset out of range")
        moment = hour * 60 + minute + (-1 if rest[0] == "+" else 1) * (hours * 60 + minutes)
        moment += 24 * 60 if moment < 0 else 0
        hour, minute = divmod(moment, 60)
    if second >= 60 and (hour != 23 or minute != 59):
        raise FormatProblem("invalid leap second")


def _date_time(text: str) -> None:
    if len(text.encode("utf-8", "surrogateescape")) < 20:
        raise FormatProblem("less than 20 characters long")
    if text[10] not in "tT":
        raise FormatProblem("11th character must be t or T")
    _within("invalid date element", _date, text[:10])
    _within("invalid time element", _time, text[11:])


def _within(what: str, checked: Callable[[str], None], text: str) -> None:
    try:
        checked(text)
    except FormatProblem as problem:
        raise FormatProblem(f"{what}: {problem}") from None


def _run(text: str) -> str:
    found = _DIGITS.match(text)
    return found[0] if found else ""


def _duration(text: str) -> None:
    if not text.startswith("P"):
        raise FormatProblem("must start with P")
    text = text[1:]
    if not text:
        raise FormatProblem("nothing after P")
    if text.endswith("W"):
        weeks = text[:-1]
        if not weeks:
            raise FormatProblem("no number in week")
        if _run(weeks) != weeks:
            raise FormatProblem("invalid week")
        return
    for at, part in enumerate(text.split("T")):
        if at and not part:
            raise FormatProblem("no time elements")
        if at >= len(_UNITS):
            raise FormatProblem("more than one T")
        _duration_part(part, _UNITS[at])


def _duration_part(text: str, units: str) -> None:
    left = units
    while text:
        digits = _run(text)
        if not digits:
            raise FormatProblem("missing number")
        text = text[len(digits) :]
        if not text:
            raise FormatProblem("missing unit")
        unit, text = text[0], text[1:]
        if unit not in left:
            raise FormatProblem(f"unit {quote_rune(ord(unit))} out of order" if unit in units else _bad_unit(unit))
        left = left[left.index(unit) + 1 :]


def _bad_unit(unit: str) -> str:
    return f"invalid unit {quote_rune(unit.encode('utf-8', 'surrogateescape')[0])}"


def _ipv4(text: str) -> None:
    groups = text.split(".")
    if len(groups) != 4:
        raise FormatProblem("expected four decimals")
    for group in groups:
        if len(group) > 1 and group[0] == "0":
            raise FormatProblem("leading zeros")
        number = _atoi(group)
        if number is None:
            raise FormatProblem(f"strconv.Atoi: parsing {quote(group)}: invalid syntax")
        if not 0 <= number <= 255:
            raise FormatProblem("decimal must be between 0 and 255")


def _ipv6(text: str) -> None:
    if ":" not in text:
        raise FormatProblem("missing colon")
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise FormatProblem(f"ParseAddr({quote(text)}): unable to parse IP") from None
    if address.scope_id is not None:
        raise FormatProblem("zone id is not a part of ipv6 address")


def _hostname(text: str) -> None:
    text = text.removesuffix(".")
    if len(text) > 253:
        raise FormatProblem("more than 253 characters long")
    for label in text.split("."):
        if not 1 <= len(label.encode("utf-8", "surrogateescape")) <= 63:
            raise FormatProblem("label must be 1 to 63 characters long")
        if label.startswith("-"):
            raise FormatProblem("label starts with hyphen")
        if label.endswith("-"):
            raise FormatProblem("label ends with hyphen")
        _only(label, _ALNUM | {"-"})


def _only(text: str, allowed: frozenset[str]) -> None:
    for character in text:
        if character not in allowed:
            raise FormatProblem(f"invalid character {quote_rune(ord(character))}")


def _email(text: str) -> None:
    if len(text) > 254:
        raise FormatProblem("more than 255 characters long")
    local, at, domain = text.rpartition("@")
    if not at:
        raise FormatProblem("missing @")
    if len(local) > 64:
        raise FormatProblem("local part more than 64 characters long")
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        if "\\" in local[1:-1] or '"' in local[1:-1]:
            raise FormatProblem("backslash and quote are not allowed within quoted local part")
    else:
        if local.startswith("."):
            raise FormatProblem("starts with dot")
        if local.endswith("."):
            raise FormatProblem("ends with dot")
        if ".." in local:
            raise FormatProblem("consecutive dots")
        _only(local, _LOCAL)
    if domain.startswith("[") and domain.endswith("]"):
        address = domain[1:-1]
        if address.startswith("IPv6:"):
            _within("invalid ipv6 address", _ipv6, address.removeprefix("IPv6:"))
        else:
            _within("invalid ipv4 address", _ipv4, address)
    else:
        _within("invalid domain", _hostname, domain)


def _uri_reference(text: str) -> None:
    if "\\" in text:
        raise FormatProblem("contains \\")
    _scheme_of(text)


def _uri(text: str) -> None:
    if not _scheme_of(text):
        raise FormatProblem("relative url")


def _scheme_of(text: str) -> str:
    try:
        url = parse_url(text)
    except FunctionError as problem:
        raise FormatProblem(str(problem)) from None
    if ":" in url.hostname:
        if "[" not in url.host or "]" not in url.host:
            raise FormatProblem("ipv6 address not enclosed in brackets")
        _within("invalid ipv6 address", _ipv6, url.hostname)
    return url.scheme


def _uuid(text: str) -> None:
    lengths = (8, 4, 4, 4, 12)
    groups = text.split("-")
    if len(groups) != len(lengths):
        raise FormatProblem("must have 5 elements")
    for at, (group, length) in enumerate(zip(groups, lengths, strict=True), 1):
        if len(group) != length:
            raise FormatProblem(f"element {at} must be {length} characters long")
        for character in group:
            if character not in _HEX:
                raise FormatProblem(f"non-hex character {quote_rune(ord(character))}")


def _json_pointer(text: str) -> None:
    if text and not text.startswith("/"):
        raise FormatProblem("not starting with /")
    if "~" in text.replace("~0", "").replace("~1", ""):
        raise FormatProblem("~ must be followed by 0 or 1")


def _relative_json_pointer(text: str) -> None:
    digits = _run(text)
    if not digits:
        raise FormatProblem("must start with non-negative integer")
    if len(digits) > 1 and digits[0] == "0":
        raise FormatProblem("starts with zero")
    if text[len(digits) :] != "#":
        _json_pointer(text[len(digits) :])


def _period(text: str) -> None:
    start, slash, end = text.partition("/")
    if not slash:
        raise FormatProblem("missing slash")
    if start.startswith("P"):
        _within("invalid start duration", _duration, start)
    else:
        _within("invalid start date-time", _date_time, start)
    if end.startswith("P") and not start.startswith("P"):
        _within("invalid end duration", _duration, end)
    else:
        _within("invalid end date-time", _date_time, end)


def _semver(text: str) -> None:
    core, plus, build = text.partition("+")
    if plus:
        if not build:
            raise FormatProblem("build is empty")
        _identifiers(build, "build")
    core, hyphen, prerelease = core.partition("-")
    if hyphen:
        _identifiers(prerelease, "pre-release")
        if any(len(part) > 1 and part[0] == "0" and _run(part) == part for part in prerelease.split(".")):
            raise FormatProblem("pre-release numeric identifier starts with zero")
    numbers = core.split(".")
    if len(numbers) != 3:
        raise FormatProblem("versionCore must have 3 numbers separated by dot")
    for name, number in zip(("major", "minor", "patch"), numbers, strict=True):
        if not number:
            raise FormatProblem(f"{name} is empty")
        if len(number) > 1 and number[0] == "0":
            raise FormatProblem(f"{name} starts with zero")
        if _run(number) != number:
            raise FormatProblem(f"{name} contains non-digit")


def _identifiers(text: str, what: str) -> None:
    for part in text.split("."):
        if not part:
            raise FormatProblem(f"{what} identifier is empty")
        for character in part:
            if character not in _ALNUM and character != "-":
                raise FormatProblem(f"invalid character {quote_rune(ord(character))} in {what} identifier")


def _regex(text: str) -> None:
    try:
        compiled(text)
    except FunctionError as problem:
        raise FormatProblem(str(problem)) from None


def _of_text(checked: Callable[[str], None]) -> FormatCheck:
    def check(value: Any) -> None:
        if isinstance(value, str):
            checked(value)

    return check


FORMATS: Final[Mapping[str, FormatCheck]] = {
    name: _of_text(checked)
    for name, checked in {
        "date": _date,
        "date-time": _date_time,
        "duration": _duration,
        "email": _email,
        "hostname": _hostname,
        "ipv4": _ipv4,
        "ipv6": _ipv6,
        "iri": _uri,
        "iri-reference": _uri_reference,
        "period": _period,
        "json-pointer": _json_pointer,
        "regex": _regex,
        "relative-json-pointer": _relative_json_pointer,
        "semver": _semver,
        "time": _time,
        "uri": _uri,
        "uri-reference": _uri_reference,
        "uuid": _uuid,
    }.items()
}
"""What is not named here passes: as unknown formats do upstream, and unlike there ``uri-template``."""
