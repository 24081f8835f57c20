"""``flux helm template``: what ``helm template`` prints.

Upstream: helm/helm ``pkg/cmd/template.go``, ``install.go``, ``pkg/action/install.go``.
"""

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fluxkit.cli import progress
from fluxkit.cli.command import FluxCommand, flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import SLICE, OneOf
from fluxkit.cli.helmflags import chart_at, fetch, helm_errors, read_values, value_flags, value_options
from fluxkit.cli.settings import Settings

if TYPE_CHECKING:
    from fluxkit.helm.chart import Chart
    from fluxkit.helm.render import Hook, Lookup, PostRenderer

__all__ = ["template"]

_HINT = "\n\nUse --debug flag to render out invalid YAML"
_USAGE = '"helm template" requires at least 1 argument\n\nUsage:  helm template [NAME] [CHART] [flags]'
_DEFAULT_NAME = "release-name"
_MERGED = ("combined", "separate", "nohooks")


class _Command(FluxCommand):
    checks_namespace = False


@click.command(
    "template",
    cls=_Command,
    help="Render chart templates locally and display the output.\nAny values that would normally be looked up or "
    "retrieved in-cluster are faked locally, unless --validate asks the cluster.\nCHART is a directory or an archive.",
    examples="""
  # Render a chart with its default values
  flux helm template my-release ./charts/app

  # Render for another Kubernetes, with an API that it has beside its own
  flux helm template my-release ./app-1.2.3.tgz --kube-version 1.31 --api-versions monitoring.coreos.com/v1

  # Change what is rendered with a kustomization
  flux helm template my-release ./charts/app --post-renderer ./overlay
""",
    usage="[NAME] CHART",
)
@click.argument("arguments", nargs=-1)
@value_flags
@flag("-s", "--show-only", multiple=True, default=(), help="only show manifests rendered from the given templates")
@flag("--output-dir", help="writes the executed templates to files in output-dir instead of stdout")
@switch("--release-name", help="use release name in the output-dir path")
@switch("--include-crds", help="include CRDs in the templated output")
@switch("--skip-crds", help="accepted for compatibility: nothing is installed")
@switch("--skip-tests", help="skip tests from templated output")
@switch("--no-hooks", help="leave hooks out")
@switch("--is-upgrade", help="set .Release.IsUpgrade instead of .Release.IsInstall")
@flag("--kube-version", help="Kubernetes version used for Capabilities.KubeVersion")
@flag("-a", "--api-versions", type=SLICE, help="Kubernetes api versions used for Capabilities.APIVersions")
@flag("--name-template", help="specify template used to name the release")
@switch("-g", "--generate-name", help="accepted for compatibility: without a NAME it is release-name")
@switch("--skip-schema-validation", help="if set, disables JSON schema validation")
@switch("--validate", help="take Capabilities and lookups from the cluster, which must know all kinds")
@flag("--post-renderer", help="path to a folder with a kustomization that is built over the rendered manifests")
@flag(
    "--post-renderer-strategy",
    default="combined",
    type=OneOf(_MERGED, "unknown post-render strategy: '{value}'"),
    help="what the post-renderer gets: hooks and templates together, separately, or templates alone",
)
@switch("--debug", help="print what was rendered even if it is not valid")
@click.pass_obj
def template(settings: Settings, /, arguments: tuple[str, ...], **flags: Any) -> None:
    with helm_errors():
        _template(settings, arguments, flags)


def _template(settings: Settings, arguments: tuple[str, ...], flags: dict[str, Any]) -> None:
    # One rendering, then the process ends: nothing of it would be worth collecting.
    gc.disable()
    from fluxkit.helm import render as rendering

    if not arguments:
        raise CommandError(_USAGE)
    capabilities = rendering.Capabilities()
    if flags["kube_version"]:
        capabilities = capabilities.at(rendering.KubeVersion.parse(flags["kube_version"]))
    name, path = _name_and_path(arguments, flags)
    values = value_options(flags)
    chart, given = chart_at(path.strip()), values.merge(read_values)
    _check(chart)
    release = rendering.ReleaseOptions(
        name, settings.namespace if "namespace" in settings.given else "default", is_upgrade=flags["is_upgrade"]
    )
    failure: rendering.RenderError | None = None
    manifest, hooks = "", list["Hook"]()

    def render(capabilities: rendering.Capabilities, lookup: "Lookup | None" = None) -> rendering.Rendered:
        return rendering.render(
            chart,
            given,
            release,
            capabilities,
            lookup=lookup,
            validate_schema=not flags["skip_schema_validation"],
            fetch_schema=fetch,
            post_renderer=_post_renderer(flags),
        )

    crds: list[tuple[str, str]] = []
    try:
        if flags["validate"]:
            from fluxkit.cli.helmcluster import render_with_cluster

            rendered = render_with_cluster(settings, render)
        else:
            rendered = render(capabilities.adding(flags["api_versions"]))
        manifest, hooks = rendered.manifest(include_crds=flags["include_crds"]), rendered.hooks
        crds = [(crd.filename, crd.file.text) for crd in rendered.crds] if flags["include_crds"] else []
    except (rendering.ManifestError, rendering.TemplateFailure, rendering.IncompatibleCluster) as problem:
        if not flags["debug"]:
            raise CommandError(str(problem) + _HINT) from problem
        failure = problem
        if isinstance(problem, rendering.ManifestError):
            manifest, hooks = rendering.failed_files(problem), problem.hooks
    if flags["no_hooks"]:
        hooks = []
    elif flags["skip_tests"]:
        hooks = rendering.without_tests(hooks)
    if flags["output_dir"]:
        target = Path(flags["output_dir"])
        own = target / name if flags["release_name"] else target
        if failure is None:
            _write(target, crds)
            _write(own, [(item.path, item.content) for item in rendered.manifests])
            manifest = ""
        _write(own, [(hook.path, hook.manifest) for hook in hooks], keep=True)
        hooks = []
    try:
        print(rendering.printed(manifest, hooks, flags["show_only"]), end="")
    except rendering.RenderError:
        if failure is None:
            raise
    if failure is not None:
        raise CommandError(str(failure)) from failure


def _name_and_path(arguments: tuple[str, ...], flags: dict[str, Any]) -> tuple[str, str]:
    if len(arguments) > 2:
        raise CommandError(f"expected at most two arguments, unexpected arguments: {', '.join(arguments[2:])}")
    if len(arguments) == 2:
        for option in ("generate_name", "name_template"):
            if flags[option]:
                raise CommandError(f"cannot set --{option.replace('_', '-')} and also specify a name")
        return arguments[0], arguments[1]
    if flags["name_template"]:
        return _name(flags["name_template"]), arguments[0]
    return _DEFAULT_NAME, arguments[0]


def _name(text: str) -> str:
    from fluxkit.template import Template, TemplateError
    from fluxkit.template.sprig import functions

    try:
        return Template("name-template").funcs(functions()).parse(text).execute(None)
    except TemplateError as problem:
        raise CommandError(str(problem)) from problem


def _check(chart: "Chart") -> None:
    if chart.metadata.type not in ("", "application"):
        raise CommandError(f"{chart.metadata.type} charts are not installable")
    if chart.metadata.deprecated:
        progress.warning("this chart is deprecated")
    present = {subchart.name for subchart in chart.dependencies}
    missing = [wanted.name for wanted in chart.metadata.dependencies if wanted.name not in present]
    if missing:
        raise CommandError(
            "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to "
            f"fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {', '.join(missing)}"
        )


def _post_renderer(flags: dict[str, Any]) -> "PostRenderer | None":
    if not flags["post_renderer"]:
        return None
    from fluxkit.helm.render.postrender import kustomize_folder, post_renderer

    return post_renderer(kustomize_folder(flags["post_renderer"]), flags["post_renderer_strategy"])


def _write(directory: Path, documents: list[tuple[str, str]], *, keep: bool = False) -> None:
    """Each document into the file of its template. A file of an earlier run is replaced unless we ``keep`` it."""
    from fluxkit.helm.render import sourced

    written: set[str] = set()
    for path, content in documents:
        target = directory / path
        append = path in written or (keep and target.exists())
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("a" if append else "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(sourced(path, content))
        except OSError as problem:
            raise CommandError(f"cannot write {problem.filename}: {problem.strerror}") from problem
        written.add(path)
        print(f"wrote {target}")
