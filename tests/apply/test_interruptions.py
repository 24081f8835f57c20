"""Errors and interruptions in the middle of an apply: nothing half done, nothing forgotten, the next run converges."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from fluxkit.apply import Action, ApplyFailed, ApplySet, ChangeSet, Inventory, Owner
from fluxkit.apply.inventory import encode_id
from fluxkit.kube import Client
from fluxkit.kube.errors import NotFound, from_status
from fluxkit.objects import GroupVersionKind, Object
from tests.apply.conftest import Objects
from tests.sandbox_fixture import SandboxServer

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")


async def count(client: Client, namespace: str) -> int:
    return len((await client.list(CONFIG_MAP, namespace, label_selector="kustomize.toolkit.fluxcd.io/name")).items)


@pytest.mark.contract("KUS-191")
async def test_a_server_error_in_the_dry_run_stops_before_any_write(
    apply_set: ApplySet, client: Client, sandbox: SandboxServer, objects: Objects
) -> None:
    sandbox.fault(500, verb="patch", resource="configmaps", namespace=objects.namespace, name="c3")
    with pytest.raises(ApplyFailed, match=r"ConfigMap/.*/c3 dry-run failed \(InternalError\): "):
        await apply_set.apply([objects.config_map(f"c{number}") for number in range(6)])
    assert await count(client, objects.namespace) == 0
    changes = await apply_set.apply([objects.config_map(f"c{number}") for number in range(6)])
    assert Counter(entry.action for entry in changes) == {Action.CREATED: 6}


class Failing(Client):
    """A client whose real apply of one object fails, after a dry run that passed."""

    victim = ""

    async def apply(self, obj: Object, **arguments: Any) -> Object:
        if obj["metadata"]["name"] == self.victim and not arguments.get("dry_run"):
            token = obj.get("data", {}).get("token", "")
            raise from_status({"code": 500, "reason": "InternalError", "message": f"storage is full: {token}"})
        return await super().apply(obj, **arguments)


@pytest.mark.contract("KUS-202", "KUS-193", "KUS-364", "KUS-371")
async def test_a_failed_write_is_named_and_earlier_writes_are_known(
    client: Client, owner: Owner, objects: Objects
) -> None:
    given = [objects.service_account("s"), objects.secret("z", {"token": "very-secret"}), objects.deployment("web")]
    async with Failing(client.config) as failing:
        failing.victim = "z"
        with pytest.raises(ApplyFailed) as raised:
            await ApplySet(failing, owner).apply(given)
    namespace = objects.namespace
    assert str(raised.value) == (
        f"Secret/{namespace}/z apply failed: storage is full: ***\nServiceAccount/{namespace}/s created"
    )
    assert [encode_id(ref) for ref in Inventory.from_changes(raised.value.changes)] == [
        f"{namespace}_s__ServiceAccount"
    ]
    assert len(raised.value.changes.state) == 1
    with pytest.raises(NotFound):
        await client.get(GroupVersionKind("apps", "v1", "Deployment"), "web", namespace)


@pytest.mark.parametrize("code", [409, 429, 503])
async def test_lost_races_and_throttling_are_no_errors(
    apply_set: ApplySet, sandbox: SandboxServer, objects: Objects, code: int
) -> None:
    more = {} if code == 409 else {"retryAfter": 0}
    sandbox.fault(code, verb="patch", resource="configmaps", namespace=objects.namespace, name="c", count=2, **more)
    changes = await apply_set.apply([objects.config_map("c")])
    assert [entry.action for entry in changes] == [Action.CREATED]


async def test_a_conflict_that_stays_is_an_error(
    apply_set: ApplySet, client: Client, sandbox: SandboxServer, objects: Objects
) -> None:
    sandbox.fault(409, verb="patch", resource="configmaps", namespace=objects.namespace, name="c", count=3)
    with pytest.raises(ApplyFailed, match=r"ConfigMap/.*/c dry-run failed \(Conflict\): "):
        await apply_set.apply([objects.config_map("c")])
    assert await count(client, objects.namespace) == 0


class Interrupting(Client):
    """A client at whose n-th write somebody cancels the task that applies; the answer is never seen."""

    left = 0
    task: asyncio.Task[Any]

    async def apply(self, obj: Object, **arguments: Any) -> Object:
        answer = await super().apply(obj, **arguments)
        if not arguments.get("dry_run"):
            self.left -= 1
            if self.left == 0:
                self.task.cancel()
                await asyncio.Event().wait()
        return answer


@pytest.mark.parametrize("after", [1, 3, 7])
async def test_a_cancelled_apply_says_what_it_wrote_and_the_next_one_converges(
    client: Client, owner: Owner, objects: Objects, after: int
) -> None:
    given = [objects.config_map(f"c{number}") for number in range(8)]
    changes = ChangeSet()
    async with Interrupting(client.config) as cut:
        cut.left = after
        cut.task = asyncio.create_task(ApplySet(cut, owner, concurrency=1).apply(given, into=changes))
        with pytest.raises(asyncio.CancelledError):
            await cut.task
    assert len(changes) == after - 1
    assert await count(client, objects.namespace) == after
    again = await ApplySet(client, owner).apply(given, known=changes.state)
    assert Counter(entry.action for entry in again) == {Action.UNCHANGED: after, Action.CREATED: 8 - after}


async def test_an_object_deleted_between_two_runs_is_created_again(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    await apply_set.apply([objects.config_map("a"), objects.config_map("b")])
    await client.delete(CONFIG_MAP, "a", objects.namespace)
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, "a", objects.namespace)
    changes = await apply_set.apply([objects.config_map("a"), objects.config_map("b")])
    assert [entry.action for entry in changes] == [Action.CREATED, Action.UNCHANGED]
