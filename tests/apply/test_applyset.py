"""Applying sets to a real API server."""

import asyncio
from typing import Any

import pytest

from fluxkit.apply import (
    Action,
    ApplyFailed,
    ApplyOptions,
    ApplySet,
    CommonMetadata,
    IgnoreRule,
    IgnoreRules,
    Owner,
    StatusCode,
    Target,
    parse_group_kinds,
)
from fluxkit.kube import Client, PatchKind
from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind, labels_of
from tests.apply.conftest import Objects, definition
from tests.sandbox_fixture import SandboxServer

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
SECRET = GroupVersionKind("", "v1", "Secret")
SERVICE_ACCOUNT = GroupVersionKind("", "v1", "ServiceAccount")
GROUP = "kustomize.toolkit.fluxcd.io"


def writes(client: Client) -> int:
    return sum(client.stats.requests[verb] for verb in ("apply", "patch", "create", "update", "delete"))


def total(client: Client) -> int:
    return sum(client.stats.requests.values())


async def version(client: Client, name: str, namespace: str) -> str:
    found: str = (await client.get(CONFIG_MAP, name, namespace))["metadata"]["resourceVersion"]
    return found


@pytest.mark.contract("KUS-195", "KUS-175", "KUS-189", "KUS-197")
async def test_a_fresh_set_is_created_in_order_and_signed(
    apply_set: ApplySet, client: Client, objects: Objects, owner: Owner
) -> None:
    changes = await apply_set.apply([objects.deployment("web"), objects.config_map("c"), objects.service_account("s")])
    namespace = objects.namespace
    assert str(changes).splitlines() == [
        f"ServiceAccount/{namespace}/s created",
        f"ConfigMap/{namespace}/c created",
        f"Deployment/{namespace}/web created",
    ]
    live = await client.get(CONFIG_MAP, "c", namespace)
    assert labels_of(live) == owner.labels
    (entry,) = live["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kustomize-controller", "Apply")


async def test_a_fresh_object_costs_a_dry_run_and_an_apply(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    await client.mapping(CONFIG_MAP)
    before = client.stats.requests.copy()
    await apply_set.apply([objects.config_map(f"c{number}") for number in range(5)])
    assert client.stats.requests - before == {"apply": 10}


@pytest.mark.contract("KUS-198")
async def test_unchanged_objects_are_never_written(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    given = [objects.config_map("c"), objects.deployment("web"), objects.secret("s", {"a": "b"})]
    await apply_set.apply(given)
    before = await version(client, "c", objects.namespace)
    changes = await apply_set.apply(given)
    assert [entry.action for entry in changes] == [Action.UNCHANGED] * 3
    assert await version(client, "c", objects.namespace) == before
    assert changes.change_log() == ""


@pytest.mark.contract("KUS-196", "KUS-198")
async def test_a_changed_object_is_configured_alone(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    await apply_set.apply([objects.config_map("a"), objects.config_map("b")])
    before = await version(client, "b", objects.namespace)
    changes = await apply_set.apply([objects.config_map("a", {"key": "new"}), objects.config_map("b")])
    assert [entry.action for entry in changes] == [Action.CONFIGURED, Action.UNCHANGED]
    assert (await client.get(CONFIG_MAP, "a", objects.namespace))["data"] == {"key": "new"}
    assert await version(client, "b", objects.namespace) == before


@pytest.mark.contract("KUS-198")
@pytest.mark.parametrize(
    "change",
    [
        {"data": {"key": "edited"}},
        {"data": {"key": None}},
        {"metadata": {"labels": {f"{GROUP}/name": "stolen"}}},
        {"metadata": {"annotations": {"note": "edited"}}},
    ],
)
async def test_foreign_changes_of_our_fields_are_undone(
    apply_set: ApplySet, client: Client, objects: Objects, change: dict[str, Any]
) -> None:
    given = objects.config_map("c", annotations={"note": "ours"})
    await apply_set.apply([given])
    await client.patch(CONFIG_MAP, "c", objects.namespace, patch=change, field_manager="somebody")
    changes = await apply_set.apply([given])
    assert [entry.action for entry in changes] == [Action.CONFIGURED]
    live = await client.get(CONFIG_MAP, "c", objects.namespace)
    assert live["data"] == {"key": "value"}
    assert live["metadata"]["annotations"] == {"note": "ours"}
    assert labels_of(live) == {f"{GROUP}/name": "apps", f"{GROUP}/namespace": objects.namespace}


@pytest.mark.contract("KUS-206", "KUS-207")
async def test_fields_of_other_managers_survive(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    await apply_set.apply([objects.config_map("c")])
    for manager in ("somebody", "flux-client-side-apply"):
        patch = {"data": {manager: "theirs"}}
        await client.patch(CONFIG_MAP, "c", objects.namespace, patch=patch, field_manager=manager)
    changes = await apply_set.apply([objects.config_map("c", {"key": "new"})])
    assert [entry.action for entry in changes] == [Action.CONFIGURED]
    assert (await client.get(CONFIG_MAP, "c", objects.namespace))["data"] == {
        "key": "new",
        "somebody": "theirs",
        "flux-client-side-apply": "theirs",
    }


@pytest.mark.contract("KUS-203", "KUS-204", "KUS-205", "KUS-207")
async def test_what_kubectl_applied_is_taken_over(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    applied = objects.config_map("c", {"key": "value", "left": "over"})
    applied["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "keep": "me"}
    await client.create(applied, field_manager="kubectl-client-side-apply")
    changes = await apply_set.apply([objects.config_map("c")])
    assert [entry.action for entry in changes] == [Action.CONFIGURED]
    live = await client.get(CONFIG_MAP, "c", objects.namespace)
    assert live["data"] == {"key": "value"}
    assert "kubectl.kubernetes.io/last-applied-configuration" not in live["metadata"].get("annotations", {})
    assert [entry["manager"] for entry in live["metadata"]["managedFields"]] == ["kustomize-controller"]
    again = await apply_set.apply([objects.config_map("c")])
    assert [entry.action for entry in again] == [Action.UNCHANGED]


@pytest.mark.contract("KUS-218")
async def test_merge_leaves_what_kubectl_added(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    given = objects.config_map("c", annotations={f"{GROUP}/ssa": "merge"})
    await apply_set.apply([given])
    await client.patch(CONFIG_MAP, "c", objects.namespace, patch={"data": {"b": "1"}}, field_manager="kubectl-edit")
    given["data"] = {"key": "new"}
    await apply_set.apply([given])
    assert (await client.get(CONFIG_MAP, "c", objects.namespace))["data"] == {"key": "new", "b": "1"}


@pytest.mark.contract("KUS-215", "KUS-216", "KUS-221")
@pytest.mark.parametrize("switch", [f"{GROUP}/reconcile=disabled", f"{GROUP}/ssa=Ignore"])
async def test_switched_off_objects_are_skipped_from_both_sides(
    apply_set: ApplySet, client: Client, objects: Objects, switch: str
) -> None:
    key, _, value = switch.partition("=")
    absent = objects.config_map("absent", annotations={key: value})
    changes = await apply_set.apply([absent])
    assert [entry.action for entry in changes] == [Action.SKIPPED]
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, "absent", objects.namespace)
    await apply_set.apply([objects.config_map("live")])
    await client.patch(CONFIG_MAP, "live", objects.namespace, patch={"metadata": {"annotations": {key: value}}})
    changes = await apply_set.apply([objects.config_map("live", {"key": "new"})])
    assert [entry.action for entry in changes] == [Action.SKIPPED]
    assert (await client.get(CONFIG_MAP, "live", objects.namespace))["data"] == {"key": "value"}
    assert changes.refs(skipped=False) == []
    assert len(changes.refs()) == 1


@pytest.mark.contract("KUS-217")
async def test_if_not_present_creates_and_never_updates(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    switch = {f"{GROUP}/ssa": "IfNotPresent"}
    first = await apply_set.apply([objects.config_map("c", annotations=switch)])
    second = await apply_set.apply([objects.config_map("c", {"key": "new"}, annotations=switch)])
    assert [entry.action for entry in [*first, *second]] == [Action.CREATED, Action.SKIPPED]
    assert (await client.get(CONFIG_MAP, "c", objects.namespace))["data"] == {"key": "value"}


@pytest.mark.contract("KUS-191", "KUS-200")
async def test_one_bad_object_stops_the_stage_before_any_write(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    bad = objects.deployment("bad")
    bad["spec"]["selector"] = {"matchLabels": {"other": "labels"}}
    with pytest.raises(ApplyFailed) as raised:
        await apply_set.apply([objects.config_map("c"), bad, objects.service_account("s")])
    assert str(raised.value).startswith(f"Deployment/{objects.namespace}/bad dry-run failed (Invalid): ")
    assert raised.value.changes.entries == []
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, "c", objects.namespace)


@pytest.mark.contract("KUS-193")
async def test_earlier_stages_are_in_the_error_and_in_the_changes(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"role-{objects.namespace}"},
        "rules": [],
    }
    bad = objects.deployment("bad")
    del bad["spec"]["selector"]
    with pytest.raises(ApplyFailed) as raised:
        await apply_set.apply([role, bad])
    assert str(raised.value).splitlines()[-1] == f"ClusterRole/role-{objects.namespace} created"
    (entry,) = raised.value.changes.entries
    assert entry.ref in raised.value.changes.state


@pytest.mark.contract("KUS-201")
async def test_missing_namespaces_are_named(apply_set: ApplySet, objects: Objects) -> None:
    elsewhere = objects.config_map("c", namespace="not-there")
    with pytest.raises(ApplyFailed, match=r"^ConfigMap/not-there/c not found: .*not-there"):
        await apply_set.apply([elsewhere])
    nowhere = objects.config_map("c")
    del nowhere["metadata"]["namespace"]
    with pytest.raises(ApplyFailed, match=r"^ConfigMap/c namespace not specified: "):
        await apply_set.apply([nowhere])


@pytest.mark.contract("KUS-200")
async def test_unknown_kinds_are_named(apply_set: ApplySet, objects: Objects) -> None:
    with pytest.raises(ApplyFailed, match=r'Gadget/.*/g dry-run failed: no matches for kind "Gadget"'):
        await apply_set.apply([objects.make("example.com/v1", "Gadget", "g")])


async def test_one_identity_twice_is_an_error(apply_set: ApplySet, objects: Objects) -> None:
    with pytest.raises(ApplyFailed, match=r"ConfigMap/.*/c is defined more than once"):
        await apply_set.apply([objects.config_map("c"), objects.config_map("c", {"key": "other"})])


@pytest.mark.contract("KUS-184", "KUS-187", "KUS-319")
async def test_definitions_namespaces_and_their_content_go_in_one_apply(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    group = f"{objects.namespace}.example.com"
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{objects.namespace}-inner"}}
    thing = objects.make(f"{group}/v1", "Thing", "t", spec={"a": 1}, metadata={"namespace": space["metadata"]["name"]})
    changes = await apply_set.apply([thing, definition("things", "Thing", group), space])
    assert [entry.subject for entry in changes] == [
        f"CustomResourceDefinition/things.{group}",
        f"Namespace/{objects.namespace}-inner",
        f"Thing/{objects.namespace}-inner/t",
    ]
    found = await client.get(GroupVersionKind(group, "v1", "Thing"), "t", f"{objects.namespace}-inner")
    assert found["spec"] == {"a": 1}
    assert all(entry.ref in changes.state for entry in changes)
    definition_status = changes.statuses[changes.entries[0].ref.identity]
    assert definition_status.status is StatusCode.CURRENT


@pytest.mark.contract("KUS-187")
async def test_a_definition_that_is_not_accepted_stops_the_set(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    group = f"{objects.namespace}.example.com"
    await apply_set.apply([definition("things", "Thing", group)])
    rival = definition("others", "Thing", group)
    with pytest.raises(ApplyFailed) as raised:
        await apply_set.apply([rival, objects.config_map("c")])
    name = f"CustomResourceDefinition/others.{group}"
    assert str(raised.value).splitlines() == [
        f"failed early due to stalled resources: [{name} status: 'Failed']",
        f"{name} created",
    ]
    assert len(raised.value.changes.state) == 0
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, "c", objects.namespace)


@pytest.mark.contract("KUS-187")
async def test_a_terminating_namespace_is_named_after_the_stage_timeout(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    name = f"{objects.namespace}-stuck"
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await apply_set.apply([space])
    held = objects.config_map("held", namespace=name, finalizers=["example.com/hold"])
    await client.create(held)
    await client.delete(GroupVersionKind("", "v1", "Namespace"), name)
    with pytest.raises(ApplyFailed, match=rf"^timeout waiting for: \[Namespace/{name} status: 'Terminating'\]"):
        await apply_set.apply([space], ApplyOptions(stage_timeout=0.3))
    release = [{"op": "remove", "path": "/metadata/finalizers"}]
    await client.patch(CONFIG_MAP, "held", name, patch=release, kind=PatchKind.JSON)


@pytest.mark.contract("KUS-185", "KUS-186", "KUS-188")
async def test_stages_go_one_after_the_other(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    """A later stage's failing dry run leaves the earlier stages applied."""
    group = f"{objects.namespace}.example.com"
    await apply_set.apply([definition("fooclasses", "FooClass", group)])
    given = [
        objects.make(f"{group}/v1", "FooClass", "class", spec={}),
        objects.service_account("custom"),
        objects.config_map("last"),
        objects.make("example.com/v1", "Unknown", "u"),
    ]
    with pytest.raises(ApplyFailed) as raised:
        await apply_set.apply(given, ApplyOptions(custom_stage_kinds=parse_group_kinds("ServiceAccount")))
    namespace = objects.namespace
    assert [str(entry) for entry in raised.value.changes] == [
        f"FooClass/{namespace}/class created",
        f"ServiceAccount/{namespace}/custom created",
    ]


async def test_a_failing_stage_does_not_even_clean_up(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    annotation = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    await client.create(objects.config_map("c", annotations=annotation), field_manager="kubectl")
    before = await version(client, "c", objects.namespace)
    with pytest.raises(ApplyFailed):
        await apply_set.apply([objects.config_map("c"), objects.make("example.com/v1", "Unknown", "u")])
    assert await version(client, "c", objects.namespace) == before


@pytest.mark.contract("KUS-236")
async def test_a_stray_namespace_on_a_cluster_scoped_object_is_forgotten(apply_set: ApplySet, objects: Objects) -> None:
    name = f"role-{objects.namespace}"
    role = objects.make("rbac.authorization.k8s.io/v1", "ClusterRole", name, rules=[])
    changes = await apply_set.apply([role])
    assert str(changes) == f"ClusterRole/{name} created"


@pytest.mark.contract("KUS-176")
async def test_common_metadata_goes_when_it_leaves_the_spec(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    common = CommonMetadata(labels={"team": "blue"}, annotations={"note": "x"})
    await apply_set.apply([objects.config_map("c")], ApplyOptions(common=common))
    assert (await client.get(CONFIG_MAP, "c", objects.namespace))["metadata"]["labels"]["team"] == "blue"
    await apply_set.apply([objects.config_map("c")])
    live = await client.get(CONFIG_MAP, "c", objects.namespace)
    assert "team" not in labels_of(live)
    assert "annotations" not in live["metadata"]


@pytest.mark.contract("KUS-225", "KUS-226", "KUS-227", "KUS-228")
async def test_ignored_paths_are_left_to_others(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    rules = IgnoreRules([IgnoreRule(("/spec/replicas",), Target(kind="Deployment"))])
    options = ApplyOptions(ignore=rules)
    await apply_set.apply([objects.deployment("web", 1)], options)
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert live["spec"]["replicas"] == 1
    await client.patch(DEPLOYMENT, "web", objects.namespace, patch={"spec": {"replicas": 3}}, field_manager="hpa")
    changes = await apply_set.apply([objects.deployment("web", 1)], options)
    assert [entry.action for entry in changes] == [Action.UNCHANGED]
    changes = await apply_set.apply([objects.deployment("web", 1, "example.com/app:2")], options)
    assert [entry.action for entry in changes] == [Action.CONFIGURED]
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert live["spec"]["replicas"] == 3
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/app:2"
    changes = await apply_set.apply([objects.deployment("web", 1, "example.com/app:2")])
    assert [entry.action for entry in changes] == [Action.CONFIGURED]
    assert (await client.get(DEPLOYMENT, "web", objects.namespace))["spec"]["replicas"] == 1


def relabelled(objects: Objects, label: str) -> dict[str, Any]:
    given: dict[str, Any] = objects.deployment("web")
    given["spec"]["selector"]["matchLabels"] = {"app": label}
    given["spec"]["template"]["metadata"]["labels"] = {"app": label}
    return given


@pytest.mark.contract("KUS-208", "KUS-209", "KUS-219")
@pytest.mark.parametrize("how", ["option", "annotation"])
async def test_force_recreates_an_object_whose_immutable_field_changed(
    apply_set: ApplySet, client: Client, objects: Objects, how: str
) -> None:
    await apply_set.apply([relabelled(objects, "old")])
    uid = (await client.get(DEPLOYMENT, "web", objects.namespace))["metadata"]["uid"]
    changed = relabelled(objects, "new")
    with pytest.raises(ApplyFailed, match=r"dry-run failed \(Invalid\): .*immutable"):
        await apply_set.apply([changed])
    if how == "annotation":
        changed["metadata"]["annotations"] = {f"{GROUP}/force": "enabled"}
    changes = await apply_set.apply([changed], ApplyOptions(force=how == "option"))
    assert [entry.action for entry in changes] == [Action.CREATED]
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert live["metadata"]["uid"] != uid
    assert live["spec"]["selector"] == {"matchLabels": {"app": "new"}}


async def test_force_never_deletes_for_a_plain_validation_error(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    await apply_set.apply([objects.deployment("web")])
    uid = (await client.get(DEPLOYMENT, "web", objects.namespace))["metadata"]["uid"]
    broken = objects.deployment("web")
    broken["spec"]["template"]["spec"]["containers"][0]["name"] = "Not A Name"
    with pytest.raises(ApplyFailed, match=r"dry-run failed \(Invalid\)"):
        await apply_set.apply([broken], ApplyOptions(force=True))
    assert (await client.get(DEPLOYMENT, "web", objects.namespace))["metadata"]["uid"] == uid


@pytest.mark.contract("KUS-209")
async def test_force_waits_for_finalizers(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    held = relabelled(objects, "old")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await apply_set.apply([held])
    changed = relabelled(objects, "new")
    applying = asyncio.create_task(apply_set.apply([changed], ApplyOptions(force=True)))
    async with asyncio.timeout(10):
        while not (await client.get(DEPLOYMENT, "web", objects.namespace))["metadata"].get("deletionTimestamp"):
            assert not applying.done()
    assert not applying.done()
    release = [{"op": "remove", "path": "/metadata/finalizers"}]
    await client.patch(DEPLOYMENT, "web", objects.namespace, patch=release, kind=PatchKind.JSON)
    async with asyncio.timeout(10):
        changes = await applying
    assert [entry.action for entry in changes] == [Action.CREATED]


@pytest.mark.contract("KUS-211")
async def test_old_versions_in_managed_fields_can_be_migrated(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    await apply_set.apply([objects.deployment("web")])
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    entries = [{**entry, "apiVersion": "apps/v1beta1"} for entry in live["metadata"]["managedFields"]]
    patch = [{"op": "replace", "path": "/metadata/managedFields", "value": entries}]
    await client.patch(DEPLOYMENT, "web", objects.namespace, patch=patch, kind=PatchKind.JSON, field_manager="x")
    await apply_set.apply([objects.deployment("web")], ApplyOptions(migrate_api_version=True))
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert {entry["apiVersion"] for entry in live["metadata"]["managedFields"]} == {"apps/v1"}


@pytest.mark.contract("KUS-364")
async def test_a_refused_secret_is_not_in_the_error(
    apply_set: ApplySet, sandbox: SandboxServer, objects: Objects
) -> None:
    secret = objects.secret("s", {"token": "correct-horse-battery"}, type="kubernetes.io/basic-auth-" + "x" * 300)
    secret["metadata"]["annotations"] = {"a b": "c"}
    with pytest.raises(ApplyFailed) as raised:
        await apply_set.apply([secret])
    assert "Secret/" in str(raised.value)
    assert "correct-horse-battery" not in str(raised.value)
