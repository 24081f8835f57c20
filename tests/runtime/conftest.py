from collections.abc import AsyncIterator

import pytest

from fluxkit.api import crds
from fluxkit.kube import Client, ClusterConfig
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
