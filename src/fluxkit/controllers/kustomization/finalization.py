"""Deleting a Kustomization: what becomes of its objects, and when its finalizer goes.

Source, dependencies and expressions cannot hold up a deletion (fluxcd/kustomize-controller ``finalize``). Objects that
another Kustomization wants by now are left to it.
"""

import asyncio

from fluxkit.api import Kustomization
from fluxkit.apply import ApplySet, ChangeSet, DeleteFailed, HealthCheckFailed, Inventory, Owner, StatusWatcher
from fluxkit.controllers.kustomization.attempt import Services
from fluxkit.controllers.kustomization.events import KustomizationEvents
from fluxkit.controllers.targets import Target, TargetError
from fluxkit.controllers.timing import effective_timeout
from fluxkit.kube.errors import KubeError
from fluxkit.objects import ObjectRef
from fluxkit.runtime import Run, finalizers

__all__ = ["finalize"]

_PATIENCE = 15.0
"""Seconds to find out what others want."""


async def finalize(services: Services, run: Run, kustomization: Kustomization, events: KustomizationEvents) -> None:
    """Deletes the objects if the policy says so and removes the finalizer; an error keeps it, for a retry."""
    status = kustomization.status
    events.concern(status.last_applied_revision, status.last_applied_origin_revision)
    entries = status.inventory.entries if status.inventory else []
    inventory = Inventory.from_status({"id": entry.id, "v": entry.v} for entry in entries)
    if len(inventory) and _deletes_objects(kustomization):
        if await services.targets.account_exists(kustomization):
            async with services.targets.open(kustomization) as target:
                await _delete(services, run, kustomization, target, inventory, events)
        else:
            text = "unable to prune objects: \n" + "\n".join(map(str, inventory))
            run.log.error(f"skipping pruning, failed to find account to impersonate: {text}")
            events.error(text)
    finalizers.remove(kustomization)


def _deletes_objects(kustomization: Kustomization) -> bool:
    if kustomization.spec.suspend:
        return False
    match kustomization.spec.deletion_policy:
        case "Delete" | "WaitForTermination":
            return True
        case "Orphan":
            return False
        case _:
            return kustomization.spec.prune


async def _delete(
    services: Services,
    run: Run,
    kustomization: Kustomization,
    target: Target,
    inventory: Inventory,
    events: KustomizationEvents,
) -> None:
    owner = Owner(kustomization.metadata.name, kustomization.metadata.namespace)
    claimed = await _claimed(services, run, kustomization, inventory)
    if claimed:
        events.info("left to their new owners: " + ", ".join(map(str, claimed)))
    doomed = [ref for ref in inventory if ref not in claimed]
    try:
        changes = await ApplySet(target.client, owner).delete(doomed)
    except DeleteFailed:
        events.error("pruning for deleted resource failed")
        raise
    events.info(str(changes))
    if kustomization.spec.deletion_policy == "WaitForTermination":
        await _wait_gone(run, kustomization, target, changes, events)


async def _claimed(services: Services, run: Run, kustomization: Kustomization, inventory: Inventory) -> list[ObjectRef]:
    """What other Kustomizations want, as after renaming or splitting one.

    Nothing that goes wrong here may hold up the deletion: then the labels of the objects decide alone.
    """
    refs = list(inventory)
    try:
        async with asyncio.timeout(_PATIENCE):
            verdict = await services.claims.on(kustomization, refs)
    except (TimeoutError, KubeError, TargetError) as error:
        run.log.error("unable to ask other Kustomizations for what they want", error=error)
        return []
    return [ref for ref in refs if ref.identity in verdict.claimed]


async def _wait_gone(
    run: Run, kustomization: Kustomization, target: Target, changes: ChangeSet, events: KustomizationEvents
) -> None:
    refs = [entry.ref for entry in changes.changed()]
    async with StatusWatcher(target.client) as watcher:
        try:
            await run.waiting(watcher.wait_gone(refs, timeout=effective_timeout(kustomization)))
        except HealthCheckFailed as error:
            text = "failed to wait for resources termination"
            run.log.error(text, error=error)
            events.error(text)
