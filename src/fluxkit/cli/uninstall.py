"""``flux uninstall`` (fluxcd/flux2 cmd/flux/uninstall.go, pkg/uninstall).

Finalizers are taken off the custom resources before their definitions are deleted, so that nothing that Flux applied is
pruned. A failure is reported and does not end the command.
"""

from collections.abc import Awaitable

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import FluxCommand, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.installation import CRD, DEPLOYMENT, PART_OF_FLUX, cluster_info
from fluxkit.cli.kinds import KINDS
from fluxkit.cli.settings import Settings
from fluxkit.objects import GroupVersionKind, Object, ObjectRef, key_of, ref_of

__all__ = ["uninstall"]

NAMESPACED_PARTS = (
    DEPLOYMENT,
    GroupVersionKind("", "v1", "Service"),
    GroupVersionKind("networking.k8s.io", "v1", "NetworkPolicy"),
    GroupVersionKind("", "v1", "ServiceAccount"),
)
CLUSTER_PARTS = (
    GroupVersionKind("rbac.authorization.k8s.io", "v1", "ClusterRole"),
    GroupVersionKind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
)
NAMESPACE = GroupVersionKind("", "v1", "Namespace")


@click.command(
    "uninstall",
    cls=FluxCommand,
    help="The uninstall command removes the Flux components and the toolkit.fluxcd.io resources from the cluster.\n"
    "What Flux has applied stays.",
    examples="""
  # Uninstall Flux components, its custom resources and namespace
  flux uninstall --namespace=flux-system

  # Uninstall Flux but keep the namespace
  flux uninstall --namespace=infra --keep-namespace=true
""",
)
@switch("--keep-namespace", help="skip namespace deletion")
@switch("--dry-run", help="only print the objects that would be deleted")
@switch("-s", "--silent", help="delete components without asking for confirmation")
@click.pass_obj
def uninstall(settings: Settings, /, keep_namespace: bool, dry_run: bool, silent: bool) -> None:
    async def remove(session: Session) -> None:
        if not (dry_run or silent):
            await _confirm(session)
        await _uninstall(session, keep_namespace, dry_run)

    run(settings, remove)


async def _confirm(session: Session) -> None:
    from fluxkit.kube import errors

    question = "Are you sure you want to delete Flux and its custom resource definitions"
    try:
        crd = await session.client.get(CRD, "gitrepositories.source.toolkit.fluxcd.io", metadata_only=True)
        info = cluster_info(crd)
        if info.is_foreign:
            question = f"Flux is managed by {info.managed_by}! "
            question += "Are you sure you want to delete Flux and its CRDs using Flux CLI"
    except errors.NotFound:
        pass  # nothing says who installed it
    except errors.APIError as error:
        raise CommandError(f"cluster info unavailable: {error}") from error
    if not progress.confirm(question):
        raise CommandError("aborting")


async def _uninstall(session: Session, keep_namespace: bool, dry_run: bool) -> None:
    client = session.client
    progress.action(f"deleting components in {session.namespace} namespace")
    for gvk in (*NAMESPACED_PARTS, *CLUSTER_PARTS):
        namespace = session.namespace if gvk in NAMESPACED_PARTS else ""
        for obj in await _list(session, gvk, namespace, PART_OF_FLUX):
            await _delete(session, ref_of(obj), dry_run)

    progress.action("deleting toolkit.fluxcd.io finalizers in all namespaces")
    for kind in KINDS:
        if kind.kind == "ExternalArtifact":
            continue
        for obj in await _list(session, kind.gvk):
            key = key_of(obj)
            patch = client.patch(
                kind.gvk, key.name, key.namespace, patch={"metadata": {"finalizers": None}}, dry_run=dry_run
            )
            ref = ObjectRef(kind.gvk, key.namespace, key.name)
            await _report(patch, f"{ref} finalizers deleted", f"{ref} removing finalizers failed", dry_run)

    progress.action("deleting toolkit.fluxcd.io custom resource definitions")
    for obj in await _list(session, CRD, label_selector=PART_OF_FLUX):
        await _delete(session, ObjectRef(CRD, "", key_of(obj).name), dry_run)
    if not keep_namespace:
        await _delete(session, ObjectRef(NAMESPACE, "", session.namespace), dry_run)
    progress.success("uninstall finished")


async def _list(session: Session, gvk: GroupVersionKind, namespace: str = "", label_selector: str = "") -> list[Object]:
    """The objects of a kind; none if they cannot be listed, such as when their CRD is not installed."""
    from fluxkit.kube import errors

    try:
        listed = await session.client.list(gvk, namespace, label_selector=label_selector, metadata_only=True)
    except errors.NoMatch:
        return []
    except errors.APIError as error:
        progress.failure(f"{gvk.kind} objects cannot be listed: {error}")
        return []
    return [{**obj, "apiVersion": gvk.api_version, "kind": gvk.kind} for obj in listed.items]


async def _delete(session: Session, ref: ObjectRef, dry_run: bool) -> None:
    deletion = session.client.delete(ref.gvk, ref.name, ref.namespace, dry_run=dry_run)
    await _report(deletion, f"{ref} deleted", f"{ref} deletion failed", dry_run)


async def _report(request: Awaitable[object], done: str, failed: str, dry_run: bool) -> None:
    from fluxkit.kube import errors

    try:
        await request
    except errors.KubeError as error:
        progress.failure(f"{failed}: {error}")
    else:
        progress.success(f"{done} {'(dry run)' if dry_run else ''}")
