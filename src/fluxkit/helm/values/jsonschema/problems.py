"""What a value violates, as a tree, and its text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fluxkit.helm.values.jsonschema.drafts import escaped
from fluxkit.helm.values.jsonschema.numbers import Number
from fluxkit.template.fmt import sprintf
from fluxkit.template.quoting import quote

__all__ = ["Problem", "display", "joined", "quoted"]


@dataclass(slots=True, eq=False)
class Problem:
    """One violation, with those that led to it."""

    location: tuple[str, ...]
    text: str
    causes: "Sequence[Problem]" = ()
    is_group: bool = False
    """Only holds several others together."""
    is_reference: bool = False
    """Found behind a ``$ref``: shown only if it has several causes."""

    def lines(self, indent: int = 1) -> list[str]:
        """One line for each that is shown, indented by two blanks for each level below the first."""
        found: list[str] = []
        if not (self.is_reference and len(self.causes) == 1):
            pointer = "".join(f"/{escaped(step)}" for step in self.location)
            found.append(f"{'  ' * (indent - 1)}- at {quoted(pointer)}: {self.text}")
            indent += 1
        for cause in self.causes:
            found += cause.lines(indent)
        return found


def quoted(text: str) -> str:
    """``text`` in single quotes, escaped as Go does, but that a backslash at the end stays alone."""
    shown = quote(text).replace('\\"', '"').replace("'", "\\'")
    return f"'{shown[1:-1]}'"


def joined(texts: Sequence[str]) -> str:
    return ", ".join(map(quoted, texts))


def display(value: Any) -> str:
    """A scalar as Go prints it; anything else is just a ``value``."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict | list):
        return "value"
    return value.text if isinstance(value, Number) else sprintf("%v", value)
