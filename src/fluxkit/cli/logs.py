"""``flux logs``: the controllers' logs, one readable line for each entry (fluxcd/flux2 cmd/flux/logs.go).

In a cluster with controller Deployments the logs of their pods are read, as upstream. Where there are none, the
controllers may run on this machine (``flux controllers``): then the log file that they write is read, with the same
filters. ``--log-file`` reads any file, without a cluster.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import FluxCommand, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import DURATION, INT, OneOf
from fluxkit.cli.help import PREVIEW
from fluxkit.cli.namespaces import DEFAULT_NAMESPACE
from fluxkit.cli.settings import Settings
from fluxkit.objects import GroupVersionKind, Object, key_of
from fluxkit.timestamps import format_time, now, parse_time

__all__ = ["Filter", "logs"]

DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
POD = GroupVersionKind("", "v1", "Pod")
PART_OF_FLUX = "app.kubernetes.io/part-of=flux"
_FILE_PULSE = 0.2
"""Seconds after which a file that is followed is looked at again: files have no portable notification."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are shown; an empty namespace is all of them."""

    level: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    since: datetime | None = None

    def line(self, text: str) -> str | None:
        """The line to print for a line of a log; None if it is no entry, or one that is not asked for."""
        if not text.startswith("{"):
            return None
        try:
            entry = json.loads(text)
        except ValueError as error:
            progress.failure(f"parse error: {error}")
            return None
        kinds = [str(entry.get(field) or "") for field in ("reconciler kind", "controllerKind")]
        name, namespace = str(entry.get("name") or ""), str(entry.get("namespace") or "")
        if self.level and entry.get("level") != self.level:
            return None
        if self.kind and self.kind.lower() not in [kind.lower() for kind in kinds]:
            return None
        if self.name and self.name.lower() != name.lower():
            return None
        if self.namespace and self.namespace.lower() != namespace.lower():
            return None
        stamp = str(entry.get("ts") or "")
        if self.since is not None and _earlier(stamp, self.since):
            return None
        subject = (kinds[0] or kinds[1]) + (f"/{name}.{namespace}" if name else "")
        return f"{stamp} {entry.get('level', '')} {subject} - {entry.get('msg', '')} {entry.get('error') or ''}"


def _earlier(stamp: str, moment: datetime) -> bool:
    try:
        return parse_time(stamp) < moment
    except ValueError:
        return False


@click.command(
    "logs",
    cls=FluxCommand,
    help="The logs command displays formatted logs from various Flux components, in a cluster or on this machine.\n\n"
    + PREVIEW,
    examples="""
  # Print the reconciliation logs of all Flux custom resources in your cluster
  flux logs --all-namespaces

  # Print all logs of all Flux custom resources newer than 2 minutes
  flux logs --all-namespaces --since=2m

  # Stream logs for a particular log level
  flux logs --follow --level=error --all-namespaces

  # Filter logs by kind, name and namespace
  flux logs --kind=Kustomization --name=podinfo --namespace=default
""",
)
@click.argument("arguments", nargs=-1)
@flag(
    "--level",
    type=OneOf(("debug", "info", "error"), "unsupported log level '{value}', must be one of: {choices}"),
    help="log level, available options are: (debug, info, error)",
)
@flag("--kind", help="displays logs of a particular toolkit kind e.g GitRepository")
@flag("--name", help="specifies the name of the object logs to be displayed")
@switch("-f", "--follow", help="specifies if the logs should be streamed")
@flag("--tail", type=INT, default=-1, help="lines of recent log file to display")
@flag("--flux-namespace", default=DEFAULT_NAMESPACE, help="the namespace where the Flux components are running")
@switch("-A", "--all-namespaces", help="displays logs for objects across all namespaces")
@flag("--since", type=DURATION, default=0.0, help="only return logs newer than a relative duration like 5s, 2m, or 3h")
@flag("--since-time", help="only return logs after a specific date (RFC3339)")
@flag("--log-file", help="read this log file of 'flux controllers' instead of asking the cluster")
@click.pass_obj
def logs(
    settings: Settings,
    /,
    arguments: tuple[str, ...],
    level: str | None,
    kind: str,
    name: str,
    all_namespaces: bool,
    since: float,
    since_time: str,
    log_file: str,
    **reading: Any,
) -> None:
    if arguments:
        raise CommandError("no argument required")
    if since and since_time:
        raise CommandError("at most one of `sinceTime` or `sinceDuration` may be specified")
    wanted = Filter(level or "", kind, name, "" if all_namespaces else settings.namespace, _moment(since, since_time))
    if log_file:
        asyncio.run(_read_alone(Path(log_file), wanted, settings.timeout, reading["tail"], reading["follow"]))
    else:
        run(settings, partial(_print_logs, wanted, reading["flux_namespace"], reading["follow"], reading["tail"]))


def _moment(since: float, since_time: str) -> datetime | None:
    if since:
        return now() - timedelta(seconds=round(since))
    if not since_time:
        return None
    try:
        return parse_time(since_time)
    except ValueError:
        raise CommandError(f"{since_time} is not a valid (RFC3339) time") from None


async def _print_logs(wanted: Filter, flux_namespace: str, follow: bool, tail: int, session: Session) -> None:
    pods = await _pods(session, flux_namespace)
    if pods:
        await _print_pods(pods, wanted, follow, tail, session)
        return
    from fluxkit.cli.localstate import running_controllers

    local = running_controllers(session.client.config.server)
    if local is None:
        raise CommandError(
            f'no Flux pods found in namespace "{flux_namespace}"',
            advice=(
                "To run the controllers on this machine: flux controllers",
                "To read the log of controllers that ran elsewhere: flux logs --log-file=FILE",
            ),
        )
    if not local.log_file:
        raise CommandError(
            f"the controllers of this cluster run on this machine (process {local.pid}) and log to a terminal",
            advice=("To read their log here, start them with: flux controllers --log-file=FILE",),
        )
    session.endless = True
    await _print_file(Path(local.log_file), wanted, tail, follow)


async def _pods(session: Session, namespace: str) -> list[Object]:
    """One pod, the best running one, of each Deployment that is part of Flux."""
    deployments = await session.client.list(DEPLOYMENT, namespace, label_selector=PART_OF_FLUX)
    chosen: list[Object] = []
    for deployment in deployments.items:
        labels = deployment.get("spec", {}).get("template", {}).get("metadata", {}).get("labels") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = (await session.client.list(POD, namespace, label_selector=selector)).items
        if pods:
            chosen.append(min(pods, key=_preference))
    return chosen


def _preference(pod: Object) -> tuple[bool, bool, int, str]:
    """Scheduled, running and ready pods first, then those that restarted least, then the newest."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    ready = bool(containers) and all(each.get("ready") for each in containers)
    restarts = sum(each.get("restartCount", 0) for each in containers)
    return (status.get("phase") != "Running", not ready, restarts, str(status.get("startTime") or ""))


async def _print_pods(pods: list[Object], wanted: Filter, follow: bool, tail: int, session: Session) -> None:
    session.awaiting = "following the logs"
    reading = [_pod_lines(pod, wanted, follow, tail, session) for pod in pods]
    if follow:
        await asyncio.gather(*(_print_lines(lines, wanted) for lines in reading))
        return
    from fluxkit.kube import errors

    failed = False
    for lines in reading:
        try:
            await _print_lines(lines, wanted)
        except errors.KubeError as error:
            progress.line(f"failed getting logs: {error}")
            failed = True
    if failed:
        raise CommandError("failed to collect logs from all Flux pods")


async def _pod_lines(pod: Object, wanted: Filter, follow: bool, tail: int, session: Session) -> AsyncIterator[str]:
    key = key_of(pod)
    params = {"follow": "true"} if follow else {}
    if tail >= 0:
        params["tailLines"] = str(tail)
    if wanted.since is not None:
        params["sinceTime"] = format_time(wanted.since)
    if len(pod.get("spec", {}).get("containers") or []) > 1:
        params["container"] = "manager"
    path = f"/api/v1/namespaces/{key.namespace}/pods/{key.name}/log"
    rest = b""
    async for chunk in session.client.stream(path, params=params):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")


async def _print_lines(lines: AsyncIterator[str], wanted: Filter) -> None:
    async for text in lines:
        shown = wanted.line(text)
        if shown is not None:
            print(shown, flush=True)


async def _read_alone(path: Path, wanted: Filter, timeout: float, tail: int, follow: bool) -> None:
    try:
        async with asyncio.timeout(timeout):
            await _print_file(path, wanted, tail, follow)
    except TimeoutError:
        return


async def _print_file(path: Path, wanted: Filter, tail: int, follow: bool) -> None:
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CommandError(f"log file {path} cannot be read: {error.strerror}") from error
    with file:
        lines = file if tail < 0 else deque(file, maxlen=tail)
        for text in lines:
            if (shown := wanted.line(text)) is not None:
                print(shown)
        sys.stdout.flush()
        while follow:
            while text := file.readline():
                if (shown := wanted.line(text)) is not None:
                    print(shown, flush=True)
            await asyncio.sleep(_FILE_PULSE)
