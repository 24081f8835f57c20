"""``flux check``: can Flux run here, and does it (fluxcd/flux2 cmd/flux/check.go).

Controllers are looked for where they can be seen: first as Deployments labelled ``app.kubernetes.io/part-of=flux``, as
upstream; if there are none, as a process on this machine that ``flux controllers`` has left a note about
(:mod:`fluxkit.cli.localstate`), which must exist and answer its readiness probe. Controllers that run on somebody
else's machine cannot be seen, and the check says that there are none.

The check for newer releases of upstream is left out: fluxkit does not call home.
"""

import asyncio
import re
import urllib.error
import urllib.request

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import NO_CLUSTER, NOT_INSTALLED, Session, run
from fluxkit.cli.command import FluxCommand, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import DURATION, SLICE
from fluxkit.cli.help import PREVIEW
from fluxkit.cli.installation import COMPONENTS, CRD, DEPLOYMENT, PART_OF_FLUX, cluster_info
from fluxkit.cli.kinds import nested
from fluxkit.cli.settings import Settings
from fluxkit.objects import Object, key_of

__all__ = ["MINIMUM", "check"]

MINIMUM = (1, 33)
CONSTRAINT = f">={MINIMUM[0]}.{MINIMUM[1]}.0-0"
_PROBE_TIMEOUT = 5.0


@click.command(
    "check",
    cls=FluxCommand,
    help="The check command will perform a series of checks to validate that\nthe local environment is configured "
    f"correctly and if the installed components are healthy.\n\n{PREVIEW}",
    examples="""
  # Run pre-installation checks
  flux check --pre

  # Run installation checks
  flux check
""",
)
@switch("--pre", help="only run pre-installation checks")
@flag(
    "--components",
    type=SLICE,
    default=COMPONENTS,
    expose_value=False,
    help="accepted for compatibility: every component that is found is checked",
)
@flag("--components-extra", type=SLICE, expose_value=False, help="accepted for compatibility")
@flag(
    "--poll-interval",
    type=DURATION,
    default=5.0,
    expose_value=False,
    help="accepted for compatibility: the cluster is watched, not polled",
)
@click.pass_obj
def check(settings: Settings, /, pre: bool) -> None:
    async def checks(session: Session) -> None:
        await _check(session, pre)

    progress.action("checking prerequisites")
    run(settings, checks)


async def _check(session: Session, pre: bool) -> None:
    passed = await _kubernetes(session)
    if pre:
        if not passed:
            raise CommandError("")
        progress.success("prerequisites checks passed")
        return
    progress.action("checking version in cluster")
    passed = await _version(session) and passed
    progress.action("checking controllers")
    passed = await _controllers(session) and passed
    progress.action("checking crds")
    passed = await _crds(session) and passed
    if not passed:
        raise CommandError("check failed")
    progress.success("all checks passed")


async def _kubernetes(session: Session) -> bool:
    from fluxkit.kube import errors

    try:
        answer = await session.client.server_version()
    except errors.KubeError as error:
        progress.failure(f"Kubernetes API call failed: {error}")
        for line in NO_CLUSTER:
            progress.line(line)
        return False
    version = str(answer.get("gitVersion", ""))
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        progress.failure("Kubernetes version can't be determined")
        return False
    if (int(found[1]), int(found[2])) < MINIMUM:
        progress.failure(f"Kubernetes version {version} does not match {CONSTRAINT}")
        return False
    progress.success(f"Kubernetes {version.removeprefix('v')} {CONSTRAINT}")
    return True


async def _version(session: Session) -> bool:
    from fluxkit.kube import errors

    try:
        crd = await session.client.get(CRD, "gitrepositories.source.toolkit.fluxcd.io", metadata_only=True)
    except errors.KubeError as error:
        progress.failure(f"checking failed: {error}")
        return False
    info = cluster_info(crd)
    if info.distribution:
        progress.success(f"distribution: {info.distribution}")
    progress.success(f"bootstrapped: {'true' if info.bootstrapped else 'false'}")
    return True


async def _controllers(session: Session) -> bool:
    deployments = await session.client.list(DEPLOYMENT, session.namespace, label_selector=PART_OF_FLUX)
    if not deployments.items:
        return await _local_controllers(session)
    passed = True
    for deployment in sorted(deployments.items, key=key_of):
        passed = await _deployment_ready(session, deployment) and passed
        for container in nested(deployment, "spec", "template", "spec", "containers") or []:
            progress.action(str(container.get("image", "")))
    return passed


async def _deployment_ready(session: Session, deployment: Object) -> bool:
    """Wait until the Deployment is ready, at most until the command's deadline is near."""
    from fluxkit.apply.kstatus import StatusCode, compute
    from fluxkit.cli.follow import observe

    key = key_of(deployment)
    try:
        async with asyncio.timeout(session.settings.timeout * 0.9):
            async for current in observe(session.client, DEPLOYMENT, key.name, key.namespace):
                status = compute(current).status
                if status is StatusCode.CURRENT:
                    progress.success(f"{key.name}: deployment ready")
                    return True
                if status is StatusCode.FAILED:
                    break
    except TimeoutError:
        pass
    progress.failure(f"{key.name}: deployment not ready")
    return False


async def _local_controllers(session: Session) -> bool:
    from fluxkit.cli.localstate import running_controllers

    local = running_controllers(session.client.config.server)
    if local is None:
        progress.failure(
            f"no controllers found in the '{session.namespace}' namespace with the label selector '{PART_OF_FLUX}'"
        )
        progress.line("To run them on this machine: flux controllers")
        return False
    url = local.health_url()
    problem = await asyncio.to_thread(_probe, url) if url else ""
    for name in local.controllers:
        if problem:
            progress.failure(f"{name}: process {local.pid} on this machine is not ready: {problem}")
        else:
            state = "ready" if url else "running, with no health endpoint to ask"
            progress.success(f"{name}: process {local.pid} on this machine {state}")
    return not problem


def _probe(url: str) -> str:
    """What is wrong with a readiness endpoint; empty if it says ready."""
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        return f"{url} answers {error.code}"
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        return f"{url}: {error}"


async def _crds(session: Session) -> bool:
    listed = await session.client.list(CRD, label_selector=PART_OF_FLUX)
    if not listed.items:
        progress.failure(f"no crds found with the label selector '{PART_OF_FLUX}'")
        for line in NOT_INSTALLED:
            progress.line(line)
        return False
    passed = True
    for crd in sorted(listed.items, key=key_of):
        versions = nested(crd, "status", "storedVersions") or []
        if versions:
            progress.success(f"{key_of(crd).name}/{versions[-1]}")
        else:
            progress.failure(f"no stored versions for {key_of(crd).name}")
            passed = False
    return passed
