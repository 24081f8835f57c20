"""Label and field selectors, parsed and matched as kubernetes/apimachinery ``pkg/labels`` and ``pkg/fields`` do."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fluxkit.sandbox.names import is_label_value, is_qualified_name
from fluxkit.sandbox.status import bad_request

__all__ = ["FieldSelector", "LabelSelector", "parse_field_selector", "parse_label_selector"]


@dataclass(frozen=True, slots=True)
class Requirement:
    key: str
    operator: str  # in | notin | exists | absent | gt | lt
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "absent":
                return value is None
            case _:
                try:
                    number = int(value) if value is not None else None
                except ValueError:
                    return False
                if number is None:
                    return False
                (bound,) = (int(item) for item in self.values)
                return number > bound if self.operator == "gt" else number < bound


@dataclass(frozen=True, slots=True)
class LabelSelector:
    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)


_TOKEN = re.compile(r"\s*(?:(==|!=|=|!|\(|\)|,|>|<)|([^\s=!(),<>]+))")


class _Tokens:
    def __init__(self, text: str) -> None:
        self.items: list[str] = []
        position = 0
        stripped = text.rstrip()
        while position < len(stripped):
            found = _TOKEN.match(stripped, position)
            if found is None:
                raise bad_request(f"unable to parse requirement: found {stripped[position:]!r}, expected: identifier")
            self.items.append(found[1] or found[2])
            position = found.end()
        self.position = 0

    def peek(self) -> str:
        return self.items[self.position] if self.position < len(self.items) else ""

    def take(self) -> str:
        token = self.peek()
        self.position += 1
        return token


_SYMBOLS = frozenset(["", "=", "==", "!=", "!", "(", ")", ",", ">", "<"])


def _values(tokens: _Tokens) -> frozenset[str]:
    if tokens.take() != "(":
        found = tokens.items[tokens.position - 1] if tokens.position <= len(tokens.items) else ""
        raise bad_request(f"unable to parse requirement: found '{found}' expected: '('")
    values: set[str] = set()
    expect_value = True
    while True:
        token = tokens.take()
        if token == ")":
            if expect_value:
                values.add("")
            return frozenset(values)
        if token == ",":
            if expect_value:
                values.add("")
            expect_value = True
        elif token in _SYMBOLS:
            raise bad_request(f"unable to parse requirement: found '{token}', expected: ',' or ')'")
        else:
            values.add(token)
            expect_value = False


def _requirement(tokens: _Tokens) -> Requirement:
    negated = tokens.peek() == "!"
    if negated:
        tokens.take()
    key = tokens.take()
    if key in _SYMBOLS:
        raise bad_request(f"found '{key}', expected: !, identifier, or 'end of string'")
    problem = is_qualified_name(key)
    if problem:
        raise bad_request(f'unable to parse requirement: <nil>: Invalid value: "{key}": {problem}')
    operator = tokens.peek()
    if negated or operator in ("", ","):
        return Requirement(key, "absent" if negated else "exists")
    tokens.take()
    if operator in ("=", "==", "!=", ">", "<"):
        value = "" if tokens.peek() in ("", ",") else tokens.take()
        if operator in (">", "<"):
            if not re.fullmatch(r"[+-]?\d+", value):
                problem = "for 'Gt', 'Lt' operators, the value must be an integer"
                raise bad_request(f'unable to parse requirement: values[0]: Invalid value: "{value}": {problem}')
            return Requirement(key, "gt" if operator == ">" else "lt", frozenset([value]))
        _check_values(key, [value])
        return Requirement(key, "notin" if operator == "!=" else "in", frozenset([value]))
    if operator in ("in", "notin"):
        values = _values(tokens)
        _check_values(key, values)
        return Requirement(key, operator, values)
    raise bad_request(f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _check_values(key: str, values: "frozenset[str] | list[str]") -> None:
    for value in values:
        problem = is_label_value(value)
        if problem:
            raise bad_request(f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": {problem}')


def parse_label_selector(text: str) -> LabelSelector:
    """A label selector of a query; raises a BadRequest StatusError."""
    tokens = _Tokens(text)
    requirements: list[Requirement] = []
    while tokens.peek():
        requirements.append(_requirement(tokens))
        separator = tokens.take()
        if separator not in ("", ","):
            raise bad_request(f"found '{separator}', expected: ',' or 'end of string'")
        if separator == "," and not tokens.peek():
            raise bad_request("found '', expected: identifier after ','")
    return LabelSelector(tuple(requirements))


@dataclass(frozen=True, slots=True)
class FieldSelector:
    terms: tuple[tuple[str, bool, str], ...] = ()
    """(field path, equal or not equal, value)"""

    def exact(self, field: str) -> str | None:
        """The value that a field must have, when the selector pins it."""
        for path, equal, value in self.terms:
            if path == field and equal:
                return value
        return None

    def matches(self, lookup: Callable[[str], str]) -> bool:
        return all((lookup(path) == value) is equal for path, equal, value in self.terms)

    @property
    def metadata_only(self) -> bool:
        return all(path in ("metadata.name", "metadata.namespace") for path, _, _ in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)


def parse_field_selector(text: str, supported: Callable[[str], bool], *, own_fields: bool) -> FieldSelector:
    """A field selector of a query; an unsupported field is the BadRequest that upstream answers.

    ``own_fields`` tells that the kind has selectable fields beside name and namespace.
    """
    terms: list[tuple[str, bool, str]] = []
    for part in filter(None, re.split(r"(?<!\\),", text)):
        for operator in ("!=", "==", "="):
            path, found, value = part.partition(operator)
            if found:
                break
        else:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        if not supported(path):
            raise bad_request(
                f"field label not supported: {path}"
                if own_fields
                else f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            )
        terms.append((path, operator != "!=", re.sub(r"\\(.)", r"\1", value)))
    return FieldSelector(tuple(terms))
