"""A webhook for tests: a real HTTPS server in a thread, whose answers the test decides on."""

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from fluxkit.sandbox.certificates import issue, new_authority

__all__ = ["HookServer", "hook_server"]

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]
"""From an AdmissionRequest to the members of the response beside ``uid``; None to close the connection."""


class HookServer:
    """Asked reviews are kept in ``asked``; ``answer`` is called with each request."""

    def __init__(self, port: int, bundle: str) -> None:
        self.port = port
        self.bundle = bundle
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = lambda request: {"allowed": True}

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/review"


@contextlib.contextmanager
def hook_server(directory: Path, host: str = "127.0.0.1") -> Iterator[HookServer]:
    """Serves as ``host`` on a free port of the loopback interface."""
    authority = new_authority("webhooks")
    pair = issue(authority, host, hosts=(host,))
    (directory / "hook.crt").write_bytes(pair.certificate)
    (directory / "hook.key").write_bytes(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "hook.crt", directory / "hook.key")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append(review["request"])
            response = made.answer(review["request"])
            if response is None:
                self.close_connection = True
                return
            review = {
                "apiVersion": "admission.k8s.io/v1",
                "kind": "AdmissionReview",
                "response": {"uid": review["request"]["uid"], **response},
            }
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made = HookServer(server.server_address[1], base64.b64encode(authority.certificate).decode())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
