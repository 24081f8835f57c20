"""Listing a remote's references over smart HTTP, without starting a process.

This is the idle path: every GitRepository asks once per interval whether its reference has moved. With protocol version
2 the server sends only the asked-for references; once a server is known to speak it, the question is a single POST over
a kept connection. Servers that answer with version 0 or 1 list everything in the first response. Fetching objects is
left to the ``git`` binary. (git ``Documentation/gitprotocol-v2``, ``gitprotocol-http``.)
"""

import asyncio
import errno
import hashlib
import os
import ssl
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from fluxkit import __version__
from fluxkit.source.errors import GitAuthError, GitError, RepositoryNotFound
from fluxkit.source.git import pktline
from fluxkit.source.git.auth import GitAuth
from fluxkit.source.git.refs import PEELED, RefListing

__all__ = ["HTTPPool", "Listing"]

_MAX_RESPONSE: Final = 256 << 20
_MAX_REDIRECTS: Final = 5
_MAX_CONTEXTS: Final = 64
_MAX_REMEMBERED: Final = 4096
_KEEP_ALIVE: Final = 90.0
"""Seconds an idle connection is kept: longer than the usual interval of a minute."""
_DISCOVERY: Final = "info/refs"
_QUERY: Final = "service=git-upload-pack"


@dataclass(frozen=True, slots=True)
class Listing:
    """References, and the URL of the repository after redirects with the credentials that may be sent there."""

    refs: RefListing
    url: str
    auth: GitAuth


class HTTPPool:
    """Kept connections and TLS contexts, shared by all remotes of a process. Bound to one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        self._version_two: OrderedDict[str, str] = OrderedDict()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def list_refs(self, url: str, auth: GitAuth, prefixes: Sequence[str], proxy: str = "") -> Listing:
        """The references whose names start with one of ``prefixes`` (more may come), with peeled tags.

        ``url`` without user information. Raises GitError and its kinds; the caller sets the time limit.
        """
        base = self._version_two.get(url)
        if base is not None:
            try:
                _, answer = await self._post(base, auth, prefixes, proxy, url)
            except GitError:
                answer = None
            if answer is not None:
                return Listing(answer, base, auth)
            # A kept connection has died, or the repository moved, or is down: the long way tells which.
            self._version_two.pop(url, None)
        return await self._discover(url, auth, prefixes, proxy)

    async def _discover(self, url: str, auth: GitAuth, prefixes: Sequence[str], proxy: str) -> Listing:
        base, given = url.rstrip("/"), auth
        for _ in range(_MAX_REDIRECTS + 1):
            status, location, kind, body = await self._request(
                "GET", f"{base}/{_DISCOVERY}?{_QUERY}", auth, proxy, url=url
            )
            if not location:
                break
            base, auth = _redirected(base, location, auth, url)
        else:
            raise GitError(f"unable to list remote for '{url}': stopped after {_MAX_REDIRECTS} redirects")
        _check_status(status, url)
        if kind != "application/x-git-upload-pack-advertisement":
            raise GitError(
                f"unable to list remote for '{url}': the answer is no Git advertisement (content type '{kind}'); "
                "expected a Git server that speaks the smart HTTP protocol"
            )
        try:
            lines = [line for line in pktline.packets(body) if line is not None]
            if lines and lines[0].startswith(b"# service="):
                del lines[0]
            if lines and lines[0].strip() == b"version 2":
                status, listing = await self._post(base, auth, prefixes, proxy, url)
                if listing is None:
                    _check_status(status, url)
                    raise GitError(f"unable to list remote for '{url}': the server refused to list references")
                if auth is given:
                    self._remember(url, base)
                return Listing(listing, base, auth)
            return Listing(_advertised(lines), base, auth)
        except ValueError:
            raise GitError(f"unable to list remote for '{url}': the server's answer is malformed") from None

    def _remember(self, url: str, base: str) -> None:
        """The server speaks version 2 there, and our credentials may be sent there."""
        self._version_two[url] = base
        if len(self._version_two) > _MAX_REMEMBERED:
            self._version_two.popitem(last=False)

    async def _post(
        self, base: str, auth: GitAuth, prefixes: Sequence[str], proxy: str, url: str
    ) -> tuple[int, RefListing | None]:
        """The status of one ls-refs command, and the answer if the server understands it."""
        body = b"".join(
            (
                pktline.encode("command=ls-refs\n"),
                pktline.encode(f"agent=fluxkit/{__version__}\n"),
                pktline.DELIMITER,
                pktline.encode("peel\n"),
                *(pktline.encode(f"ref-prefix {prefix}\n") for prefix in prefixes),
                pktline.FLUSH,
            )
        )
        status, location, kind, answer = await self._request(
            "POST", f"{base}/git-upload-pack", auth, proxy, body=body, url=url
        )
        if location or status != 200 or kind != "application/x-git-upload-pack-result":
            return status, None
        refs: dict[str, str] = {}
        try:
            for line in pktline.packets(answer):
                if line is None:
                    break
                if line.startswith(b"ERR "):
                    return status, None
                commit, name, *attributes = line.decode("utf-8", "surrogateescape").rstrip("\n").split(" ")
                refs[name] = commit
                for attribute in attributes:
                    if attribute.startswith("peeled:"):
                        refs[name + PEELED] = attribute.removeprefix("peeled:")
        except ValueError:
            raise GitError(f"unable to list remote for '{url}': the server's answer is malformed") from None
        return status, RefListing(refs)

    async def _request(
        self, method: str, address: str, auth: GitAuth, proxy: str, *, body: bytes | None = None, url: str
    ) -> tuple[int, str, str, bytes]:
        """(status, redirect location or nothing, content type, body)."""
        headers = {"Git-Protocol": "version=2", "User-Agent": f"git/fluxkit-{__version__}"}
        if auth.authorization:
            headers["Authorization"] = auth.authorization
        if body is not None:
            headers["Content-Type"] = "application/x-git-upload-pack-request"
            headers["Accept"] = "application/x-git-upload-pack-result"
        proxy_url, proxy_headers = _proxy_for(address, proxy)
        if address.startswith("http:"):
            # Without a tunnel the proxy reads its credentials from the request itself.
            headers |= proxy_headers
        if self._session is None:
            # Cookies of one tenant must not reach the requests of another.
            self._session = aiohttp.ClientSession(
                # No limit on connections: hung servers must not use up those of the others.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),
            )
        context = await self._context(auth) if address.startswith("https:") else True
        try:
            async with self._session.request(
                method,
                URL(address, encoded=True),
                headers=headers,
                data=body,
                proxy=proxy_url,
                proxy_headers=proxy_headers,
                ssl=context,
                allow_redirects=False,
            ) as response:
                location = response.headers.get("Location", "") if response.status in (301, 302, 303, 307, 308) else ""
                data = b"" if response.status != 200 else await _read(response, url)
                return response.status, location, response.content_type, data
        except aiohttp.ClientError as problem:
            raise GitError(f"unable to list remote for '{url}': {_cause(problem)}") from problem
        except OSError as problem:
            raise GitError(f"unable to list remote for '{url}': {problem.strerror or problem}") from problem

    async def _context(self, auth: GitAuth) -> ssl.SSLContext:
        key = hashlib.sha256(
            b"\0".join((auth.ca, auth.client_certificate, hashlib.sha256(auth.client_key).digest()))
        ).hexdigest()
        if (context := self._contexts.get(key)) is None:
            context = await asyncio.to_thread(_tls_context, auth)
            self._contexts[key] = context
            if len(self._contexts) > _MAX_CONTEXTS:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(key)
        return context


async def _read(response: aiohttp.ClientResponse, url: str) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > _MAX_RESPONSE:
            raise GitError(f"unable to list remote for '{url}': the list of references exceeds {_MAX_RESPONSE} bytes")
    return bytes(data)


def _tls_context(auth: GitAuth) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if auth.ca:
            context.load_verify_locations(cadata=auth.ca.decode("ascii", "strict"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError):
        raise GitAuthError("failed to parse CA certificate") from None
    if auth.client_certificate:
        # The ssl module reads client certificates from files only; a memory file never touches a disk.
        descriptor = os.memfd_create("client") if hasattr(os, "memfd_create") else -1
        if descriptor < 0:
            raise GitAuthError("client certificates for Git need a system with memory files (Linux)")
        try:
            os.write(descriptor, auth.client_certificate + b"\n" + auth.client_key + b"\n")
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        except ssl.SSLError:
            raise GitAuthError("failed to parse TLS certificate and key") from None
        finally:
            os.close(descriptor)
    return context


def _proxy_for(address: str, proxy: str) -> tuple[str | None, dict[str, str]]:
    """The object's proxy, else the environment's (never a ``.netrc``, as the client would look up), and its headers."""
    if not proxy:
        parts = urlsplit(address)
        if proxy_bypass(parts.hostname or ""):
            return None, {}
        proxy = getproxies().get(parts.scheme, "")
        if not proxy:
            return None, {}
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    headers = {}
    if parts.username:
        proxy_auth = GitAuth.basic(unquote(parts.username), unquote(parts.password or ""))
        headers["Proxy-Authorization"] = proxy_auth.authorization
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), headers


def _redirected(base: str, location: str, auth: GitAuth, url: str) -> tuple[str, GitAuth]:
    """The repository's new address, and the credentials for it: none for another host or without TLS."""
    old: SplitResult = urlsplit(base)
    new = urlsplit(str(URL(f"{base}/{_DISCOVERY}").join(URL(location))))
    path = new.path.removesuffix(f"/{_DISCOVERY}")
    if new.scheme not in ("http", "https") or path == new.path:
        raise GitError(f"unable to list remote for '{url}': the server redirects to something that is no repository")
    keeps_host = new.hostname == old.hostname
    keeps_port = new.port == old.port or (old.scheme == "http" and new.scheme == "https")
    safe = keeps_host and keeps_port and not (old.scheme == "https" and new.scheme == "http")
    target = new._replace(netloc=new.netloc.rpartition("@")[2], path=path, query="", fragment="").geturl()
    return target, auth if safe else GitAuth(ca=auth.ca)


def _check_status(status: int, url: str) -> None:
    if status == 200:
        return
    if status == 401:
        raise GitError(f"unable to list remote for '{url}': authentication required")
    if status == 403:
        raise GitError(f"unable to list remote for '{url}': authorization failed")
    if status == 404:
        raise RepositoryNotFound(f"unable to list remote for '{url}': repository not found")
    raise GitError(f"unable to list remote for '{url}': unexpected HTTP status {status}")


def _advertised(lines: Sequence[bytes]) -> RefListing:
    """The references of a version 0 or 1 advertisement."""
    refs: dict[str, str] = {}
    for line in lines:
        if line.startswith(b"ERR "):
            raise GitError(f"the server answers: {line[4:].decode('utf-8', 'replace').strip()}")
        if line.startswith((b"version ", b"shallow ")):
            continue
        commit, _, name = line.partition(b"\0")[0].decode("utf-8", "surrogateescape").rstrip("\n").partition(" ")
        if len(commit) not in (40, 64) or not name:
            raise ValueError("malformed reference")
        if name != "capabilities" + PEELED:
            refs[name] = commit
    return RefListing(refs)


def _cause(problem: aiohttp.ClientError) -> str:
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        return f"tls: failed to verify certificate: {problem.certificate_error}"
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return f"lookup {problem.host}: no such host"
    if isinstance(problem, aiohttp.ClientConnectorError):
        reason = "connection refused" if problem.os_error.errno == errno.ECONNREFUSED else problem.os_error.strerror
        return f"dial tcp {problem.host}:{problem.port}: {reason or problem.os_error}"
    return str(problem) or type(problem).__name__
