"""Label selectors: the text form of ``labelSelector`` parameters and the object form of ``selector`` fields.

Follows kubernetes/apimachinery ``pkg/labels`` (Parse, Requirement), ``pkg/apis/meta/v1`` (LabelSelectorAsSelector) and
``pkg/util/validation``, error texts included. A selector is a pure value: parse once, match often.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

__all__ = [
    "Requirement",
    "Selector",
    "SelectorError",
    "is_dns1123_subdomain",
    "is_label_value",
    "is_qualified_name",
    "parse_selector",
    "selector_from_object",
]

Operator = Literal["=", "!=", "in", "notin", "exists", "!", "gt", "lt"]


class SelectorError(ValueError):
    """A text or object is not a label selector; the text is upstream's."""


# --- what keys and values may look like: each function returns the problem, or the empty string ---

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_ALPHANUMERIC: Final = "start and end with an alphanumeric character"
_SUBDOMAIN_PROBLEM: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    f"{_ALPHANUMERIC} (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUALIFIED_PROBLEM: Final = (
    f"must consist of alphanumeric characters, '-', '_' or '.', and must {_ALPHANUMERIC} "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE_PROBLEM: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    f"{_ALPHANUMERIC} (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def is_dns1123_subdomain(name: str) -> str:
    if len(name) > 253:
        return "must be no more than 253 characters"
    return "" if _SUBDOMAIN.fullmatch(name) else _SUBDOMAIN_PROBLEM


def is_qualified_name(name: str) -> str:
    """For keys of labels and annotations: a name of at most 63 bytes, behind an optional domain and a slash."""
    prefix, slash, part = name.rpartition("/")
    if "/" in prefix:
        form = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return f"a valid label key {_QUALIFIED_PROBLEM} {form}"
    if slash:
        if not prefix:
            return "prefix part must be non-empty"
        problem = is_dns1123_subdomain(prefix)
        if problem:
            return f"prefix part {problem}"
    if not part:
        return "name part must be non-empty"
    if len(part) > 63:
        return "name part must be no more than 63 bytes"
    return "" if _QUALIFIED.fullmatch(part) else f"name part {_QUALIFIED_PROBLEM}"


def is_label_value(value: str) -> str:
    if len(value) > 63:
        return "must be no more than 63 bytes"
    return "" if not value or _QUALIFIED.fullmatch(value) else _LABEL_VALUE_PROBLEM


# --- selectors ---


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label key."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "=" | "in":
                return value is not None and value in self.values
            case "!=" | "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "gt" | "lt":
                bound = int(next(iter(self.values)))
                if value is None or not _is_integer(value):
                    return False
                return int(value) > bound if self.operator == "gt" else int(value) < bound

    def __str__(self) -> str:
        listed = ",".join(sorted(self.values))
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({listed})"
            case "gt":
                return f"{self.key}>{listed}"
            case "lt":
                return f"{self.key}<{listed}"
            case "=" | "!=":
                return f"{self.key}{self.operator}{listed}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must hold; no requirement selects everything. ``str()`` is the parameter form."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


def parse_selector(text: str) -> Selector:
    """``app=web,tier in (a, b),!legacy`` and so on, sorted by key; empty selects everything.

    Raises :class:`SelectorError`.
    """
    return Selector(tuple(sorted(_Parser(text).requirements(), key=lambda requirement: requirement.key)))


_OBJECT_OPERATORS: Final[dict[str, Operator]] = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def selector_from_object(selector: Mapping[str, Any] | None) -> Selector:
    """A ``metav1.LabelSelector`` (matchLabels, matchExpressions); None and ``{}`` select everything here.

    The reader of a field whose absence selects nothing must test for None itself. Raises :class:`SelectorError`.
    """
    requirements: list[Requirement] = []
    labels = (selector or {}).get("matchLabels") or {}
    for key in sorted(labels):
        requirements.append(_requirement(key, "=", [labels[key]]))
    for expression in (selector or {}).get("matchExpressions") or []:
        name = expression.get("operator", "")
        operator = _OBJECT_OPERATORS.get(name)
        if operator is None:
            raise SelectorError(f'"{name}" is not a valid label selector operator')
        requirements.append(_requirement(expression.get("key", ""), operator, expression.get("values") or []))
    return Selector(tuple(sorted(requirements, key=lambda requirement: requirement.key)))


def _requirement(key: str, operator: Operator, values: Iterable[str]) -> Requirement:
    """A requirement that was checked; all its problems are told together."""
    listed = sorted(set(values))
    problems = [f'key: Invalid value: "{key}": {problem}' for problem in filter(None, [is_qualified_name(key)])]
    shown = f"values: Invalid value: {orjson.dumps(listed).decode()}"
    if operator in ("in", "notin") and not listed:
        problems.append(f"{shown}: for 'in', 'notin' operators, values set can't be empty")
    if operator in ("exists", "!") and listed:
        problems.append(f"{shown}: values set must be empty for exists and does not exist")
    for number, value in enumerate(listed):
        if operator in ("gt", "lt") and not _is_integer(value):
            problem = "for 'Gt', 'Lt' operators, the value must be an integer"
            problems.append(f'values[{number}]: Invalid value: "{value}": {problem}')
        if problem := is_label_value(value):
            problems.append(f'values[{number}][{key}]: Invalid value: "{value}": {problem}')
    if problems:
        raise SelectorError(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
    return Requirement(key, operator, frozenset(listed))


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+", text) is not None


_TOKEN: Final = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^ \t\r\n=!(),<>]+)|$)")
_BINARY: Final[dict[str, Operator]] = {
    "in": "in",
    "notin": "notin",
    "=": "=",
    "==": "=",
    "!=": "!=",
    ">": "gt",
    "<": "lt",
}
_EXACT: Final = ("=", "!=", "gt", "lt")


class _Parser:
    """Recursive descent over the tokens; the empty token is the end."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, bool]] = []
        """Each with whether it may be a key or a value: ``in`` and ``notin`` may, too."""
        position = 0
        while found := _TOKEN.match(text, position):
            self._tokens.append((found[1] or found[2] or "", found[2] is not None))
            if not self._tokens[-1][0]:
                break
            position = found.end()
        self._position = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        if not self._text:
            return found
        if not (self._is_word or self._text == "!"):
            raise SelectorError(f"found '{self._text}', expected: !, identifier, or 'end of string'")
        while True:
            try:
                found.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            separator = self._take()
            if not separator:
                return found
            if separator != ",":
                raise SelectorError(f"found '{separator}', expected: ',' or 'end of string'")
            if not (self._is_word or self._text == "!"):
                raise SelectorError(f"found '{self._text}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        absent = self._text == "!"
        if absent:
            self._take()
        if not self._is_word:
            raise SelectorError(f"found '{self._text}', expected: identifier")
        key = self._take()
        if problem := is_qualified_name(key):
            raise SelectorError(f'<nil>: Invalid value: "{key}": {problem}')
        if absent or self._text in ("", ","):
            return Requirement(key, "!" if absent else "exists")
        name = self._take()
        operator = _BINARY.get(name)
        if operator is None:
            raise SelectorError(f"found '{name}', expected: in, notin, =, ==, !=, gt, lt")
        return _requirement(key, operator, [self._value()] if operator in _EXACT else self._values())

    def _value(self) -> str:
        # An empty value is legal: "key=" and "key in (a,)" name the empty label value.
        if self._text in ("", ","):
            return ""
        if not self._is_word:
            raise SelectorError(f"found '{self._text}', expected: identifier")
        return self._take()

    def _values(self) -> set[str]:
        if (opened := self._take()) != "(":
            raise SelectorError(f"found '{opened}' expected: '('")
        if self._text == ")":
            self._take()
            return {""}
        if not self._is_word and self._text != ",":
            raise SelectorError(f"found '{self._text}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while self._text != ")":
            if self._is_word:
                values.add(self._take())
                if self._text not in (",", ")"):
                    raise SelectorError(f"found '{self._text}', expected: ',' or ')'")
            elif self._text == ",":
                self._take()
                if not values or self._text in (",", ")"):
                    values.add("")
            else:
                raise SelectorError(f"found '{self._text}', expected: ',', or identifier")
        self._take()
        return values

    @property
    def _text(self) -> str:
        return self._tokens[self._position][0]

    @property
    def _is_word(self) -> bool:
        return self._tokens[self._position][1]

    def _take(self) -> str:
        text = self._text
        if text:
            self._position += 1
        return text
