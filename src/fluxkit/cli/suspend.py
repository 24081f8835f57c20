"""``flux suspend`` (fluxcd/flux2 cmd/flux/suspend.go)."""

from functools import partial

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import option
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL
from fluxkit.cli.kinds import Kind
from fluxkit.cli.settings import Settings
from fluxkit.cli.verbs import verb_group
from fluxkit.objects import key_of

__all__ = ["SUSPENDABLE", "suspend"]

SUSPENDABLE = (
    "Alert",
    "Bucket",
    "GitRepository",
    "HelmChart",
    "HelmRelease",
    "HelmRepository",
    "ImagePolicy",
    "ImageRepository",
    "ImageUpdateAutomation",
    "Kustomization",
    "OCIRepository",
    "Provider",
    "Receiver",
)


def _suspend(settings: Settings, kind: Kind, names: tuple[str, ...], all: bool) -> None:
    if not names and not all:
        raise CommandError(f"{kind.human} name is required")
    run(settings, partial(_suspend_all, kind, names))


async def _suspend_all(kind: Kind, names: tuple[str, ...], session: Session) -> None:
    """Without names: every object of the namespace. A name that fails is reported and holds up no other."""
    from fluxkit.kube import errors

    if not names:
        listed = await session.client.list(kind.gvk, session.namespace, metadata_only=True)
        if not listed.items:
            raise CommandError("no objects found")
        for name in sorted(key_of(obj).name for obj in listed.items):
            await _suspend_one(session, kind, name)
        return
    for name in dict.fromkeys(names):
        try:
            await session.client.get(kind.gvk, name, session.namespace, metadata_only=True)
            await _suspend_one(session, kind, name)
        except errors.NotFound:
            progress.failure(f"{kind.kind} {name} not found in {session.namespace} namespace")
            from fluxkit.cli.lookup import similar_names

            for line in await similar_names(session, kind, name):
                progress.line(line)
        except errors.APIError as error:
            progress.failure(f"failed suspending {kind.kind} {name} in {session.namespace} namespace: {error}")


async def _suspend_one(session: Session, kind: Kind, name: str) -> None:
    from fluxkit.kube import PatchKind

    progress.action(f"suspending {kind.human} {name} in {session.namespace} namespace")
    await session.client.patch(
        kind.gvk, name, session.namespace, patch={"spec": {"suspend": True}}, kind=PatchKind.MERGE
    )
    progress.success(f"{kind.human} suspended")


suspend = verb_group(
    "suspend",
    _suspend,
    SUSPENDABLE,
    summary="Suspend reconciliation of {kind}",
    help="The suspend sub-commands suspend the reconciliation of a resource.",
    example="Suspend reconciliation for existing {kind} objects\n  flux suspend {words} podinfo-1 podinfo-2",
    many=True,
    persistent=[
        option("--all", type=BOOL, default=False, help="suspend all resources in that namespace"),
    ],
)
