"""What decides between a dry run and a write: webhooks that refuse, an API that goes, people who delete."""

import asyncio
import threading
from typing import Any

import pytest

from fluxkit.kube import WatchCache
from fluxkit.objects import GroupVersionKind
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, definition, deployment
from tests.integration.hooks import admission_hook, refusal, server
from tests.integration.test_moving import entries
from tests.sandbox.hooks import HookServer

__all__ = ["admission_hook", "server"]

DEFINITION = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
GADGET = GroupVersionKind("vanishing.example.com", "v1", "Gadget")
DENIED = 'admission webhook "hook.example.com" denied the request: '


def is_about(request: Any, name: str) -> bool:
    return bool(request["name"] == name)


@pytest.mark.contract("KUS-200", "KUS-191", "KUS-042")
async def test_a_webhook_refuses_one_of_many(fleet: Fleet, admission_hook: HookServer) -> None:
    """Nothing of the stage is written, others go on, and the retry finds out that it agrees by now."""
    admission_hook.answer = lambda request: refusal("not on Fridays") if is_about(request, "b") else {"allowed": True}
    for name in "abc":
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    fleet.repository.write("other/o.yaml", config_map("other", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", retryInterval="300ms")
    await fleet.kustomize("other", "./other")
    message = await fleet.failed("app", "ReconciliationFailed")
    assert message == f"ConfigMap/{fleet.namespace}/b dry-run failed (Forbidden): {DENIED}not on Fridays"
    await fleet.applied("other", revision)
    assert not await fleet.exists(CONFIG_MAP, "a")
    admission_hook.answer = lambda request: {"allowed": True}
    await fleet.applied("app", revision)


@pytest.mark.contract("KUS-202", "KUS-371")
async def test_a_webhook_changes_its_mind_after_the_dry_run(fleet: Fleet, admission_hook: HookServer) -> None:
    """What was written before it is told, and is in the inventory: taking all of it out of Git leaves nothing."""
    admission_hook.answer = lambda request: (
        refusal("changed my mind") if is_about(request, "b") and not request["dryRun"] else {"allowed": True}
    )
    for name in "ab":
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    fleet.repository.write("app/account.yaml", ACCOUNT.format(namespace=fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", retryInterval="1h")
    message = await fleet.failed("app", "ReconciliationFailed")
    first, *changed = message.splitlines()
    assert first == f"ConfigMap/{fleet.namespace}/b apply failed: {DENIED}changed my mind"
    assert f"ServiceAccount/{fleet.namespace}/early created" in changed
    failed = fleet.kustomization("app")
    assert failed is not None
    assert {"early"} <= entries(failed) <= {"early", "a"}
    for name in ("a", "b", "account"):
        fleet.repository.remove(f"app/{name}.yaml")
    fleet.repository.write("app/c.yaml", config_map("c", fleet.namespace))
    await fleet.applied("app", await fleet.push("without"))
    assert not await fleet.exists(GroupVersionKind("", "v1", "ServiceAccount"), "early")
    assert not await fleet.exists(CONFIG_MAP, "a")


ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: early\n  namespace: {namespace}\n"


@pytest.mark.contract("KUS-239", "KUS-241", "KUS-043", "KUS-242")
async def test_a_webhook_refuses_a_deletion(fleet: Fleet, admission_hook: HookServer) -> None:
    for name in "ab":
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", retryInterval="300ms", wait=True)
    await fleet.applied("app", revision)
    admission_hook.answer = lambda request: (
        refusal("keep it") if request["operation"] == "DELETE" else {"allowed": True}
    )
    fleet.repository.remove("app/b.yaml")
    revision = await fleet.push("remove")
    message = await fleet.failed("app", "PruneFailed")
    text = f"ConfigMap/{fleet.namespace}/b delete failed: {DENIED}keep it"
    assert message == f"delete failed, errors: {text};"
    failed = fleet.kustomization("app")
    assert failed is not None
    assert entries(failed) == {"a", "b"}
    assert failed.status.history[0].last_reconciled_status == "PruneFailed"
    admission_hook.answer = lambda request: {"allowed": True}
    applied = await fleet.applied("app", revision)
    assert entries(applied) == {"a"}
    assert not await fleet.exists(CONFIG_MAP, "b")


async def test_an_api_disappears_between_the_dry_run_and_the_write(fleet: Fleet, admission_hook: HookServer) -> None:
    await fleet.client.apply(definition(GADGET, "gadgets"), field_manager="test")
    fleet.client.invalidate_discovery()
    writing, gone = threading.Event(), threading.Event()

    def hold(request: Any) -> dict[str, Any]:
        if is_about(request, "first") and not request["dryRun"]:
            writing.set()
            gone.wait(15)
        return {"allowed": True}

    admission_hook.answer = hold
    fleet.repository.write("app/first.yaml", config_map("first", fleet.namespace))
    fleet.repository.write(
        "app/gadget.yaml",
        f"apiVersion: {GADGET.api_version}\nkind: Gadget\nmetadata:\n  name: g\n  namespace: {fleet.namespace}\n",
    )
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", retryInterval="300ms")
    assert await asyncio.to_thread(writing.wait, 30)
    await fleet.client.delete(DEFINITION, f"gadgets.{GADGET.group}")
    gone.set()
    message = await fleet.failed("app", "ReconciliationFailed")
    assert f"Gadget/{fleet.namespace}/g" in message
    failed = await fleet.kustomization_where("app", lambda each: "first" in entries(each))
    assert failed.status.last_applied_revision == ""
    await fleet.client.apply(definition(GADGET, "gadgets"), field_manager="test")
    assert entries(await fleet.applied("app", revision)) == {"first", "g"}
    fleet.client.invalidate_discovery()
    assert await fleet.exists(GADGET, "g")


async def test_an_object_deleted_by_others_while_its_health_is_awaited(fleet: Fleet) -> None:
    """It comes back at once, and the wait goes on with the new one."""
    never = {"sandbox.fluxkit.dev/ready-after": "1h"}
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace, annotations=never))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True, timeout="10m")
    await fleet.kustomization_where(
        "app", lambda each: any(one.message.startswith("Running health") for one in each.status.conditions)
    )
    before = (await fleet.client.get(DEPLOYMENT, "a", fleet.namespace))["metadata"]["uid"]
    await fleet.client.delete(DEPLOYMENT, "a", fleet.namespace)

    def is_another(cache: WatchCache) -> bool:
        found = cache.get(fleet.namespace, "a")
        return found is not None and found["metadata"]["uid"] != before

    await fleet.object_where(DEPLOYMENT, is_another)
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace).replace("app:1", "app:2"))
    await fleet.applied("app", await fleet.push("ready"))
