"""A sandbox server without simulated controllers, as a kube-apiserver without kube-controller-manager; in a thread."""

import asyncio
import contextlib
import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from fluxkit.sandbox import bootstrap, rbac
from fluxkit.sandbox.credentials import load_credentials
from fluxkit.sandbox.directory import Layout
from fluxkit.sandbox.lifecycle import Definitions
from fluxkit.sandbox.service import HOST, build, http_server
from fluxkit.sandbox.storage import Storage
from fluxkit.sandbox.store import Store
from fluxkit.sandbox.workloads import ServiceAddresses
from tests.sandbox.recorded.player import Player

__all__ = ["bare_player", "bare_sandbox"]


@contextlib.contextmanager
def bare_player(directory: Path) -> Iterator[Player]:
    """A player of recorded cases for a bare sandbox."""
    with bare_sandbox(directory) as (server, token):
        headers = {"Authorization": f"Bearer {token}"}

        def compact() -> None:
            address = urlsplit(server)
            connection = http.client.HTTPConnection(address.netloc, timeout=30)
            connection.request("POST", "/sandbox/compact", headers=headers)
            assert connection.getresponse().status == 200
            connection.close()

        player = Player(server, headers, compact=compact)
        yield player
        player.close()


@contextlib.contextmanager
def bare_sandbox(directory: Path) -> Iterator[tuple[str, str]]:
    """Address and administrator's token of a server that speaks plain HTTP until the end of the context."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready = threading.Event()
    found: list[str] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        layout = Layout(directory)
        layout.create()
        credentials = load_credentials(layout)
        store = Store(Storage(layout.database), failures.append)
        server = build(store, credentials, lambda: HOST)
        server.registry.allocators["services"] = ServiceAddresses(store).allocate
        controllers = [Definitions(server.registry).controller]
        bootstrap.populate(server.registry)
        bootstrap.APIService(server.registry)
        rbac.populate(server.registry)
        tasks = [asyncio.create_task(each.run()) for each in controllers]
        runner = web.ServerRunner(http_server(server))
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        found.extend([f"http://{HOST}:{runner.addresses[0][1]}", credentials.token])
        ready.set()
        await stop.wait()
        await runner.cleanup()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ready.wait()
        assert found, "the server did not start"
        yield found[0], found[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
    assert not failures
