"""``flux helm package``: pack charts into archives (:mod:`fluxkit.helm.package`).

Upstream: helm/helm ``pkg/cmd/package.go``.
"""

import os
from pathlib import Path

import click

from fluxkit.cli.command import flag, switch
from fluxkit.cli.errors import CommandError
from fluxkit.cli.helmflags import HelmCommand, fetch, helm_errors

__all__ = ["package"]


@click.command(
    "package",
    cls=HelmCommand,
    help="This command packages a chart into a versioned chart archive file. The same chart always gives the same "
    "bytes.",
    examples="""
  # Pack a chart as another version, into a folder
  flux helm package ./charts/app --version 1.2.3 --destination ./dist
""",
    usage="CHART_PATH...",
)
@click.argument("paths", nargs=-1)
@flag("--version", help="set the version on the chart to this semver version")
@flag("--app-version", help="set the appVersion on the chart to this version")
@flag("-d", "--destination", default=".", help="location to write the chart.")
@switch(
    "-u",
    "--dependency-update",
    help='update dependencies from "Chart.yaml" to dir "charts/" before packaging',
)
def package(paths: tuple[str, ...], version: str, app_version: str, destination: str, dependency_update: bool) -> None:
    if not paths:
        raise CommandError("need at least one argument, the path to the chart")
    with helm_errors():
        from fluxkit.helm.chart import load_dir
        from fluxkit.helm.dependencies import missing_dependencies
        from fluxkit.helm.package import save, with_versions
        from fluxkit.helm.vendoring import update

        for path in paths:
            if not os.path.exists(path):
                raise CommandError(f"stat {path}: no such file or directory")
            directory = Path(os.path.abspath(path))
            if dependency_update:
                update(directory, fetch, lambda line: None)
            chart = with_versions(load_dir(directory, root="/"), version=version, app_version=app_version)
            missing = missing_dependencies(chart)
            if missing:
                raise CommandError(f"found in Chart.yaml, but missing in charts/ directory: {', '.join(missing)}")
            target = save(chart, Path.cwd() if destination == "." else Path(destination))
            print(f"Successfully packaged chart and saved it to: {target}")
