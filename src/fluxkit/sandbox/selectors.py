"""Selectors of a query; field selectors are parsed and matched as kubernetes/apimachinery ``pkg/fields`` does."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from fluxkit.sandbox.status import StatusError, bad_request
from fluxkit.selectors import Selector, SelectorError, parse_selector

__all__ = ["FieldSelector", "parse_field_selector", "parse_label_selector", "selected_name"]


def parse_label_selector(text: str) -> Selector:
    """A label selector of a query; raises a BadRequest StatusError."""
    try:
        return parse_selector(text)
    except SelectorError as error:
        raise bad_request(str(error)) from None


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


def selected_name(text: str) -> str:
    """The name that a field selector pins; empty for one that pins none, or that cannot be parsed."""
    try:
        return parse_field_selector(text, lambda _: True, own_fields=True).exact("metadata.name") or ""
    except StatusError:
        return ""
