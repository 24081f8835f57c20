"""The end of a Kustomization whose objects do not want to go."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fluxkit.api import Kustomization
from fluxkit.controllers.clusters import ClusterTokens
from fluxkit.controllers.kustomization import finalization
from fluxkit.controllers.kustomization.claims import Verdict
from fluxkit.controllers.targets import Targets
from fluxkit.controllers.tokencache import TokenCache
from fluxkit.kube import Client, ClusterConfig, PatchKind
from fluxkit.objects import GroupVersionKind, ObjectKey
from fluxkit.runtime import Run
from fluxkit.runtime.logging import get_logger
from fluxkit.runtime.slots import Slots
from tests.sandbox_fixture import SandboxServer, namespace, sandbox

__all__ = ["namespace", "sandbox"]

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")


class NobodyElse:
    """No other Kustomization exists."""

    async def on(self, owner: Kustomization, refs: Any, at: Any = None) -> Verdict:
        return Verdict()


@dataclass
class Told:
    """Takes the events of a Kustomization."""

    errors: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)

    def concern(self, revision: str, origin_revision: str) -> None:
        pass

    def info(self, message: str) -> None:
        self.infos.append(message)

    def error(self, message: str) -> None:
        self.errors.append(message)


@dataclass
class Parts:
    targets: Targets
    claims: NobodyElse


@pytest.fixture
async def client(sandbox: SandboxServer) -> AsyncIterator[Client]:
    async with Client(ClusterConfig.load(str(sandbox.kubeconfig)), field_manager="test") as made:
        yield made


@pytest.mark.contract("KUS-328")
async def test_termination_is_awaited_for_the_timeout_and_no_longer(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty seconds, the shortest timeout that a spec can ask for, are shortened here."""
    monkeypatch.setattr(finalization, "effective_timeout", lambda kustomization: 0.2)
    labels = {"kustomize.toolkit.fluxcd.io/name": "app", "kustomize.toolkit.fluxcd.io/namespace": namespace}
    for name, finalizers in (("stuck", ["example.com/hold"]), ("easy", [])):
        metadata: dict[str, Any] = {"name": name, "namespace": namespace, "labels": labels, "finalizers": finalizers}
        await client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    entries = [{"id": f"{namespace}_{name}__ConfigMap", "v": "v1"} for name in ("stuck", "easy")]
    kustomization = Kustomization.decode(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": namespace, "finalizers": ["finalizers.fluxcd.io"]},
            "spec": {
                "interval": "1m",
                "prune": False,
                "deletionPolicy": "WaitForTermination",
                "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            },
            "status": {"inventory": {"entries": entries}},
        }
    )
    tokens = ClusterTokens(client, TokenCache(CollectorRegistry()), default_account="", per_object=False)
    targets = Targets(client, tokens, default_service_account="", allow_exec=False, allow_insecure_tls=False)
    told = Told()
    key = ObjectKey(namespace, "app")
    slot = await Slots(1).acquire()

    async def read(_: ObjectKey) -> None:
        return None

    run = Run(key, id="1", log=get_logger(), slot=slot, read=read, wrote=lambda key, obj: None)
    await finalization.finalize(Parts(targets, NobodyElse()), run, kustomization, told)  # type: ignore[arg-type]
    assert told.errors == ["failed to wait for resources termination"]
    assert told.infos == [f"ConfigMap/{namespace}/stuck deleted\nConfigMap/{namespace}/easy deleted"]
    assert kustomization.metadata.finalizers == []
    left = await client.get(CONFIG_MAP, "stuck", namespace)
    assert "deletionTimestamp" in left["metadata"]
    free: dict[str, Any] = {"metadata": {"finalizers": None}}
    await client.patch(CONFIG_MAP, "stuck", namespace, patch=free, kind=PatchKind.MERGE)
