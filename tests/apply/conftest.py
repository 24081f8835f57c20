"""A real API server, a client and helpers for objects of a test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fluxkit.apply import ApplySet, Owner
from fluxkit.kube import Client, ClusterConfig
from fluxkit.objects import GroupVersionKind, ObjectRef
from tests.sandbox_fixture import SandboxServer, namespace, own_sandbox, sandbox

__all__ = ["namespace", "own_sandbox", "sandbox"]


@pytest.fixture
async def client(sandbox: SandboxServer) -> AsyncIterator[Client]:
    async with Client(ClusterConfig.load(str(sandbox.kubeconfig))) as opened:
        yield opened


@pytest.fixture
async def own_client(own_sandbox: SandboxServer) -> AsyncIterator[Client]:
    async with Client(ClusterConfig.load(str(own_sandbox.kubeconfig))) as opened:
        yield opened


@pytest.fixture
def owner(namespace: str) -> Owner:
    return Owner("apps", namespace)


@pytest.fixture
def apply_set(client: Client, owner: Owner) -> ApplySet:
    return ApplySet(client, owner)


class Objects:
    """Makes objects of one namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def make(self, api_version: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": self.namespace, **fields.pop("metadata", {})}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}

    def config_map(self, name: str, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
        return self.make("v1", "ConfigMap", name, data=data or {"key": "value"}, metadata=metadata)

    def service_account(self, name: str) -> dict[str, Any]:
        return self.make("v1", "ServiceAccount", name)

    def secret(self, name: str, data: dict[str, str], **fields: Any) -> dict[str, Any]:
        return self.make("v1", "Secret", name, stringData=data, **fields)

    def deployment(self, name: str, replicas: int = 1, image: str = "example.com/app:1", **fields: Any) -> Any:
        labels = {"app": name}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "app", "image": image, "ports": [{"containerPort": 80}]}]},
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **fields}
        return self.make("apps/v1", "Deployment", name, spec=spec)


@pytest.fixture
def objects(namespace: str) -> Objects:
    return Objects(namespace)


def definition(plural: str, kind: str, group: str = "stage.example.com") -> dict[str, Any]:
    """A CustomResourceDefinition that accepts anything under ``spec`` and ``status``, which is a subresource."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


class Things:
    """Custom resources whose status the test writes, as their controller would."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.gvk = GroupVersionKind(f"{namespace}.example.com", "v1", "Thing")

    def definition(self) -> dict[str, Any]:
        return definition("things", "Thing", self.gvk.group)

    def ref(self, name: str) -> ObjectRef:
        return ObjectRef(self.gvk, self.namespace, name)

    def make(self, name: str, **spec: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": self.gvk.api_version, "kind": "Thing", "metadata": metadata, "spec": spec}

    async def create(self, *names: str, **spec: Any) -> list[ObjectRef]:
        for name in names:
            await self.client.create(self.make(name, **spec))
        return [self.ref(name) for name in names]

    async def condition(self, name: str, type_: str, status: str = "True", **more: Any) -> None:
        conditions = [{"type": type_, "status": status, "reason": "Test", "message": f"{type_} is {status}"}]
        patch = {"status": {"conditions": conditions, **more}}
        await self.client.patch(self.gvk, name, self.namespace, patch=patch, subresource="status", field_manager="c")


@pytest.fixture
async def things(client: Client, namespace: str) -> Things:
    made = Things(client, namespace)
    owner = Owner("definitions", namespace)
    await ApplySet(client, owner).apply([made.definition()])
    await client.mapping(made.gvk)
    return made
