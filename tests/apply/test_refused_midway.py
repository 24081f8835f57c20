"""What the server refuses, or no longer has, in the middle of an apply: nothing half-done is left unsaid."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fluxkit.apply import Action, ApplyFailed, ApplySet, Owner, StatusWatcher
from fluxkit.kube import Client, ClusterConfig
from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind, Object, ObjectRef
from tests.apply.conftest import Objects, Things, definition
from tests.apply.rights import acting_as, grant
from tests.sandbox_fixture import SandboxServer

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
CRD = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
NAMESPACE = GroupVersionKind("", "v1", "Namespace")
DENIED = 'admission webhook "policy.example.com" denied the request: no such luck'


class Meddled(Client):
    """A client to whose server something happens right before the first write, after all dry runs have passed."""

    def __init__(self, config: ClusterConfig, happens: Callable[[Object], Awaitable[bool]]) -> None:
        super().__init__(config)
        self._happens = happens
        self._done = False

    async def apply(self, obj: Object, **options: Any) -> Object:
        if not options.get("dry_run") and not self._done:
            self._done = await self._happens(obj)
        return await super().apply(obj, **options)


async def names(client: Client, namespace: str) -> list[str]:
    found = await client.list(CONFIG_MAP, namespace, label_selector="kustomize.toolkit.fluxcd.io/name")
    return [obj["metadata"]["name"] for obj in found.items]


@pytest.mark.contract("KUS-191", "KUS-200")
async def test_a_webhook_that_denies_one_of_fifty_keeps_all_of_them_away(
    apply_set: ApplySet, client: Client, objects: Objects, sandbox: SandboxServer
) -> None:
    sandbox.fault(403, resource="configmaps", namespace=objects.namespace, name="c17", verb="patch", message=DENIED)
    wanted = [objects.config_map(f"c{number}") for number in range(50)]
    with pytest.raises(ApplyFailed) as raised:
        await apply_set.apply(wanted)
    assert str(raised.value) == f"ConfigMap/{objects.namespace}/c17 dry-run failed (Forbidden): {DENIED}"
    assert await names(client, objects.namespace) == []
    assert len((await apply_set.apply(wanted)).changed()) == 50


@pytest.mark.contract("KUS-191", "KUS-200")
async def test_a_missing_permission_for_one_of_fifty_keeps_all_of_them_away(
    client: Client, objects: Objects, owner: Owner
) -> None:
    await grant(client, objects.namespace, "tenant", "get", "list", "watch", "create", "patch", resources="configmaps")
    tenant = acting_as(client, objects.namespace, "tenant")
    wanted = [objects.config_map(f"c{number}") for number in range(49)] + [objects.secret("s", {"a": "b"})]
    with pytest.raises(ApplyFailed) as raised:
        await ApplySet(tenant, owner).apply(wanted)
    user = f"system:serviceaccount:{objects.namespace}:tenant"
    assert str(raised.value) == (
        f'Secret/{objects.namespace}/s dry-run failed (Forbidden): secrets "s" is forbidden: User "{user}" cannot '
        f'patch resource "secrets" in API group "" in the namespace "{objects.namespace}"'
    )
    assert await names(client, objects.namespace) == []


@pytest.mark.contract("KUS-193", "KUS-202")
async def test_a_webhook_that_denies_the_write_alone(
    client: Client, objects: Objects, owner: Owner, sandbox: SandboxServer
) -> None:
    """Webhooks with side effects are not asked in a dry run: the write is the first to hear of it."""

    async def deny(obj: Object) -> bool:
        if obj["metadata"]["name"] != "b":
            return False
        match = {"resource": "configmaps", "namespace": objects.namespace, "name": "b", "verb": "patch"}
        await asyncio.to_thread(sandbox.fault, 403, message=DENIED, **match)
        return True

    wanted = [objects.config_map(name) for name in "abc"]
    async with Meddled(ClusterConfig.load(str(sandbox.kubeconfig)), deny) as meddled:
        with pytest.raises(ApplyFailed) as raised:
            await ApplySet(meddled, owner, concurrency=1).apply(wanted)
    assert str(raised.value).splitlines() == [
        f"ConfigMap/{objects.namespace}/b apply failed: {DENIED}",
        f"ConfigMap/{objects.namespace}/a created",
    ]
    assert [entry.ref.name for entry in raised.value.changes.changed()] == ["a"]
    assert await names(client, objects.namespace) == ["a"]
    changes = await ApplySet(client, owner).apply(wanted, known=raised.value.changes.state)
    assert [str(entry.action) for entry in changes] == ["unchanged", "created", "created"]


async def test_an_api_that_disappears_between_dry_run_and_write(
    client: Client, things: Things, owner: Owner, sandbox: SandboxServer
) -> None:
    async def uninstall(obj: Object) -> bool:
        name = f"things.{things.gvk.group}"
        await client.delete(CRD, name)
        async with StatusWatcher(client) as watcher:
            await watcher.wait_gone([ObjectRef(CRD, "", name)], timeout=20)
        return True

    wanted = [things.make("a"), things.make("b")]
    async with Meddled(ClusterConfig.load(str(sandbox.kubeconfig)), uninstall) as meddled:
        with pytest.raises(ApplyFailed) as raised:
            await ApplySet(meddled, owner).apply(wanted)
    text = str(raised.value)
    assert text.startswith(f"Thing/{things.namespace}/")
    assert " apply failed: " in text
    assert raised.value.changes.changed() == []
    # once it is back, in the same set, everything is
    again = [things.definition(), *wanted]
    changes = await ApplySet(client, owner).apply(again)
    assert [entry.action for entry in changes.changed()] == [Action.CREATED] * 3


async def test_a_namespace_that_disappears_between_dry_run_and_write(
    client: Client, objects: Objects, owner: Owner, sandbox: SandboxServer
) -> None:
    inner = f"{objects.namespace}-gone"
    await client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}})

    async def remove(obj: Object) -> bool:
        await client.delete(NAMESPACE, inner)
        return True

    async with Meddled(ClusterConfig.load(str(sandbox.kubeconfig)), remove) as meddled:
        with pytest.raises(ApplyFailed, match=rf"ConfigMap/{inner}/a apply failed: .*({inner}|terminat)"):
            await ApplySet(meddled, owner).apply([objects.config_map("a", namespace=inner)])


async def test_an_object_that_others_delete_between_dry_run_and_write_is_made_again(
    client: Client, objects: Objects, owner: Owner, sandbox: SandboxServer
) -> None:
    await ApplySet(client, owner).apply([objects.config_map("a")])

    async def delete(obj: Object) -> bool:
        await client.delete(CONFIG_MAP, "a", objects.namespace)
        return True

    async with Meddled(ClusterConfig.load(str(sandbox.kubeconfig)), delete) as meddled:
        await ApplySet(meddled, owner).apply([objects.config_map("a", {"key": "2"})])
    assert (await client.get(CONFIG_MAP, "a", objects.namespace))["data"] == {"key": "2"}


async def test_a_definition_that_is_replaced_between_dry_run_and_write_is_asked_again(
    client: Client, things: Things, owner: Owner, sandbox: SandboxServer
) -> None:
    """The schema became stricter: what passed the dry run is refused by name, and nothing is taken for applied."""

    async def tighten(obj: Object) -> bool:
        made = definition("things", "Thing", things.gvk.group)
        spec = {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}}
        made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = spec
        await client.apply(made, field_manager="else", force=True)
        return True

    async with Meddled(ClusterConfig.load(str(sandbox.kubeconfig)), tighten) as meddled:
        with pytest.raises(ApplyFailed, match=r"spec\.size"):
            await ApplySet(meddled, owner).apply([things.make("a")])
    with pytest.raises(NotFound):
        await client.get(things.gvk, "a", things.namespace)
