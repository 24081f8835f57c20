"""``flux helm show``: what is in a chart (:mod:`fluxkit.helm.show`).

Upstream: helm/helm ``pkg/cmd/show.go``.
"""

import sys
from typing import TYPE_CHECKING, Final

import click

from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy
from fluxkit.cli.helmflags import chart_at, helm_errors

if TYPE_CHECKING:
    from fluxkit.helm.show import Part

__all__ = ["show"]

_PARTS: Final[dict["Part", tuple[str, str]]] = {
    "all": ("show all information of the chart", "all its content (values.yaml, Chart.yaml, README)"),
    "chart": ("show the chart's definition", "the contents of the Chart.yaml file"),
    "crds": ("show the chart's CRDs", "the contents of the CustomResourceDefinition files"),
    "readme": ("show the chart's README", "the contents of the README file"),
    "values": ("show the chart's values", "the contents of the values.yaml file"),
}


def _command(part: "Part") -> click.Command:
    def run(chart: str) -> None:
        with helm_errors():
            loaded = chart_at(chart)
            from fluxkit.helm.show import show

            sys.stdout.buffer.write(show(loaded, part))
            sys.stdout.buffer.flush()

    return FluxCommand(
        part,
        callback=run,
        params=[click.Argument(["chart"])],
        help=f"This command inspects a chart (directory or file) and displays {_PARTS[part][1]}",
        usage="CHART",
        examples=f"""
  # {_PARTS[part][0].capitalize()}
  flux helm show {part} ./charts/app
""",
    )


def _lazy(part: "Part") -> Lazy:
    return Lazy(lambda: _command(part), _PARTS[part][0])


show = FluxGroup(
    "show",
    {part: _lazy(part) for part in _PARTS},
    help="This command consists of multiple subcommands to display information about a chart",
    aliases=("inspect",),
)
