"""A chart in memory: metadata, default values, templates, other files and the charts below it.

Upstream: helm/helm ``pkg/chart/v2/chart.go``, ``pkg/chart/common/file.go``.
"""

from dataclasses import dataclass, field
from posixpath import normpath
from typing import Any, Final, NamedTuple

from fluxkit.helm.chart.metadata import Lock, Metadata

__all__ = ["BOM", "CRD", "Chart", "File", "extension"]

BOM: Final = b"\xef\xbb\xbf"
"""What a file of a chart may begin with, and loses when it is read."""

_MANIFEST_EXTENSIONS = frozenset((".yaml", ".yml", ".json"))


def extension(path: str) -> str:
    """Go's ``filepath.Ext``: from the last dot of the last part on, also where that is its first character."""
    name = path.rpartition("/")[2]
    return name[name.rindex(".") :] if "." in name else ""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a chart: ``name`` is relative to the chart's root, with ``/``; a leading BOM is not in ``data``."""

    name: str
    data: bytes
    modified: float = 0.0
    """Seconds since 1970, 0 where unknown."""

    @property
    def text(self) -> str:
        """The content as a Go string: bytes that are not UTF-8 are lone surrogates."""
        return self.data.decode("utf-8", "surrogateescape")


class CRD(NamedTuple):
    """A file of a ``crds`` folder: its name in its chart, its path below the root chart, and itself."""

    name: str
    filename: str
    file: File


@dataclass(slots=True, eq=False)
class Chart:
    """A chart with the charts below it.

    ``values`` are the defaults as templates see them: every number is a float. ``raw`` has all files as they came, for
    showing and packing; ``files`` those that templates reach as ``.Files``. Subcharts know their ``parent``: put them
    in with :meth:`set_dependencies`.
    """

    metadata: Metadata
    lock: Lock | None = None
    raw: list[File] = field(default_factory=list)
    templates: list[File] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    schema: bytes | None = None
    dependencies: list["Chart"] = field(default_factory=list)
    parent: "Chart | None" = field(default=None, repr=False)
    modified: float = 0.0
    """When Chart.yaml was written, in seconds since 1970."""

    @property
    def name(self) -> str:
        """The name in Chart.yaml, or the alias under which a parent uses the chart."""
        return self.metadata.name

    @property
    def is_root(self) -> bool:
        return self.parent is None

    @property
    def is_library(self) -> bool:
        """Whether the chart only lends templates to others."""
        return self.metadata.type.lower() == "library"

    def root(self) -> "Chart":
        chart = self
        while chart.parent is not None:
            chart = chart.parent
        return chart

    def full_path(self) -> str:
        """Where templates of this chart are said to come from: ``parent/charts/sub``."""
        return f"{self.parent.full_path()}/charts/{self.name}" if self.parent else self.name

    def set_dependencies(self, charts: list["Chart"]) -> None:
        """Make ``charts`` the subcharts, in this order."""
        self.dependencies = charts
        for chart in charts:
            chart.parent = self

    def crds(self) -> list[CRD]:
        """The definitions in the ``crds`` folders of this chart and those below, parents first."""
        found = [
            CRD(file.name, normpath(f"{self.full_path()}/{file.name}"), file)
            for file in self.files
            if file.name.startswith("crds/") and extension(file.name).lower() in _MANIFEST_EXTENSIONS
        ]
        for chart in self.dependencies:
            found += chart.crds()
        return found
