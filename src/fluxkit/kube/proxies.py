"""Which proxy leads to a server: the kubeconfig's, or the one that the environment names.

The environment is read as Go's net/http does (golang.org/x/net/http/httpproxy): HTTPS_PROXY or HTTP_PROXY by the
server's scheme, never for loopback addresses, and NO_PROXY with domains, addresses and CIDR ranges.
"""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from fluxkit.kube.errors import ConfigError

__all__ = ["Proxy", "parse_proxy", "proxy_from_environment"]


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy: its address without credentials, and the Proxy-Authorization value ("" for none)."""

    url: str
    authorization: str = field(default="", repr=False)


def parse_proxy(url: str, *, where: str) -> Proxy:
    """Raises :class:`ConfigError` for an address that is not one, or a scheme that cannot be used."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = parts.netloc.rpartition("@")[2]
    if not parts.hostname:
        raise ConfigError(f"{where}: not a proxy address; expected http://host:port")
    if parts.scheme != "http":
        raise ConfigError(
            f"{where}: {parts.scheme}://{host}: only http:// proxies are supported (HTTPS goes through them unread)"
        )
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return Proxy(f"http://{host}", authorization)


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
