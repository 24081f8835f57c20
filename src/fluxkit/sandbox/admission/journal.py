"""How a synchronous decision waits for webhooks: it is taken again once their answers are there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox import names

__all__ = ["Journal", "ReviewNeeded"]


class ReviewNeeded(Exception):
    """A decision that cannot be taken before ``ask`` is awaited; it writes the answer into the journal."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self.ask = ask
        super().__init__("webhooks must be asked first")


@dataclass(slots=True)
class Journal:
    """What one request has learned so far. Its random parts are drawn once: every attempt makes the same object."""

    uid: str = field(default_factory=names.new_uid)
    generated: str = ""
    """The name that was generated for the object, if it has asked for one."""
    _answers: list[tuple[str, Any, Any, Object | None]] = field(default_factory=list)

    def answer(self, phase: str, new: Object | None, old: Object | None) -> tuple[bool, Object | None]:
        """Whether a phase has been passed for these states of an object, and with what result."""
        for known, before, was, result in self._answers:
            if known == phase and before == _settled(new) and was == _settled(old):
                return True, result
        return False, None

    def record(self, phase: str, new: Object | None, old: Object | None, result: Object | None) -> None:
        self._answers.append((phase, _settled(new), _settled(old), result))


def _settled(obj: Object | None) -> Object | None:
    """An object without what the moment of an attempt decides."""
    if obj is None:
        return None
    metadata = {
        key: value for key, value in obj["metadata"].items() if key not in ("managedFields", "creationTimestamp")
    }
    return {**obj, "metadata": metadata}
