"""``flux reconcile``: ask for a reconciliation now and report its result (fluxcd/flux2 cmd/flux/reconcile*.go)."""

import time
from functools import partial

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import option
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL
from fluxkit.cli.kinds import BY_KIND, Kind, condition, nested
from fluxkit.cli.settings import Settings
from fluxkit.cli.verbs import verb_group
from fluxkit.objects import Object

__all__ = ["reconcile"]

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"

_SOURCE_KINDS = ("OCIRepository", "GitRepository", "Bucket")


def _reconcile(settings: Settings, kind: Kind, name: str | None, with_source: bool = False) -> None:
    if not name:
        raise CommandError(f"{kind.kind} name is required")
    run(settings, partial(_reconcile_named, kind, name, with_source))


async def _reconcile_named(kind: Kind, name: str, with_source: bool, session: Session) -> None:
    from fluxkit.cli.lookup import get_named

    obj = await get_named(session, kind, name)
    if kind.is_static(obj):
        progress.success("reconciliation not supported by the object")
        return
    if nested(obj, "spec", "suspend"):
        raise CommandError("resource is suspended", advice=(_resume_advice(session, kind, name),))
    if with_source:
        await _reconcile_source(obj, session)
    await _request_and_wait(kind, name, session, obj)


def _resume_advice(session: Session, kind: Kind, name: str) -> str:
    return f"To resume it, run: flux resume {' '.join(kind.verb_path)} {name} -n {session.namespace}"


async def _reconcile_source(obj: Object, session: Session) -> None:
    """The source of a Kustomization, in its own namespace; its failure ends the command."""
    reference = nested(obj, "spec", "sourceRef") or {}
    source = str(reference.get("kind", ""))
    if source not in _SOURCE_KINDS:
        raise CommandError(f"cannot reconcile source of kind {source}")
    from dataclasses import replace

    namespace = reference.get("namespace") or session.namespace
    there = Session(session.client, replace(session.settings, namespace=namespace))
    try:
        await _reconcile_named(BY_KIND[source], str(reference.get("name", "")), False, there)
    finally:
        session.awaiting = there.awaiting


async def _request_and_wait(kind: Kind, name: str, session: Session, obj: Object) -> None:
    from fluxkit.cli.readiness import last_handled, wait_handled
    from fluxkit.kube import PatchKind

    progress.action(f"annotating {kind.kind} {name} in {session.namespace} namespace")
    await session.client.patch(
        kind.gvk,
        name,
        session.namespace,
        patch={"metadata": {"annotations": {REQUESTED_AT: _timestamp()}}},
        kind=PatchKind.MERGE,
    )
    progress.success(f"{kind.kind} annotated")
    progress.waiting(f"waiting for {kind.kind} reconciliation")
    handled = await wait_handled(session, kind, name, last_handled(obj))
    ready = condition(handled, "Ready")
    if ready is None:
        raise CommandError("status can't be determined")
    if ready.get("status") != "True":
        # upstream quotes the message of sources only
        message = f"'{ready.get('message', '')}'" if kind.kind != "Kustomization" else str(ready.get("message", ""))
        raise CommandError(f"{kind.kind} reconciliation failed: {message}")
    progress.success(kind.success(handled))


def _timestamp() -> str:
    """Local time in RFC 3339 with nanoseconds, as Go's ``time.RFC3339Nano``."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    local = time.localtime(seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    offset = time.strftime("%z", local)
    zone = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + fraction + zone


def _flags(kind: Kind) -> list[click.Option]:
    if kind.kind != "Kustomization":
        return []
    return [option("--with-source", type=BOOL, default=False, help="reconcile the Kustomization's source first")]


reconcile = verb_group(
    "reconcile",
    _reconcile,
    (
        "Bucket",
        "GitRepository",
        "HelmRepository",
        "ImagePolicy",
        "ImageRepository",
        "ImageUpdateAutomation",
        "Kustomization",
        "OCIRepository",
        "Receiver",
    ),
    summary="Reconcile a {kind}",
    help="The reconcile sub-commands trigger a reconciliation of sources and resources.",
    example="Trigger a reconciliation outside of the interval and wait for its result\n"
    "  flux reconcile {words} podinfo",
    flags=_flags,
)
