"""Custom resources in the same set as their definition and their namespace."""

import asyncio
from typing import Any

import pytest

from fluxkit.apply import ApplyFailed, ApplyOptions, ApplySet, StatusWatcher
from fluxkit.kube import Client, PatchKind
from fluxkit.kube.errors import NoMatch, NotFound
from fluxkit.objects import GroupVersionKind
from tests.apply.conftest import Objects, definition
from tests.sandbox_fixture import SandboxServer

CRD = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
SOON = 20.0


def strict(group: str) -> dict[str, Any]:
    """A definition whose ``spec.size`` is a required number."""
    made = definition("things", "Thing", group)
    size = {"type": "object", "properties": {"size": {"type": "integer", "maximum": 10}}, "required": ["size"]}
    made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = size
    return made


@pytest.mark.contract("KUS-184", "KUS-187", "KUS-188")
async def test_custom_resources_are_validated_by_the_definition_that_comes_with_them(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    """The server's dry run judges them, all before the first is written, although nothing of it existed before."""
    group, inner = f"{objects.namespace}.example.com", f"{objects.namespace}-inner"
    gvk = GroupVersionKind(group, "v1", "Thing")
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": inner}}

    def thing(name: str, size: int) -> dict[str, Any]:
        return objects.make(gvk.api_version, "Thing", name, spec={"size": size}, metadata={"namespace": inner})

    with pytest.raises(ApplyFailed) as raised:
        await apply_set.apply([thing("a", 1), thing("b", 100), strict(group), space])
    text = str(raised.value)
    assert text.startswith(f"Thing/{inner}/b dry-run failed (Invalid): ")
    assert "spec.size in body should be less than or equal to 10" in text
    assert text.splitlines()[1:] == [
        f"CustomResourceDefinition/things.{group} created",
        f"Namespace/{inner} created",
    ]
    with pytest.raises(NotFound):
        await client.get(gvk, "a", inner)
    changes = await apply_set.apply([thing("a", 1), thing("b", 2), strict(group), space])
    assert [str(entry) for entry in changes.changed()] == [f"Thing/{inner}/a created", f"Thing/{inner}/b created"]


async def test_a_kind_that_is_served_late_is_waited_for(
    apply_set: ApplySet, client: Client, objects: Objects, sandbox: SandboxServer
) -> None:
    """An established definition may not answer yet: the path is missing for a while."""
    group = f"{objects.namespace}.example.com"
    plural = f"{objects.namespace.replace('-', '')}s"
    made = definition(plural, "Late", group)
    late = objects.make(f"{group}/v1", "Late", "a", spec={})
    sandbox.fault(404, resource=plural, count=3)
    changes = await apply_set.apply([made, late])
    assert [entry.ref.name for entry in changes.changed()] == [f"{plural}.{group}", "a"]


async def test_a_sign_of_the_server_ends_the_pause(client: Client, objects: Objects, sandbox: SandboxServer) -> None:
    group = f"{objects.namespace}.example.com"
    plural = f"{objects.namespace.replace('-', '')}s"
    kind = GroupVersionKind(group, "v1", "Late")
    made = await client.create(definition(plural, "Late", group))
    patch: dict[str, Any] = {"metadata": {"annotations": {"touched": ""}}}
    sandbox.fault(404, resource=plural, namespace="default", count=1000)
    async with StatusWatcher(client) as watcher, asyncio.timeout(SOON):
        waiting = asyncio.create_task(watcher.wait_served([made], {kind}, SOON))
        for touch in range(20):
            before = client.stats.requests["get"]
            patch["metadata"]["annotations"]["touched"] = str(touch)
            await client.patch(CRD, made["metadata"]["name"], patch=patch, kind=PatchKind.MERGE)
            # pauses have grown to seconds by then
            while client.stats.requests["get"] == before:
                await client.server_version()
        sandbox.ok("DELETE", "/sandbox/faults")
        await client.patch(CRD, made["metadata"]["name"], patch={"metadata": {"annotations": None}})
        await waiting


async def test_a_kind_that_never_comes_is_named(client: Client, objects: Objects) -> None:
    made = definition("nevers", "Never", f"{objects.namespace}.example.com")
    kind = GroupVersionKind(f"{objects.namespace}.example.com", "v1", "Never")
    async with StatusWatcher(client) as watcher:
        with pytest.raises(NoMatch, match="Never"):
            await watcher.wait_served([made], {kind}, 0.2)


async def test_the_stage_timeout_holds_for_it(
    apply_set: ApplySet, client: Client, objects: Objects, sandbox: SandboxServer
) -> None:
    group = f"{objects.namespace}.example.com"
    plural = f"{objects.namespace.replace('-', '')}s"
    sandbox.fault(404, resource=plural, count=1000)
    late = objects.make(f"{group}/v1", "Late", "a", spec={})
    with pytest.raises(ApplyFailed, match=r"timeout waiting for: \[.*Late"):
        await apply_set.apply([definition(plural, "Late", group), late], ApplyOptions(stage_timeout=0.3))
    sandbox.ok("DELETE", "/sandbox/faults")
