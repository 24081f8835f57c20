"""Deleting one object that its owner no longer wants (fluxcd/pkg ``ssa/manager_delete.go``)."""

from fluxkit.apply.changeset import Action
from fluxkit.apply.errors import ApplyError
from fluxkit.apply.ownership import Owner
from fluxkit.apply.switches import Switches
from fluxkit.kube import Client, Propagation
from fluxkit.kube.errors import Conflict, KubeError, NotFound
from fluxkit.objects import ObjectRef, metadata_of

__all__ = ["prune_one"]

# Whoever writes an object that often does not want it deleted just now.
_ATTEMPTS = 10


async def prune_one(client: Client, ref: ObjectRef, owner: Owner | None, switches: Switches) -> Action:
    """DELETED (also when it was gone already) or SKIPPED; raises :class:`ApplyError`.

    ``owner``, if given, must be the one that the live object's labels name: this protects objects that moved to
    another owner. The delete is bound to the very version that was read: what another owner takes over meanwhile, and
    what takes its name, is left alone.
    """
    uid = ""
    for _ in range(_ATTEMPTS):
        try:
            live = await client.get(ref.gvk, ref.name, ref.namespace, metadata_only=True)
        except NotFound:
            return Action.DELETED
        except KubeError as error:
            raise ApplyError(ref, f"{ref} query failed: {error}") from error
        metadata = metadata_of(live)
        uid = uid or str(metadata.get("uid", ""))
        if metadata.get("uid", "") != uid:
            return Action.DELETED  # what was to go is gone, and something else has its name
        if (owner is not None and not owner.owns(live)) or switches.keeps(live):
            return Action.SKIPPED
        try:
            await client.delete(
                ref.gvk,
                ref.name,
                ref.namespace,
                propagation=Propagation.BACKGROUND,
                uid=uid or None,
                resource_version=metadata.get("resourceVersion") or None,
            )
        except NotFound:
            return Action.DELETED
        except Conflict:
            continue  # it changed since it was read, and may have another owner now
        except KubeError as error:
            raise ApplyError(ref, f"{ref} delete failed: {error}") from error
        return Action.DELETED
    raise ApplyError(ref, f"{ref} delete failed: it keeps changing while it is being deleted")
