"""Which proxy leads to a server: the kubeconfig's, or the one that the environment names.

The environment is read as Go's net/http does (golang.org/x/net/http/httpproxy): HTTPS_PROXY or HTTP_PROXY by the
server's scheme, never for loopback addresses, and NO_PROXY with domains, addresses and CIDR ranges.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from fluxkit.kube.errors import ConfigError

__all__ = ["Proxy", "ProxyFailed", "parse_proxy", "proxy_from_environment"]

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy: its address without credentials, and the credentials ("" for none)."""

    scheme: str
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def authorization(self) -> str:
        """The value of a Proxy-Authorization header."""
        if not self.username:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


class ProxyFailed(OSError):
    """The proxy could not be reached, or would not connect to the server; nothing was sent to the server."""


def parse_proxy(url: str, *, where: str) -> Proxy:
    """Raises :class:`ConfigError` for an address that is not one, or a scheme that is not known."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if not parts.hostname or (not port and parts.scheme in _PORTS):
        raise ConfigError(f"{where}: not a proxy address; expected http://host:port")
    if parts.scheme not in _PORTS:
        raise ConfigError(f'{where}: "{parts.scheme}" is not one of {", ".join(_PORTS)}')
    return Proxy(parts.scheme, parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""))


def proxy_from_environment(server: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that the environment prescribes for this server's URL, None for a direct connection."""
    target = urlsplit(server)
    host = target.hostname or ""
    port = target.port or (443 if target.scheme == "https" else 80)
    name = "HTTPS_PROXY" if target.scheme == "https" else "HTTP_PROXY"
    url = environ.get(name) or environ.get(name.lower()) or ""
    if not url or _loopback(host) or _excluded(host, port, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return None
    return parse_proxy(url, where=f"environment variable {name}")


def _loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address is not None else host == "localhost"


def _excluded(host: str, port: int, no_proxy: str) -> bool:
    address = _address(host)
    return any(_excludes(entry.strip().lower(), host, port, address) for entry in no_proxy.split(","))


def _excludes(
    entry: str, host: str, port: int, address: "ipaddress.IPv4Address | ipaddress.IPv6Address | None"
) -> bool:
    if entry in ("", "*"):
        return entry == "*"
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (name.count(":") == 0 or name.startswith("[")):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    if address is not None:
        return _address(entry) == address
    if entry.startswith("*."):
        entry = entry[1:]
    # ".example.com" excludes only what is below it; "example.com" excludes itself as well.
    return host.endswith(entry) if entry.startswith(".") else host == entry or host.endswith("." + entry)


def _address(text: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
