"""HTTP to one API server: one aiohttp session, credentials, and the retries that are always safe.

What is repeated, and nothing else is:

- a request that certainly never reached the server (the connection was refused): every method;
- an answer 429 or 503 that names a Retry-After, because the server did not act: every method;
- a lost connection, 429, 500, 502, 503 or 504: reads only (GET);
- a kept-alive connection that the server closed just then: GET, PUT and DELETE, once and unseen, by aiohttp, as Go's
  net/http does. A repeated PUT or DELETE may so answer Conflict or NotFound about its own success.

Waits grow exponentially with full jitter, or are what Retry-After says. This is the only module that imports aiohttp,
and it is imported when a client is opened, so that a command that talks to no server does not pay for it.
"""

import asyncio
import os
import random
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import orjson
from multidict import CIMultiDict
from yarl import URL

from fluxkit.kube.config import ClusterConfig
from fluxkit.kube.credentials import CertificatePair, Identity
from fluxkit.kube.errors import APIError, ConfigError, ConnectionFailed, InvalidRequest, from_status
from fluxkit.kube.proxies import ProxyFailed, parse_proxy, proxy_from_environment
from fluxkit.kube.requests import Request
from fluxkit.kube.stats import RequestStats
from fluxkit.kube.throttle import RequestRate, TokenBucket, has_priority_and_fairness
from fluxkit.kube.tls import build_context

__all__ = ["Response", "RetryPolicy", "Transport"]

_CONNECT_TIMEOUT: Final = 10.0
_IN_FLIGHT: Final = 128
_CONTEXTS_KEPT: Final = 4
_READ_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_WRITE_AGAIN: Final = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``attempts`` bounds failures, ``throttled_attempts`` the answers that name a Retry-After; times in seconds."""

    attempts: int = 5
    throttled_attempts: int = 10
    base: float = 0.1
    cap: float = 5.0
    longest_wait: float = 30.0

    def backoff(self, attempt: int) -> float:
        """A random wait before the attempt after this one (counted from 1)."""
        return random.uniform(0.0, min(self.cap, self.base * 2 ** (attempt - 1)))


@dataclass(frozen=True, slots=True)
class Response:
    code: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Transport:
    """The session of one :class:`ClusterConfig`. Open it with :meth:`open`, end it with :meth:`close`."""

    def __init__(
        self,
        config: ClusterConfig,
        stats: RequestStats,
        *,
        retry: RetryPolicy | None = None,
        rate: RequestRate | None = None,
    ) -> None:
        self.config = config
        self.stats = stats
        self._retry = retry or RetryPolicy()
        self._bucket = TokenBucket(rate) if rate is not None else None
        self._bucket_probed = asyncio.Lock() if rate is not None else None
        self._session: aiohttp.ClientSession | None = None
        self._in_flight = asyncio.Semaphore(_IN_FLIGHT)
        self._contexts: dict[CertificatePair | None, ssl.SSLContext] = {}
        self._proxy = (
            parse_proxy(config.proxy_url, where="proxy-url")
            if config.proxy_url
            else proxy_from_environment(config.server, os.environ)
        )
        self._local = URL(config.server).host in ("127.0.0.1", "::1", "localhost")

    async def open(self) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self.config.user_agent},
                skip_auto_headers=("Content-Type", "Accept-Encoding", "Accept"),
                timeout=aiohttp.ClientTimeout(total=self.config.timeout, sock_connect=_CONNECT_TIMEOUT),
                trust_env=False,  # aiohttp would also send passwords from ~/.netrc
            )

    def _connector(self) -> aiohttp.TCPConnector:
        if self._proxy is None or self._proxy.scheme == "http":
            return aiohttp.TCPConnector(limit=0, socket_factory=_keepalive_socket)
        if self.config.tls.server_name:
            raise ConfigError(f"{self._proxy.url}: a TLS server name cannot be used through this kind of proxy")
        try:
            from fluxkit.kube.tunnel import TunnelConnector
        except ImportError:
            raise ConfigError(f"{self._proxy.url}: this kind of proxy needs: pip install fluxkit[socks]") from None
        return TunnelConnector(self._proxy)

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def send(self, request: Request) -> Response:
        """The successful answer; raises :class:`APIError` or :class:`ConnectionFailed` when retries are used up."""
        attempt = throttled = 0
        while True:
            await self._throttle()
            try:
                return await self._attempt(request)
            except ConnectionFailed as error:
                attempt += 1
                if attempt >= self._retry.attempts or not _repeatable(request, error):
                    raise
                wait = self._retry.backoff(attempt)
            except APIError as error:
                if error.retry_after is not None and error.code in (_READ_AGAIN if _reads(request) else _WRITE_AGAIN):
                    throttled += 1
                    if throttled >= self._retry.throttled_attempts or error.retry_after > self._retry.longest_wait:
                        raise
                    # A little on top, so that all who were turned away together do not come back together.
                    wait = error.retry_after + random.uniform(0.0, self._retry.base)
                else:
                    attempt += 1
                    again = _reads(request) and error.code in _READ_AGAIN
                    if attempt >= self._retry.attempts or not again:
                        raise
                    wait = self._retry.backoff(attempt)
            self.stats.retries[request.verb] += 1
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def stream(
        self, request: Request, *, idle_timeout: float | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of a successful answer as it arrives; no retry, and no bound but ``idle_timeout`` between chunks."""
        await self._throttle()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT, sock_read=idle_timeout)
        for last in (False, True):
            identity = await self.config.credentials.identity()
            try:
                response = await self._issue(request, identity, timeout)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise _failure(self.config, request, error) from error
            self.stats.answers[request.method, response.status] += 1
            try:
                if response.status == 401 and not last and self.config.credentials.reject(identity):
                    continue
                if response.status >= 300:
                    body = b"".join([chunk async for chunk in self._chunks(request, response)])
                    raise _refusal(request, response, body)
                yield self._chunks(request, response)
                return
            finally:
                response.close()

    async def _attempt(self, request: Request) -> Response:
        async with self._in_flight:
            for last in (False, True):
                identity = await self.config.credentials.identity()
                try:
                    async with self._issue(request, identity, None) as response:
                        self.stats.answers[request.method, response.status] += 1
                        body = await response.read()
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    raise _failure(self.config, request, error) from error
                if response.status < 300:
                    return Response(response.status, response.headers, body)
                # A server that says 401 did nothing, so that every method may be repeated with new credentials.
                if response.status == 401 and not last and self.config.credentials.reject(identity):
                    continue
                raise _refusal(request, response, body)
        raise AssertionError("unreachable: the second round returns or raises")

    def _issue(
        self, request: Request, identity: Identity, timeout: aiohttp.ClientTimeout | None
    ) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            raise RuntimeError("the client is not open: use it as an async context manager")
        for name, value in request.headers:
            if any(character in value for character in "\r\n\0"):
                raise InvalidRequest(f"{name}: {value!r} cannot be sent in a header")
        headers = CIMultiDict(request.headers)
        headers.setdefault("Accept", request.accept)
        if request.body is not None:
            headers.setdefault("Content-Type", request.content_type)
        if request.compress and self.config.compression and not self._local:
            headers["Accept-Encoding"] = "gzip"
        if identity.authorization:
            headers.setdefault("Authorization", identity.authorization)
        options: dict[str, Any] = {}
        if timeout is not None:
            options["timeout"] = timeout
        if self._proxy is not None and self._proxy.scheme == "http":
            options["proxy"] = self._proxy.url
            if self._proxy.authorization:
                options["proxy_headers"] = {"Proxy-Authorization": self._proxy.authorization}
        if self.config.server.startswith("https:"):
            options["ssl"] = self._context(identity.certificate)
            if self.config.tls.server_name:
                options["server_hostname"] = self.config.tls.server_name
        query = urlencode({key: value for key, value in request.query.items() if value})
        url = f"{self.config.server}{request.path}{'?' if query else ''}{query}"
        self.stats.count(request.verb, request.resource)
        return self._session.request(
            request.method,
            URL(url, encoded=True),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            **options,
        )

    async def _chunks(self, request: Request, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failure(self.config, request, error) from error

    def _context(self, pair: CertificatePair | None) -> ssl.SSLContext:
        context = self._contexts.get(pair)
        if context is None:
            context = build_context(self.config.tls, pair)
            if len(self._contexts) >= _CONTEXTS_KEPT:  # certificates that were rotated away
                del self._contexts[next(iter(self._contexts))]
            self._contexts[pair] = context
        return context

    async def _throttle(self) -> None:
        if self._bucket_probed is not None:
            await self._probe_fairness(self._bucket_probed)
        if self._bucket is not None:
            await self._bucket.acquire()

    async def _probe_fairness(self, lock: asyncio.Lock) -> None:
        async with lock:
            if self._bucket_probed is None:
                return
            request = Request(verb="probe", method="HEAD", path="/livez/ping")
            try:
                headers: Mapping[str, str] = (await self._attempt(request)).headers
            except APIError as error:
                # An anonymous or forbidden probe is answered behind the same filter, so its headers count as well.
                headers = error.headers
            except ConnectionFailed:
                return  # the request that waits for this will say it, and the next one probes again
            if has_priority_and_fairness(headers):
                self._bucket = None
            self._bucket_probed = None


def _keepalive_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket on which the kernel notices within a minute that the other end is gone; a watch may be silent long."""
    made = socket.socket(family=info[0], type=info[1], proto=info[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


def _reads(request: Request) -> bool:
    return request.method in ("GET", "HEAD")


def _repeatable(request: Request, error: ConnectionFailed) -> bool:
    if error.permanent:
        return False
    return _reads(request) or not error.sent


def _failure(config: ClusterConfig, request: Request, error: Exception) -> ConnectionFailed:
    """Says which server and why, in words of our own: aiohttp's may hold a proxy's password."""
    server, sent, permanent = config.server, False, False
    if isinstance(error.__cause__, ProxyFailed | ssl.SSLCertVerificationError):
        error = error.__cause__  # aiohttp makes a nameless ClientOSError of what happens inside a tunnel
    match error:
        case aiohttp.ClientConnectorCertificateError():
            detail = getattr(error.certificate_error, "verify_message", "") or "certificate verification failed"
            why, permanent = f"the server's certificate is not trusted: {detail}", True
        case aiohttp.ClientConnectorSSLError():
            why = f"TLS handshake failed: {getattr(error.os_error, 'reason', '') or 'no common protocol'}"
            permanent = True
        case aiohttp.ClientHttpProxyError():
            why, permanent = f"the proxy refused the connection: HTTP {error.status}", True
        case aiohttp.ClientProxyConnectionError():
            why = f"cannot connect to the proxy: {_os_reason(error)}"
        case aiohttp.ClientConnectorError():
            why = f"cannot connect: {_os_reason(error)}"
        case ssl.SSLCertVerificationError():
            why, permanent = f"the server's certificate is not trusted: {error.verify_message}", True
        case aiohttp.ConnectionTimeoutError():
            why = f"cannot connect: no answer within {_CONNECT_TIMEOUT:.0f} seconds"
        case TimeoutError():
            why, sent, permanent = f"{request}: no answer in time", True, True
        case aiohttp.ServerDisconnectedError():
            why, sent = f"{request}: the server closed the connection", True
        case aiohttp.ClientPayloadError():
            why, sent = f"{request}: the answer broke off", True
        case ProxyFailed():
            why = str(error)
        case OSError():
            why, sent = f"{request}: {error.strerror or type(error).__name__}", True
        case _:
            why, sent = f"{request}: the answer is not HTTP ({type(error).__name__})", True
    return ConnectionFailed(f"{server}: {why}", sent=sent, permanent=permanent)


def _os_reason(error: aiohttp.ClientConnectorError) -> str:
    inner = error.os_error
    return (inner.strerror if inner.errno is not None and inner.strerror else "") or str(inner) or type(inner).__name__


def _refusal(request: Request, response: aiohttp.ClientResponse, body: bytes) -> APIError:
    status = _status_of(body)
    if status is None:
        # Not from the API server proper: a proxy, a load balancer, a plain 404 for an unknown path.
        excerpt = " ".join(body[:200].decode("utf-8", "replace").split())
        said = f": {excerpt}" if excerpt and "<" not in excerpt else ""
        status = {"message": f"the server answered {response.status} {response.reason} to {request}{said}"}
    status.setdefault("code", response.status)
    return from_status(status, retry_after=_retry_after(response.headers), headers=response.headers)


def _status_of(body: bytes) -> dict[str, Any] | None:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) and decoded.get("kind") == "Status" else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
