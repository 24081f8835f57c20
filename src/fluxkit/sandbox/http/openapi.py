"""OpenAPI documents of what is served."""

from aiohttp import web

from fluxkit.sandbox.catalog import Catalog
from fluxkit.sandbox.http.exchange import Exchange, respond

__all__ = ["handle"]


def handle(catalog: Catalog, parts: list[str], exchange: Exchange) -> web.Response:
    return respond(b"404 page not found\n", status=404, content_type="text/plain; charset=utf-8")
