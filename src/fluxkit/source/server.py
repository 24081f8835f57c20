"""The artifact HTTP server: read-only files below the storage root, for the other controllers.

GET and HEAD with ranges and conditions, directory listings, 200 on ``/`` (the readiness probe). No authentication:
access is limited by network policy, as upstream does. Upstream: fluxcd/pkg ``artifact/server``.
"""

import asyncio
import html
import os
import stat
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiohttp import web

from fluxkit.source.errors import PathError
from fluxkit.source.paths import secure_join
from fluxkit.source.retention import TEMPORARY_PREFIX
from fluxkit.source.storage import Storage

__all__ = ["ArtifactServer"]

SHUTDOWN_SECONDS: Final = 5.0
"""How long open downloads may take to finish after :meth:`ArtifactServer.stop`."""


class ArtifactServer:
    """Serves one storage. Use ``start`` and ``stop``, or as an async context manager."""

    def __init__(self, storage: Storage, *, host: str = "127.0.0.1", port: int = 9090) -> None:
        """``port`` 0 picks a free one; see :attr:`address` after the start."""
        self._root = storage.root
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self.address = f"{host}:{port}"

    async def start(self) -> None:
        """Listen; raises OSError when the address is taken."""
        application = web.Application()
        application.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.address = f"{self._host}:{port}"

    async def stop(self) -> None:
        """Stop listening and wait for open downloads, at most SHUTDOWN_SECONDS."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> "ArtifactServer":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        requested = request.match_info["path"]
        try:
            path = secure_join(self._root, self._below_root(requested))
            facts = await asyncio.to_thread(os.stat, path)
        except (PathError, FileNotFoundError, NotADirectoryError):
            raise web.HTTPNotFound from None
        if path.name.startswith(TEMPORARY_PREFIX):
            raise web.HTTPNotFound
        if stat.S_ISDIR(facts.st_mode):
            return web.Response(text=await asyncio.to_thread(_listing, path), content_type="text/html")
        if not stat.S_ISREG(facts.st_mode):
            raise web.HTTPNotFound
        # Naming the type keeps the server from announcing a content encoding, which clients would undo.
        kind = "application/gzip" if path.suffix in (".gz", ".tgz") else "text/plain; charset=utf-8"
        return web.FileResponse(path, headers={"Content-Type": kind})

    def _below_root(self, requested: str) -> str:
        """Convenience symlinks hold absolute paths: make one that leads into the root relative to it."""
        joined = self._root.joinpath(*(part for part in requested.split("/") if part not in ("", "..")))
        if joined.is_symlink():
            target = Path(os.readlink(joined))
            if target.is_relative_to(self._root):
                return target.relative_to(self._root).as_posix()
        return requested


def _listing(directory: Path) -> str:
    with os.scandir(directory) as entries:
        names = sorted(
            entry.name + ("/" if entry.is_dir() else "")
            for entry in entries
            if not entry.name.startswith(TEMPORARY_PREFIX)
        )
    lines = "".join(f'<a href="{quote(name)}">{html.escape(name)}</a>\n' for name in names)
    return f"<!doctype html>\n<pre>\n{lines}</pre>\n"
