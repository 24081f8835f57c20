"""``flux version`` (fluxcd/flux2 cmd/flux/version.go)."""

import json
from functools import partial

import click

from fluxkit import __version__
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import FluxCommand, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.installation import CRD, DEPLOYMENT, PART_OF_FLUX, cluster_info
from fluxkit.cli.kinds import nested
from fluxkit.cli.settings import Settings

__all__ = ["split_image", "version"]


@click.command(
    "version",
    cls=FluxCommand,
    help="Print the client and server-side components version information for the current context.",
    examples="""
  # Print client and server-side version
  flux version

  # Print only client version
  flux version --client

  # Print information in json format
  flux version -o json
""",
)
@switch("--client", help="print only client version")
@flag(
    "-o",
    "--output",
    default="yaml",
    help="the format in which the information should be printed. can be 'json' or 'yaml'",
)
@click.pass_obj
def version(settings: Settings, /, client: bool, output: str) -> None:
    if output not in ("yaml", "json"):
        raise CommandError(f"--output must be json or yaml, not {output}")
    versions = {"flux": f"v{__version__}"}
    if not client:
        run(settings, partial(_add_server_side, versions))
    if output == "json":
        print(json.dumps(versions, indent=2, sort_keys=True))
        return
    for name in [*(name for name in ("flux", "distribution") if name in versions), *sorted(versions)]:
        if (text := versions.pop(name, None)) is not None:
            print(f"{name}: {_scalar(text)}")


def _scalar(text: str) -> str:
    from fluxkit import yaml

    return yaml.dump(text).strip()


async def _add_server_side(versions: dict[str, str], session: Session) -> None:
    from fluxkit.kube import errors

    try:
        crd = await session.client.get(CRD, "gitrepositories.source.toolkit.fluxcd.io", metadata_only=True)
        if distribution := cluster_info(crd).distribution:
            versions["distribution"] = distribution
    except errors.NotFound:
        pass  # other controllers may be installed all the same
    deployments = await session.client.list(DEPLOYMENT, session.namespace, label_selector=PART_OF_FLUX)
    for deployment in deployments.items:
        for container in nested(deployment, "spec", "template", "spec", "containers") or []:
            name, tag = split_image(str(container.get("image", "")))
            versions[name] = tag
    if deployments.items:
        return
    from fluxkit.cli.localstate import running_controllers

    local = running_controllers(session.client.config.server)
    if local is None:
        raise CommandError(
            f"no deployments found in {session.namespace} namespace",
            advice=("Without a cluster's own controllers, run them on this machine: flux controllers",),
        )
    versions.update(dict.fromkeys(local.controllers, f"v{local.version}"))


def split_image(image: str) -> tuple[str, str]:
    """(last part of the repository, tag): ``ghcr.io/fluxcd/source-controller:v1@sha256:...`` keeps the digest."""
    first, slash, rest = image.partition("/")
    has_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    repository, colon, tag = (rest if has_registry else image).partition(":")
    if not colon:
        raise CommandError(f"missing image tag in image {image}")
    return repository.rpartition("/")[2], tag
