"""``flux helm lint``: examine charts (:mod:`fluxkit.helm.lint`).

Upstream: helm/helm ``pkg/cmd/lint.go``.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from fluxkit.cli.command import flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.helmflags import HelmCommand, fetch, helm_errors, read_values, value_flags, value_options
from fluxkit.cli.settings import Settings

__all__ = ["lint"]


@click.command(
    "lint",
    cls=HelmCommand,
    help="This command takes a path to a chart and runs a series of tests to verify that the chart is well-formed.\n\n"
    "If the linter encounters things that will cause the chart to fail installation, it will emit [ERROR] messages. "
    "If it encounters issues that break with convention or recommendation, it will emit [WARNING] messages.",
    examples="""
  # Examine a chart and the charts below it, with values of your own
  flux helm lint ./charts/app --with-subcharts --values values.yaml
""",
    usage="PATH...",
)
@click.argument("paths", nargs=-1)
@switch("--strict", help="fail on lint warnings")
@switch("--with-subcharts", help="lint dependent charts")
@switch("--quiet", help="print only warnings and errors")
@switch("--skip-schema-validation", help="if set, disables JSON schema validation")
@flag("--kube-version", help="Kubernetes version used for capabilities and deprecation checks")
@value_flags
@click.pass_obj
def lint(settings: Settings, /, paths: tuple[str, ...], **flags: Any) -> None:
    if not paths:
        raise CommandError('"helm lint" requires at least 1 argument\n\nUsage:  helm lint PATH [flags]')
    with helm_errors():
        _lint(settings, paths, flags)


def _lint(settings: Settings, given: Sequence[str], flags: dict[str, Any]) -> None:
    from fluxkit.helm.lint import LintError, Options, Severity
    from fluxkit.helm.lint import lint as examine
    from fluxkit.helm.render import Capabilities, KubeVersion

    capabilities = Capabilities()
    if flags["kube_version"]:
        capabilities = capabilities.at(KubeVersion.parse(flags["kube_version"]))
    paths = [*given, *(below for path in given for below in _below(path))] if flags["with_subcharts"] else list(given)
    values = value_options(flags).merge(read_values)
    namespace = settings.namespace if "namespace" in settings.given else "default"
    skip = flags["skip_schema_validation"]
    options = Options(flags["strict"], namespace, capabilities, skip_schema=skip, fetch_schema=fetch)
    quiet, failed, noisy = flags["quiet"], 0, False
    for path in paths:
        try:
            result = examine(Path(path), values, options)
            bad, shown = result.failed, result.messages
            warned = result.has_warnings
            lines: list[str] = []
        except LintError as problem:
            bad, shown, warned, lines = True, [], True, [f"Error {problem}"]
        failed += bad
        noisy = noisy or warned
        if quiet and not warned:
            continue
        lines += [str(message) for message in shown if not quiet or message.severity > Severity.INFO]
        print("\n".join([f"==> Linting {path}", *lines]) + "\n")
    summary = f"{len(paths)} chart(s) linted, {failed} chart(s) failed"
    if failed:
        raise CommandError(summary)
    if not quiet or noisy:
        print(summary)


def _below(path: str) -> Iterator[str]:
    """The charts in the ``charts`` folders below a chart, in the order of a walk."""
    for folder, folders, files in os.walk(os.path.join(path, "charts")):
        folders.sort()
        for name in sorted(files):
            if name == "Chart.yaml":
                yield folder
            elif name.endswith((".tgz", ".tar.gz")):
                yield os.path.join(folder, name)
