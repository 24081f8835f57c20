"""``flux delete`` (fluxcd/flux2 cmd/flux/delete.go). It does not wait for finalizers."""

from functools import partial

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import option
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL
from fluxkit.cli.kinds import Kind
from fluxkit.cli.settings import Settings
from fluxkit.cli.suspend import SUSPENDABLE
from fluxkit.cli.verbs import verb_group

__all__ = ["delete"]


def _delete(settings: Settings, kind: Kind, name: str | None, silent: bool) -> None:
    if not name:
        raise CommandError(f"{kind.human} name is required")
    run(settings, partial(_delete_one, kind, name, silent))


async def _delete_one(kind: Kind, name: str, silent: bool, session: Session) -> None:
    from fluxkit.cli.lookup import get_named

    await get_named(session, kind, name)
    if not silent and not progress.confirm(f"Are you sure you want to delete this {kind.human}"):
        raise CommandError("aborting")
    progress.action(f"deleting {kind.human} {name} in {session.namespace} namespace")
    await session.client.delete(kind.gvk, name, session.namespace)
    progress.success(f"{kind.human} deleted")


delete = verb_group(
    "delete",
    _delete,
    SUSPENDABLE,
    summary="Delete a {kind}",
    help="The delete sub-commands delete sources and resources.",
    example="Delete a {kind}\n  flux delete {words} podinfo",
    persistent=[
        option("-s", "--silent", type=BOOL, default=False, help="delete resource without asking for confirmation"),
    ],
)
