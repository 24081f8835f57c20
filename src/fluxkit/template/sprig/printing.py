"""A value as text, as sprig's functions take it."""

from typing import Any

from fluxkit.template.fmt import text_of
from fluxkit.template.values import from_bytes

__all__ = ["strval"]


def strval(value: Any) -> str:
    """``%v``, except that a []byte is the text that it holds. Upstream: Masterminds/sprig ``strings.go``."""
    if type(value) is str:
        return value
    return from_bytes(value) if isinstance(value, bytes) else text_of(value)
