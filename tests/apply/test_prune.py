"""Deleting what an owner no longer wants, from a real API server."""

import pytest

from fluxkit.apply import Action, ApplySet, DeleteFailed, DeleteOptions, Owner
from fluxkit.kube import Client
from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind, ObjectRef, ref_of
from tests.apply.conftest import Objects
from tests.sandbox_fixture import SandboxServer

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
GROUP = "kustomize.toolkit.fluxcd.io"


async def exists(client: Client, ref: ObjectRef) -> bool:
    try:
        await client.get(ref.gvk, ref.name, ref.namespace)
    except NotFound:
        return False
    return True


@pytest.mark.contract("KUS-239", "KUS-240")
async def test_objects_go_in_reverse_order_and_missing_ones_count_as_deleted(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    given = [objects.deployment("web"), objects.config_map("c"), objects.service_account("s")]
    await apply_set.apply(given)
    refs = [*(ref_of(obj) for obj in given), ref_of(objects.config_map("never-there"))]
    changes = await apply_set.delete(refs)
    namespace = objects.namespace
    assert str(changes).splitlines() == [
        f"Deployment/{namespace}/web deleted",
        f"ConfigMap/{namespace}/never-there deleted",
        f"ConfigMap/{namespace}/c deleted",
        f"ServiceAccount/{namespace}/s deleted",
    ]
    assert not any([await exists(client, ref) for ref in refs])


@pytest.mark.contract("KUS-238")
@pytest.mark.parametrize("label", ["name", "namespace"])
async def test_objects_of_another_owner_are_left_alone(
    apply_set: ApplySet, client: Client, objects: Objects, label: str
) -> None:
    await apply_set.apply([objects.config_map("c")])
    ref = ref_of(objects.config_map("c"))
    patch = {"metadata": {"labels": {f"{GROUP}/{label}": "other"}}}
    await client.patch(CONFIG_MAP, "c", objects.namespace, patch=patch)
    changes = await apply_set.delete([ref])
    assert [entry.action for entry in changes] == [Action.SKIPPED]
    assert await exists(client, ref)
    changes = await apply_set.delete([ref], DeleteOptions(only_owned=False))
    assert [entry.action for entry in changes] == [Action.DELETED]


@pytest.mark.contract("KUS-238")
async def test_an_object_that_moved_to_another_owner_survives_the_prune(
    client: Client, owner: Owner, objects: Objects
) -> None:
    given = [objects.config_map("c")]
    first, second = ApplySet(client, owner), ApplySet(client, Owner("other", owner.namespace))
    await first.apply(given)
    await second.apply(given)
    changes = await first.delete([ref_of(given[0])])
    assert [entry.action for entry in changes] == [Action.SKIPPED]
    assert await exists(client, ref_of(given[0]))


@pytest.mark.contract("KUS-215", "KUS-216", "KUS-220")
@pytest.mark.parametrize("switch", ["prune=disabled", "reconcile=Disabled", "ssa=Ignore"])
async def test_protected_objects_are_skipped(
    apply_set: ApplySet, client: Client, objects: Objects, switch: str
) -> None:
    await apply_set.apply([objects.config_map("c")])
    key, _, value = switch.partition("=")
    patch = {"metadata": {"annotations": {f"{GROUP}/{key}": value}}}
    await client.patch(CONFIG_MAP, "c", objects.namespace, patch=patch)
    changes = await apply_set.delete([ref_of(objects.config_map("c"))])
    assert [entry.action for entry in changes] == [Action.SKIPPED]


@pytest.mark.contract("KUS-217")
async def test_if_not_present_does_not_protect_from_pruning(apply_set: ApplySet, objects: Objects) -> None:
    given = objects.config_map("c", annotations={f"{GROUP}/ssa": "IfNotPresent"})
    await apply_set.apply([given])
    assert [entry.action for entry in await apply_set.delete([ref_of(given)])] == [Action.DELETED]


@pytest.mark.contract("KUS-239", "KUS-240", "KUS-241")
async def test_errors_are_collected_and_survivors_named(
    client: Client, sandbox: SandboxServer, apply_set: ApplySet, objects: Objects
) -> None:
    given = [objects.config_map("a"), objects.config_map("b"), objects.service_account("s")]
    await apply_set.apply(given)
    gadget = ObjectRef(GroupVersionKind("example.com", "v1", "Gadget"), objects.namespace, "g")
    sandbox.fault(409, verb="delete", resource="configmaps", namespace=objects.namespace, name="b", count=10)
    with pytest.raises(DeleteFailed) as raised:
        await apply_set.delete([*(ref_of(obj) for obj in given), gadget])
    text = str(raised.value)
    assert text.startswith(
        f'delete failed, errors: Gadget/{objects.namespace}/g query failed: no matches for kind "Gad'
    )
    assert f"ConfigMap/{objects.namespace}/b delete failed: " in text
    assert text.endswith(";")
    assert {ref.name for ref in raised.value.survivors} == {"g", "b"}
    assert {entry.ref.name for entry in raised.value.changes if entry.action is Action.DELETED} == {"a", "s"}


@pytest.mark.contract("KUS-241")
async def test_an_object_that_waits_for_a_finalizer_counts_as_deleted(apply_set: ApplySet, objects: Objects) -> None:
    given = objects.config_map("c", finalizers=["example.com/hold"])
    await apply_set.apply([given])
    changes = await apply_set.delete([ref_of(given)])
    assert [entry.action for entry in changes] == [Action.DELETED]
