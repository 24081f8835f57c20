"""What a template may use up. Go has no such limits; a hostile template must cost its owner an error, nobody else."""

import sys
import threading
from dataclasses import dataclass
from types import TracebackType

from fluxkit.template.errors import LimitError

__all__ = ["Budget", "Limits", "deep_stack"]


@dataclass(frozen=True, slots=True)
class Limits:
    """``steps`` counts template nodes executed, ``output`` characters written, ``depth`` templates within templates."""

    steps: int = 50_000_000
    output: int = 1 << 26
    depth: int = 100_000


class Budget:
    """What is left of the limits; one for everything that belongs together, such as a chart's rendering."""

    __slots__ = ("depth", "limits", "output", "steps")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps = limits.steps
        self.output = limits.output
        self.depth = 0

    def exhausted(self) -> LimitError:
        """The error to raise once ``steps`` or ``output`` is below zero."""
        if self.output < 0:
            return LimitError(f"template output exceeds the limit of {self.limits.output} characters")
        return LimitError(f"template execution exceeds the limit of {self.limits.steps} steps")


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


deep_stack = _DeepStack()
