"""Slices of any element type, as the list functions take them apart."""

from typing import Any

from fluxkit.template.values import Uint8, kind_of

__all__ = ["elements", "is_list"]


def is_list(value: Any) -> bool:
    return isinstance(value, list | bytes) or kind_of(value) == "slice"


def elements(value: Any) -> list[Any]:
    """The elements of a slice; each byte of a []byte is a uint8."""
    return [Uint8(byte) for byte in value] if isinstance(value, bytes) else list(value)
