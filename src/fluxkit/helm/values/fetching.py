"""How schemas that lie elsewhere are got; a module of its own, as few charts need what checks schemas."""

from collections.abc import Callable

__all__ = ["Fetch"]

Fetch = Callable[[str], bytes]
"""Gets a schema that another one refers to, by its absolute address. Raises OSError or ValueError."""
