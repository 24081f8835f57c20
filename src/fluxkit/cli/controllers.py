"""``flux controllers``: run the controllers in the foreground, beside the cluster or inside it.

The flags are those of upstream's controllers, which are separate programs there and parts of one process here. Where
upstream's default is made for a container, a machine outside of a cluster gets its own: addresses are bound to the
loopback interface, and artifacts are stored below ``$XDG_STATE_HOME``.

While it runs, the command keeps a note on this machine (:mod:`fluxkit.cli.localstate`) for ``flux check`` and
``flux logs``.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxkit import __version__
from fluxkit.cli import progress
from fluxkit.cli.command import FluxCommand, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import DURATION, INT, SLICE, OneOf
from fluxkit.cli.localstate import RunningControllers, announced, artifact_dir
from fluxkit.cli.settings import Settings

if TYPE_CHECKING:
    from fluxkit.controllers.options import ControllersOptions

__all__ = ["controllers"]

_ENCODING = OneOf(("json", "console"), "unsupported log encoding '{value}', must be one of: {choices}")
_NOT_FOR_CONTROLLERS = {
    "as_group",
    "as_uid",
    "as_user",
    "as_user_extra",
    "certificate_authority",
    "client_certificate",
    "client_key",
    "cluster",
    "disable_compression",
    "insecure_skip_tls_verify",
    "server",
    "tls_server_name",
    "token",
    "user",
}
_LEVEL = OneOf(("trace", "debug", "info", "error"), "unsupported log level '{value}', must be one of: {choices}")


@click.command(
    "controllers",
    cls=FluxCommand,
    help="""The controllers command runs source-controller and kustomize-controller in the foreground until it is
interrupted. It needs no container: it works from any machine that reaches the API server.""",
    examples="""
  # Run all controllers against the current kubeconfig context
  flux controllers

  # Run one controller, and keep its log where 'flux logs' finds it
  flux controllers --controllers=source-controller --log-file=source.log
""",
)
@flag("--controllers", type=SLICE, help="the controllers to run, all by default, accepts comma-separated values")
@flag("--storage-path", help="directory of the artifacts, below $XDG_STATE_HOME by default")
@flag("--storage-addr", help="address of the artifact server, 127.0.0.1:9090 by default (:9090 inside a cluster)")
@flag("--storage-adv-addr", help="address at which consumers reach the artifact server")
@flag("--artifact-retention-ttl", type=DURATION, default=60.0, help="how long artifacts that nobody needs are kept")
@flag("--artifact-retention-records", type=INT, default=2, help="how many artifacts of each source are kept at most")
@flag(
    "--artifact-digest-algo",
    default="sha256",
    help="algorithm of artifact digests",
    type=OneOf(("sha256", "sha384", "sha512"), "unsupported digest algorithm '{value}', must be one of: {choices}"),
)
@flag("--metrics-addr", help="address of the metrics endpoint, 127.0.0.1:8080 by default (:8080 inside a cluster)")
@flag("--health-addr", help="address of the health endpoint, 127.0.0.1:9440 by default (:9440 inside a cluster)")
@flag("--events-addr", help="address of the notification controller's event receiver")
@flag("--log-level", type=_LEVEL, default="info", help="log verbosity level, one of: trace, debug, info, error")
@flag("--log-encoding", type=_ENCODING, default="json", help="log encoding, one of: json, console")
@flag("--log-file", help="write the log to this file instead of standard error")
@flag("--concurrent", type=INT, default=4, help="the number of concurrent reconciles of each kind")
@flag("--concurrent-ssa", type=INT, default=4, help="the number of concurrent server-side applies of a Kustomization")
@flag(
    "--requeue-dependency",
    type=DURATION,
    default=30.0,
    help="the interval at which failing dependencies are re-evaluated",
)
@flag("--min-retry-delay", type=DURATION, default=0.75, help="the delay before the first retry of a failed reconcile")
@flag("--max-retry-delay", type=DURATION, default=900.0, help="the longest delay between retries")
@flag("--interval-jitter-percentage", type=INT, default=5, help="percentage of jitter applied to intervals")
@flag("--graceful-shutdown-timeout", type=DURATION, default=30.0, help="how long running reconciles may take to end")
@switch("--enable-leader-election", help="work only while no other process of the same controllers does")
@switch(
    "--leader-election-release-on-cancel",
    default=True,
    help="let another process work at once when this one ends in good order",
)
@flag(
    "--leader-election-lease-duration",
    type=DURATION,
    default=35.0,
    help="how long a process that has stopped renewing its lease is still taken for the leader",
)
@flag(
    "--leader-election-renew-deadline",
    type=DURATION,
    default=30.0,
    help="how long the leader tries to renew its lease before it gives up",
)
@flag("--leader-election-retry-period", type=DURATION, default=5.0, help="the pause between attempts")
@switch(
    "--watch-all-namespaces", default=True, help="watch for resources in all namespaces, if false only in --namespace"
)
@flag("--watch-label-selector", help="watch for resources with these labels only")
@flag(
    "--watch-configs-label-selector",
    default="reconcile.fluxcd.io/watch=Enabled",
    help="watch for ConfigMaps and Secrets with these labels",
)
@switch("--no-cross-namespace-refs", help="disallow references to objects in other namespaces")
@switch("--no-remote-bases", help="disallow remote bases in kustomizations")
@flag("--default-service-account", help="the ServiceAccount that Kustomizations without one impersonate")
@flag(
    "--default-kubeconfig-service-account",
    help="the ServiceAccount whose tokens open clusters that a ConfigMap describes without naming one",
)
@flag(
    "--default-decryption-service-account",
    help="the ServiceAccount that authenticates with key services for Kustomizations whose decryption names none",
)
@flag(
    "--sops-vault-configmap",
    help="ConfigMap in RUNTIME_NAMESPACE with the Vault servers that are trusted, and their login paths",
)
@flag(
    "--sops-age-secret",
    help="Secret in RUNTIME_NAMESPACE with age keys for Kustomizations whose decryption names no Secret",
)
@flag("--feature-gates", type=SLICE, help="feature gates, as Name=true|false, accepts comma-separated values")
@flag("--http-retry", type=INT, default=9, help="the number of retries when fetching artifacts")
@flag(
    "--override-manager",
    "override_managers",
    type=SLICE,
    help="field manager whose fields are taken over, can be repeated",
)
@flag("--custom-apply-stage-kinds", help="kinds applied in a stage of their own, as group/Kind list")
@switch("--insecure-kubeconfig-exec", help="allow exec plugins in kubeconfig Secrets")
@switch("--insecure-kubeconfig-tls", help="allow skipping TLS verification in kubeconfig Secrets")
@click.pass_obj
def controllers(settings: Settings, /, **flags: Any) -> None:
    ignored = settings.given & _NOT_FOR_CONTROLLERS
    if ignored:
        names = ", ".join(sorted("--" + name.removesuffix("_user").replace("_", "-") for name in ignored))
        raise CommandError(f"the controllers take their connection from --kubeconfig and --context, not from {names}")
    from fluxkit.cli.cluster import NO_CLUSTER, cluster_config
    from fluxkit.controllers import options as declared
    from fluxkit.kube import errors

    try:
        server = cluster_config(settings).server
        options = _options(settings, server, flags)
    except errors.ConfigError as error:
        raise CommandError(str(error), advice=NO_CLUSTER) from error
    except declared.OptionsError as error:
        raise CommandError(str(error)) from error
    log_file = _log_file(options)
    note = RunningControllers(
        pid=os.getpid(),
        server=server,
        version=__version__,
        controllers=list(options.controllers),
        health_addr=options.health_addr,
        log_file=str(log_file or ""),
    )
    if sys.stderr.isatty():
        progress.action(f"running {', '.join(options.controllers)} against {server}; interrupt with Ctrl-C")
    with announced(note):
        _run(options)


def _run(options: "ControllersOptions") -> None:
    from fluxkit.controllers.app import run
    from fluxkit.kube import errors
    from fluxkit.runtime import LeadershipLost
    from fluxkit.source import StorageError

    try:
        run(options)
    except (errors.ConfigError, LeadershipLost, StorageError) as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"the controllers cannot start: {error}") from error


def _options(settings: Settings, server: str, flags: dict[str, Any]) -> "ControllersOptions":
    from fluxkit.controllers.options import ControllersOptions

    host = "" if os.environ.get("KUBERNETES_SERVICE_HOST") else "127.0.0.1"
    given = {name: value for name, value in flags.items() if value not in ("", ())}
    given["feature_gates"] = _gates(flags["feature_gates"])
    if flags["storage_path"]:
        given["storage_path"] = Path(flags["storage_path"])  # must exist, as upstream: a missing mount is a mistake
    else:
        given["storage_path"] = artifact_dir(server)
        given["storage_path"].mkdir(parents=True, exist_ok=True)
    for name, port in (("storage_addr", 9090), ("metrics_addr", 8080), ("health_addr", 9440)):
        given.setdefault(name, f"{host}:{port}")
    if flags["log_file"]:
        given["log_file"] = Path(flags["log_file"]).absolute()
    return ControllersOptions(
        kubeconfig=settings.kubeconfig or None,
        context=settings.context or None,
        kube_api_qps=settings.kube_api_qps,
        kube_api_burst=settings.kube_api_burst,
        runtime_namespace=os.environ.get("RUNTIME_NAMESPACE") or settings.namespace,
        source_localhost=os.environ.get("SOURCE_CONTROLLER_LOCALHOST", ""),
        watcher_localhost=os.environ.get("SOURCE_WATCHER_LOCALHOST", ""),
        **given,
    )


def _gates(items: tuple[str, ...]) -> dict[str, bool]:
    gates: dict[str, bool] = {}
    for item in items:
        name, given, value = item.partition("=")
        if not given or value.lower() not in ("true", "false"):
            raise CommandError(f"--feature-gates: '{item}' must be Name=true or Name=false")
        gates[name.strip()] = value.lower() == "true"
    return gates


def _log_file(options: "ControllersOptions") -> Path | None:
    """Where the log can be read later: the file that was asked for, or the one that standard error leads to."""
    if options.log_file is not None:
        return options.log_file
    link = Path("/proc/self/fd/2")
    if link.is_file():
        target = link.resolve()
        return target if target.is_file() else None
    return None
