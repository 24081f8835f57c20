"""A webhook that is asked about the ConfigMaps of one tenant, in dry runs, too."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from fluxkit.objects import GroupVersionKind
from tests.integration.fleet import Fleet
from tests.sandbox.hooks import HookServer, hook_server

__all__ = ["admission_hook", "refusal", "server"]

WEBHOOKS = GroupVersionKind("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HookServer]:
    with hook_server(tmp_path_factory.mktemp("hook")) as made:
        yield made


@pytest.fixture
async def admission_hook(fleet: Fleet, server: HookServer) -> AsyncIterator[HookServer]:
    """Agrees to everything until the test says otherwise."""
    server.answer = lambda request: {"allowed": True}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
    webhook = {
        "name": "hook.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 20,
        "clientConfig": {"url": server.url, "caBundle": server.bundle},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": fleet.namespace}},
    }
    await fleet.client.create(
        {
            "apiVersion": WEBHOOKS.api_version,
            "kind": WEBHOOKS.kind,
            "metadata": {"name": fleet.namespace},
            "webhooks": [webhook],
        }
    )
    yield server
    await fleet.client.delete(WEBHOOKS, fleet.namespace)


def refusal(text: str) -> dict[str, Any]:
    return {"allowed": False, "status": {"code": 403, "reason": "Forbidden", "message": text}}
