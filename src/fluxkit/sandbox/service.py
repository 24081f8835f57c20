"""One running sandbox in the foreground: opens the storage, wires the parts, listens, and shuts down in order."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from fluxkit.sandbox import bootstrap, rbac
from fluxkit.sandbox.admission import Admission
from fluxkit.sandbox.apply import SchemaFieldManagement
from fluxkit.sandbox.authentication import Authenticator
from fluxkit.sandbox.builtin import builtin_resources
from fluxkit.sandbox.catalog import Catalog
from fluxkit.sandbox.certificates import write_private
from fluxkit.sandbox.credentials import Credentials, load_credentials
from fluxkit.sandbox.directory import Layout
from fluxkit.sandbox.http.documents import Documents
from fluxkit.sandbox.http.exchange import MAX_BODY
from fluxkit.sandbox.http.server import APIServer
from fluxkit.sandbox.kubeconfig import kubeconfig
from fluxkit.sandbox.lifecycle import (
    APIServices,
    Controller,
    Definitions,
    EventExpiry,
    GarbageCollector,
    NamespaceLifecycle,
    RoleAggregation,
)
from fluxkit.sandbox.priority import PodPriorities
from fluxkit.sandbox.rbac import EscalationGuard, RBACAuthorizer
from fluxkit.sandbox.registry import Registry
from fluxkit.sandbox.storage import Storage
from fluxkit.sandbox.store import Store
from fluxkit.sandbox.validation import Schemas, SchemaTypeChecks
from fluxkit.sandbox.workloads import CLAIMS, DefaultClass, ServiceAddresses, Workloads

__all__ = ["HOST", "build", "http_server", "run", "serve"]

_log = logging.getLogger("fluxkit.sandbox")

HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 2.0


def _tls(layout: Layout) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(layout.pki / "server.crt", layout.pki / "server.key")
    context.load_verify_locations(layout.pki / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def build(store: Store, credentials: Credentials, address: Callable[[], str]) -> APIServer:
    """Wires the parts around a store."""
    catalog = Catalog(builtin_resources())
    schemas = Schemas()
    registry = Registry(store, catalog, SchemaFieldManagement(schemas), SchemaTypeChecks(schemas))
    authenticator = Authenticator(credentials.token, credentials.signing_key, lambda uid: store.by_uid(uid) is not None)
    documents = Documents(catalog, address, lambda: store.failure is None)
    registry.allocators["pods"] = PodPriorities(store).allocate
    authorizer = RBACAuthorizer(store)
    registry.admission = Admission(store, catalog, authorizer)
    guard = EscalationGuard(authorizer)
    registry.guards.update(dict.fromkeys(guard.RESOURCES, guard.check))
    return APIServer(registry, authenticator, authorizer, documents)


def http_server(server: APIServer) -> web.Server:
    """What a listening socket hands its connections to."""
    loop = asyncio.get_running_loop()

    def request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)

    # A client that goes away ends its watch at once. Writes are safe to cancel: they are decided in one step.
    return web.Server(
        server.handle,
        request_factory=request,
        handler_cancellation=True,
        access_log=None,
        tcp_keepalive=True,
        keepalive_timeout=600.0,
    )


def _controllers(registry: Registry, credentials: Credentials) -> list[Controller[Any]]:
    return [
        Definitions(registry).controller,
        NamespaceLifecycle(registry, credentials.authority.certificate.decode()).controller,
        GarbageCollector(registry).controller,
        RoleAggregation(registry).controller,
        APIServices(registry).controller,
    ]


async def run(directory: Path, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
    """Serves a sandbox directory until ``stop`` is set; ``ready`` is called with the port once requests are answered.

    Raises ``OSError`` when the port is taken or another server holds the directory, and
    :class:`~fluxkit.sandbox.storage.StorageError` when the file is bad or cannot be written any more: what was
    acknowledged is on disk, a restart continues from there.
    """
    layout = Layout(directory)
    layout.create()
    with layout.locked():
        await _serve(layout, port, ready, stop)


async def _serve(layout: Layout, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
    credentials = load_credentials(layout)
    failures: list[BaseException] = []

    def fail(error: BaseException) -> None:
        failures.append(error)
        stop.set()

    store = Store(Storage(layout.database), fail)
    bound = port
    server = build(store, credentials, lambda: f"{HOST}:{bound}")
    server.registry.allocators["services"] = ServiceAddresses(store).allocate
    server.registry.allocators[CLAIMS] = DefaultClass(store).allocate
    controllers = _controllers(server.registry, credentials)
    bootstrap.populate(server.registry)
    bootstrap.APIService(server.registry)
    bootstrap.populate_classes(server.registry)
    rbac.populate(server.registry)
    workloads = Workloads(server.registry, Schemas(), server.pace)
    controllers.append(workloads.controller)
    tasks = [asyncio.create_task(controller.run(), name=controller.name) for controller in controllers]
    expiry = EventExpiry(store)
    runner = web.ServerRunner(http_server(server))
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port, ssl_context=_tls(layout), shutdown_timeout=_SHUTDOWN_SECONDS)
        await site.start()
        bound = int(runner.addresses[0][1])
        write_private(layout.port, str(bound).encode())
        text = kubeconfig(
            f"https://{HOST}:{bound}", credentials.authority.certificate, credentials.admin, credentials.token
        )
        write_private(layout.kubeconfig, text.encode())
        await store.durable(store.revision)
        _log.info("serving on https://%s:%d", HOST, bound)
        ready(bound)
        await stop.wait()
        for watcher in store.watchers():
            watcher.close("the server shuts down")
    finally:
        await runner.cleanup()
        expiry.close()
        workloads.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if server.registry.admission is not None:
            await server.registry.admission.close()
        await store.close()
    if failures:
        raise failures[0]


def serve(directory: Path | str, port: int = 0, *, ready_fd: int | None = None) -> None:
    """Serves a sandbox directory in the foreground until SIGTERM or SIGINT.

    ``port`` 0 means the port of the last start, or a free one. ``ready_fd`` is a pipe's end that gets the port as text
    once requests are answered.
    """
    root = Path(directory).absolute()
    chosen = port or Layout(root).saved_port()

    def ready(bound: int) -> None:
        if ready_fd is not None:
            os.write(ready_fd, f"{bound}\n".encode())
            os.close(ready_fd)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await run(root, chosen, ready, stop)

    uvloop.run(main())
