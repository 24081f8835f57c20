"""Deleting one object that its owner no longer wants (fluxcd/pkg ``ssa/manager_delete.go``)."""

from fluxkit.apply.changeset import Action
from fluxkit.apply.errors import ApplyError
from fluxkit.apply.ownership import Owner
from fluxkit.apply.switches import Switches
from fluxkit.kube import Client, Propagation
from fluxkit.kube.errors import KubeError, NotFound
from fluxkit.objects import ObjectRef, metadata_of

__all__ = ["prune_one"]


async def prune_one(client: Client, ref: ObjectRef, owner: Owner | None, switches: Switches) -> Action:
    """DELETED (also when it was gone already) or SKIPPED; raises :class:`ApplyError`.

    ``owner``, if given, must be the one that the live object's labels name: this protects objects that moved to
    another owner. The delete is bound to the object that was read: what took its name meanwhile is left alone.
    """
    try:
        live = await client.get(ref.gvk, ref.name, ref.namespace, metadata_only=True)
    except NotFound:
        return Action.DELETED
    except KubeError as error:
        raise ApplyError(ref, f"{ref} query failed: {error}") from error
    if (owner is not None and not owner.owns(live)) or switches.keeps(live):
        return Action.SKIPPED
    uid = metadata_of(live).get("uid")
    try:
        await client.delete(
            ref.gvk,
            ref.name,
            ref.namespace,
            propagation=Propagation.BACKGROUND,
            uid=uid if isinstance(uid, str) and uid else None,
        )
    except NotFound:
        return Action.DELETED
    except KubeError as error:
        raise ApplyError(ref, f"{ref} delete failed: {error}") from error
    return Action.DELETED
