"""A load generator for API servers: prepared requests over kept TLS connections, one in flight on each.

As thin as it can be, so that what is measured is the server: a request is bytes, a response is read up to its end and
thrown away. HTTP/1.1 only.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["Address", "Answers", "Arrivals", "Request", "Session", "run", "watching"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and the bearer token of its administrator."""

    host: str
    port: int
    token: str


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/json"

    def encode(self, to: Address) -> bytes:
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: {to.host}:{to.port}\r\nAuthorization: Bearer {to.token}\r\n"
            f"User-Agent: benchmark/1\r\nAccept: application/json\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


@dataclass(slots=True)
class Answers:
    """Latencies in seconds, and how many answers were refusals."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, part: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is complete."""

    def __init__(self, to: Address, requests: Iterator[Request], answers: Answers, done: asyncio.Future[None]) -> None:
        self._to = to
        self._requests = requests
        self._answers = answers
        self._done = done
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _send(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            self._done.set_result(None)
            self._transport.close()
            return
        self._started = time.perf_counter()
        self._transport.write(request.encode(self._to))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
        elif not self._buffer.endswith(b"0\r\n\r\n"):
            return
        self._answers.latencies.append(time.perf_counter() - self._started)
        self._answers.refused += self._buffer[9:10] != b"2"
        self._buffer.clear()
        self._send()


async def run(to: Address, requests: Iterator[Request], connections: int) -> Answers:
    """Sends every request over that many connections."""
    loop = asyncio.get_running_loop()
    answers = Answers()
    waiting = [loop.create_future() for _ in range(connections)]
    context = _trusting()
    started = time.perf_counter()
    for done in waiting:
        await loop.create_connection(
            lambda done=done: _Connection(to, requests, answers, done),  # type: ignore[misc]
            to.host,
            to.port,
            ssl=context,
        )
    await asyncio.gather(*waiting)
    answers.seconds = time.perf_counter() - started
    return answers


class Session:
    """One kept connection on which requests are made one after the other, and answers are of interest."""

    def __init__(self, to: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._to = to
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def open(cls, to: Address) -> AsyncIterator["Session"]:
        reader, writer = await asyncio.open_connection(to.host, to.port, ssl=_trusting())
        try:
            yield cls(to, reader, writer)
        finally:
            writer.close()

    async def ask(self, request: Request) -> bytes:
        """The body of the answer; raises ``RuntimeError`` for a refusal."""
        self._writer.write(request.encode(self._to))
        head = await self._reader.readuntil(b"\r\n\r\n")
        at = head.lower().find(b"content-length:")
        if at >= 0:
            body = await self._reader.readexactly(int(head[at + 15 :].split(b"\r\n", 1)[0]))
        else:
            body = b""
            while size := int(await self._reader.readline(), 16):
                body += await self._reader.readexactly(size)
                await self._reader.readline()
            await self._reader.readline()
        if head[9:10] != b"2":
            raise RuntimeError(f"{request.method} {request.path}: {body[:200]!r}")
        return body


class Arrivals:
    """The moments (``time.perf_counter``) at which events arrived at a number of watches."""

    def __init__(self) -> None:
        self._moments: list[float] = []
        self._more = asyncio.Event()

    def add(self, moment: float, count: int) -> None:
        self._moments += [moment] * count
        self._more.set()

    async def take(self, count: int) -> list[float]:
        """The next moments, once there are that many."""
        while len(self._moments) < count:
            self._more.clear()
            await self._more.wait()
        taken, self._moments = self._moments[:count], self._moments[count:]
        return taken


class _Watch(asyncio.Protocol):
    """Notes the moment at which each line of a watch arrives."""

    def __init__(self, to: Address, request: Request, arrivals: Arrivals) -> None:
        self._to = to
        self._request = request
        self._begun = False
        self._arrivals = arrivals
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request.encode(self._to))

    def data_received(self, data: bytes) -> None:
        moment = time.perf_counter()
        if not self._begun:
            self._begun = b"\r\n\r\n" in data
            if self._begun:
                self.opened.set_result(None)
        self._arrivals.add(moment, data.count(b'{"type":"'))


@asynccontextmanager
async def watching(to: Address, path: str, count: int) -> AsyncIterator[Arrivals]:
    """That many watches of one path."""
    loop = asyncio.get_running_loop()
    context = _trusting()
    arrivals = Arrivals()
    opened = [
        await loop.create_connection(lambda: _Watch(to, Request("GET", path), arrivals), to.host, to.port, ssl=context)
        for _ in range(count)
    ]
    try:
        await asyncio.gather(*(protocol.opened for _, protocol in opened))
        yield arrivals
    finally:
        for transport, _ in opened:
            transport.abort()
