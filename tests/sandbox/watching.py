"""A blocking watch for tests: reads events as they arrive, with a deadline."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.sandbox_fixture import SandboxServer

__all__ = ["Watch", "eventually"]


class Watch:
    """An open watch stream; use as a context manager."""

    def __init__(self, server: SandboxServer, path: str, accept: str = "application/json") -> None:
        address = urlsplit(server.url)
        self._connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, timeout=10, context=server.ssl_context()
        )
        headers = {"Authorization": f"Bearer {server.token}", "Accept": accept}
        self._connection.request("GET", path, headers=headers)
        self._response = self._connection.getresponse()
        self.status = self._response.status

    def header(self, name: str) -> str | None:
        return self._response.getheader(name)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def next(self) -> Any:
        """The next event; None when the server ended the stream."""
        line = self._response.readline()
        return json.loads(line) if line else None

    def take(self, count: int) -> list[tuple[str, str]]:
        """(type, name) of the next events."""
        events = [self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true result of a condition, asked again until the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, "the condition did not come true in time"
