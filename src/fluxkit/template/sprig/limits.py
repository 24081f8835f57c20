"""Bounds on what one call may produce, so that ``repeat`` and ``until`` cannot eat the machine."""

from typing import Final

from fluxkit.template.errors import LimitError

__all__ = ["MAX_ITEMS", "MAX_TEXT", "check_items", "check_text"]

MAX_TEXT: Final = 64 * 1024 * 1024
"""Characters in a text that one call returns."""

MAX_ITEMS: Final = 2_000_000
"""Items in a list that one call returns."""


def check_text(function: str, size: int) -> None:
    if size > MAX_TEXT:
        raise LimitError(f"{function} would return a text of {size} characters, more than the limit of {MAX_TEXT}")


def check_items(function: str, count: int) -> None:
    if count > MAX_ITEMS:
        raise LimitError(f"{function} would return a list of {count} items, more than the limit of {MAX_ITEMS}")
