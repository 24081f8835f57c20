"""Proxies: real small ones that count, and the rules by which one is chosen."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fluxkit.kube import Client, ClusterConfig, errors
from fluxkit.kube.proxies import parse_proxy, proxy_from_environment
from fluxkit.kube.tls import TLSConfig

from .pki import authority, server_context, stranger
from .scripted import answer, scripted


@dataclass
class ProxyServer:
    """An HTTP proxy that relays CONNECT and plain requests, for those who know the password."""

    port: int = 0
    password: str = ""
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        expected = "Proxy-Authorization: Basic " + base64.b64encode(f"jane:{self.password}".encode()).decode()
        if self.password and expected not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        method, target, _ = head.split(" ", 2)
        host, _, port = target.removeprefix("http://").partition("/")[0].rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there_writer.write(head.encode())
        await asyncio.gather(_relay(reader, there_writer), _relay(there_reader, writer))


async def _relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
    except ConnectionError:
        pass
    finally:
        target.close()


@asynccontextmanager
async def proxying(password: str = "") -> AsyncIterator[ProxyServer]:
    proxy = ProxyServer(password=password)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


async def test_https_through_a_proxy_with_a_password(tmp_path: Path) -> None:
    context = server_context(tmp_path, authority().server("127.0.0.1"))
    async with scripted(tls=context) as server, proxying("p@ss") as proxy:
        server.on("GET", "/x", answer({}))
        config = ClusterConfig(
            server=server.url,
            tls=TLSConfig(ca=authority().pem),
            proxy_url=f"http://jane:p%40ss@127.0.0.1:{proxy.port}",
        )
        async with Client(config) as client:
            assert await client.raw("GET", "/x") == b"{}"
        assert proxy.heads[0].startswith(f"CONNECT {server.url.removeprefix('https://')} ")
        assert "Proxy-Authorization" not in server.seen[0].headers


async def test_plain_http_through_a_proxy() -> None:
    async with scripted() as server, proxying() as proxy:
        server.on("GET", "/x", answer({}))
        async with Client(ClusterConfig(server=server.url, proxy_url=f"http://127.0.0.1:{proxy.port}")) as client:
            assert await client.raw("GET", "/x") == b"{}"
        assert proxy.heads[0].startswith(f"GET {server.url}/x ")


async def test_proxies_that_fail_show_no_password(tmp_path: Path, unused_tcp_port: int) -> None:
    context = server_context(tmp_path, authority().server("127.0.0.1"))
    async with scripted(tls=context) as server, proxying("other") as proxy:
        for port, expected in (
            (proxy.port, "proxy refused the connection: HTTP 407"),
            (unused_tcp_port, "to the proxy"),
        ):
            config = ClusterConfig(
                server=server.url,
                tls=TLSConfig(ca=authority().pem),
                proxy_url=f"http://jane:s3cret@127.0.0.1:{port}",
            )
            assert "s3cret" not in repr(config)
            async with Client(config) as client:
                with pytest.raises(errors.ConnectionFailed, match=expected) as caught:
                    await client.raw("GET", "/x")
            assert "s3cret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("url", ["ftp://jane:s3cret@h:1", "http://", "http://jane:s3cret@h:port", "socks5://"])
async def test_proxies_that_cannot_be_used(url: str) -> None:
    with pytest.raises(errors.ConfigError, match="proxy-url: ") as caught:
        await Client(ClusterConfig(server="https://prod", proxy_url=url)).open()
    assert "s3cret" not in str(caught.value)


@dataclass
class SocksServer:
    """A SOCKS5 proxy with user name and password."""

    port: int = 0
    password: str = "p@ss"
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x02")
        _, length = await reader.readexactly(2)
        user = await reader.readexactly(length)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        known = (user, password) == (b"jane", self.password.encode())
        writer.write(b"\x01\x00" if known else b"\x01\x01")
        if not known:
            writer.close()
            return
        kind = (await reader.readexactly(4))[3]
        if kind == 1:
            host = ".".join(str(part) for part in await reader.readexactly(4))
        else:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append(host)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        await asyncio.gather(_relay(reader, there_writer), _relay(there_reader, writer))


async def test_socks(tmp_path: Path, unused_tcp_port: int) -> None:
    context = server_context(tmp_path, authority().server("kubernetes.internal"))
    proxy = SocksServer()
    socks = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = socks.sockets[0].getsockname()[1]

    def through(url: str, tls: TLSConfig) -> Client:
        # Only the proxy can resolve this name.
        name = server.url.replace("127.0.0.1", "kubernetes.internal")
        return Client(ClusterConfig(server=name, tls=tls, proxy_url=url))

    cluster = TLSConfig(ca=authority().pem)
    async with scripted(tls=context) as server, socks:
        server.on("GET", "/x", answer({}))
        url = f"socks5://jane:p%40ss@127.0.0.1:{proxy.port}"
        async with through(url, cluster) as client:
            assert await client.raw("GET", "/x") == b"{}"
        assert proxy.asked == ["kubernetes.internal"]
        for broken, tls, expected in (
            (f"socks5://jane:s3cret@127.0.0.1:{proxy.port}", cluster, "the proxy refused the connection"),
            (f"socks5://jane:s3cret@127.0.0.1:{unused_tcp_port}", cluster, "cannot connect to the proxy"),
            (url, TLSConfig(), "certificate is not trusted"),
        ):
            async with through(broken, tls) as client:
                with pytest.raises(errors.ConnectionFailed, match=expected) as caught:
                    await client.raw("POST", "/x")
            assert not caught.value.sent
            assert "s3cret" not in str(caught.value)
        with pytest.raises(errors.ConfigError, match="TLS server name cannot be used"):
            await through(url, TLSConfig(server_name="other")).open()


async def test_an_https_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is verified by the system's authorities, the server behind it by the cluster's."""
    (tmp_path / "system.pem").write_bytes(stranger().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    proxy = ProxyServer(password="p@ss")
    outer = server_context(tmp_path, stranger().server("127.0.0.1"))
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=outer)
    port = listening.sockets[0].getsockname()[1]
    inner = server_context(tmp_path, authority().server("127.0.0.1"))
    async with scripted(tls=inner) as server, listening:
        server.on("GET", "/x", answer({}))
        tls = TLSConfig(ca=authority().pem)
        config = ClusterConfig(server=server.url, tls=tls, proxy_url=f"https://jane:p%40ss@127.0.0.1:{port}")
        async with Client(config) as client:
            assert await client.raw("GET", "/x") == b"{}"
        assert proxy.heads[0].startswith("CONNECT ")


@pytest.mark.parametrize(
    ("server", "no_proxy", "used"),
    [
        ("https://prod.example.com:6443", "", True),
        ("https://prod.example.com:6443", "*", False),
        ("https://prod.example.com:6443", "other, example.com", False),
        ("https://example.com", "example.com", False),
        ("https://example.com", ".example.com", True),
        ("https://prod.example.com", ".example.com", False),
        ("https://prod.example.com", "*.example.com", False),
        ("https://badexample.com", "example.com", True),
        ("https://prod.example.com:6443", "prod.example.com:443", True),
        ("https://prod.example.com:6443", "prod.example.com:6443", False),
        ("https://10.1.2.3", "10.0.0.0/8", False),
        ("https://10.1.2.3", "10.1.2.3", False),
        ("https://10.1.2.3", "10.1.2", True),
        ("https://[fd00::1]", "fd00::/8", False),
        ("https://10.1.2.3", "not/a/range", True),
        ("https://127.0.0.1:6443", "", False),
        ("https://[::1]:6443", "", False),
        ("https://localhost:6443", "", False),
    ],
)
def test_the_environment(server: str, no_proxy: str, used: bool) -> None:
    environ = {"https_proxy": "http://u:p@proxy:3128", "NO_PROXY": no_proxy}
    chosen = proxy_from_environment(server, environ)
    assert (chosen is not None) is used
    if chosen is not None:
        assert chosen.url == "http://proxy:3128"


def test_the_environment_by_scheme() -> None:
    assert proxy_from_environment("http://prod", {"HTTPS_PROXY": "http://proxy"}) is None
    assert proxy_from_environment("http://prod", {"HTTP_PROXY": "proxy:1"}) == parse_proxy("proxy:1", where="test")
