"""What ``helm show`` prints of a chart.

Upstream: helm/helm ``pkg/action/show.go``.
"""

from typing import Literal

from fluxkit import yaml
from fluxkit.helm.chart import Chart, File
from fluxkit.helm.chart.encoding import metadata_object

__all__ = ["Part", "show"]

Part = Literal["all", "chart", "values", "readme", "crds"]
_README_NAMES = ("readme.md", "readme.txt", "readme")


def show(chart: Chart, part: Part) -> bytes:
    """Metadata, default values, README and definitions, or one of them; empty where the chart has none."""
    everything = part == "all"
    out = b""
    if everything or part == "chart":
        out += yaml.dump(metadata_object(chart.metadata)).encode("utf-8", "surrogateescape") + b"\n"
    if everything or part == "values":
        for values in [file for file in chart.raw if file.name == "values.yaml"]:
            out += (b"---\n" if everything else b"") + values.data + b"\n"
    if everything or part == "readme":
        readme = _readme(chart)
        if readme is not None:
            out += (b"---\n" if everything else b"") + readme.data + b"\n"
    if everything or part == "crds":
        for crd in chart.crds():
            data = crd.file.data
            out += (b"" if data.startswith(b"---") else b"---\n") + data + b"\n"
    return out


def _readme(chart: Chart) -> File | None:
    return next((file for file in chart.files if file.name.lower() in _README_NAMES), None)
