"""Figures side by side."""

import sys
from dataclasses import dataclass

__all__ = ["Figure", "announce", "show"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and what it compares to; ``peer`` is empty where there is nothing to compare with."""

    what: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None

    def __str__(self) -> str:
        text = f"  {self.what:<58} {self.value:>10.1f} {self.unit:<9}"
        if self.peer_value is None:
            return f"{text} {self.peer}".rstrip()
        ratio = self.value / self.peer_value if self.peer_value else float("inf")
        return f"{text} {self.peer}: {self.peer_value:.1f} {self.unit} (ratio {ratio:.2f})"


def announce(title: str) -> None:
    _print(f"\n{title}")


def show(*figures: Figure) -> None:
    for figure in figures:
        _print(str(figure))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
