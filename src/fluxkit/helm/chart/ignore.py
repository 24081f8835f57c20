"""``.helmignore``: which files of a directory are no part of the chart.

Differs from ``.gitignore``: patterns are Go's ``filepath.Match`` (``*`` and ``?`` stop at ``/``, ``**`` is refused), a
pattern with ``!`` leaves out whatever does *not* match, and the first pattern that decides ends the search.

Upstream: helm/helm ``pkg/ignore/rules.go``.
"""

import re
from collections.abc import Callable
from posixpath import basename
from typing import Final, NamedTuple

from fluxkit.helm.chart.errors import ChartError
from fluxkit.helm.chart.model import BOM
from fluxkit.template.sprig.text import SPACE

__all__ = ["IGNORE_FILE", "IgnoreRules"]

IGNORE_FILE: Final = ".helmignore"
_ALWAYS: Final = "templates/.?*"


class _Pattern(NamedTuple):
    matches: Callable[[str], bool]
    negated: bool
    directories_only: bool


class IgnoreRules:
    """The rules of one chart: those of its file, and that dot files among the templates do not count."""

    def __init__(self, text: bytes = b"") -> None:
        """Raises ChartError for a pattern that upstream refuses."""
        lines = text.removeprefix(BOM).decode("utf-8", "surrogateescape").split("\n")
        self._patterns = [pattern for line in [*lines, _ALWAYS] if (pattern := _parse(line)) is not None]

    def ignores(self, path: str, is_directory: bool) -> bool:
        """Whether ``path``, relative to the chart, is left out; what lies below an ignored directory is as well."""
        for matches, negated, directories_only in self._patterns:
            if negated:
                if (directories_only and not is_directory) or not matches(path):
                    return True
            elif (is_directory or not directories_only) and matches(path):
                return True
        return False


def _parse(line: str) -> _Pattern | None:
    rule = line.strip(SPACE)
    if not rule or rule.startswith("#"):
        return None
    if "**" in rule:
        raise ChartError("double-star (**) syntax is not supported")
    _glob(rule)
    negated = rule.startswith("!")
    rule = rule.removeprefix("!")
    directories_only = rule.endswith("/")
    rule = rule.removesuffix("/")
    anywhere = "/" not in rule
    try:
        matches = _glob(rule.removeprefix("/"))
    except ChartError:
        # The slash that was taken off had been escaped: upstream logs it for each file and goes on.
        return _Pattern(lambda path: False, negated, directories_only)
    return _Pattern((lambda path: matches(basename(path))) if anywhere else matches, negated, directories_only)


def _glob(pattern: str) -> Callable[[str], bool]:
    """Go's ``filepath.Match`` for one pattern. Raises ChartError for a malformed one."""
    parts: list[str] = []
    rest = pattern
    while rest:
        first, rest = rest[0], rest[1:]
        if first == "*":
            parts.append("[^/]*")
        elif first == "?":
            parts.append("[^/]")
        elif first == "[":
            text, rest = _class(rest)
            parts.append(text)
        else:
            character, rest = _literal(first + rest)
            parts.append(re.escape(character))
    expression = re.compile("".join(parts), re.DOTALL)
    return lambda path: expression.fullmatch(path) is not None


def _literal(text: str) -> tuple[str, str]:
    if text.startswith("\\"):
        text = text[1:]
    if not text:
        raise _malformed()
    return text[0], text[1:]


def _class(text: str) -> tuple[str, str]:
    """The expression for what follows ``[``, and the text behind ``]``."""
    negated = text.startswith("^")
    rest = text[1:] if negated else text
    ranges: list[str] = []
    while not (rest.startswith("]") and ranges):
        if rest[:1] in ("", "-", "]"):
            raise _malformed()
        low, rest = _literal(rest)
        high = low
        if rest.startswith("-"):
            if rest[1:2] in ("", "-", "]"):
                raise _malformed()
            high, rest = _literal(rest[1:])
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        elif not ranges:
            ranges.append("")  # matches nothing, and is an item nevertheless
    inside = "".join(ranges)
    if not inside:
        return ("." if negated else "(?!)"), rest[1:]
    return f"[{'^' if negated else ''}{inside}]", rest[1:]


def _malformed() -> ChartError:
    return ChartError("syntax error in pattern")
