"""An object that moves from one Kustomization to another in one commit survives, whoever reconciles first."""

import asyncio
import threading
from typing import Any

import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind
from fluxkit.objects import Object
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map
from tests.integration.hooks import admission_hook, server
from tests.sandbox.hooks import HookServer

__all__ = ["admission_hook", "server"]

CONFLICT, PENDING = "fluxkit.dev/Conflict", "fluxkit.dev/PrunePending"


async def live(fleet: Fleet, name: str = "moved") -> Object:
    return await fleet.client.get(CONFIG_MAP, name, fleet.namespace)


async def suspend(fleet: Fleet, name: str, suspended: bool = True) -> None:
    patch = {"spec": {"suspend": suspended}}
    await fleet.client.patch(Kustomization.GVK, name, fleet.namespace, patch=patch, kind=PatchKind.MERGE)


def entries(kustomization: Kustomization) -> set[str]:
    inventory = kustomization.status.inventory
    return {entry.id.split("_")[1] for entry in (inventory.entries if inventory else ())}


def message(kustomization: Kustomization, type: str) -> str:
    return next((each.message for each in kustomization.status.conditions if each.type == type), "")


async def start(fleet: Fleet, **new: object) -> str:
    """``old`` has the object, ``new`` does not; returns the uid."""
    fleet.repository.write("old/moved.yaml", config_map("moved", fleet.namespace))
    fleet.repository.write("old/stays.yaml", config_map("stays", fleet.namespace))
    fleet.repository.write("new/other.yaml", config_map("other", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("old", "./old")
    await fleet.kustomize("new", "./new", **new)
    await fleet.applied("old", revision)
    await fleet.applied("new", revision)
    return str((await live(fleet))["metadata"]["uid"])


async def move(fleet: Fleet, *, push: bool = True) -> str:
    fleet.repository.remove("old/moved.yaml")
    fleet.repository.write("new/moved.yaml", config_map("moved", fleet.namespace, "2"))
    return await fleet.push("move") if push else ""


async def check_moved(fleet: Fleet, uid: str, owner: str = "new") -> None:
    found = await live(fleet)
    assert found["metadata"]["uid"] == uid
    assert found["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == owner
    await fleet.kustomization_where("old", lambda each: "moved" not in entries(each) and not message(each, PENDING))


@pytest.mark.contract("KUS-238")
async def test_the_old_owner_comes_first_and_the_new_one_is_suspended(fleet: Fleet) -> None:
    uid = await start(fleet)
    await suspend(fleet, "new")
    revision = await move(fleet)
    kept = await fleet.applied("old", revision)
    assert entries(kept) == {"moved", "stays"}
    told = f"left to their new owners: ConfigMap/{fleet.namespace}/moved to Kustomization/{fleet.namespace}/new"
    assert message(kept, PENDING) == told
    await fleet.event(told)
    found = await live(fleet)
    assert (found["metadata"]["uid"], found["data"]["key"]) == (uid, "1")
    await suspend(fleet, "new", False)
    await fleet.applied("new", revision)
    await check_moved(fleet, uid)


@pytest.mark.contract("KUS-238")
async def test_the_new_owner_comes_first(fleet: Fleet) -> None:
    uid = await start(fleet)
    await suspend(fleet, "old")
    revision = await move(fleet)
    moved = await fleet.applied("new", revision)
    assert not message(moved, CONFLICT)
    await suspend(fleet, "old", False)
    await fleet.applied("old", revision)
    await check_moved(fleet, uid)


async def test_both_at_once_and_back_again(fleet: Fleet) -> None:
    uid = await start(fleet)
    revision = await move(fleet)
    await asyncio.gather(fleet.applied("old", revision), fleet.applied("new", revision))
    await check_moved(fleet, uid)
    fleet.repository.remove("new/moved.yaml")
    fleet.repository.write("old/moved.yaml", config_map("moved", fleet.namespace, "3"))
    revision = await fleet.push("back")
    await asyncio.gather(fleet.applied("old", revision), fleet.applied("new", revision))
    await fleet.kustomization_where("new", lambda each: "moved" not in entries(each))
    assert (await live(fleet))["metadata"]["uid"] == uid


async def test_there_and_back_while_the_old_owner_is_at_it(fleet: Fleet, admission_hook: HookServer) -> None:
    """The others are not asked at a revision that the owner itself has not seen."""
    uid = await start(fleet)
    await suspend(fleet, "new")
    writing, pushed = threading.Event(), threading.Event()

    def hold(request: Any) -> dict[str, Any]:
        if request["name"] == "stays" and not request["dryRun"]:
            writing.set()
            pushed.wait(20)
        return {"allowed": True}

    admission_hook.answer = hold
    fleet.repository.write("old/stays.yaml", config_map("stays", fleet.namespace, "2"))
    await move(fleet)
    assert await asyncio.to_thread(writing.wait, 30)
    fleet.repository.remove("new/moved.yaml")
    fleet.repository.write("old/moved.yaml", config_map("moved", fleet.namespace, "3"))
    revision = await fleet.push("back")
    await fleet.source_ready(revision)
    pushed.set()
    await fleet.applied("old", revision)
    found = await live(fleet)
    assert (found["metadata"]["uid"], found["data"]["key"]) == (uid, "3")


async def test_the_new_owner_waits_for_the_old_one(fleet: Fleet) -> None:
    """The old owner has to become ready without having let go, or neither could ever go on."""
    uid = await start(fleet, dependsOn=[{"name": "old"}])
    revision = await move(fleet)
    await fleet.applied("new", revision)
    await check_moved(fleet, uid)


async def test_the_new_owner_fails(fleet: Fleet) -> None:
    """It cannot be built for now, so nobody knows; what the repository does not mention at all goes all the same."""
    uid = await start(fleet)
    fleet.repository.write("old/leaves.yaml", config_map("leaves", fleet.namespace))
    await fleet.applied("old", await fleet.push("one more"))
    fleet.repository.remove("old/leaves.yaml")
    fleet.repository.write("new/other.yaml", "kind: [")
    revision = await move(fleet)
    kept = await fleet.applied("old", revision)
    assert entries(kept) == {"moved", "stays"}
    assert "may belong to Kustomizations that cannot be built at this revision" in message(kept, PENDING)
    assert f"Kustomization/{fleet.namespace}/new: " in message(kept, PENDING)
    assert not await fleet.exists(CONFIG_MAP, "leaves")
    assert (await live(fleet))["metadata"]["uid"] == uid
    fleet.repository.write("new/other.yaml", config_map("other", fleet.namespace))
    await fleet.applied("new", await fleet.push("mend"))
    await check_moved(fleet, uid)


async def test_what_the_new_owner_gives_up_again_is_pruned_after_all(fleet: Fleet) -> None:
    await start(fleet)
    await suspend(fleet, "new")
    kept = await fleet.applied("old", await move(fleet))
    assert "moved" in entries(kept)
    await fleet.client.delete(Kustomization.GVK, "new", fleet.namespace)
    await fleet.kustomization_where("old", lambda each: entries(each) == {"stays"})
    assert not await fleet.exists(CONFIG_MAP, "moved")


async def test_a_kustomization_is_renamed(fleet: Fleet) -> None:
    """Deleting the old one deletes nothing that the new one wants, though it has never run."""
    uid = await start(fleet)
    await fleet.kustomize("renamed", "./old", suspend=True)
    await fleet.client.delete(Kustomization.GVK, "old", fleet.namespace)
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, "old") is None, 30)
    assert (await live(fleet))["metadata"]["uid"] == uid
    await suspend(fleet, "renamed", False)
    renamed = await fleet.kustomization_where("renamed", lambda each: entries(each) == {"moved", "stays"})
    assert not message(renamed, CONFLICT)
    assert (await live(fleet))["metadata"]["uid"] == uid


async def test_a_tenant_cannot_keep_alive_what_it_may_not_touch(fleet: Fleet) -> None:
    fleet.repository.write("old/stays.yaml", config_map("stays", fleet.namespace))
    fleet.repository.write("old/moved.yaml", config_map("moved", fleet.namespace))
    fleet.repository.write("new/moved.yaml", config_map("moved", fleet.namespace))
    revision = await fleet.repository.push("start")
    account = {"name": "tenant", "namespace": fleet.namespace}
    await fleet.client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    await fleet.follow()
    await fleet.kustomize("old", "./old")
    await fleet.applied("old", revision)
    await fleet.kustomize("new", "./new", serviceAccountName="tenant")
    await fleet.failed("new", "ReconciliationFailed")
    fleet.repository.remove("old/moved.yaml")
    pruned = await fleet.applied("old", await fleet.push("remove"))
    assert entries(pruned) == {"stays"}
    assert not await fleet.exists(CONFIG_MAP, "moved")


async def test_two_that_apply_the_same_object_both_say_so_and_write_little(fleet: Fleet) -> None:
    uid = await start(fleet)
    fleet.repository.write("new/moved.yaml", config_map("moved", fleet.namespace, "2"))
    revision = await fleet.push("fight")
    name = f"ConfigMap/{fleet.namespace}/moved"
    old = await fleet.kustomization_where("old", lambda each: bool(message(each, CONFLICT)))
    new = await fleet.kustomization_where("new", lambda each: bool(message(each, CONFLICT)))
    said = "other Kustomizations apply the same objects, remove them from all but one: "
    assert message(old, CONFLICT) == f"{said}{name} (Kustomization/{fleet.namespace}/new)"
    assert message(new, CONFLICT) == f"{said}{name} (Kustomization/{fleet.namespace}/old)"
    assert message(old, CONFLICT) in await fleet.warnings("old")
    await fleet.applied("old", revision)
    # each of them had a turn or two when it was told, and nothing goes on from there
    written = f'"{name}":"configured"'
    assert fleet.rig.controllers.log_file.read_text().count(written) <= 6
    metrics = await fleet.metrics()
    assert f'fluxkit_kustomization_conflicting_objects{{name="old",namespace="{fleet.namespace}"}} 1.0' in metrics
    fleet.repository.remove("new/moved.yaml")
    revision = await fleet.push("peace")
    await fleet.applied("new", revision)
    await fleet.kustomization_where("old", lambda each: not message(each, CONFLICT))
    await fleet.kustomization_where("new", lambda each: not message(each, CONFLICT))
    assert (await live(fleet))["metadata"]["uid"] == uid
