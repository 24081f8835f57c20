"""Label selectors: the text form of ``labelSelector`` parameters, and the object form of ``spec.selector`` fields.

Follows kubernetes/apimachinery ``pkg/labels`` (Parse, Requirement.Matches) and ``pkg/apis/meta/v1``
(LabelSelectorAsSelector). A selector here is a pure value: parse once, match often.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["Requirement", "Selector", "SelectorError", "parse_selector", "selector_from_object"]

Operator = Literal["=", "!=", "in", "notin", "exists", "!", "gt", "lt"]

_NAME: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_TOKEN: Final = re.compile(r"\s*(?:(!=|==|[!=,()<>])|([^\s!=,()<>]+))")
_OBJECT_OPERATORS: Final[dict[str, Operator]] = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


class SelectorError(ValueError):
    """A text or object is not a label selector."""


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
                number = _integer(value)
                return number is not None and (number > bound if self.operator == "gt" else number < bound)

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

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


def parse_selector(text: str) -> Selector:
    """``app=web,tier in (a, b),!legacy`` and so on; empty selects everything. Raises :class:`SelectorError`."""
    return _Parser(text).selector()


def selector_from_object(selector: Mapping[str, Any] | None) -> Selector:
    """A ``metav1.LabelSelector`` (matchLabels, matchExpressions); None and ``{}`` select everything here.

    The reader of a field whose absence selects nothing must test for None itself.
    """
    requirements: list[Requirement] = []
    labels = (selector or {}).get("matchLabels") or {}
    for key in sorted(labels):
        requirements.append(_requirement(key, "=", [labels[key]], "matchLabels"))
    for number, expression in enumerate((selector or {}).get("matchExpressions") or []):
        where = f"matchExpressions[{number}]"
        operator = _OBJECT_OPERATORS.get(expression.get("operator", ""))
        if operator is None:
            raise SelectorError(f'{where}.operator: "{expression.get("operator", "")}" is not a valid operator')
        requirements.append(_requirement(expression.get("key", ""), operator, expression.get("values") or [], where))
    return Selector(tuple(requirements))


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens(text)
        self.position = 0

    @staticmethod
    def _tokens(text: str) -> list[str]:
        tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                raise SelectorError(f'label selector "{text}": unexpected character at {position}')
            tokens.append(found[1] or found[2])
            position = found.end()
        return tokens

    def selector(self) -> Selector:
        requirements: list[Requirement] = []
        while self.position < len(self.tokens):
            requirements.append(self._one())
            if self.position < len(self.tokens):
                self._expect(",")
                if self.position == len(self.tokens):
                    raise self._error("a requirement after ','")
        return Selector(tuple(requirements))

    def _one(self) -> Requirement:
        if self._peek() == "!":
            self.position += 1
            return _requirement(self._word("a label key"), "!", [], self.text)
        key = self._word("a label key")
        match self._peek():
            case "" | ",":
                return _requirement(key, "exists", [], self.text)
            case "=" | "==":
                self.position += 1
                return _requirement(key, "=", [self._value()], self.text)
            case "!=":
                self.position += 1
                return _requirement(key, "!=", [self._value()], self.text)
            case ">":
                self.position += 1
                return _requirement(key, "gt", [self._word("a number")], self.text)
            case "<":
                self.position += 1
                return _requirement(key, "lt", [self._word("a number")], self.text)
            case "in":
                self.position += 1
                return _requirement(key, "in", self._set(), self.text)
            case "notin":
                self.position += 1
                return _requirement(key, "notin", self._set(), self.text)
        raise self._error("one of ',', '=', '!=', '<', '>', 'in', 'notin'")

    def _set(self) -> list[str]:
        self._expect("(")
        values = [self._value()]
        while self._peek() == ",":
            self.position += 1
            values.append(self._value())
        self._expect(")")
        return values

    def _value(self) -> str:
        # An empty value is legal: "key=" and "key in (a,)" name the empty label value.
        return "" if self._peek() in ("", ",", ")") else self._word("a label value")

    def _word(self, wanted: str) -> str:
        token = self._peek()
        if token in ("", ",", "(", ")", "=", "==", "!=", "!", "<", ">"):
            raise self._error(wanted)
        self.position += 1
        return token

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            raise self._error(f"'{token}'")
        self.position += 1

    def _peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def _error(self, wanted: str) -> SelectorError:
        found = f"'{self._peek()}'" if self._peek() else "the end"
        return SelectorError(f'label selector "{self.text}": expected {wanted}, found {found}')


def _requirement(key: str, operator: Operator, values: Iterable[str], where: str) -> Requirement:
    chosen = frozenset(values)
    prefix, slash, name = key.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix))):
        raise SelectorError(f'label selector "{where}": "{key}" is not a valid label key')
    if operator in ("in", "notin") and not chosen:
        raise SelectorError(f'label selector "{where}": values of "{key}" must not be empty')
    if operator in ("exists", "!") and chosen:
        raise SelectorError(f'label selector "{where}": values of "{key}" must be empty')
    for value in chosen:
        if operator in ("gt", "lt") and _integer(value) is None:
            raise SelectorError(f'label selector "{where}": "{value}" must be an integer')
        if value and not _NAME.fullmatch(value):
            raise SelectorError(f'label selector "{where}": "{value}" is not a valid label value')
    return Requirement(key, operator, chosen)


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
