"""A real HTTP server on loopback that answers what a test tells it: for the errors that no healthy server makes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from fluxkit.kube import Client, ClusterConfig
from fluxkit.objects import GroupVersionKind

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
WIDGET = GroupVersionKind("example.com", "v1", "Widget")

CORE = {
    "kind": "APIResourceList",
    "groupVersion": "v1",
    "resources": [
        {
            "name": "configmaps",
            "singularName": "configmap",
            "namespaced": True,
            "kind": "ConfigMap",
            "shortNames": ["cm"],
        },
        {
            "name": "namespaces",
            "singularName": "namespace",
            "namespaced": False,
            "kind": "Namespace",
            "shortNames": ["ns"],
        },
        {"name": "secrets", "singularName": "secret", "namespaced": True, "kind": "Secret"},
    ],
}


def config_map(name: str, version: int, namespace: str = "default", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "resourceVersion": str(version),
            "labels": {"app": name},
        },
        "data": data,
    }


def listing(*items: dict[str, Any], version: int, position: str = "") -> dict[str, Any]:
    metadata = {"resourceVersion": str(version)} | ({"continue": position} if position else {})
    return {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": list(items)}


def status(code: int, reason: str, message: str = "", **details: Any) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message or f"told to answer {reason}",
        "details": details,
    }


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "object": obj}) + b"\n"


def bookmark(version: int) -> bytes:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"resourceVersion": str(version)}}
    return event("BOOKMARK", obj)


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    header_items: list[tuple[str, str]]
    body: bytes


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(body: Any = None, code: int = 200, **headers: str) -> Answer:
    """A JSON (or, for bytes, raw) answer; ``Retry_After="1"`` becomes the header Retry-After."""

    async def give(request: web.Request) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=raw, status=code, headers={"Content-Type": "application/json", **named})

    return give


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@dataclass
class Watch:
    """One watch that a client has open, driven by the test."""

    query: dict[str, str]
    lines: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    abort: bool = False

    def send(self, *lines: bytes) -> None:
        for line in lines:
            self.lines.put_nowait(line)

    def end(self) -> None:
        """End the response properly, as a server does when timeoutSeconds are over."""
        self.lines.put_nowait(None)

    def drop(self) -> None:
        """Break the connection."""
        self.abort = True
        self.lines.put_nowait(None)


class ScriptedServer:
    """Answers by (method, path): each answer is used once, the last of them for ever."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.url = ""
        self._scripts: dict[tuple[str, str], list[Answer]] = {}
        self._watches: asyncio.Queue[Watch] = asyncio.Queue()
        self.on("GET", "/api", answer({"kind": "APIVersions", "versions": ["v1"]}))
        self.on("GET", "/apis", answer({"kind": "APIGroupList", "groups": []}))
        self.on("GET", "/api/v1", answer(CORE))

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._scripts[method, path] = list(answers)

    def forget_watch_script(self, path: str) -> None:
        """From now on the test drives watches of this path by :meth:`next_watch` again."""
        self._scripts.pop(("WATCH", path), None)

    def asked(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    async def next_watch(self) -> Watch:
        """The next watch that a client opens (or has opened and nobody took yet)."""
        async with asyncio.timeout(10):
            return await self._watches.get()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        query = dict(request.query)
        items = list(request.headers.items())
        self.seen.append(Seen(request.method, request.path, query, request.headers, items, body))
        if query.get("watch") == "true" and ("WATCH", request.path) not in self._scripts:
            return await self._watch(request)
        method = "WATCH" if query.get("watch") == "true" else request.method
        script = self._scripts.get((method, request.path))
        if script is None:
            return web.Response(status=404, text="404 page not found")
        give = script.pop(0) if len(script) > 1 else script[0]
        return await give(request)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        watch = Watch(dict(request.query))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self._watches.put_nowait(watch)
        try:
            while (line := await watch.lines.get()) is not None:
                await response.write(line)
            if watch.abort and request.transport is not None:
                request.transport.abort()
        finally:
            watch.closed.set()
        return response


@asynccontextmanager
async def scripted(
    *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0, server: ScriptedServer | None = None
) -> AsyncIterator[ScriptedServer]:
    made = server or ScriptedServer()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=tls, reuse_address=True)
    await site.start()
    bound = runner.addresses[0][1]
    made.url = f"{'https' if tls else 'http'}://{host}:{bound}"
    try:
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connected(server: ScriptedServer, **options: Any) -> AsyncIterator[Client]:
    async with Client(ClusterConfig(server=server.url, **options)) as client:
        yield client
