"""Connections through SOCKS5 and HTTPS proxies, which aiohttp does not make by itself.

Only imported for such a proxy: it needs the optional dependency ``aiohttp-socks`` (``pip install fluxkit[socks]``).
"""

import asyncio
import ssl

from aiohttp.client_proto import ResponseHandler
from aiohttp_socks import ProxyConnector
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType

from fluxkit.kube.proxies import Proxy, ProxyFailed

__all__ = ["TunnelConnector"]


class TunnelConnector(ProxyConnector):
    """Every connection of a session goes through the proxy, which also resolves the names of servers."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(
            host=proxy.host,
            port=proxy.port,
            proxy_type=ProxyType.HTTP if proxy.scheme == "https" else ProxyType.SOCKS5,
            username=proxy.username or None,
            password=proxy.password or None,
            rdns=True,
            # The proxy is no part of the cluster: it is verified by the system's authorities, not the cluster's.
            proxy_ssl=ssl.create_default_context() if proxy.scheme == "https" else None,
            limit=0,
        )

    async def _connect_via_proxy(
        self, host: str, port: int, ssl: ssl.SSLContext | None = None, timeout: float | None = None
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        try:
            return await super()._connect_via_proxy(host, port, ssl, timeout)
        except (ProxyConnectionError, ProxyTimeoutError):
            raise ProxyFailed("cannot connect to the proxy") from None
        except ProxyError as error:
            raise ProxyFailed(f"the proxy refused the connection: {error}") from None
