"""``flux kustomize build``: what ``kustomize build`` prints, without a cluster (:mod:`fluxkit.kustomize`).

Flags are kustomize's own (kubernetes-sigs/kustomize kustomize/commands/build).
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from fluxkit.cli import progress
from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy, flag, switch
from fluxkit.cli.errors import CommandError

if TYPE_CHECKING:
    from fluxkit.controllers.building.bases import RemoteBases
    from fluxkit.kustomize import BuildOptions, BuildResult, FunctionRunner, HelmRenderer

__all__ = ["kustomize"]

_RESTRICTORS = ("LoadRestrictionsRootOnly", "LoadRestrictionsNone")
_REORDERS: Mapping[str, Literal["legacy", "none"]] = {"legacy": "legacy", "none": "none"}


@click.command(
    "build",
    cls=FluxCommand,
    help="Build a set of KRM resources using a 'kustomization.yaml' file.\nThe DIR argument must be a path to a "
    "directory containing 'kustomization.yaml', or a git repository URL with a path suffix specifying same with "
    "respect to the repository root.\nIf DIR is omitted, '.' is assumed.",
    examples="""
  # Build the current working directory
  flux kustomize build

  # Build some shared configuration directory
  flux kustomize build apps/production

  # Build from a repository
  flux kustomize build "https://github.com/kubernetes-sigs/kustomize.git/examples/helloWorld?ref=v1.0.6"
""",
    usage="DIR",
)
@click.argument("directories", nargs=-1)
@switch("--as-current-user", help="use the uid and gid of the command executor to run the function in the container")
@switch("--enable-alpha-plugins", help="enable kustomize plugins: functions in containers and executable plugins")
@switch("--enable-exec", help="enable support for exec functions (raw executables); do not use for untrusted configs!")
@switch("--enable-helm", help="enable use of the Helm chart inflator generator")
@switch("--enable-managedby-label", help="enable adding app.kubernetes.io/managed-by (deprecated: use buildMetadata)")
@flag(
    "-e",
    "--env",
    multiple=True,
    default=(),
    metavar="stringArray",
    help="a list of environment variables to be used by functions",
)
@flag(
    "--helm-api-versions",
    multiple=True,
    default=(),
    metavar="stringArray",
    help="Kubernetes api versions used by Helm for Capabilities.APIVersions",
)
@flag("--helm-command", default="helm", help="accepted for compatibility: charts are rendered without Helm")
@switch("--helm-debug", help="accepted for compatibility: errors tell the template and line anyway")
@flag("--helm-kube-version", help="Kubernetes version used by Helm for Capabilities.KubeVersion")
@flag(
    "--load-restrictor",
    default=_RESTRICTORS[0],
    help="if set to 'LoadRestrictionsNone', local kustomizations may load files from outside their root. "
    "This does, however, break the relocatability of the kustomization.",
)
@flag(
    "--mount",
    multiple=True,
    default=(),
    metavar="stringArray",
    help="a list of storage options read from the filesystem",
)
@switch("--network", help="enable network access for functions that declare it")
@flag("--network-name", default="bridge", help="accepted for compatibility: functions get the host's network or none")
@flag("-o", "--output", help="if specified, write output to this path: a file, or a directory for one file each")
@flag(
    "--reorder",
    default="legacy",
    help="reorder the resources just before output (deprecated: use sortOptions): legacy or none",
)
@click.pass_context
def build(ctx: click.Context, /, directories: tuple[str, ...], **flags: Any) -> None:
    if len(directories) > 1:
        raise CommandError("specify one path to kustomization.yaml")
    _check(flags)
    reorders = ctx.get_parameter_source("reorder") is not click.core.ParameterSource.DEFAULT
    if reorders:
        progress.line(
            "Flag --reorder has been deprecated, use the new 'sortOptions' field in kustomization.yaml instead."
        )
    if flags["enable_managedby_label"]:
        progress.line(
            "Flag --enable-managedby-label has been deprecated, use the 'managedByLabel' option in the 'buildMetadata' "
            "field instead."
        )
    from fluxkit import kustomize as engine

    with ExitStack() as kept:
        options = _options(flags, kept, reorders)
        try:
            result = engine.build(directories[0] if directories else ".", options)
        except engine.KustomizeError as error:
            raise CommandError(str(error)) from error
    for warning in result.warnings:
        progress.line(warning)
    if flags["output"]:
        _write(Path(flags["output"]), result)
    else:
        print(result.text, end="")


def _check(flags: Mapping[str, Any]) -> None:
    for name, legal in (("load_restrictor", ("", *_RESTRICTORS)), ("reorder", tuple(_REORDERS))):
        if flags[name] not in legal:
            flag_name = name.replace("_", "-")
            raise CommandError(
                f"illegal flag value --{flag_name} {flags[name]}; legal values: [{' '.join(filter(None, legal))}]"
            )
    if flags["enable_helm"] and not flags["helm_command"]:
        raise CommandError("must specify --helm-command")


class _Remote:
    """Gets remote bases; most builds have none, and never pay for what it takes."""

    def __init__(self, kept: ExitStack) -> None:
        self._kept = kept
        self._bases: RemoteBases | None = None

    def _get(self) -> "RemoteBases":
        if self._bases is None:
            from fluxkit.controllers.building.bases import RemoteBases

            self._bases = RemoteBases(_scratch(self._kept), environment=os.environ)
        return self._bases

    def fetch_file(self, url: str) -> bytes:
        return self._get().fetch_file(url)

    def clone(self, url: str, ref: str, submodules: bool, timeout: float) -> Path:
        return self._get().clone(url, ref, submodules, timeout)


def _scratch(kept: ExitStack) -> Path:
    """A directory that goes when the command ends."""
    import tempfile

    return Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="kustomize-")))


def _options(flags: Mapping[str, Any], kept: ExitStack, reorders: bool) -> "BuildOptions":
    from fluxkit.kustomize import BuildOptions, FunctionOptions

    plugins = flags["enable_alpha_plugins"]
    helm = flags["enable_helm"] or plugins  # upstream's plugins bring Helm along
    return BuildOptions(
        load_restrictor="none" if flags["load_restrictor"] == "LoadRestrictionsNone" else "rootOnly",
        reorder=_REORDERS[flags["reorder"]] if reorders else "unspecified",
        schema="replace",
        allow_remote=True,
        fetcher=_Remote(kept),
        add_managed_by_label=flags["enable_managedby_label"]
        or os.environ.get("KUSTOMIZE_ENABLE_MANAGEDBY_LABEL") == "on",
        enable_plugins=plugins,
        enable_exec=flags["enable_exec"],
        functions=_processes() if plugins else None,
        function_options=FunctionOptions(
            network=flags["network"],
            mounts=flags["mount"],
            env=flags["env"],
            user=f"{os.getuid()}:{os.getgid()}" if flags["as_current_user"] else "nobody",
        ),
        enable_helm=helm,
        helm_renderer=_renderer(kept) if helm else None,
        helm_api_versions=flags["helm_api_versions"],
        helm_kube_version=flags["helm_kube_version"],
    )


def _processes() -> "FunctionRunner":
    from fluxkit.cli.krmfunctions import Processes

    return Processes()


def _renderer(kept: ExitStack) -> "HelmRenderer":
    from fluxkit.cli.helmcharts import Charts

    return Charts(_scratch(kept))


def _write(target: Path, result: "BuildResult") -> None:
    from fluxkit import yaml

    try:
        if target.is_dir():
            for name, obj in result.individual_files():
                (target / name.replace("/", "_")).write_text(yaml.dump(obj), encoding="utf-8")
        else:
            target.write_text(result.text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror}") from error


kustomize = FluxGroup(
    "kustomize",
    {"build": Lazy(lambda: build, "Build a kustomization target from a directory or URL")},
    help="The kustomize sub-commands work on directories with a kustomization.yaml, as the kustomize tool does.",
)
