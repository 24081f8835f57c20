"""``flux helm``: work on charts as the ``helm`` tool does, without Helm and without a cluster (:mod:`fluxkit.helm`).

Flags and output are those of Helm v4 (helm/helm ``pkg/cmd``).
"""

from fluxkit.cli.command import FluxGroup, lazy

__all__ = ["helm"]

helm = FluxGroup(
    "helm",
    {
        "dependency": lazy("helm_dependency", "dependency", "Manage a chart's dependencies", "dep", "dependencies"),
        "lint": lazy("helm_lint", "lint", "Examine a chart for possible issues"),
        "package": lazy("helm_package", "package", "Package a chart directory into a chart archive"),
        "show": lazy("helm_show", "show", "Show information of a chart", "inspect"),
        "template": lazy("helm_template", "template", "Locally render templates"),
    },
    help="The helm sub-commands work on charts, as the helm tool does: in directories and archives, offline.",
    examples="""
  # Show the default values of a chart
  flux helm show values ./charts/app
""",
)
