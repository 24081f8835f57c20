"""A Git server over real HTTP: git's own ``http-backend`` behind a small asyncio CGI bridge, with switches for trouble.

    async with GitHTTPServer(root) as server:      # serves every bare repository below root
        url = server.url("fleet.git")

Pushing works too (``http.receivepack`` is switched on). Only ``aiohttp`` and ``git`` are needed.
"""

import asyncio
import base64
import os
import ssl
import subprocess
from enum import Enum
from pathlib import Path

from aiohttp import web

__all__ = ["GitHTTPServer", "Trouble"]


class Trouble(Enum):
    """How the server misbehaves."""

    NONE = "none"
    HANG = "hang"
    """Accepts requests and never answers."""
    HANG_PACK = "hang-pack"
    """Lists references, but never sends objects."""
    GARBAGE = "garbage"
    """Claims to speak Git, and does not."""
    HTML = "html"
    """Answers with a web page, as a captive portal does."""
    FORBIDDEN = "forbidden"
    UNAVAILABLE = "unavailable"
    DROP_ONCE = "drop-once"
    """Closes the connection instead of answering, once: as servers do with connections that were idle for long."""
    RESET = "reset"
    """Closes the connection in the middle of the answer."""


class GitHTTPServer:
    """Serves bare repositories below ``root``. ``credentials`` is (user, password) or None for anonymous access."""

    def __init__(
        self,
        root: Path,
        *,
        credentials: tuple[str, str] | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.root = root
        self.credentials = credentials
        self.bearer_token = ""
        self.trouble = Trouble.NONE
        self.redirects: dict[str, str] = {}
        """Repository name to the base URL that its discovery is redirected to."""
        self.only_version_zero = False
        """Ignore what the client says about protocol versions, as old servers do."""
        self.requests: list[tuple[str, str]] = []
        """(method, path) of every request, refused ones included."""
        self.hanging = asyncio.Event()
        """Set once a request hangs."""
        self._host = "127.0.0.1"
        self._port = port
        self._tls = tls
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    def url(self, repository: str) -> str:
        return f"{'https' if self._tls else 'http'}://{self.address}/{repository}"

    async def __aenter__(self) -> "GitHTTPServer":
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def _authorized(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        if self.bearer_token:
            return given == f"Bearer {self.bearer_token}"
        if self.credentials is None:
            return True
        pair = base64.b64encode(":".join(self.credentials).encode()).decode()
        return given == f"Basic {pair}"

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        if not self._authorized(request):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        repository, _, service = request.path.strip("/").partition("/")
        if service == "info/refs" and repository in self.redirects:
            raise web.HTTPMovedPermanently(f"{self.redirects[repository]}/info/refs?{request.query_string}")
        body = await request.read()  # aiohttp has undone a gzip encoding already
        fetches = request.method == "POST" and b"command=fetch" in body
        match self.trouble:
            case Trouble.HANG:
                await self._hang()
            case Trouble.HANG_PACK if fetches:
                await self._hang()
            case Trouble.GARBAGE:
                service = "advertisement" if request.method == "GET" else "result"
                return web.Response(body=b"\x00garbage" * 50, content_type=f"application/x-git-upload-pack-{service}")
            case Trouble.HTML:
                return web.Response(text="<html>please log in</html>", content_type="text/html")
            case Trouble.FORBIDDEN:
                return web.Response(status=403)
            case Trouble.UNAVAILABLE:
                return web.Response(status=503)
            case Trouble.DROP_ONCE:
                self.trouble = Trouble.NONE
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case Trouble.RESET:
                response = web.StreamResponse(headers={"Content-Length": "1000"})
                await response.prepare(request)
                assert request.transport is not None
                request.transport.abort()
                return response
        return await self._backend(request, body)

    async def _hang(self) -> None:
        self.hanging.set()
        await asyncio.Event().wait()

    async def _backend(self, request: web.Request, body: bytes) -> web.StreamResponse:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "git",
            "REMOTE_ADDR": "127.0.0.1",
        }
        if (protocol := request.headers.get("Git-Protocol")) and not self.only_version_zero:
            environment["HTTP_GIT_PROTOCOL"] = protocol
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate(body)
        head, _, content = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200 OK").split(" ", 1)[0])
        return web.Response(status=status, headers=headers, body=content)
