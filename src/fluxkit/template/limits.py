"""What a template may use up. Go has no such limits; a hostile template must cost its owner an error, nobody else."""

import gc
import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from fluxkit.template.errors import LimitError

__all__ = ["MAX_TREE", "Budget", "Limits", "check_tree", "deep_stack", "quiet_collector"]

MAX_TREE: Final = 250_000
"""Values within each other that one function call may follow; one that stands in two places counts twice."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``steps`` counts template nodes executed, ``output`` characters written, ``depth`` templates within templates.

    ``produced`` counts what functions return in large texts and lists (characters and items); ``seconds`` is the time
    that all of it may take, None for any.
    """

    steps: int = 50_000_000
    output: int = 1 << 26
    depth: int = 100_000
    produced: int = 1 << 29
    seconds: float | None = None


class Budget:
    """What is left of the limits; one for everything that belongs together, such as a chart's rendering.

    ``steps`` is handed out in portions, so that the clock is looked at once in a while.
    """

    __slots__ = ("_deadline", "_produced", "_reserve", "depth", "limits", "output", "steps")
    _PORTION = 2_000

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps = min(limits.steps, self._PORTION)
        self.output = limits.output
        self.depth = 0
        self._reserve = limits.steps - self.steps
        self._produced = limits.produced
        self._deadline = None if limits.seconds is None else time.monotonic() + limits.seconds

    def refill(self) -> None:
        """To be called once ``steps`` is below zero. Raises LimitError when there are none left, or no time."""
        self.check_time()
        portion = min(self._reserve, self._PORTION)
        self._reserve -= portion
        self.steps += portion
        if self.steps < 0:
            raise LimitError(f"template execution exceeds the limit of {self.limits.steps} steps")

    def check_time(self) -> None:
        """Raises LimitError when the time is over; for functions that take long themselves."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise LimitError(f"template execution exceeds the limit of {self.limits.seconds:g} seconds")

    def charge(self, size: int) -> None:
        """Count what a function has produced. Raises LimitError when it is too much."""
        self._produced -= size
        if self._produced < 0:
            raise LimitError(
                f"template functions produce more than the limit of {self.limits.produced} characters and items"
            )

    def flooded(self) -> LimitError:
        """The error to raise once ``output`` is below zero."""
        return LimitError(f"template output exceeds the limit of {self.limits.output} characters")


def check_tree(value: Any) -> None:
    """Raises LimitError for lists and maps that share so much that following all of it would have no end."""
    if isinstance(value, dict | list):
        _tree_size(value, {})


def _tree_size(value: Any, sizes: dict[int, int]) -> int:
    known = sizes.get(id(value))
    if known is not None:
        return known
    sizes[id(value)] = 0  # one that contains itself is found by its depth
    total = len(value)
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            total += _tree_size(item, sizes)
    if total > MAX_TREE:
        raise LimitError(f"a function was given more than the limit of {MAX_TREE} values within each other")
    sizes[id(value)] = total
    return total


class _DeepStack:
    """Lets Python nest calls as deeply as Go's templates may; calls between Python functions need no C stack."""

    _FRAMES = 1_500_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._normal = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._normal = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._normal, self._FRAMES))
            self._users += 1

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                sys.setrecursionlimit(self._normal)


class _QuietCollector:
    """Keeps the cyclic garbage collector from walking, again and again, all that parsing and compiling leave behind.

    None of that is garbage, and it can be most of the time that a first rendering takes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._enabled = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._enabled = gc.isenabled()
                gc.disable()
            self._users += 1

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._enabled:
                gc.enable()


deep_stack = _DeepStack()
quiet_collector = _QuietCollector()
