"""Working where only one namespace may be watched, or nothing at all: with the rights of a service account."""

import asyncio
from collections.abc import Callable

import pytest

from fluxkit.apply import ApplySet, DriftWatch, Owner, StatusWatcher
from fluxkit.apply.health import HealthCheckFailed
from fluxkit.apply.sharedwatch import Scope
from fluxkit.kube import Client, PatchKind
from fluxkit.kube.errors import Forbidden
from tests.apply.conftest import Objects, Things
from tests.apply.rights import acting_as, grant
from tests.apply.test_drift import CONFIG_MAP, Reports, heard

SOON = 20.0


async def until(client: Client, condition: Callable[[], object]) -> None:
    """Until the condition holds, which is looked at between requests."""
    async with asyncio.timeout(SOON):
        while not condition():
            await client.server_version()


EVERYTHING = ("get", "list", "watch", "create", "patch", "delete")
LABEL = "kustomize.toolkit.fluxcd.io/name"


async def test_managed_objects_are_waited_for_with_the_rights_of_one_namespace(client: Client, things: Things) -> None:
    await grant(client, things.namespace, "narrow", *EVERYTHING)
    narrow = acting_as(client, things.namespace, "narrow")
    with pytest.raises(Forbidden):
        await narrow.list(things.gvk)
    manifests = [things.make(name) | {"status": {}} for name in ("a", "b")]
    changes = await ApplySet(narrow, Owner("apps", things.namespace)).apply(manifests)
    for name in ("a", "b"):
        await things.condition(name, "Reconciling")
    async with StatusWatcher(narrow, managed_label=LABEL) as watcher:
        wait = asyncio.create_task(watcher.wait_healthy(changes.refs(), timeout=SOON, managed=True))
        scope = Scope(things.gvk, things.namespace, LABEL)
        await until(client, lambda: watcher._watches.running(scope))
        before = client.stats.requests["get"]
        for name in ("a", "b"):
            await things.condition(name, "Ready")
        await wait
        assert client.stats.requests["get"] - before == 0, "watching is enough where it is allowed"
        # the next one knows that the kind has to be watched narrowly
        refused = client.stats.requests["list"]
        await things.condition("a", "Reconciling")
        wait = asyncio.create_task(watcher.wait_healthy(changes.refs(), timeout=SOON, managed=True))
        await things.condition("a", "Ready")
        await wait
        assert client.stats.requests["list"] == refused


@pytest.mark.contract("KUS-252")
async def test_what_may_be_read_and_not_watched_is_read_now_and_then(client: Client, things: Things) -> None:
    """Upstream reads every object at each interval, so that the right to get is all that it takes."""
    await grant(client, things.namespace, "reader", "get")
    (ref,) = await things.create("a")
    await things.condition("a", "Reconciling")
    async with StatusWatcher(acting_as(client, things.namespace, "reader")) as watcher:
        before = client.stats.requests["get"]
        wait = asyncio.create_task(watcher.wait_healthy([ref], timeout=SOON))
        await until(client, lambda: client.stats.requests["get"] >= before + 2)
        assert not wait.done()
        await things.condition("a", "Ready")
        await wait
        gone = asyncio.create_task(watcher.wait_gone([ref]))
        before = client.stats.requests["get"]
        await until(client, lambda: client.stats.requests["get"] > before)
        await client.delete(ref.gvk, ref.name, ref.namespace)
        async with asyncio.timeout(SOON):
            await gone


@pytest.mark.contract("KUS-252")
async def test_what_may_not_even_be_read_is_unknown(client: Client, things: Things) -> None:
    await grant(client, things.namespace, "blind", "create")
    (ref,) = await things.create("a")
    async with StatusWatcher(acting_as(client, things.namespace, "blind")) as watcher:
        with pytest.raises(HealthCheckFailed) as raised:
            await watcher.wait_healthy([ref], timeout=0.3)
    assert f"Thing/{things.namespace}/a status: 'Unknown'" in str(raised.value)
    assert 'cannot get resource "things"' in str(raised.value)


async def test_drift_is_seen_with_the_rights_of_one_namespace(
    client: Client, objects: Objects, namespace: str, owner: Owner
) -> None:
    reports = Reports()
    await grant(client, namespace, "narrow", *EVERYTHING)
    narrow = acting_as(client, namespace, "narrow")
    async with DriftWatch[str](narrow, reports.drift) as drift:
        manifests = [objects.config_map("a"), objects.config_map("b"), objects.service_account("c")]
        changes = await ApplySet(narrow, owner, view=drift).apply(manifests)
        drift.track("apps", changes.state)
        for ref in changes.refs():
            await heard(client, drift, ref)
        assert all(drift.unchanged(state) for state in changes.state)
        patch = {"data": {"key": "other"}}
        await client.patch(CONFIG_MAP, "a", namespace, patch=patch, kind=PatchKind.MERGE)
        await client.delete(CONFIG_MAP, "b", namespace)
        await reports.until(lambda: len(reports.seen) == 2)
        assert sorted(reports.seen) == [("apps", "a"), ("apps", "b")]
        drift.forget("apps")
        assert not drift._kinds
        assert not drift._narrow


async def test_nothing_counts_as_unchanged_where_nothing_may_be_watched(
    client: Client, objects: Objects, namespace: str, owner: Owner
) -> None:
    reports = Reports()
    await grant(client, namespace, "writer", "get", "create", "patch")
    writer = acting_as(client, namespace, "writer")
    async with DriftWatch[str](writer, reports.drift) as drift:
        apply_set = ApplySet(writer, owner, view=drift)
        changes = await apply_set.apply([objects.config_map("a")])
        drift.track("apps", changes.state)
        await until(client, lambda: any(kind.watch.refused for place, kind in drift._kinds.items() if place[1]))
        again = await apply_set.apply([objects.config_map("a")], known=changes.state)
    assert [str(entry.action) for entry in again] == ["unchanged"]
    assert client.stats.requests["apply"] >= 2, "it was asked about"
    assert reports.seen == []
