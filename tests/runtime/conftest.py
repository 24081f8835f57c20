import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from fluxkit.api import crds
from fluxkit.kube import Client, ClusterConfig
from fluxkit.runtime.logging import setup
from tests.sandbox_fixture import SandboxServer, namespace, own_sandbox, sandbox

__all__ = ["namespace", "own_sandbox", "sandbox"]


def install_crds(server: SandboxServer) -> None:
    for crd in crds():
        server.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)


@pytest.fixture(scope="session")
def sandbox_with_crds(sandbox: SandboxServer) -> SandboxServer:
    install_crds(sandbox)
    return sandbox


@pytest.fixture
async def client(sandbox_with_crds: SandboxServer) -> AsyncIterator[Client]:
    async with Client(ClusterConfig.load(str(sandbox_with_crds.kubeconfig))) as connected:
        yield connected


@pytest.fixture
def capture() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Directs the log, at level info, to a place where the test can read its lines."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    setup("info", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
