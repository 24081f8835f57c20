"""From Flux to fluxkit and back on a living cluster: no object is touched, whoever runs the controllers."""

from pathlib import Path

import pytest

from fluxkit.api import GitRepository, Kustomization
from fluxkit.objects import GroupVersionKind
from testbed import Rig, UpstreamControllers, git_repository, kustomization, upstream_programs

NAMESPACE = "flux-system"
EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = upstream_programs()
_DEADLINE = 60.0

Versions = dict[str, str]


@pytest.mark.skipif(PROGRAMS is None, reason="needs Flux's own controllers, which python tools/upstream.py builds")
@pytest.mark.timeout(300)
@pytest.mark.contract("KUS-340")
async def test_swapping_the_controllers_touches_no_object(tmp_path: Path) -> None:
    assert PROGRAMS is not None
    upstream = UpstreamControllers(PROGRAMS, tmp_path / "cluster" / "kubeconfig", tmp_path / "upstream")
    # As in a cluster, the artifacts keep their address, although the storage behind it is another.
    async with Rig.prepared(tmp_path, f"--storage-addr={upstream.storage_address}") as rig:
        await upstream.install(rig.client)
        try:
            await _swap(rig, upstream)
        finally:
            await upstream.stop()
            await rig.controllers.stop()


async def _swap(rig: Rig, upstream: UpstreamControllers) -> None:
    await upstream.run()
    await rig.create_credentials(NAMESPACE)
    repository = await rig.create_repository("fleet")
    repository.copy(EXAMPLES)
    revision = await repository.push("start")
    await rig.client.create(git_repository(NAMESPACE, NAMESPACE, rig.url(repository)))
    await rig.client.create(kustomization(NAMESPACE, NAMESPACE, NAMESPACE, "./clusters/sandbox"))
    await _settled(rig, revision, count=4)
    before = await _managed(rig)
    digests = _build_digests(rig)
    assert len(before) > 10

    await upstream.stop()
    await rig.controllers.run()
    await _reconcile_all(rig, revision)
    assert await _managed(rig) == before
    assert _build_digests(rig) == digests, "both build the same, and call it the same"

    await rig.controllers.stop()
    await upstream.run()
    await _reconcile_all(rig, revision)
    assert await _managed(rig) == before


async def _reconcile_all(rig: Rig, revision: str) -> None:
    """The source and every Kustomization once more, by whoever runs now."""
    await rig.reconcile(GitRepository.GVK, NAMESPACE, NAMESPACE)
    await rig.sources.wait_for(lambda _: _source_handled(rig), _DEADLINE)
    kustomizations = [Kustomization.decode(obj) for obj in rig.kustomizations.list()]
    for each in kustomizations:
        await rig.reconcile(Kustomization.GVK, each.metadata.name, NAMESPACE)
    await _settled(rig, revision, count=len(kustomizations), requested=True)


def _source_handled(rig: Rig) -> bool:
    obj = rig.sources.get(NAMESPACE, NAMESPACE)
    if obj is None:
        return False
    source = GitRepository.decode(obj)
    asked = source.metadata.annotations.get("reconcile.fluxcd.io/requestedAt", "")
    return asked != "" and source.status.last_handled_reconcile_at == asked


async def _settled(rig: Rig, revision: str, *, count: int, requested: bool = False) -> None:
    def settled(_: object) -> bool:
        kustomizations = [Kustomization.decode(obj) for obj in rig.kustomizations.list()]
        return len(kustomizations) == count and all(_is_settled(each, revision, requested) for each in kustomizations)

    await rig.kustomizations.wait_for(settled, _DEADLINE)


def _is_settled(kustomization: Kustomization, revision: str, requested: bool) -> bool:
    status = kustomization.status
    asked = kustomization.metadata.annotations.get("reconcile.fluxcd.io/requestedAt", "")
    ready = any(each.type == "Ready" and each.status == "True" for each in status.conditions)
    handled = not requested or (asked != "" and status.last_handled_reconcile_at == asked)
    return ready and handled and status.last_applied_revision == revision


async def _managed(rig: Rig) -> Versions:
    """The resource version of every object in an inventory; of Kustomizations, whose status moves, the generation."""
    versions: Versions = {}
    for obj in rig.kustomizations.list():
        inventory = Kustomization.decode(obj).status.inventory
        for entry in inventory.entries if inventory else ():
            namespace, name, group, kind = entry.id.split("_", 3)
            live = await rig.client.get(GroupVersionKind(group, entry.v, kind), name.replace("__", ":"), namespace)
            own = kind == Kustomization.GVK.kind
            versions[entry.id] = live["metadata"]["generation" if own else "resourceVersion"]
    return versions


def _build_digests(rig: Rig) -> dict[str, str]:
    """What the history says was built."""
    return {
        each.metadata.name: each.status.history[0].digest
        for each in (Kustomization.decode(obj) for obj in rig.kustomizations.list())
    }
