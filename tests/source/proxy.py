"""A small proxy that speaks what Git remotes may be told to use."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import ip_address

__all__ = ["Proxy"]


@dataclass
class Proxy:
    """An HTTP proxy (CONNECT and absolute URLs) and SOCKS5 proxy in one, which notes what it is asked."""

    port: int = 0
    targets: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"\x05":
            upstream = await self._socks(reader, writer)
            head = b""
        else:
            head = first + await reader.readuntil(b"\r\n\r\n")
            upstream, head = await self._http(head, writer)
        upstream_reader, upstream_writer = upstream
        upstream_writer.write(head)
        pumps = (_pump(reader, upstream_writer), _pump(upstream_reader, writer))
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _http(
        self, head: bytes, writer: asyncio.StreamWriter
    ) -> tuple[tuple[asyncio.StreamReader, asyncio.StreamWriter], bytes]:
        method, target, _ = head.split(b" ", 2)
        for line in head.decode().splitlines():
            if line.lower().startswith("proxy-authorization"):
                self.credentials.append(line.split(" ", 2)[2])
        address = target.decode() if method == b"CONNECT" else target.decode().split("/")[2]
        self.targets.append(address)
        host, port = address.split(":")
        opened = await asyncio.open_connection(host, int(port))
        if method == b"CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            return opened, b""
        return opened, head

    async def _socks(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        if 2 in methods:
            writer.write(b"\x05\x02")
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            self.credentials.append(f"{user.decode()}:{password.decode()}")
            writer.write(b"\x01\x00")
        else:
            writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        raw = await reader.readexactly(4 if kind == 1 else (await reader.readexactly(1))[0])
        host = str(ip_address(raw)) if kind == 1 else raw.decode()
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append(f"{host}:{port}")
        opened = await asyncio.open_connection(host, port)
        writer.write(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        return opened


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.close()
