"""The request value that travels from the client's verbs to the transport."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Request", "Sender"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``verb`` and ``resource`` are for counting; ``query`` values that are empty are not sent."""

    verb: str
    method: str
    path: str
    resource: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    accept: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()
    compress: bool = False
    """Ask for a gzip answer: worth it for long lists over a real network only."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Sender = Callable[[Request], Awaitable[bytes]]
"""Sends a request and gives the body of a successful answer."""
