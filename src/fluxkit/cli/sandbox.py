"""``flux sandbox``: a Kubernetes API on this machine, without a cluster (:mod:`fluxkit.sandbox`)."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fluxkit.cli import progress
from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy, flag, option, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import INT
from fluxkit.cli.localstate import sandbox_dir

if TYPE_CHECKING:
    from fluxkit.sandbox import Sandbox

__all__ = ["sandbox"]


def _open(directory: str) -> "Sandbox":
    from fluxkit.sandbox import Sandbox

    return Sandbox(Path(directory) if directory else sandbox_dir())


@click.command("start", cls=FluxCommand, help="Start the sandbox in the background, unless it runs.")
@flag("--port", type=INT, default=0, help="port of the API server, by default the one used before or a free one")
def start(dir: str, port: int) -> None:
    from fluxkit.sandbox import SandboxError

    box = _open(dir)
    if not box.pid():
        progress.action("starting the sandbox")
    try:
        status = box.start(port)
    except SandboxError as error:
        raise CommandError(str(error)) from error
    progress.success(f"Kubernetes {status.version} answers at {status.url}")
    progress.action("to use it, run the following, then: flux install && flux controllers")
    print(f"export KUBECONFIG={box.kubeconfig_path}")


@click.command("stop", cls=FluxCommand, help="Stop the sandbox; its objects are kept.")
def stop(dir: str) -> None:
    if _open(dir).stop():
        progress.success("sandbox stopped")
    else:
        progress.success("the sandbox is not running")


@click.command("status", cls=FluxCommand, help="Say whether the sandbox runs and answers; exits 1 if it does not.")
def status(dir: str) -> None:
    box = _open(dir)
    found = box.status()
    if not found.running:
        raise CommandError(
            f"the sandbox in {box.directory} is not running", advice=("To start it: flux sandbox start",)
        )
    if not found.ready:
        raise CommandError(f"the sandbox (process {found.pid}) does not answer at {found.url}")
    progress.success(f"Kubernetes {found.version} answers at {found.url} (process {found.pid})")
    progress.success(f"kubeconfig: {box.kubeconfig_path}")


@click.command("reset", cls=FluxCommand, help="Delete all objects of the sandbox; address and credentials stay.")
@switch("-s", "--silent", help="reset without asking for confirmation")
def reset(dir: str, silent: bool) -> None:
    box = _open(dir)
    if not silent and not progress.confirm(
        f"Are you sure you want to delete everything in the sandbox {box.directory}"
    ):
        raise CommandError("aborting")
    from fluxkit.sandbox import SandboxError

    try:
        found = box.reset()
    except SandboxError as error:
        raise CommandError(str(error)) from error
    progress.success("sandbox reset" + ("" if found.running else ", it is not running"))


@click.command("kubeconfig", cls=FluxCommand, help="Print the path of the sandbox's kubeconfig file.")
def kubeconfig(dir: str) -> None:
    path = _open(dir).kubeconfig_path
    if not path.exists():
        raise CommandError("the sandbox was never started", advice=("To start it: flux sandbox start",))
    print(path)


_COMMANDS: dict[str, tuple[click.Command, str]] = {
    "start": (start, "Start the sandbox in the background"),
    "stop": (stop, "Stop the sandbox"),
    "status": (status, "Say whether the sandbox runs"),
    "reset": (reset, "Delete all objects of the sandbox"),
    "kubeconfig": (kubeconfig, "Print the path of the sandbox's kubeconfig file"),
}


def _given(command: click.Command) -> click.Command:
    return command


sandbox = FluxGroup(
    "sandbox",
    {name: Lazy(partial(_given, command), text) for name, (command, text) in _COMMANDS.items()},
    help="""The sandbox is a Kubernetes API server that runs on this machine without a cluster: it keeps objects, serves
watches and plays simple workloads, enough for Flux, kubectl and Helm. It starts no containers.""",
    persistent=[option("--dir", help="directory of the sandbox, below $XDG_STATE_HOME by default")],
    examples="""
  # Try Flux without a cluster
  flux sandbox start
  export KUBECONFIG=$(flux sandbox kubeconfig)
  flux install
  flux controllers
""",
)
