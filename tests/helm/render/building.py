"""Charts in memory, and rendering them in one line."""

from collections.abc import Mapping, Sequence
from typing import Any

from fluxkit.helm.chart import Chart, File, Metadata
from fluxkit.helm.render import Capabilities, Mode, ReleaseOptions, Rendered, render, render_files
from fluxkit.helm.values import coalesce_values
from fluxkit.template import Limits

__all__ = ["SMALL", "chart", "files_of", "rendered", "text_of"]


def chart(
    templates: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    *,
    name: str = "demo",
    files: Mapping[str, bytes] | None = None,
    subcharts: Sequence[Chart] = (),
    **metadata: Any,
) -> Chart:
    """A chart whose templates are given by name, below ``templates/``."""
    built = Chart(
        Metadata(name=name, version="1.2.3", api_version="v2", **metadata),
        templates=[
            File(f"templates/{path}", text.encode("utf-8", "surrogateescape"))
            for path, text in (templates or {}).items()
        ],
        files=[File(path, data) for path, data in (files or {}).items()],
        values=dict(values or {}),
    )
    built.set_dependencies(list(subcharts))
    return built


def files_of(
    of: Chart,
    values: Mapping[str, Any] | None = None,
    *,
    release: ReleaseOptions | None = None,
    capabilities: Capabilities | None = None,
    mode: Mode | None = None,
    **options: Any,
) -> dict[str, str]:
    """What the engine makes of each template, by path."""
    coalesced = coalesce_values(of, values or {})
    return render_files(
        of, coalesced, release or ReleaseOptions(), capabilities or Capabilities(), mode=mode or Mode(), **options
    )[0]


def text_of(template: str, values: Mapping[str, Any] | None = None, **options: Any) -> str:
    """What one template gives."""
    limits: dict[str, Any] = {key: options.pop(key) for key in ("limits", "mode", "lookup") if key in options}
    return files_of(chart({"a.yaml": template}, **options), values, **limits)["demo/templates/a.yaml"]


def rendered(of: Chart, values: Mapping[str, Any] | None = None, **options: Any) -> Rendered:
    """The whole way to manifests."""
    return render(of, values or {}, **options)


SMALL = Limits(steps=200_000, output=100_000, depth=2_000, produced=1_000_000, seconds=5)
"""Little, so that what has no end is found out soon."""
