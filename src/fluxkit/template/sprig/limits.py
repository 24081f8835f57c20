"""Bounds on what one call may produce, so that ``repeat`` and ``until`` cannot eat the machine."""

import re
from typing import Final

from fluxkit.template.errors import LimitError

__all__ = ["MAX_DEPTH", "MAX_ITEMS", "MAX_TEXT", "check_depth", "check_items", "check_text", "nesting"]

MAX_TEXT: Final = 64 * 1024 * 1024
"""Characters in a text that one call returns."""

MAX_ITEMS: Final = 2_000_000
"""Items in a list that one call returns."""

MAX_DEPTH: Final = 900
"""Levels of lists and dicts in each other that one call follows; a value that contains itself has no end."""


def check_depth(function: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise LimitError(f"{function} was given a value that is nested more than {MAX_DEPTH} levels deep")


def check_text(function: str, size: int) -> None:
    if size > MAX_TEXT:
        raise LimitError(f"{function} would return a text of {size} characters, more than the limit of {MAX_TEXT}")


def check_items(function: str, count: int) -> None:
    if count > MAX_ITEMS:
        raise LimitError(f"{function} would return a list of {count} items, more than the limit of {MAX_ITEMS}")


_QUOTED: Final = re.compile(r"""\"(?:[^"\\\n]|\\.)*\"|'[^'\n]*'""")
_BRACKET: Final = re.compile(r"[\[\]{}]")


def nesting(text: str) -> int:
    """How deep the brackets of a JSON or TOML text are nested; readers that call themselves must not go that deep."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for bracket in _BRACKET.findall(_QUOTED.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
