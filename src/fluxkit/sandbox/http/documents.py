"""Everything that is not a resource: discovery, OpenAPI, version, health, metrics."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from fluxkit.sandbox.catalog import Catalog
from fluxkit.sandbox.http import discovery
from fluxkit.sandbox.http.exchange import Exchange, respond
from fluxkit.sandbox.http.negotiation import negotiate
from fluxkit.sandbox.http.openapi import OpenAPI

__all__ = ["VERSION", "Documents"]

VERSION = {
    "major": "1",
    "minor": "37",
    "emulationMajor": "1",
    "emulationMinor": "37",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "36",
    "gitVersion": "v1.37.0+fluxkit",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "2026-08-01T00:00:00Z",
    "goVersion": "",
    "compiler": "cpython",
    "platform": "linux/amd64",
}

_CHECKS = ("ping", "log", "storage")


class Documents:
    """Cached documents; those that depend on what is served are rebuilt when the catalog changes."""

    def __init__(self, catalog: Catalog, address: Callable[[], str], healthy: Callable[[], bool]) -> None:
        self._catalog = catalog
        self._address = address
        self._healthy = healthy
        self._openapi = OpenAPI(catalog)
        self._cache: dict[str, tuple[int, bytes | None]] = {}

    def _cached(self, key: str, build: Callable[[], dict[str, Any] | None]) -> bytes | None:
        generation, body = self._cache.get(key, (-1, None))
        if generation != self._catalog.generation:
            document = build()
            body = None if document is None else orjson.dumps(document)
            self._cache[key] = (self._catalog.generation, body)
        return body

    async def handle(self, exchange: Exchange) -> web.StreamResponse:
        path = exchange.request.path.rstrip("/") or "/"
        parts = path.split("/")[1:]
        if parts[0] in ("healthz", "livez", "readyz"):
            return self._health(parts[0], "verbose" in exchange.query)
        if path == "/version":
            return respond(dict(VERSION))
        if parts[0] == "openapi":
            return await self._openapi.handle(parts[1:], exchange)
        body, content_type = self._discovery(path, parts, exchange.request.headers.get("Accept", ""))
        if body is None:
            return respond(b"404 page not found\n", status=404, content_type="text/plain; charset=utf-8")
        response = respond(body, content_type=content_type)
        if ";as=" in content_type:
            # Clients may keep the one document that tells of everything.
            response.headers["Cache-Control"] = "public"
            response.headers["Vary"] = "Accept"
        return response

    def _discovery(self, path: str, parts: list[str], accept: str) -> tuple[bytes | None, str]:
        catalog = self._catalog
        plain = "application/json"
        if path in ("/api", "/apis"):
            accepted = negotiate(accept, discovery=True)
            core = path == "/api"
            if accepted.kind:
                body = self._cached(f"{path};aggregated", lambda: discovery.aggregated(catalog, core=core))
                return body, accepted.content_type
            if core:
                return self._cached(path, lambda: discovery.api_versions(self._address())), plain
            return self._cached(path, lambda: discovery.api_groups(catalog)), plain
        if parts[0] == "api" and len(parts) == 2:
            return self._cached(path, lambda: discovery.resource_list(catalog, "", parts[1])), plain
        if parts[0] == "apis" and len(parts) == 2:
            return self._cached(path, lambda: discovery.api_group(catalog, parts[1])), plain
        if parts[0] == "apis" and len(parts) == 3:
            return self._cached(path, lambda: discovery.resource_list(catalog, parts[1], parts[2])), plain
        if path == "/":
            return self._cached(path, self._paths), plain
        return None, plain

    def _paths(self) -> dict[str, Any]:
        paths = ["/api", "/api/v1", "/apis"]
        for group in filter(None, self._catalog.groups()):
            paths.append(f"/apis/{group}")
            paths += [f"/apis/{group}/{version}" for version in self._catalog.versions(group)]
        return {"paths": [*paths, "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]}

    def _health(self, endpoint: str, verbose: bool) -> web.Response:
        healthy = self._healthy()
        if healthy and not verbose:
            return respond(b"ok", content_type="text/plain; charset=utf-8")
        lines = [f"[{'+' if healthy or check != 'storage' else '-'}]{check} ok" for check in _CHECKS]
        lines.append(f"{endpoint} check {'passed' if healthy else 'failed'}")
        text = "\n".join(lines) + "\n"
        return respond(text.encode(), status=200 if healthy else 500, content_type="text/plain; charset=utf-8")
