"""Taking over objects that others applied before: the real kubectl, a Helm release, and earlier controllers.

After the apply the object has what Git has; what the former tool had set and Git lacks is gone, unless the tool is one
whose fields are left alone. ``metadata.managedFields`` afterwards are what upstream's controller would leave.
"""

import asyncio
import os
import shutil
from typing import Any

import pytest

from fluxkit import yaml
from fluxkit.apply import ApplyOptions, ApplySet, Owner
from fluxkit.kube import Client, PatchKind
from fluxkit.objects import GroupVersionKind, Object
from tests.apply.conftest import Objects, Things
from tests.sandbox_fixture import SandboxServer

DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


async def kubectl(sandbox: SandboxServer, *arguments: str, stdin: str = "") -> None:
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        *arguments,
        env={**os.environ, "KUBECONFIG": str(sandbox.kubeconfig)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate(stdin.encode()))[0].decode()
    assert process.returncode == 0, output


def wanted(objects: Objects) -> dict[str, Any]:
    """What Git has."""
    made: dict[str, Any] = objects.deployment("web", replicas=2)
    return made


def extended(objects: Objects) -> dict[str, Any]:
    """What was there before: an argument, a variable, a label and an annotation more."""
    made = wanted(objects)
    made["metadata"] |= {"labels": {"extra": "label"}, "annotations": {"extra": "annotation"}}
    made["spec"]["minReadySeconds"] = 7
    container = made["spec"]["template"]["spec"]["containers"][0]
    container |= {"args": ["--extra"], "env": [{"name": "EXTRA", "value": "1"}]}
    return made


def extras(live: Object) -> set[str]:
    """Which of the additions the object still has."""
    container = live["spec"]["template"]["spec"]["containers"][0]
    found = {
        "label": "extra" in (live["metadata"].get("labels") or {}),
        "annotation": "extra" in (live["metadata"].get("annotations") or {}),
        "minReadySeconds": live["spec"].get("minReadySeconds") == 7,
        "args": container.get("args") == ["--extra"],
        "env": bool(container.get("env")),
    }
    return {name for name, there in found.items() if there}


ALL = {"label", "annotation", "minReadySeconds", "args", "env"}


def managers(live: Object) -> set[tuple[str, str]]:
    """(manager, operation) of entries on the object itself, without the cluster's own (the number of the rollout)."""
    entries = live["metadata"]["managedFields"]
    found = {(entry["manager"], entry["operation"]) for entry in entries if not entry.get("subresource")}
    return found - {("kube-controller-manager", "Update")}


def ours(owner: Owner) -> tuple[str, str]:
    return (owner.field_manager, "Apply")


async def taken_over(client: Client, owner: Owner, objects: Objects, options: ApplyOptions | None = None) -> Object:
    """The object after a first apply, which a second one leaves alone."""
    apply_set = ApplySet(client, owner)
    first = await apply_set.apply([wanted(objects)], options)
    assert [str(entry.action) for entry in first] == ["configured"]
    again = await apply_set.apply([wanted(objects)], options)
    assert [str(entry.action) for entry in again] == ["unchanged"]
    return await client.get(DEPLOYMENT, "web", objects.namespace)


@needs_kubectl
@pytest.mark.contract("KUS-203", "KUS-204", "KUS-205", "KUS-207")
@pytest.mark.parametrize("flags", [(), ("--server-side",), ("--server-side", "--field-manager=kubectl-of-ours")])
async def test_what_kubectl_applied(
    client: Client, owner: Owner, objects: Objects, sandbox: SandboxServer, flags: tuple[str, ...]
) -> None:
    await kubectl(sandbox, "apply", *flags, "-f", "-", stdin=yaml.dump(extended(objects)))
    before = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert extras(before) == ALL
    live = await taken_over(client, owner, objects)
    assert extras(live) == set()
    assert LAST_APPLIED not in (live["metadata"].get("annotations") or {})
    assert managers(live) == {ours(owner)}
    assert live["metadata"]["uid"] == before["metadata"]["uid"]


@needs_kubectl
@pytest.mark.contract("KUS-204", "KUS-205")
async def test_what_kubectl_edited_afterwards(
    client: Client, owner: Owner, objects: Objects, sandbox: SandboxServer
) -> None:
    await ApplySet(client, owner).apply([wanted(objects)])
    target = ("-n", objects.namespace, "deployment/web")
    await kubectl(sandbox, "label", *target, "extra=label")
    await kubectl(sandbox, "annotate", *target, "extra=annotation")
    await kubectl(sandbox, "patch", *target, "--type=merge", "--patch", '{"spec": {"minReadySeconds": 7}}')
    await kubectl(sandbox, "set", "env", *target, "EXTRA=1")
    await kubectl(sandbox, "scale", *target, "--replicas=5")
    edited = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert extras(edited) == {"label", "annotation", "minReadySeconds", "env"}
    assert len(managers(edited)) > 1
    live = await taken_over(client, owner, objects)
    assert extras(live) == set()
    assert live["spec"]["replicas"] == 2
    assert managers(live) == {ours(owner)}


@pytest.mark.contract("KUS-204", "KUS-206")
@pytest.mark.parametrize(
    ("manager", "kept"),
    [
        ("helm", True),
        ("flux-client-side-apply", True),
        ("before-first-apply", False),
        ("kustomize-controller", False),
        ("kubectl-client-side-apply", False),
        ("kubectl-edit", False),
    ],
)
async def test_what_others_updated(client: Client, owner: Owner, objects: Objects, manager: str, kept: bool) -> None:
    await client.create(extended(objects), field_manager=manager)
    apply_set = ApplySet(client, owner)
    await apply_set.apply([wanted(objects)])
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert extras(live) == (ALL if kept else set())
    assert managers(live) == ({ours(owner), (manager, "Update")} if kept else {ours(owner)})
    assert [str(entry.action) for entry in await apply_set.apply([wanted(objects)])] == ["unchanged"]


@pytest.mark.contract("KUS-204")
@pytest.mark.parametrize("server_side", [True, False])
async def test_managers_that_are_named_are_taken_over_too(
    client: Client, owner: Owner, objects: Objects, server_side: bool
) -> None:
    """``--override-manager=helm``: both operations."""
    if server_side:
        await client.apply(extended(objects), field_manager="helm")
    else:
        await client.create(extended(objects), field_manager="helm")
    live = await taken_over(client, owner, objects, ApplyOptions(override_managers=("helm",)))
    assert extras(live) == set()
    assert managers(live) == {ours(owner)}


@pytest.mark.contract("KUS-195", "KUS-205")
async def test_another_applier_keeps_what_is_its_own(client: Client, owner: Owner, objects: Objects) -> None:
    """Fields that both applied and differ in are ours by force; those that only the other has stay."""
    other = extended(objects)
    other["spec"]["replicas"] = 9
    await client.apply(other, field_manager="somebody")
    live = await taken_over(client, owner, objects)
    assert extras(live) == ALL
    assert live["spec"]["replicas"] == 2
    assert managers(live) == {ours(owner), ("somebody", "Apply")}


@pytest.mark.contract("KUS-205")
async def test_status_written_by_others_is_no_field_of_ours(client: Client, owner: Owner, things: Things) -> None:
    await client.create(things.make("a", size=1, extra=1), field_manager="kubectl-create")
    patch = {"status": {"phase": "Edited"}}
    where = (things.gvk, "a", things.namespace)
    await client.patch(*where, patch=patch, kind=PatchKind.MERGE, subresource="status", field_manager="kubectl-edit")
    await ApplySet(client, owner).apply([things.make("a", size=1)])
    live = await client.get(*where)
    assert (live["spec"], live["status"]) == ({"size": 1}, {"phase": "Edited"})
    (entry,) = [entry for entry in live["metadata"]["managedFields"] if entry.get("subresource") == "status"]
    assert (entry["manager"], entry["operation"]) == ("kubectl-edit", "Update")
    assert managers(live) == {ours(owner)}


@pytest.mark.contract("KUS-216", "KUS-218")
async def test_with_merge_everything_stays_and_git_still_wins(client: Client, owner: Owner, objects: Objects) -> None:
    other = extended(objects)
    other["spec"]["replicas"] = 9
    await client.create(other, field_manager="kubectl-client-side-apply")
    merged = wanted(objects)
    merged["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/ssa": "MERGE"}
    await ApplySet(client, owner).apply([merged])
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert extras(live) == ALL
    assert live["spec"]["replicas"] == 2
    assert managers(live) == {ours(owner), ("kubectl-client-side-apply", "Update")}
    # Override is the default, spelled out; the first apply still sees Merge on the live object, which counts as well
    overriding = wanted(objects)
    overriding["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/ssa": "Override"}
    for action in ("configured", "configured", "unchanged"):
        changes = await ApplySet(client, owner).apply([overriding])
        assert [str(entry.action) for entry in changes] == [action]
    live = await client.get(DEPLOYMENT, "web", objects.namespace)
    assert extras(live) == set()
    assert managers(live) == {ours(owner)}
