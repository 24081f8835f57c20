"""How connections are kept, shared, found dead, and what they carry."""

import asyncio
import gzip
import logging
import socket
import subprocess
import sys

import orjson
import pytest
from aiohttp import web

from fluxkit.kube import Client, ClusterConfig, errors
from fluxkit.kube.credentials import StaticCredentials, bearer
from fluxkit.kube.transport import _keepalive_socket

from .scripted import CONFIG_MAP, answer, config_map, connected, listing, scripted, status

LIST = "/api/v1/configmaps"


async def test_a_half_open_watch_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxkit.kube.client._WATCH_GRACE", 0.0)
    async with scripted() as server, connected(server) as client:
        watching = client.watch(CONFIG_MAP, resource_version="1", seconds=0.2)
        with pytest.raises(errors.ConnectionFailed, match="no answer in time"):
            async with asyncio.timeout(10):
                await anext(watching)


def test_the_kernel_is_asked_to_notice_dead_peers() -> None:
    with _keepalive_socket((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)) as made:
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30


async def test_one_connection_serves_requests_in_turn() -> None:
    ports: set[int] = set()

    async def who(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.json_response({})

    async with scripted() as server, connected(server) as client:
        server.on("GET", "/x", who)
        for _ in range(5):
            await client.raw("GET", "/x")
        await client.impersonate("jane").raw("GET", "/x")
        assert len(ports) == 1


async def test_more_watches_than_any_pool_holds() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", "/x", answer({}))
        generators = [client.watch(CONFIG_MAP, resource_version="1") for _ in range(150)]
        tasks = [asyncio.ensure_future(anext(generator)) for generator in generators]
        for _ in generators:
            await server.next_watch()
        await asyncio.wait_for(client.raw("GET", "/x"), 10)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("host", "compression", "asked"),
    [("127.0.0.2", True, True), ("127.0.0.2", False, False), ("127.0.0.1", True, False)],
)
async def test_long_lists_are_compressed_over_a_network(host: str, compression: bool, asked: bool) -> None:
    async def compressed(request: web.Request) -> web.StreamResponse:
        body = orjson.dumps(listing(config_map("a", 1), version=2))
        if request.headers.get("Accept-Encoding") == "gzip":
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    async with scripted(host=host) as server, connected(server, compression=compression) as client:
        server.on("GET", LIST, compressed)
        assert len((await client.list(CONFIG_MAP)).items) == 1
        assert (server.seen[-1].headers.get("Accept-Encoding") == "gzip") is asked


async def test_no_secret_reaches_errors_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted() as server, connected(server, credentials=StaticCredentials(bearer("s3cret"))) as client:
        server.on("GET", "/x", answer(status(401, "Unauthorized"), 401))
        server.on("GET", "/html", answer(b"<html>nothing</html>", 500))
        for path in ("/x", "/html", "/absent"):
            with pytest.raises(errors.APIError) as caught:
                await client.raw("GET", path)
            assert "s3cret" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
        assert server.seen[0].headers["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in caplog.text


async def test_an_object_that_is_no_json_is_not_sent() -> None:
    async with scripted() as server, connected(server) as client:
        with pytest.raises(errors.InvalidRequest, match="configmaps: the object cannot be written as JSON"):
            await client.create({**config_map("a", 0), "data": {"n": 2**70}})


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with scripted() as server, connected(server, credentials=StaticCredentials(bearer("t"))) as client:
        server.on("GET", "/x", answer(b"", 302, Location=server.url + "/stolen"))
        with pytest.raises(errors.APIError, match="answered 302 Found to GET /x"):
            await client.raw("GET", "/x")
        assert not server.asked("GET", "/stolen")


def test_importing_the_package_does_not_import_aiohttp() -> None:
    """aiohttp costs more than the whole budget of a short command."""
    code = "import sys, fluxkit.kube; sys.exit('aiohttp' in sys.modules or 'yarl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_the_environment_cannot_add_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:
        file.write("machine 127.0.0.1 login jane password s3cret\n")
    monkeypatch.setenv("NETRC", netrc)
    async with scripted() as server:
        server.on("GET", "/x", answer({}))
        async with Client(ClusterConfig(server=server.url)) as client:
            await client.raw("GET", "/x")
        assert "Authorization" not in server.seen[0].headers
