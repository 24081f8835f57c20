"""A real sandbox server for tests: its own process, HTTPS on a free port, shared by the tests of one worker.

Use it from a test module or a ``conftest.py``::

    from tests.sandbox_fixture import namespace, sandbox  # noqa: F401

``sandbox`` (session scope) is a :class:`SandboxServer`; ``namespace`` (function scope) is the name of a fresh namespace
in it, deleted afterwards. Tests that break the server (faults, compaction, restarts) take a server of their own:
``own_sandbox``.
"""

import itertools
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fluxkit.sandbox import Sandbox

__all__ = ["SandboxServer", "namespace", "own_sandbox", "sandbox"]

_numbers = itertools.count(1)


@dataclass
class SandboxServer:
    """A running server and a small blocking client for arranging and asserting; the code under test brings its own."""

    process: Sandbox

    @property
    def url(self) -> str:
        return self.process.url

    @property
    def kubeconfig(self) -> Path:
        """Path of a kubeconfig with the administrator's client certificate."""
        return self.process.kubeconfig_path

    @property
    def token(self) -> str:
        return self.process.token

    @property
    def ca_path(self) -> Path:
        return self.process.ca_path

    def ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_path))

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """(status code, decoded JSON body or text)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", content_type)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.ssl_context()) as answer:
                return answer.status, _decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error.read())

    def ok(self, method: str, path: str, body: Any = None, *, content_type: str = "application/json") -> Any:
        """The body of a request that must succeed."""
        status, answer = self.request(method, path, body, content_type=content_type)
        assert 200 <= status < 300, (method, path, status, answer)
        return answer

    def stats(self) -> Any:
        """Request counters: ``{"requests", "verbs", "resources", "objects", "watches", ...}``."""
        return self.ok("GET", "/sandbox/stats")

    def fault(self, code: int, **match: Any) -> None:
        """Answers the next matching requests with an error; match by verb=, resource=, namespace=, name=; count=."""
        self.ok("POST", "/sandbox/faults", {"code": code, **match})

    def drop_watches(self, resource: str = "") -> None:
        self.ok("POST", f"/sandbox/watches/drop?resource={resource}")

    def compact(self) -> None:
        """Forgets the event log: older watches get 410."""
        self.ok("POST", "/sandbox/compact")


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """The worker's shared server."""
    server = Sandbox(tmp_path_factory.mktemp("sandbox"))
    server.start()
    yield SandboxServer(server)
    server.stop()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    """A server of this test's own, to be broken at will."""
    server = Sandbox(tmp_path / "sandbox")
    server.start()
    yield SandboxServer(server)
    server.stop()


@pytest.fixture
def namespace(sandbox: SandboxServer) -> Iterator[str]:
    """A fresh namespace."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    sandbox.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    sandbox.request("DELETE", f"/api/v1/namespaces/{name}")
