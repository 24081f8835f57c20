import asyncio

import pytest

from fluxkit.api import GitRepository, Kustomization
from fluxkit.kube import Client, PatchKind, errors
from fluxkit.objects import Object
from fluxkit.runtime import ConditionConflict, SerialPatcher, conditions, finalizers
from fluxkit.runtime.conditions import READY, RECONCILING, STALLED
from tests.runtime.conftest import SandboxServer
from tests.runtime.running import repository

OWNED = (READY, RECONCILING, STALLED)
GVK = GitRepository.GVK


async def create(client: Client, namespace: str, name: str = "a") -> GitRepository:
    return GitRepository.decode(await client.create(repository(namespace, name)))


async def stored(client: Client, namespace: str, name: str = "a") -> GitRepository:
    return GitRepository.decode(await client.get(GVK, name, namespace))


async def meddle(client: Client, namespace: str, *present: tuple[str, str, str]) -> None:
    """Another process adds or replaces conditions."""
    current = await stored(client, namespace)
    for type, status, reason in present:
        getattr(conditions, f"mark_{status.lower()}")(current, type, reason, "by another process")
    body = {"status": {"conditions": current.encode()["status"]["conditions"]}}
    await client.patch(GVK, "a", namespace, patch=body, kind=PatchKind.MERGE, subresource="status")


class Pauses:
    """Notes the waits between attempts instead of spending them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.contract("RUN-036", "RUN-039", "RUN-041", "RUN-042")
async def test_progressive_patches_send_only_what_changed(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    patcher = SerialPatcher(client, obj, field_owner="source-controller", owned=OWNED)
    client.stats.requests.clear()

    await patcher.patch(obj)
    assert client.stats.requests.total() == 0, "nothing changed"

    finalizers.add(obj)
    await patcher.patch(obj)
    assert client.stats.requests == {"patch": 1}

    conditions.mark_reconciling(obj, "Progressing", "fetching")
    obj.status.last_handled_reconcile_at = "now"
    await patcher.patch(obj)
    assert client.stats.requests == {"patch": 2}, "conditions and the remaining status travel together"

    obj.status.last_handled_reconcile_at = "later"
    await patcher.patch(obj)
    conditions.delete(obj, RECONCILING)
    conditions.mark_true(obj, READY, "Succeeded", "stored artifact")
    await patcher.patch(obj, observe_generation=True)
    await patcher.patch(obj, observe_generation=True)
    assert client.stats.requests == {"patch": 4}

    current = await stored(client, namespace)
    assert current.metadata.finalizers == ["finalizers.fluxcd.io"]
    assert [each.type for each in current.status.conditions] == [READY]
    assert current.status.last_handled_reconcile_at == "later"
    assert current.status.observed_generation == obj.status.observed_generation == 1


@pytest.mark.contract("RUN-037")
async def test_conditions_of_others_survive(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    pauses = Pauses()
    patcher = SerialPatcher(client, obj, field_owner="source-controller", owned=OWNED, pause=pauses)
    await meddle(client, namespace, ("Theirs", "True", "Elsewhere"))
    conditions.mark_true(obj, READY, "Succeeded", "stored artifact")
    await patcher.patch(obj)
    assert [each.type for each in (await stored(client, namespace)).status.conditions] == [READY, "Theirs"]
    assert len(pauses.seconds) == 1
    assert 0.1 <= pauses.seconds[0] <= 0.2

    # from now on the other's condition is known: no conflict, no further read
    client.stats.requests.clear()
    conditions.mark_false(obj, READY, "Failed", "no route")
    await patcher.patch(obj)
    assert client.stats.requests == {"patch": 1}
    current = await stored(client, namespace)
    assert [(each.type, each.status) for each in current.status.conditions] == [(READY, "False"), ("Theirs", "True")]


async def test_what_changes_during_a_patch_belongs_to_the_next(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    await meddle(client, namespace, ("Theirs", "True", "Elsewhere"))

    async def go_on(seconds: float) -> None:
        conditions.mark_reconciling(obj, "Progressing", "applying")
        obj.status.last_handled_reconcile_at = "now"
        finalizers.add(obj)

    patcher = SerialPatcher(client, obj, field_owner="source-controller", owned=OWNED, pause=go_on)
    conditions.mark_reconciling(obj, "Progressing", "building")
    await patcher.patch(obj)
    current = await stored(client, namespace)
    assert conditions.message_of(current, RECONCILING) == "building"
    assert (current.status.last_handled_reconcile_at, current.metadata.finalizers) == ("", [])
    await patcher.patch(obj)
    current = await stored(client, namespace)
    assert conditions.message_of(current, RECONCILING) == "applying"
    assert (current.status.last_handled_reconcile_at, finalizers.has(current)) == ("now", True)


async def test_patches_of_one_patcher_do_not_overlap(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    patcher = SerialPatcher(client, obj, field_owner="source-controller", owned=OWNED, pause=Pauses())
    client.stats.requests.clear()
    patches = []
    for step in range(5):
        conditions.mark_reconciling(obj, "Progressing", f"step {step}")
        patches.append(patcher.patch(obj))
    await asyncio.gather(*patches)
    assert client.stats.requests == {"patch": 1}, "the first sends the latest state, the others have nothing to add"
    assert conditions.message_of(await stored(client, namespace), RECONCILING) == "step 4"


@pytest.mark.contract("RUN-037")
async def test_a_steady_conflict_is_given_up_after_five_attempts(
    client: Client, namespace: str, sandbox_with_crds: SandboxServer
) -> None:
    obj = await create(client, namespace)
    pauses = Pauses()
    patcher = SerialPatcher(client, obj, field_owner="source-controller", pause=pauses)
    sandbox_with_crds.fault(409, verb="patch", resource="gitrepositories", namespace=namespace, count=5)
    conditions.mark_true(obj, READY, "Succeeded", "stored artifact")
    obj.status.last_handled_reconcile_at = "now"
    with pytest.raises(errors.Conflict):
        await patcher.patch(obj)
    assert len(pauses.seconds) == 4
    current = await stored(client, namespace)
    assert current.status.conditions == []
    assert current.status.last_handled_reconcile_at == "now", "the remaining status needs no lock"

    await patcher.patch(obj)
    assert conditions.is_true(await stored(client, namespace), READY), "what failed is sent by the next patch"


@pytest.mark.contract("RUN-038")
async def test_owned_conditions_win_and_others_conflict(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    for options in ({"owned": OWNED}, {"force_overwrite": True}):
        await meddle(client, namespace, (READY, "False", "Theirs"))
        patcher = SerialPatcher(client, obj, field_owner="source-controller", pause=Pauses(), **options)
        conditions.mark_true(obj, READY, "Succeeded", f"with {options}")
        await patcher.patch(obj)
        assert conditions.reason_of(await stored(client, namespace), READY) == "Succeeded"

    obj = await stored(client, namespace)
    patcher = SerialPatcher(client, obj, field_owner="source-controller", pause=Pauses())
    await meddle(client, namespace, (READY, "False", "Theirs"))
    conditions.mark_true(obj, READY, "Other", "mine")
    obj.status.last_handled_reconcile_at = "now"
    finalizers.add(obj)
    with pytest.raises(ConditionConflict, match=r'"Ready" was modified .* merge/ChangeCondition conflict'):
        await patcher.patch(obj)
    current = await stored(client, namespace)
    assert conditions.reason_of(current, READY) == "Theirs"
    assert current.status.last_handled_reconcile_at == "now", "the other parts are written all the same"
    assert finalizers.has(current)


@pytest.mark.contract("RUN-040")
async def test_the_field_owner_is_the_manager_of_the_status(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    patcher = SerialPatcher(client, obj, field_owner="gotk-kustomize-controller")
    conditions.mark_true(obj, READY, "Succeeded", "applied")
    await patcher.patch(obj)
    managers = (await client.get(GVK, "a", namespace))["metadata"]["managedFields"]
    assert ("gotk-kustomize-controller", "status") in [(each["manager"], each.get("subresource")) for each in managers]


async def test_each_write_is_told(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    written: list[Object] = []
    patcher = SerialPatcher(client, obj, field_owner="source-controller", on_write=written.append)
    finalizers.add(obj)
    conditions.mark_true(obj, READY, "Succeeded", "stored artifact")
    await patcher.patch(obj)
    versions = [each["metadata"]["resourceVersion"] for each in written]
    assert len(versions) == 2
    assert versions[-1] == (await stored(client, namespace)).metadata.resource_version


@pytest.mark.contract("RUN-043", "RUN-126")
async def test_an_object_that_vanished_is_no_error_while_it_is_deleted(client: Client, namespace: str) -> None:
    body = repository(namespace, "a", finalizers=["finalizers.fluxcd.io"])
    await client.create(body)
    await client.delete(GVK, "a", namespace)
    obj = await stored(client, namespace)
    assert obj.metadata.deletion_timestamp is not None
    patcher = SerialPatcher(client, obj, field_owner="source-controller")
    finalizers.remove(obj)
    await patcher.patch(obj)
    with pytest.raises(errors.NotFound):
        await client.get(GVK, "a", namespace)
    conditions.mark_true(obj, READY, "Succeeded", "stored artifact")
    await patcher.patch(obj)

    alive = await create(client, namespace, "b")
    patcher = SerialPatcher(client, alive, field_owner="source-controller")
    await client.delete(GVK, "b", namespace)
    finalizers.add(alive)
    with pytest.raises(errors.NotFound):
        await patcher.patch(alive)
    conditions.mark_true(alive, READY, "Succeeded", "stored artifact")
    with pytest.raises(ExceptionGroup, match=r"GitRepository/.*/b: ") as caught:
        await patcher.patch(alive)
    assert caught.group_contains(errors.NotFound)


async def test_the_status_of_one_object_never_goes_to_its_successor(client: Client, namespace: str) -> None:
    obj = await create(client, namespace)
    patcher = SerialPatcher(client, obj, field_owner="source-controller", owned=OWNED, pause=Pauses())
    await client.delete(GVK, "a", namespace)
    await create(client, namespace)
    conditions.mark_true(obj, READY, "Succeeded", "of the first object")
    with pytest.raises(ConditionConflict, match="was deleted and created again"):
        await patcher.patch(obj)
    assert (await stored(client, namespace)).status.conditions == []


@pytest.mark.contract("RUN-044")
async def test_another_kind_is_refused(client: Client, namespace: str) -> None:
    patcher = SerialPatcher(client, await create(client, namespace), field_owner="source-controller")
    other = Kustomization.decode(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "a", "namespace": namespace},
            "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "a"}},
        }
    )
    with pytest.raises(TypeError, match="unmatched GroupVersionKind"):
        await patcher.patch(other)


async def test_fields_that_the_models_do_not_know_are_left_alone(client: Client, namespace: str) -> None:
    await create(client, namespace)
    body = {"metadata": {"annotations": {"kubectl.kubernetes.io/theirs": "x"}}}
    obj = await stored(client, namespace)
    patcher = SerialPatcher(client, obj, field_owner="source-controller")
    await client.patch(GVK, "a", namespace, patch=body, kind=PatchKind.MERGE)
    obj.metadata.annotations["fluxkit.dev/mine"] = "y"
    await patcher.patch(obj)
    current = await stored(client, namespace)
    assert current.metadata.annotations == {"kubectl.kubernetes.io/theirs": "x", "fluxkit.dev/mine": "y"}
