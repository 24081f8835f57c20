"""A bound on what a build makes out of its files.

Files are bounded when they are read, but replacements, variables and ``copy`` operations can double what is there again
and again: forty of them turn a kilobyte into a petabyte. Whatever multiplies values asks the budget first.
"""

from typing import Any

from fluxkit.kustomize.errors import KustomizeError

__all__ = ["Budget", "size_of"]


class Budget:
    """How much more a build may make; ``limit`` is in bytes of text."""

    __slots__ = ("_left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = limit

    def spend(self, size: int) -> None:
        """Raises :class:`KustomizeError` when the limit is exceeded."""
        self._left -= size
        if self._left < 0:
            raise KustomizeError(f"the build makes more than the limit of {self.limit} bytes")


def size_of(value: Any) -> int:
    """About how many characters a tree or a JSON value takes when it is written. Shared parts count each time."""
    kind = type(value)
    if kind is str:
        return len(value) + 1
    if kind is dict:
        return 2 + sum(
            [len(key) + 2 + (len(item) + 1 if type(item) is str else size_of(item)) for key, item in value.items()]
        )
    if kind is list:
        return 2 + sum([2 + (len(item) + 1 if type(item) is str else size_of(item)) for item in value])
    if isinstance(value, dict):
        return size_of(dict(value))
    return len(value) + 1 if isinstance(value, str) else 4
