"""Finding objects by the names that a user typed, and helping when there is none of that name."""

from difflib import get_close_matches

from fluxkit.cli.cluster import Session
from fluxkit.cli.errors import CommandError
from fluxkit.cli.kinds import Kind
from fluxkit.kube import errors
from fluxkit.objects import Object, key_of

__all__ = ["get_named", "similar_names"]


async def get_named(session: Session, kind: Kind, name: str) -> Object:
    """The object of that name in the session's namespace; when there is none, the error lists similar names."""
    try:
        return await session.client.get(kind.gvk, name, session.namespace)
    except errors.NotFound as error:
        raise CommandError(str(error), advice=await similar_names(session, kind, name)) from error


async def similar_names(session: Session, kind: Kind, name: str) -> tuple[str, ...]:
    """Advice for a name that does not exist: similar names, the same name elsewhere, or how to list what there is."""
    try:
        listed = await session.client.list(kind.gvk, metadata_only=True)
    except (errors.APIError, errors.NoMatch):
        return ()  # advice must not replace the error that it explains
    keys = [key_of(obj) for obj in listed.items]
    here = [key.name for key in keys if key.namespace == session.namespace]
    close = get_close_matches(name, here, n=5)
    elsewhere = sorted(key.namespace for key in keys if key.name == name and key.namespace != session.namespace)
    if close:
        return (f"Did you mean: {', '.join(close)}",)
    if elsewhere:
        return (f"It exists in another namespace: --namespace={elsewhere[0]}",)
    if here:
        return (f"There are: {', '.join(sorted(here)[:10])}",)
    return ()
