"""``flux helm dependency``: the charts that a chart needs (:mod:`fluxkit.helm.vendoring`).

Upstream: helm/helm ``pkg/cmd/dependency.go``, ``dependency_build.go``.
"""

import os
from pathlib import Path
from typing import Final

import click

from fluxkit.cli.command import FluxGroup, Lazy
from fluxkit.cli.helmflags import HelmCommand, chart_at, fetch, helm_errors

__all__ = ["dependency"]

_HEADINGS: Final = ("NAME", "VERSION", "REPOSITORY", "STATUS")


@click.command(
    "list",
    cls=HelmCommand,
    help="List all of the dependencies declared in a chart, and whether they are in its charts/ folder.",
    examples="""
  # List the dependencies of a chart
  flux helm dependency list ./charts/app
""",
    usage="CHART",
    aliases=("ls",),
)
@click.argument("chart", required=False)
def list_(chart: str | None) -> None:
    path = os.path.normpath(chart) if chart else "."
    with helm_errors():
        from fluxkit.helm.vendoring import status, stray_charts

        loaded = chart_at(path)
        directory = Path(path)
        wanted = loaded.metadata.dependencies
        if not wanted:
            print(f"WARNING: no dependencies at {directory / 'charts'}")
            return
        rows = [_HEADINGS]
        rows += [(each.name, each.version, each.repository, status(directory, each, loaded)) for each in wanted]
        print("\n".join(_table(rows)) + "\n")
        for warning in stray_charts(directory, wanted):
            print(warning)


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """Columns of equal width with tabs between them, as upstream's library draws them."""
    shown = [[text if len(text) <= 80 else text[:77] + "..." for text in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(_HEADINGS))]
    return ["\t".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in shown]


@click.command(
    "build",
    cls=HelmCommand,
    help="Build out the charts/ folder from the Chart.lock file, or from Chart.yaml where there is none.\n\n"
    "Dependencies come from folders (file://) and from Helm repositories (https://), which need not be added before.",
    examples="""
  # Fill the charts/ folder of a chart
  flux helm dependency build ./charts/app
""",
    usage="CHART",
)
@click.argument("chart", required=False)
def build(chart: str | None) -> None:
    with helm_errors():
        from fluxkit.helm.vendoring import build as fill

        fill(Path(os.path.normpath(chart) if chart else "."), fetch, print)


@click.command(
    "update",
    cls=HelmCommand,
    help="Choose the versions of a chart's dependencies by its Chart.yaml, fill its charts/ folder and write "
    "Chart.lock.",
    examples="""
  # Take the newest versions that Chart.yaml allows
  flux helm dependency update ./charts/app
""",
    usage="CHART",
    aliases=("up",),
)
@click.argument("chart", required=False)
def update(chart: str | None) -> None:
    with helm_errors():
        from fluxkit.helm.vendoring import update as renew

        renew(Path(os.path.normpath(chart) if chart else "."), fetch, print)


dependency = FluxGroup(
    "dependency",
    {
        "build": Lazy(lambda: build, "rebuild the charts/ directory based on the Chart.lock file"),
        "list": Lazy(lambda: list_, "list the dependencies for the given chart", ("ls",)),
        "update": Lazy(lambda: update, "update charts/ based on the contents of Chart.yaml", ("up",)),
    },
    help="Manage the dependencies of a chart, which are stored in its charts/ folder.",
    aliases=("dep", "dependencies"),
)
