"""``flux create kustomization`` (fluxcd/flux2 cmd/flux/create_kustomization.go)."""

from functools import partial
from typing import Any

import click

from fluxkit.cli import progress
from fluxkit.cli.cluster import Session, run
from fluxkit.cli.command import flag, switch
from fluxkit.cli.create import CreateCommand, manifest, parse_labels, upsert
from fluxkit.cli.errors import CommandError
from fluxkit.cli.export import manifest_text
from fluxkit.cli.flagtypes import DURATION, SLICE, OneOf, SafeRelativePath, SourceRef, SourceRefType
from fluxkit.cli.kinds import BY_KIND
from fluxkit.cli.settings import Settings
from fluxkit.durations import format_duration
from fluxkit.objects import Object

__all__ = ["kustomization"]

KIND = BY_KIND["Kustomization"]
HEALTH_CHECK_KINDS = ("Deployment", "DaemonSet", "StatefulSet", "HelmRelease")

EXAMPLES = """
  # Create a Kustomization resource from a source at a given path
  flux create kustomization kyverno \\
    --source=GitRepository/kyverno \\
    --path="./config/release" \\
    --prune=true \\
    --interval=60m \\
    --wait=true \\
    --health-check-timeout=3m

  # Create a Kustomization resource that depends on the previous one
  flux create kustomization kyverno-policies \\
    --depends-on=kyverno \\
    --source=GitRepository/kyverno-policies \\
    --path="./policies/flux" \\
    --prune=true \\
    --interval=5m

  # Create a Kustomization using a source from a different namespace
  flux create kustomization podinfo \\
    --namespace=default \\
    --source=GitRepository/podinfo.flux-system \\
    --path="./kustomize" \\
    --prune=true \\
    --interval=5m
"""


def _deprecated_validation(ctx: click.Context, param: click.Parameter, value: str) -> None:
    if value:
        progress.line(
            "Flag --validation has been deprecated, this arg is no longer used, all resources are validated using "
            "server-side apply dry-run"
        )


@click.command(
    "kustomization",
    cls=CreateCommand,
    help="The create command generates a Kustomization resource for a given source.",
    examples=EXAMPLES,
    aliases=("ks",),
    usage="[name]",
)
@click.argument("name", required=False)
@flag(
    "--source",
    type=SourceRefType(),
    help="source that contains the Kubernetes manifests in the format "
    "'[<kind>/]<name>.<namespace>', where kind must be one of: (OCIRepository, GitRepository, Bucket), if kind is not "
    "specified it defaults to GitRepository",
)
@flag(
    "--path", type=SafeRelativePath(), default="./", help="path to the directory containing a kustomization.yaml file"
)
@switch("--prune", help="enable garbage collection")
@switch("--wait", help="enable health checking of all the applied resources")
@flag(
    "--health-check",
    type=SLICE,
    help="workload to be included in the health assessment, in the format '<kind>/<name>.<namespace>'",
)
@flag("--health-check-timeout", type=DURATION, default=120.0, help="timeout of health checking operations")
@flag(
    "--depends-on",
    type=SLICE,
    help="Kustomization that must be ready before this Kustomization can be applied, "
    "supported formats '<name>' and '<namespace>/<name>', also accepts comma-separated values",
)
@flag("--service-account", help="the name of the service account to impersonate when reconciling this Kustomization")
@flag(
    "--decryption-provider",
    help="decryption provider, available options are: (sops)",
    type=OneOf(("sops",), "decryption provider '{value}' is not supported, must be one of: {choices}"),
)
@flag(
    "--decryption-secret", help="set the Kubernetes secret name that contains the private keys used for sops decryption"
)
@flag(
    "--target-namespace", help="overrides the namespace of all Kustomization objects reconciled by this Kustomization"
)
@flag(
    "--kubeconfig-secret-ref",
    help="the name of the Kubernetes Secret that contains a key with the kubeconfig file "
    "for connecting to a remote cluster",
)
@flag(
    "--retry-interval",
    type=DURATION,
    default=0.0,
    help="the interval at which to retry a previously failed reconciliation",
)
@flag("--validation", hidden=True, expose_value=False, callback=_deprecated_validation)
@click.pass_obj
def kustomization(
    settings: Settings,
    /,
    name: str,
    source: SourceRef | None,
    interval: float,
    export: bool,
    label: tuple[str, ...],
    **flags: Any,
) -> None:
    if source is None:
        raise CommandError("source is required")
    if not export:
        progress.generate("generating Kustomization")
    obj = manifest(KIND.gvk, name, settings.namespace, parse_labels(label), _spec(source, interval, **flags))
    if export:
        print(manifest_text(obj))
        return
    run(settings, partial(_apply, name, obj))


def _spec(
    source: SourceRef,
    interval: float,
    *,
    path: str,
    prune: bool,
    wait: bool,
    health_check: tuple[str, ...],
    health_check_timeout: float,
    depends_on: tuple[str, ...],
    service_account: str,
    decryption_provider: str,
    decryption_secret: str,
    target_namespace: str,
    kubeconfig_secret_ref: str,
    retry_interval: float,
) -> dict[str, Any]:
    kind, source_name, source_namespace = source
    spec: dict[str, Any] = {
        "interval": format_duration(interval),
        "path": path,
        "prune": prune,
        "sourceRef": {"kind": kind, "name": source_name},
        "targetNamespace": target_namespace,
        "dependsOn": [_dependency(each) for each in depends_on],
        "serviceAccountName": service_account,
    }
    if source_namespace:
        spec["sourceRef"]["namespace"] = source_namespace
    if kubeconfig_secret_ref:
        spec["kubeConfig"] = {"secretRef": {"name": kubeconfig_secret_ref}}
    if wait:
        spec["wait"] = True
    elif health_check:
        spec["healthChecks"] = [_health_check(each) for each in health_check]
    if wait or health_check:
        spec["timeout"] = format_duration(health_check_timeout)
    if decryption_provider:
        spec["decryption"] = {"provider": decryption_provider}
        if decryption_secret:
            spec["decryption"]["secretRef"] = {"name": decryption_secret}
    if retry_interval > 0:
        spec["retryInterval"] = format_duration(retry_interval)
    return spec


def _dependency(text: str) -> dict[str, str]:
    """``[<namespace>/]<name>[@<readyExpr>]``."""
    reference, given, ready = text.partition("@")
    namespace, slash, name = reference.partition("/")
    dependency = {"name": name if slash else reference}
    if slash:
        dependency["namespace"] = namespace
    if given:
        dependency["readyExpr"] = ready
    return dependency


def _health_check(text: str) -> dict[str, str]:
    parts = text.split("/")
    if len(parts) != 2:
        raise CommandError(f"invalid health check '{text}' must be in the format 'kind/name.namespace'")
    kind, rest = parts
    if kind not in HEALTH_CHECK_KINDS:
        raise CommandError(
            f"invalid health check kind '{kind}' can be HelmRelease, Deployment, DaemonSet or StatefulSet"
        )
    names = rest.split(".")
    if len(names) != 2:
        raise CommandError(f"invalid health check '{text}' must be in the format 'kind/name.namespace'")
    check = {"kind": kind, "name": names[0], "namespace": names[1]}
    if kind == "HelmRelease":
        check["apiVersion"] = BY_KIND["HelmRelease"].gvk.api_version
    return check


async def _apply(name: str, obj: Object, session: Session) -> None:
    from fluxkit.cli.readiness import wait_ready

    progress.action("applying Kustomization")
    await upsert(session, obj, "Kustomization")
    progress.waiting("waiting for Kustomization reconciliation")
    ready = await wait_ready(session, KIND, name)
    progress.success(f"Kustomization {name} is ready")
    progress.success(KIND.success(ready))
