"""The root of the command line: persistent flags, the verbs, and the one place where a failure becomes an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from fluxkit import __version__
from fluxkit.cli import progress
from fluxkit.cli.command import FluxGroup, lazy, option
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL, DURATION, FLOAT, INT, SLICE
from fluxkit.cli.namespaces import DEFAULT_NAMESPACE
from fluxkit.cli.settings import Settings

__all__ = ["flux", "run"]


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    settings = ctx.ensure_object(Settings)
    name = str(param.name)
    if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
        setattr(settings, name, value)
        settings.given.add(name)


def _setting(*names: str, **attributes: Any) -> click.Option:
    return option(*names, callback=_store, expose_value=False, **attributes)


PERSISTENT = [
    _setting("-n", "--namespace", default=DEFAULT_NAMESPACE, help="the namespace scope for this operation"),
    _setting("--timeout", type=DURATION, default=300.0, help="timeout for this operation"),
    _setting("--verbose", type=BOOL, default=False, help="print generated objects"),
    _setting(
        "--ns-follows-kube-context",
        type=BOOL,
        default=False,
        help="use the namespace from the kubeconfig context instead of the default flux-system namespace, can also be "
        "set via FLUX_NS_FOLLOWS_KUBE_CONTEXT env var",
    ),
    _setting("--kube-api-qps", type=FLOAT, default=50.0, help="accepted for compatibility: requests are not throttled"),
    _setting("--kube-api-burst", type=INT, default=300, help="accepted for compatibility: requests are not throttled"),
    _setting("--kubeconfig", help="path to the kubeconfig file to use for CLI requests"),
    _setting("--context", help="the name of the kubeconfig context to use"),
    _setting("--cluster", help="the name of the kubeconfig cluster to use"),
    _setting("--user", help="the name of the kubeconfig user to use"),
    _setting("--server", help="the address and port of the Kubernetes API server"),
    _setting("--tls-server-name", help="server name to use for server certificate validation"),
    _setting(
        "--insecure-skip-tls-verify",
        type=BOOL,
        default=False,
        help="if true, the Kubernetes API server's certificate will not be checked for validity",
    ),
    _setting("--certificate-authority", help="path to the certificate authority of the Kubernetes API server"),
    _setting("--client-certificate", help="path to a client certificate for the Kubernetes API server"),
    _setting("--client-key", help="path to a client key for the Kubernetes API server"),
    _setting("--token", help="bearer token for authentication to the Kubernetes API server"),
    _setting("--as", "as_user", help="username to impersonate, such as system:serviceaccount:ns:name"),
    _setting("--as-group", type=SLICE, help="group to impersonate, can be repeated"),
    _setting("--as-uid", help="UID to impersonate"),
    _setting("--as-user-extra", type=SLICE, help="user extras to impersonate, key=value, can be repeated"),
    _setting("--cache-dir", help="accepted for compatibility: nothing is cached on disk"),
    _setting("--disable-compression", type=BOOL, default=False, help="do not ask for compressed answers"),
]

EXAMPLES = """
  # Try Flux without a cluster
  flux sandbox start

  # Check prerequisites
  flux check --pre

  # Install the custom resource definitions
  flux install

  # Run the controllers
  flux controllers

  # Create a source for a public Git repository
  flux create source git webapp-latest \\
    --url=https://github.com/stefanprodan/podinfo \\
    --branch=master \\
    --interval=3m

  # List GitRepository sources and their status
  flux get sources git

  # Trigger a GitRepository source reconciliation
  flux reconcile source git flux-system

  # Create a Kustomization for deploying a series of microservices
  flux create kustomization webapp-dev \\
    --source=webapp-latest \\
    --path="./deploy/webapp/" \\
    --prune=true \\
    --interval=5m

  # Trigger a git sync of the Kustomization's source and apply changes
  flux reconcile kustomization webapp-dev --with-source

  # Show what a Kustomization manages
  flux tree kustomization webapp-dev

  # Uninstall Flux and delete CRDs
  flux uninstall
"""

flux = FluxGroup(
    "flux",
    {
        "check": lazy("check", "check", "Check requirements and installation"),
        "completion": lazy("completion", "completion", "Generates completion scripts for various shells"),
        "controllers": lazy("controllers", "controllers", "Run the controllers in the foreground"),
        "create": lazy("create", "create", "Create or update sources and resources"),
        "delete": lazy("delete", "delete", "Delete sources and resources"),
        "events": lazy("events", "events", "Display Kubernetes events for Flux resources"),
        "export": lazy("export", "export", "Export resources in YAML format"),
        "get": lazy("get", "get", "Get the resources and their status"),
        "helm": lazy("helm", "helm", "Work on Helm charts offline"),
        "install": lazy("install", "install", "Install or upgrade Flux"),
        "kustomize": lazy("kustomize", "kustomize", "Build kustomizations offline"),
        "logs": lazy("logs", "logs", "Display formatted logs for Flux components"),
        "reconcile": lazy("reconcile", "reconcile", "Reconcile sources and resources"),
        "resume": lazy("resume", "resume", "Resume suspended resources"),
        "sandbox": lazy("sandbox", "sandbox", "Run a Kubernetes API on this machine, without a cluster"),
        "suspend": lazy("suspend", "suspend", "Suspend resources"),
        "tree": lazy("tree", "tree", "Print the resources reconciled by Flux"),
        "uninstall": lazy("uninstall", "uninstall", "Uninstall Flux and its custom resource definitions"),
        "version": lazy("version", "version", "Print the client and server-side components version information"),
        "__complete": lazy("completion", "complete", "Answer a completion script", hidden=True),
    },
    help="Command line utility for assembling Kubernetes CD pipelines the GitOps way.",
    persistent=PERSISTENT,
    examples=EXAMPLES,
)
flux.params.append(
    click.Option(
        ["-v", "--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        help="version for flux",
        callback=lambda ctx, param, value: _version(ctx) if value else None,
    )
)


def _version(ctx: click.Context) -> None:
    print(f"flux version {__version__}")
    ctx.exit()


def run(args: Sequence[str]) -> int:
    """Run one command line; returns the process's exit code.

    The boundary at which failures become text: those that a command raises on purpose are printed as upstream does;
    anything else is a defect of ours and keeps its traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if (stream.encoding or "").lower().replace("-", "") != "utf8" and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")  # the symbols are part of the contract, whatever the locale
    try:
        code = flux.main(list(args), prog_name="flux", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except CommandError as error:
        if error.message:
            (progress.warning if error.warn else progress.failure)(error.message)
        for text in error.advice:
            progress.line(text)
        return error.exit_code
    except click.ClickException as error:
        progress.failure(error.format_message())
        return 1
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # the reader of our output has gone away (flux get ... | head): not an error, and nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
