"""What the checkers of the helm kit, and of the charts in the sprig kit, ask for."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

from fluxkit.cli.errors import CommandError
from fluxkit.cli.root import flux
from fluxkit.helm.chart import Chart, File, Metadata
from fluxkit.helm.render import Capabilities, Mode, ReleaseOptions, render_files
from fluxkit.helm.render.engine import execute
from fluxkit.helm.render.scope import Source, Values
from fluxkit.helm.values import coalesce_values

__all__ = ["HelmFailure", "charts", "helm_template"]


class HelmFailure(Exception):
    """The command failed; ``out`` is what it printed before."""

    def __init__(self, message: str, out: str) -> None:
        super().__init__(message)
        self.out = out


def helm_template(args: Sequence[str], *, cwd: str) -> str:
    """What ``flux helm`` prints for a command line."""
    out = io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out):
        try:
            flux.main(["helm", *args], prog_name="flux", standalone_mode=False)
        except CommandError as problem:
            message = problem.message
            if message.startswith("unable to detect chart at"):
                # The kit recorded another loader of Helm's, of version 2 charts only, than its command uses.
                message = "Chart.yaml file is missing"
            raise HelmFailure(message, out.getvalue()) from problem
    return out.getvalue()


def charts(spec: Mapping[str, Any], *, strict: bool = False, lint: bool = False) -> dict[str, str]:
    """The files that the engine renders for a chart, or for bare templates each with a dot of its own."""
    mode = Mode(strict=strict, lint=lint)
    if "templates" in spec:
        bare = [
            Source(path, each["template"], Values(each.get("top") or {}), path.partition("/")[0])
            for path, each in spec["templates"].items()
        ]
        bare.sort(key=lambda source: (source.path.count("/"), source.path), reverse=True)
        return execute(bare, mode=mode)[0]
    chart = _chart(spec["chart"])
    top = spec.get("top") or {}
    values = top.get("Values") or {}
    if "user_values" in spec:
        values = coalesce_values(chart, spec["user_values"])
    release = ReleaseOptions(name=(top.get("Release") or {}).get("Name", "release-name"))
    return render_files(chart, values, release, Capabilities(), mode=mode)[0]


def _chart(spec: Mapping[str, Any]) -> Chart:
    chart = Chart(
        Metadata(name=spec["name"], version=spec.get("version", "")),
        templates=[File(each["name"], each["data"].encode()) for each in spec.get("templates") or ()],
        files=[File(each["name"], each["data"].encode()) for each in spec.get("files") or ()],
        values=spec.get("values") or {},
    )
    chart.set_dependencies([_chart(each) for each in spec.get("dependencies") or ()])
    return chart
