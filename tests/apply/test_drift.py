"""Seeing foreign changes by watching a real API server, and sparing requests because of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from fluxkit.apply import Action, ApplyOptions, ApplySet, DriftWatch, IgnoreRule, IgnoreRules, Owner
from fluxkit.apply.state import AppliedState
from fluxkit.kube import Client, PatchKind
from fluxkit.objects import GroupVersionKind, ObjectRef, ref_of
from tests.apply.conftest import Objects, Things
from tests.sandbox_fixture import SandboxServer

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
GROUP = "kustomize.toolkit.fluxcd.io"
SOON = 15.0


class Reports:
    """What a drift watch said, to be waited for."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.takeovers: list[tuple[str, str, str]] = []
        self.changed = asyncio.Event()

    def drift(self, owner: str, ref: ObjectRef) -> None:
        self.seen.append((owner, ref.name))
        self.changed.set()

    def takeover(self, owner: str, ref: ObjectRef, other: str) -> None:
        self.takeovers.append((owner, ref.name, other))
        self.changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(SOON):
            while not condition():
                await self.changed.wait()
                self.changed.clear()


@pytest.fixture
async def reports() -> Reports:
    return Reports()


@pytest.fixture
async def drift(client: Client, reports: Reports) -> AsyncIterator[DriftWatch[str]]:
    async with DriftWatch[str](client, reports.drift, on_takeover=reports.takeover) as opened:
        yield opened


async def heard(client: Client, drift: DriftWatch[str], ref: ObjectRef) -> None:
    """Until the watch has heard of the present version of an object: what it had to say of it, it has said."""
    live = await client.get(ref.gvk, ref.name, ref.namespace)
    async with asyncio.timeout(SOON):
        while (drift.heard_of(ref) or ("", 0))[1] < int(live["metadata"]["resourceVersion"]):
            await client.raw("GET", "/version")


async def test_deletions_and_edits_are_reported_and_correction_settles_them(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    applying = ApplySet(client, owner, view=drift)
    given = [objects.config_map("a"), objects.config_map("b"), objects.deployment("web")]
    changes = await applying.apply(given)
    drift.track("apps", changes.state)
    await client.delete(CONFIG_MAP, "a", objects.namespace)
    await reports.until(lambda: ("apps", "a") in reports.seen)
    edit = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "evil"}]}}}}
    await client.patch(DEPLOYMENT, "web", objects.namespace, patch=edit, kind=PatchKind.STRATEGIC, field_manager="x")
    await reports.until(lambda: ("apps", "web") in reports.seen)
    changes = await applying.apply(given, known=changes.state)
    assert [entry.action for entry in changes] == [Action.CREATED, Action.UNCHANGED, Action.CONFIGURED]
    drift.track("apps", changes.state)
    for obj in given:
        await heard(client, drift, ref_of(obj))
    assert sorted(reports.seen) == [("apps", "a"), ("apps", "web")]


async def test_nothing_is_asked_about_objects_that_the_watch_vouches_for(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str]
) -> None:
    applying = ApplySet(client, owner, view=drift)
    given = [objects.config_map("a"), objects.deployment("web"), objects.secret("s", {"a": "b"})]
    changes = await applying.apply(given)
    drift.track("apps", changes.state)
    for obj in given:
        await heard(client, drift, ref_of(obj))
    before = client.stats.requests.copy()
    again = await applying.apply(given, known=changes.state)
    assert [entry.action for entry in again] == [Action.UNCHANGED] * 3
    assert client.stats.requests == before
    assert len(again.state) == 3
    # One object changes in Git: it alone is asked about (dry run and read) and written.
    given[0] = objects.config_map("a", {"key": "new"})
    await applying.apply(given, known=again.state)
    assert client.stats.requests - before == {"apply": 2, "get": 1}
    # Without what is known, as at every interval, everything is compared.
    before = client.stats.requests.copy()
    await applying.apply(given)
    assert client.stats.requests - before == {"apply": 3, "get": 3}


async def test_other_ignore_rules_make_objects_worth_asking_about(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str]
) -> None:
    applying = ApplySet(client, owner, view=drift)
    given = [objects.config_map("a")]
    ignoring = ApplyOptions(ignore=IgnoreRules([IgnoreRule(("/data/key",))]))
    changes = await applying.apply(given, ignoring)
    drift.track("apps", changes.state)
    await client.patch(CONFIG_MAP, "a", objects.namespace, patch={"data": {"key": "theirs"}}, field_manager="x")
    changes = await applying.apply(given, ignoring, known=changes.state)
    drift.track("apps", changes.state)
    await heard(client, drift, ref_of(given[0]))
    assert [entry.action for entry in await applying.apply(given, ignoring, changes.state)] == [Action.UNCHANGED]
    assert [entry.action for entry in await applying.apply(given, None, changes.state)] == [Action.CONFIGURED]


@pytest.mark.parametrize(
    ("patch", "subresource"),
    [
        ({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "status"),
        ({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "1"}}}, ""),
        ({"spec": {"foreign": 1}}, ""),
    ],
)
async def test_writes_to_what_is_not_ours_are_no_drift(
    client: Client,
    owner: Owner,
    things: Things,
    drift: DriftWatch[str],
    reports: Reports,
    patch: dict[str, Any],
    subresource: str,
) -> None:
    changes = await ApplySet(client, owner).apply([things.make("a", ours=1), things.make("b", ours=1)])
    drift.track("apps", changes.state)
    await client.patch(
        things.gvk, "a", things.namespace, patch=patch, subresource=subresource, field_manager="some-controller"
    )
    await heard(client, drift, things.ref("a"))
    state = changes.state.get(things.ref("a"))
    assert state is not None
    assert drift.unchanged(state)
    # The positive control: a field of ours, by the same hand.
    await client.patch(things.gvk, "b", things.namespace, patch={"spec": {"ours": 2}}, field_manager="some-controller")
    await reports.until(lambda: reports.seen)
    assert reports.seen == [("apps", "b")]


async def test_objects_that_vanish_with_their_definition_are_drift(
    client: Client, owner: Owner, things: Things, drift: DriftWatch[str], reports: Reports
) -> None:
    changes = await ApplySet(client, owner).apply([things.make("a")])
    drift.track("apps", changes.state)
    await heard(client, drift, things.ref("a"))
    crd = things.definition()
    await client.delete(GroupVersionKind.parse(crd["apiVersion"], crd["kind"]), crd["metadata"]["name"])
    await reports.until(lambda: reports.seen == [("apps", "a")])
    (state,) = changes.state
    assert not drift.unchanged(state)


async def test_losing_the_owner_label_is_drift(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    changes = await ApplySet(client, owner).apply([objects.config_map("a")])
    drift.track("apps", changes.state)
    remove = {"metadata": {"labels": {f"{GROUP}/name": None}}}
    await client.patch(CONFIG_MAP, "a", objects.namespace, patch=remove, field_manager="x")
    await reports.until(lambda: reports.seen == [("apps", "a")])


async def test_an_object_taken_by_another_owner_is_a_takeover_and_no_drift(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    changes = await ApplySet(client, owner).apply([objects.config_map("a")])
    drift.track("apps", changes.state)
    other = Owner("other", "elsewhere")
    theirs = await ApplySet(client, other).apply([objects.config_map("a", {"key": "theirs"})])
    drift.track("other", theirs.state)
    await reports.until(lambda: reports.takeovers)
    assert reports.takeovers == [("apps", "a", "elsewhere/other")]
    assert reports.seen == []
    # A label that was changed by hand is drift, for its present owner.
    relabel = {"metadata": {"labels": {f"{GROUP}/name": "third"}}}
    await client.patch(CONFIG_MAP, "a", objects.namespace, patch=relabel, field_manager="by-hand")
    await reports.until(lambda: ("other", "a") in reports.seen)


async def test_what_happened_before_tracking_is_noticed(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    given = [objects.config_map(name) for name in ("a", "b", "c")]
    changes = await ApplySet(client, owner).apply(given)
    await client.delete(CONFIG_MAP, "a", objects.namespace)
    drift.track("apps", changes.state)
    await reports.until(lambda: reports.seen == [("apps", "a")])
    # Now that the watch runs: changes between an apply and its tracking.
    changes = await ApplySet(client, owner).apply(given)
    for obj in given:
        await heard(client, drift, ref_of(obj))
    await client.patch(CONFIG_MAP, "b", objects.namespace, patch={"data": {"key": "x"}}, field_manager="x")
    await heard(client, drift, ref_of(given[1]))
    await client.delete(CONFIG_MAP, "c", objects.namespace)
    async with asyncio.timeout(SOON):
        while drift.heard_of(ref_of(given[2])) is not None:
            await client.raw("GET", "/version")
    reports.seen.clear()
    drift.track("apps", changes.state)
    assert sorted(reports.seen) == [("apps", "b"), ("apps", "c")]


async def test_the_newest_known_version_may_be_our_own_write(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    changes = await ApplySet(client, owner).apply([objects.config_map("a")])
    (state,) = changes.state
    assert drift.version_of(state.ref) is None
    drift.track("apps", changes.state)
    # The watch has not even begun, but who applied knows.
    assert drift.version_of(state.ref) == (state.live.uid, state.live.version)
    await client.patch(CONFIG_MAP, "a", objects.namespace, patch={"data": {"x": "y"}}, field_manager="x")
    await heard(client, drift, state.ref)
    newest = drift.version_of(state.ref)
    assert newest is not None
    assert newest[1] > state.live.version
    await client.delete(CONFIG_MAP, "a", objects.namespace)
    await reports.until(lambda: reports.seen == [("apps", "a")])
    assert drift.version_of(state.ref) is None


async def test_one_watch_per_kind_for_any_number_of_owners(
    client: Client, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    states: dict[str, AppliedState] = {}
    before = client.stats.requests.copy()
    for number in range(20):
        name = f"owner-{number}"
        given = [objects.config_map(name), objects.service_account(name)]
        states[name] = (await ApplySet(client, Owner(name, objects.namespace)).apply(given)).state
        drift.track(name, states[name])
    for number in range(20):
        await heard(client, drift, ref_of(objects.config_map(f"owner-{number}")))
        await heard(client, drift, ref_of(objects.service_account(f"owner-{number}")))
    spent = client.stats.requests - before
    assert (spent["list"], spent["watch"]) == (2, 2)
    assert reports.seen == []
    await client.delete(CONFIG_MAP, "owner-7", objects.namespace)
    await reports.until(lambda: reports.seen == [("owner-7", "owner-7")])


async def test_a_kind_that_nobody_uses_any_more_is_not_watched(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    def watching() -> bool:
        return any(task.get_name().startswith("watch ") for task in asyncio.all_tasks())

    changes = await ApplySet(client, owner).apply([objects.config_map("a")])
    drift.track("apps", changes.state)
    await heard(client, drift, ref_of(objects.config_map("a")))
    assert watching()
    drift.forget("apps")
    async with asyncio.timeout(SOON):
        while watching():
            await client.raw("GET", "/version")
    assert drift.version_of(ref_of(objects.config_map("a"))) is None


@pytest.mark.parametrize("compacted", [False, True])
async def test_drift_during_a_lost_watch_is_seen_afterwards(
    own_client: Client, own_sandbox: SandboxServer, compacted: bool
) -> None:
    objects = Objects("default")
    reports = Reports()
    async with DriftWatch[str](own_client, reports.drift) as drift:
        given = [objects.config_map("a"), objects.config_map("b")]
        changes = await ApplySet(own_client, Owner("x", "default")).apply(given)
        drift.track("x", changes.state)
        await heard(own_client, drift, ref_of(given[0]))
        own_sandbox.drop_watches("configmaps")
        await own_client.delete(CONFIG_MAP, "a", "default")
        if compacted:
            own_sandbox.compact()
        await reports.until(lambda: reports.seen == [("x", "a")])


async def test_an_insistent_writer_is_answered_a_few_times_only(
    client: Client, owner: Owner, objects: Objects, drift: DriftWatch[str], reports: Reports
) -> None:
    applying = ApplySet(client, owner, view=drift)
    given = [objects.config_map("a")]
    changes = await applying.apply(given)
    drift.track("apps", changes.state)
    for number in range(5):
        patch = {"data": {"key": f"theirs-{number}"}}
        await client.patch(CONFIG_MAP, "a", objects.namespace, patch=patch, field_manager="insistent")
        await reports.until(lambda number=number: len(reports.seen) == number + 1)
        changes = await applying.apply(given, known=changes.state)
        drift.track("apps", changes.state)
    await client.patch(CONFIG_MAP, "a", objects.namespace, patch={"data": {"key": "x"}}, field_manager="insistent")
    await heard(client, drift, ref_of(given[0]))
    assert len(reports.seen) == 5
