"""What a linter says."""

from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Linter", "Message", "Severity"]


class Severity(IntEnum):
    """How bad it is: against the conventions, likely to work, not likely to work."""

    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Message:
    """One finding; ``path`` is a file of the chart, or empty."""

    severity: Severity
    path: str
    text: str

    def __str__(self) -> str:
        return f"[{self.severity.name}] {self.path}: {self.text}"


@dataclass(slots=True)
class Linter:
    """Collects messages about one chart."""

    messages: list[Message] = field(default_factory=list)

    def report(self, severity: Severity, path: str, problem: str | None) -> bool:
        """Note a problem, if there is one; True if there is none."""
        if problem is None:
            return True
        self.messages.append(Message(severity, path, problem))
        return False
