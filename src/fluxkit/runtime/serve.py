"""The HTTP endpoints of a manager: metrics and probes.

``/metrics`` and ``/debug/pprof/`` on the metrics address, ``/healthz`` and ``/readyz`` on the health address. The
probes answer as soon as the process serves, leader or not (fluxcd/pkg ``runtime/probes``). The server library is
imported when serving starts.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fluxkit.runtime.debug import PROFILES
from fluxkit.runtime.metrics import Metrics

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Address", "AddressError", "Endpoints"]

_CLOSE_TIMEOUT = 5.0


class AddressError(ValueError):
    """A listen address is not of the form ``[host]:port``."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; no host means all interfaces, port 0 a free port."""

    host: str | None
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address | None":
        """``:8080``, ``127.0.0.1:0`` or ``[::1]:80``; None for ``0`` and the empty text, which disable an endpoint."""
        if text in ("", "0"):
            return None
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise AddressError(f"listen address {text!r} is not of the form [host]:port")
        return cls(host.strip("[]") or None, int(port))


class Endpoints:
    """Serves metrics and probes until stopped.

    ``start`` raises ``OSError`` when an address cannot be bound; afterwards ``metrics_port`` and ``health_port`` hold
    the ports, None where disabled.
    """

    def __init__(self, metrics: Metrics, *, metrics_addr: str, health_addr: str) -> None:
        self.metrics_port: int | None = None
        self.health_port: int | None = None
        self._metrics = metrics
        self._metrics_addr = Address.parse(metrics_addr)
        self._health_addr = Address.parse(health_addr)
        self._runners: list[web.AppRunner] = []

    async def start(self) -> None:
        from aiohttp import web

        if self._metrics_addr is not None:
            app = web.Application()
            app.router.add_get("/metrics", self._get_metrics)
            app.router.add_get("/debug/pprof/", _get_profiles)
            app.router.add_get("/debug/pprof/{profile}", _get_profile)
            self.metrics_port = await self._listen(app, self._metrics_addr)
        if self._health_addr is not None:
            app = web.Application()
            app.router.add_get("/healthz", _ping)
            app.router.add_get("/readyz", _ping)
            self.health_port = await self._listen(app, self._health_addr)

    async def stop(self) -> None:
        runners, self._runners = self._runners, []
        for runner in runners:
            await runner.cleanup()

    async def _listen(self, app: "web.Application", address: Address) -> int:
        from aiohttp import web

        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, address.host, address.port, reuse_address=True)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    async def _get_metrics(self, _: "web.Request") -> "web.Response":
        from aiohttp import web

        body = await asyncio.to_thread(self._metrics.render)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _get_profiles(_: "web.Request") -> "web.Response":
    from aiohttp import web

    return web.Response(text="".join(f"{name}\n" for name in sorted(PROFILES)))


async def _get_profile(request: "web.Request") -> "web.Response":
    from aiohttp import web

    profile = PROFILES.get(request.match_info["profile"])
    if profile is None:
        raise web.HTTPNotFound(text=f"unknown profile, available are: {', '.join(sorted(PROFILES))}\n")
    return web.Response(text=profile())


async def _ping(_: "web.Request") -> "web.Response":
    from aiohttp import web

    return web.Response(text="ok")
