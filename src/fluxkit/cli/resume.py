"""``flux resume`` (fluxcd/flux2 cmd/flux/resume.go)."""

import asyncio
from functools import partial

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import option
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL
from fluxkit.cli.kinds import Kind
from fluxkit.cli.settings import Settings
from fluxkit.cli.suspend import SUSPENDABLE
from fluxkit.cli.verbs import verb_group
from fluxkit.objects import key_of

__all__ = ["resume"]


def _resume(settings: Settings, kind: Kind, names: tuple[str, ...], all: bool, wait: bool) -> None:
    if not names and not all:
        raise CommandError(f"{kind.human} name is required")
    source = click.get_current_context().get_parameter_source("wait")
    if source is not click.core.ParameterSource.COMMANDLINE:
        wait = len(names) == 1
    run(settings, partial(_resume_all, kind, names, wait))


async def _resume_all(kind: Kind, names: tuple[str, ...], wait: bool, session: Session) -> None:
    """Lift the suspension of all first, so that they can work at the same time, then wait for each."""
    resumed: list[str] = []
    if not names:
        listed = await session.client.list(kind.gvk, session.namespace, metadata_only=True)
        if not listed.items:
            progress.failure(f"no {kind.kind} objects found in {session.namespace} namespace")
        for name in sorted(key_of(obj).name for obj in listed.items):
            await _lift(session, kind, name)
            resumed.append(name)
    for name in dict.fromkeys(names):
        if await _exists(session, kind, name):
            await _lift(session, kind, name)
            resumed.append(name)
        else:
            progress.failure(f"{kind.kind} object '{names[0]}' not found in {session.namespace} namespace")
    if wait:
        await _wait_all(session, kind, resumed)


async def _exists(session: Session, kind: Kind, name: str) -> bool:
    from fluxkit.kube import errors

    try:
        await session.client.get(kind.gvk, name, session.namespace, metadata_only=True)
    except errors.NotFound:
        return False
    return True


async def _lift(session: Session, kind: Kind, name: str) -> None:
    from fluxkit.kube import PatchKind

    progress.action(f"resuming {kind.human} {name} in {session.namespace} namespace")
    await session.client.patch(
        kind.gvk, name, session.namespace, patch={"spec": {"suspend": None}}, kind=PatchKind.MERGE
    )
    progress.success(f"{kind.human} resumed")


async def _wait_all(session: Session, kind: Kind, names: list[str]) -> None:
    from fluxkit.cli.readiness import wait_ready
    from fluxkit.kube import errors

    for _ in names:
        progress.waiting(f"waiting for {kind.kind} reconciliation")
    results = await asyncio.gather(*(wait_ready(session, kind, name) for name in names), return_exceptions=True)
    failed = 0
    for name, result in sorted(zip(names, results, strict=True), key=lambda pair: pair[0]):
        if isinstance(result, CommandError | errors.KubeError):
            progress.failure(f"{kind.kind} {name} reconciliation failed: {result}")
            failed += 1
        elif isinstance(result, BaseException):
            raise result
        else:
            progress.success(f"{kind.kind} {name} reconciliation completed")
            progress.success(kind.success(result))
    if failed:
        raise CommandError(f"reconciliation failed for {failed} {kind.kind}(s)")


resume = verb_group(
    "resume",
    _resume,
    SUSPENDABLE,
    summary="Resume reconciliation of {kind}",
    help="The resume sub-commands resume a suspended resource.",
    example="Resume reconciliation for an existing {kind} and wait for it\n  flux resume {words} podinfo",
    many=True,
    persistent=[
        option("--all", type=BOOL, default=False, help="resume all resources in that namespace"),
        option(
            "--wait",
            type=BOOL,
            default=False,
            help="wait for the resources to be reconciled, the default when exactly one name is given",
        ),
    ],
)
