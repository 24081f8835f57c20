"""Go's time layouts: an example of the reference time, in both directions. Upstream: Go's ``time/format.go``."""

import re
from typing import Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.durations import quoted
from fluxkit.template.sprig.gotime import (
    LOCAL,
    MONTHS,
    UTC_ZONE,
    WEEKDAYS,
    Location,
    Time,
    civil_seconds,
    fixed_zone,
)

__all__ = ["format_time", "parse_time"]

# Leftmost token first, and of those that begin at one place the first that fits. A word such as Jan or Mon counts
# only if no lower-case letter follows; a fraction is a run of only 0 or only 9 that no digit follows.
_TOKEN: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|01|02|03|04|05|06|002|15|1|2006|2|_2006|__2|_2|3|4|5|PM|pm"
    r"|-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07"
    r"|[.,](?:0+|9+)(?![0-9])"
)


def _tokens(layout: str) -> "list[tuple[str, str]]":
    """Literal text and the token behind it; the last token is empty."""
    found: list[tuple[str, str]] = []
    position = 0
    for match in _TOKEN.finditer(layout):
        literal, token = layout[position : match.start()], match[0]
        if token == "_2006":
            literal, token = literal + "_", "2006"
        found.append((literal, token))
        position = match.end()
    found.append((layout[position:], ""))
    return found


def _offset(token: str, offset: int) -> str:
    if token[0] == "Z" and offset == 0:
        return "Z"
    sign, size = "-" if offset < 0 else "+", abs(offset)
    hours, minutes, seconds = size // 3600, size // 60 % 60, size % 60
    separator = ":" if ":" in token else ""
    parts = [f"{hours:02d}", f"{minutes:02d}", f"{seconds:02d}"][: (len(token.replace(":", "")) - 1) // 2]
    return sign + separator.join(parts)


def _abbreviation(offset: int, name: str) -> str:
    return name or _offset("-0700", offset)


def _fraction(token: str, nanoseconds: int) -> str:
    digits = f"{nanoseconds:09d}"[: len(token) - 1].ljust(len(token) - 1, "0")
    if token[1] == "9":
        digits = digits.rstrip("0")
        return token[0] + digits if digits else ""
    return token[0] + digits


def format_time(moment: Time, layout: str) -> str:
    """``Time.Format``."""
    year, month, day = moment.date
    hour, minute, second = moment.time_of_day
    out: list[str] = []
    for literal, token in _tokens(layout):
        out.append(literal)
        match token:
            case "":
                pass
            case "2006":
                out.append(f"{year:04d}" if year >= 0 else f"-{-year:04d}")
            case "06":
                out.append(f"{year % 100:02d}")
            case "January":
                out.append(MONTHS[month - 1])
            case "Jan":
                out.append(MONTHS[month - 1][:3])
            case "01":
                out.append(f"{month:02d}")
            case "1":
                out.append(str(month))
            case "Monday":
                out.append(WEEKDAYS[moment.weekday])
            case "Mon":
                out.append(WEEKDAYS[moment.weekday][:3])
            case "2":
                out.append(str(day))
            case "_2":
                out.append(f"{day:2d}")
            case "02":
                out.append(f"{day:02d}")
            case "__2":
                out.append(f"{moment.day_of_year:3d}")
            case "002":
                out.append(f"{moment.day_of_year:03d}")
            case "15":
                out.append(f"{hour:02d}")
            case "3":
                out.append(str(hour % 12 or 12))
            case "03":
                out.append(f"{hour % 12 or 12:02d}")
            case "4":
                out.append(str(minute))
            case "04":
                out.append(f"{minute:02d}")
            case "5":
                out.append(str(second))
            case "05":
                out.append(f"{second:02d}")
            case "PM":
                out.append("PM" if hour >= 12 else "AM")
            case "pm":
                out.append("pm" if hour >= 12 else "am")
            case "MST":
                out.append(_abbreviation(*moment.zone))
            case _ if token[0] in ".,":
                out.append(_fraction(token, moment.nanoseconds))
            case _:
                out.append(_offset(token, moment.zone[0]))
    return "".join(out)


class _Mismatch(Exception):
    """The text does not go on as the layout's token demands."""


class _OutOfRange(Exception):
    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def _take(pattern: str, text: str) -> tuple[str, str]:
    found = re.match(pattern, text)
    if found is None:
        raise _Mismatch
    return found[0], text[found.end() :]


def _number(text: str, two_digits: bool) -> tuple[int, str]:
    """One or two digits; exactly two if the token has them."""
    digits, rest = _take("[0-9]{2}" if two_digits else "[0-9]{1,2}", text)
    return int(digits), rest


def _name(names: tuple[str, ...], text: str, length: int | None) -> tuple[int, str]:
    for index, name in enumerate(names):
        wanted = name[:length]
        if text[: len(wanted)].lower() == wanted.lower():
            return index, text[len(wanted) :]
    raise _Mismatch


def _zone_name_length(text: str) -> int:
    """How much of the text is a zone's abbreviation; raises _Mismatch if nothing is."""
    if text[:4] in ("ChST", "MeST"):
        return 4
    if text[:3] == "GMT":
        return 3 + _signed_offset_length(text[3:])
    if text[:1] in ("+", "-"):
        length = _signed_offset_length(text)
        if length:
            return length
        raise _Mismatch
    found = re.match("[A-Z]{0,6}", text)
    length = found.end() if found else 0
    if length in (0, 1, 2, 6):
        raise _Mismatch
    if length == 5 and text[4] != "T":
        raise _Mismatch
    if length == 4 and text[3] != "T" and text[:4] != "WITA":
        raise _Mismatch
    return length


def _signed_offset_length(text: str) -> int:
    found = re.match("[+-]([0-9]+)", text)
    return found.end() if found and int(found[1]) < 24 else 0


class _Parser:
    """One reading of a text by a layout, keeping what was found so far."""

    def __init__(self) -> None:
        self.year = 0
        self.month = self.day = self.day_of_year = -1
        self.hour = self.minute = self.second = self.nanoseconds = 0
        self.afternoon = self.morning = False
        self.offset: int | None = None
        self.utc = False
        self.zone_name = ""

    def read(self, token: str, text: str, following: str) -> str:
        match token:
            case "2006":
                digits, text = _take("[0-9]{4}", text)
                self.year = int(digits)
            case "06":
                self.year, text = _number(text, True)
                self.year += 1900 if self.year >= 69 else 2000
            case "January" | "Jan":
                self.month, text = _name(MONTHS, text, None if token == "January" else 3)
                self.month += 1
            case "01" | "1":
                self.month, text = _number(text, token == "01")
                if not 1 <= self.month <= 12:
                    raise _OutOfRange("month")
            case "Monday" | "Mon":
                _, text = _name(WEEKDAYS, text, None if token == "Monday" else 3)
            case "2" | "_2" | "02":
                self.day, text = _number(text.removeprefix(" ") if token == "_2" else text, token == "02")
            case "__2" | "002":
                blank = " {0,2}" if token == "__2" else ""
                digits, text = _take(blank + ("[0-9]{1,3}" if blank else "[0-9]{3}"), text)
                self.day_of_year = int(digits)
            case "15":
                self.hour, text = _number(text, False)
                if self.hour >= 24:
                    raise _OutOfRange("hour")
            case "3" | "03":
                self.hour, text = _number(text, token == "03")
                if self.hour > 12:
                    raise _OutOfRange("hour")
            case "4" | "04":
                self.minute, text = _number(text, token == "04")
                if self.minute >= 60:
                    raise _OutOfRange("minute")
            case "5" | "05":
                self.second, text = _number(text, token == "05")
                if self.second >= 60:
                    raise _OutOfRange("second")
                if not following.startswith((".", ",")):
                    text = self._optional_fraction(text)
            case "PM" | "pm":
                word, text = _take("PM|AM" if token == "PM" else "pm|am", text)
                self.afternoon, self.morning = word in ("PM", "pm"), word in ("AM", "am")
            case "MST":
                if text[:3] == "UTC":
                    self.utc, text = True, text[3:]
                else:
                    length = _zone_name_length(text)
                    self.zone_name, text = text[:length], text[length:]
            case _ if token[0] in ".,":
                text = self._fraction(token, text)
            case _:
                text = self._offset(token, text)
        return text

    def _optional_fraction(self, text: str) -> str:
        found = re.match(r"[.,]([0-9]+)", text)
        if found is None:
            return text
        self.nanoseconds = int(found[1][:9].ljust(9, "0"))
        return text[found.end() :]

    def _fraction(self, token: str, text: str) -> str:
        if token[1] == "9":
            return self._optional_fraction(text)
        digits, rest = _take(rf"[.,][0-9]{{{len(token) - 1}}}", text)
        self.nanoseconds = int(digits[1:10].ljust(9, "0"))
        return rest

    def _offset(self, token: str, text: str) -> str:
        if token[0] == "Z" and text[:1] == "Z":
            self.utc = True
            return text[1:]
        form = "[+-][0-9]{2}" + "".join(
            (":" if ":" in token else "") + "[0-9]{2}" for _ in range((len(token.replace(":", "")) - 1) // 2 - 1)
        )
        found, rest = _take(form, text)
        digits = found[1:].replace(":", "").ljust(6, "0")
        hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
        if hours > 24:
            raise _OutOfRange("time zone offset hour")
        if minutes > 60:
            raise _OutOfRange("time zone offset minute")
        if seconds > 60:
            raise _OutOfRange("time zone offset second")
        self.offset = (hours * 60 + minutes) * 60 + seconds
        if found[0] == "-":
            self.offset = -self.offset
        return rest

    def finish(self, local: Location) -> Time:
        if self.afternoon and self.hour < 12:
            self.hour += 12
        elif self.morning and self.hour == 12:
            self.hour = 0
        self._settle_day()
        civil = (self.year, self.month, self.day, self.hour, self.minute, self.second, self.nanoseconds)
        if self.utc:
            return Time.civil(UTC_ZONE, *civil)
        unix = civil_seconds(*civil[:6])
        if self.offset is not None:
            moment = Time(unix - self.offset, self.nanoseconds, local)
            offset, name = moment.zone
            if offset == self.offset and self.zone_name in ("", name):
                return moment
            return moment.within(fixed_zone(self.zone_name, self.offset))
        if self.zone_name:
            return self._in_named_zone(unix, local)
        return Time.civil(local, *civil)

    def _in_named_zone(self, unix: int, local: Location) -> Time:
        offset, name = local.offset_at(unix)
        if name == self.zone_name:
            return Time(unix - offset, self.nanoseconds, local)
        # An unknown abbreviation keeps its name without an offset, unless it tells one itself.
        offset = int(self.zone_name[3:]) * 3600 if re.fullmatch("GMT[+-][0-9]+", self.zone_name) else 0
        # The offset is for display only: upstream does not subtract it.
        return Time(unix, self.nanoseconds, fixed_zone(self.zone_name, offset))

    def _settle_day(self) -> None:
        leap = self.year % 4 == 0 and (self.year % 100 != 0 or self.year % 400 == 0)
        if self.day_of_year >= 0:
            if not 1 <= self.day_of_year <= 365 + leap:
                raise _OutOfRange("day-of-year")
            found = Time(civil_seconds(self.year, 1, self.day_of_year)).date
            if self.month >= 0 and self.month != found[1]:
                raise _OutOfRange("day-of-year does not match month")
            if self.day >= 0 and self.day != found[2]:
                raise _OutOfRange("day-of-year does not match day")
            self.month, self.day = found[1:]
        self.month = 1 if self.month < 0 else self.month
        self.day = 1 if self.day < 0 else self.day
        longest = 28 + leap if self.month == 2 else 30 if self.month in (4, 6, 9, 11) else 31
        if not 1 <= self.day <= longest:
            raise _OutOfRange("day")


def parse_time(layout: str, text: str, local: Location = LOCAL) -> Time:
    """``time.ParseInLocation``; raises FunctionError with its texts."""

    def mismatch(wanted: str, rest: str) -> FunctionError:
        return FunctionError(
            f"parsing time {quoted(text)} as {quoted(layout)}: cannot parse {quoted(rest)} as {quoted(wanted)}"
        )

    def wrong(problem: str) -> FunctionError:
        return FunctionError(f"parsing time {quoted(text)}: {problem}")

    parser, rest = _Parser(), text
    tokens = _tokens(layout)
    for index, (literal, token) in enumerate(tokens):
        skipped = _skip(rest, literal)
        if skipped is None:
            raise mismatch(literal, rest)
        rest = skipped
        if not token:
            if rest:
                raise wrong(f"extra text: {quoted(rest)}")
            break
        following_literal, following_token = tokens[index + 1]
        try:
            rest = parser.read(token, rest, following_literal or following_token)
        except _Mismatch:
            raise mismatch(token, rest) from None
        except _OutOfRange as problem:
            raise wrong(f"{problem.what} out of range") from None
    try:
        return parser.finish(local)
    except _OutOfRange as problem:
        what = problem.what
        raise wrong(what if "match" in what else f"{what} out of range") from None


def _skip(text: str, literal: str) -> str | None:
    """The text behind ``literal``; a run of spaces in the layout matches any run of spaces."""
    position = 0
    while position < len(literal):
        if literal[position] == " ":
            if text and text[0] != " ":
                return None
            position = len(literal) - len(literal[position:].lstrip(" "))
            text = text.lstrip(" ")
            continue
        if not text or text[0] != literal[position]:
            return None
        text, position = text[1:], position + 1
    return text
