"""What the flags that set values add up to.

Upstream: helm/helm ``pkg/cli/values/options.go``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxkit.helm.chart.valuesfile import load_values, merge_maps
from fluxkit.helm.errors import ValuesError
from fluxkit.helm.values.errors import SetError
from fluxkit.helm.values.strvals import (
    check_depth,
    parse_set,
    parse_set_file,
    parse_set_json,
    parse_set_literal,
    parse_set_string,
)
from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.json import loads
from fluxkit.template.sprig.text import SPACE

__all__ = ["ValueOptions", "read_file"]


def read_file(path: str) -> bytes:
    """The content of a local file. Raises ValuesError with Go's text."""
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        action = "read" if isinstance(problem, IsADirectoryError) else "open"
        raise ValuesError(f"{action} {path}: {(problem.strerror or str(problem)).lower()}") from None
    except ValueError:
        raise ValuesError(f"open {path}: invalid argument") from None


@dataclass(frozen=True, slots=True)
class ValueOptions:
    """Flags in the order they were given within each kind; the kinds apply in the order of the fields."""

    value_files: Sequence[str] = ()
    """``-f``: later files win."""
    json_values: Sequence[str] = ()
    values: Sequence[str] = ()
    string_values: Sequence[str] = ()
    file_values: Sequence[str] = ()
    literal_values: Sequence[str] = ()

    def merge(self, read: Callable[[str], bytes] = read_file) -> dict[str, Any]:
        """The values that all flags give together. ``read`` gets the files they name. Raises ValuesError."""
        base: dict[str, Any] = {}
        for path in self.value_files:
            data = read(path)
            try:
                base = merge_maps(base, load_values(data))
            except ValuesError as problem:
                raise ValuesError(f"failed to parse {path}: {problem}") from None
        for text in self.json_values:
            base = _with_json(base, text)
        for text in self.values:
            _checked("--set", parse_set, text, base)
        for text in self.string_values:
            _checked("--set-string", parse_set_string, text, base)
        for text in self.file_values:

            def content(path: str) -> str:
                return read(path).decode("utf-8", "surrogateescape")

            _checked("--set-file", lambda given, into: parse_set_file(given, into, content), text, base)
        for text in self.literal_values:
            _checked("--set-literal", parse_set_literal, text, base)
        return base


def _checked(flag: str, parse: Callable[[str, dict[str, Any]], None], text: str, into: dict[str, Any]) -> None:
    try:
        parse(text, into)
    except ValuesError as problem:
        raise SetError(f"failed parsing {flag} data: {problem}") from None


def _with_json(base: dict[str, Any], text: str) -> dict[str, Any]:
    trimmed = text.strip(SPACE)
    if not trimmed.startswith("{"):
        try:
            parse_set_json(text, base)
        except SetError:
            raise SetError(f"failed parsing --set-json data {text}") from None
        return base
    try:
        found = loads(trimmed)
    except FunctionError:
        raise SetError(f"failed parsing --set-json data JSON: {text}") from None
    assert isinstance(found, dict)
    check_depth(found)
    return merge_maps(base, found)
