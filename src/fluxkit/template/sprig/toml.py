"""toToml and fromToml with the layout of BurntSushi/toml. Upstream: helm ``pkg/engine/funcs.go``, BurntSushi/toml."""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.limits import check_tree
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.durations import Duration
from fluxkit.template.sprig.elements import elements, is_list
from fluxkit.template.sprig.gotime import LOCAL, UTC_ZONE, Time, fixed_zone
from fluxkit.template.sprig.limits import MAX_DEPTH, check_depth, nesting
from fluxkit.template.values import GoNamed, GoObject, Int64, is_nil, kind_of, sorted_items

__all__ = ["FUNCTIONS"]

_NIL: Final = "runtime error: invalid memory address or nil pointer dereference"
_BARE_KEY: Final = re.compile("[A-Za-z0-9_-]+")
_QUOTED: Final = re.compile('[\x00-\x1f"\\\\\x7f]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _quoted(text: str) -> str:
    return '"' + _QUOTED.sub(lambda found: _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}", text) + '"'


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _as_table(value: Any) -> Mapping[str, Any] | None:
    """Maps, and structs that are not written as text."""
    if isinstance(value, dict):
        return value
    if isinstance(value, GoObject) and not hasattr(value, "go_json"):
        return {name: item for name, item in value.go_fields().items() if name[:1].isupper()}
    return None


def _is_table_array(value: Any) -> bool:
    """Whether every element is a table. Raises FunctionError for a nil element."""
    items = elements(value)
    if any(is_nil(item) for item in items):
        raise FunctionError("toml: cannot encode array with nil element")
    return bool(items) and all(_as_table(item) is not None for item in items)


class _Encoder:
    def __init__(self) -> None:
        self.out: list[str] = []

    def newline(self) -> None:
        if self.out:
            self.out.append("\n")

    def encode(self, path: tuple[str, ...], value: Any) -> None:
        table = _as_table(value)
        indent = "  " * (len(path) - 1)
        name = ".".join(map(_key, path))
        if table is not None:
            if len(path) == 1:
                self.newline()
            if path:
                self.out.append(f"{indent}[{name}]")
                self.newline()
            self.table(path, table)
        elif is_list(value) and _is_table_array(value):
            if not path:
                raise FunctionError("toml: top-level values must be Go maps or structs")
            for item in elements(value):
                self.newline()
                self.out.append(f"{indent}[[{name}]]")
                self.newline()
                self.table(path, _as_table(item) or {})
        else:
            self.out.append(f"{indent}{_key(path[-1])} = " if path else "")
            self.element(value)
            if path:
                self.newline()

    def _split(self, table: Mapping[str, Any]) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
        """What belongs directly into the table, and its tables behind that; each in byte order."""
        direct: list[tuple[str, Any]] = []
        tables: list[tuple[str, Any]] = []
        for key, value in sorted_items(table):
            is_table = _as_table(value) is not None or (is_list(value) and _is_table_array(value))
            (tables if is_table and not is_nil(value) else direct).append((key, value))
        return direct, tables

    def table(self, path: tuple[str, ...], table: Mapping[str, Any]) -> None:
        check_depth("toToml", len(path))
        for entries in self._split(table):
            for key, value in entries:
                if not is_nil(value):
                    self.encode((*path, key), value)

    def inline_table(self, table: Mapping[str, Any], depth: int) -> None:
        self.out.append("{")
        direct, tables = self._split(table)
        for entries, more in ((direct, bool(tables)), (tables, False)):
            for index, (key, value) in enumerate(entries):
                if is_nil(value):
                    continue
                self.out.append(f"{_key(key)} = ")
                self.element(value, depth + 1)
                if more or index != len(entries) - 1:
                    self.out.append(", ")
        self.out.append("}")

    def element(self, value: Any, depth: int = 0) -> None:
        check_depth("toToml", depth)
        table = _as_table(value)
        if is_nil(value):
            raise FunctionError("toml: cannot encode array with nil element")
        if isinstance(value, Time):
            self.out.append(_time(value))
        elif isinstance(value, Duration):
            self.out.append(_quoted(value.go_string()))
        elif isinstance(value, GoNamed) and hasattr(value, "go_json"):
            self.out.append(_quoted(value.go_string() or ""))
        elif isinstance(value, str):
            self.out.append(_quoted(value))
        elif isinstance(value, bool):
            self.out.append("true" if value else "false")
        elif isinstance(value, int):
            self.out.append(str(int(value)))
        elif isinstance(value, float):
            self.out.append(_float(value))
        elif table is not None:
            self.inline_table(table, depth)
        elif is_list(value):
            self.out.append("[")
            for index, item in enumerate(elements(value)):
                if index:
                    self.out.append(", ")
                self.element(item, depth + 1)
            self.out.append("]")
        else:
            raise FunctionError(f"unsupported type: {kind_of(value)}")


def _float(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = text_of(value)
    return text if "e" in text or "." in text else f"{text}.0"


def _time(value: Time) -> str:
    layout = {
        "datetime-local": "2006-01-02T15:04:05.999999999",
        "date-local": "2006-01-02",
        "time-local": "15:04:05.999999999",
    }.get(value.location.name)
    return value.go_json() if layout is None else value.format(layout)


def _must_to_toml(value: Any) -> str:
    if value is None:
        raise FunctionError(_NIL)
    check_tree(value)
    encoder = _Encoder()
    encoder.encode((), value)
    return "".join(encoder.out)


def _to_toml(value: Any) -> str:
    """An error's text in the place of the result, except for nil, where upstream panics."""
    try:
        return _must_to_toml(value)
    except FunctionError as problem:
        if value is None:
            raise
        return str(problem)


_PLACE: Final = re.compile(r" \((?:at line (\d+), column (\d+)|at end of document)\)$")
_HEADER: Final = re.compile(r"\s*\[+([^\]\n]*)")
_LAST_KEY: Final = re.compile(r"""\s*(?:([A-Za-z0-9_.\s"'-]+?)\s*=|\[+([^\]\n]*))""")


def _go_problem(text: str, problem: str) -> str:
    """A tomllib error in the form of BurntSushi's, with its wording for the commonest ones."""
    place = _PLACE.search(problem)
    message = problem[: place.start()] if place else problem
    line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
    at_end = place is not None and place[1] is None
    key = _last_key(text, line)
    if message.startswith("Expected '=' after a key") or message == "Invalid statement":
        if place is None or place[1] is None:
            return f"toml: line {line}: unexpected EOF; expected key separator '='"
        return f"toml: line {line}: expected '.' or '=', but got '{_character(text, place)}' instead"
    if message.startswith("Cannot declare "):
        return f"toml: line {line}: Key '{key}' has already been defined."
    last = f' (last key "{key}")' if key else ""
    if message == "Cannot overwrite a value":
        message = f"Key '{key}' has already been defined."
    elif message == "Invalid value" and at_end:
        message = "unexpected EOF; expected value"
    return f"toml: line {line}{last}: {message}"


def _character(text: str, place: re.Match[str]) -> str:
    """What stands at a line and column."""
    return quote(text.split("\n")[int(place[1]) - 1][int(place[2]) - 1 :][:1] or "\n")[1:-1]


def _last_key(text: str, line: int) -> str:
    """The key on a line, with the table that it belongs to."""
    lines = text.split("\n")
    found = _LAST_KEY.match(lines[line - 1]) if line <= len(lines) else None
    if found is None:
        return ""
    if found[1] is None:
        return str(found[2]).strip()
    tables = [header[1].strip() for header in map(_HEADER.match, lines[: line - 1]) if header]
    return f"{tables[-1]}.{found[1].strip()}" if tables else str(found[1]).strip()


def _value(value: Any) -> Any:
    if isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise FunctionError(f"{value} is out of range for int64")
        return Int64(value)
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _value(item) for key, item in value.items()}
    return _moment(value)


def _moment(value: datetime | date | time) -> Time:
    """Local dates and times carry a zone whose name tells what they lack."""
    if isinstance(value, datetime):
        civil = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond * 1000)
        offset = value.utcoffset()
        if offset is None:
            return Time.civil(_nameless("datetime-local"), *civil)
        seconds = int(offset.total_seconds())
        return Time.civil(fixed_zone("", seconds) if seconds else UTC_ZONE, *civil)
    if isinstance(value, date):
        return Time.civil(_nameless("date-local"), value.year, value.month, value.day, 0, 0, 0, 0)
    return Time.civil(
        _nameless("time-local"), 0, 1, 1, value.hour, value.minute, value.second, value.microsecond * 1000
    )


def _nameless(name: str) -> Any:
    return fixed_zone(name, LOCAL.offset_at(0)[0])


def _from_toml(text: str) -> dict[str, Any]:
    if nesting(text) > MAX_DEPTH:
        return {"Error": "toml: nested too deeply"}
    import tomllib

    try:
        return {key: _value(value) for key, value in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as problem:
        return {"Error": _go_problem(text, str(problem))}
    except FunctionError as problem:
        return {"Error": f"toml: {problem}"}


FUNCTIONS = declare(
    {
        "fromToml": ("func(string) map[string]interface {}", _from_toml),
        "mustToToml": ("func(interface {}) string", _must_to_toml),
        "toToml": ("func(interface {}) string", _to_toml),
    }
)
"""Name in templates -> Go signature and implementation."""
