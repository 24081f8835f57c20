"""Charts as archives: packing one, and laying one out as files.

Packing is deterministic: the same chart gives the same bytes, whenever and wherever its files were written. Upstream
keeps the times of the files.

Upstream: helm/helm ``pkg/chart/v2/util/save.go``, ``expand.go``, ``pkg/action/package.go``.
"""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fluxkit import yaml
from fluxkit.helm.chart import Chart, ChartError, Limits, Metadata
from fluxkit.helm.chart.archive import archive_files
from fluxkit.helm.chart.decoding import read_metadata
from fluxkit.helm.chart.encoding import lock_object, metadata_object
from fluxkit.helm.chart.limits import Budget
from fluxkit.helm.chart.metadata import API_V1, API_V2
from fluxkit.helm.chart.yamltext import text_of_yaml
from fluxkit.helm.errors import HelmError
from fluxkit.semver import Version, VersionError
from fluxkit.tarstream import END, entry_header, padding
from fluxkit.template.quoting import quote

__all__ = ["archive_name", "expand", "pack", "save", "with_versions"]

_MODE = 0o644


def with_versions(chart: Chart, *, version: str = "", app_version: str = "") -> Chart:
    """The chart under another version. Raises ChartError for one that is none."""
    metadata = replace(
        chart.metadata,
        version=version or chart.metadata.version,
        app_version=app_version or chart.metadata.app_version,
    )
    try:
        Version.parse(metadata.version)
    except VersionError as problem:
        raise ChartError(str(problem)) from None
    return replace(chart, metadata=metadata)


def archive_name(chart: Chart) -> str:
    """``name-version.tgz``."""
    return f"{chart.name}-{chart.metadata.version}.tgz"


def pack(chart: Chart) -> bytes:
    """A gzipped tar of the chart and those below it. Raises ChartError for a chart that is not valid."""
    try:
        chart.metadata.validate()
    except ChartError as problem:
        raise ChartError(f"chart validation: {problem}") from None
    parts: list[bytes] = []
    for name, data in _entries(chart, ""):
        parts += [entry_header(name, "0", len(data), _MODE), data, padding(len(data))]
    return gzip.compress(b"".join([*parts, END]), mtime=0)


def save(chart: Chart, directory: Path) -> Path:
    """Pack a chart into ``directory``, which is made if need be. Raises ChartError, OSError."""
    data = pack(chart)
    if directory.exists() and not directory.is_dir():
        raise ChartError(f"is not a directory: {directory}")
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / archive_name(chart)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        scratch.write_bytes(data)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)
    return target


def _entries(chart: Chart, prefix: str) -> Iterator[tuple[str, bytes]]:
    if "/" in chart.name:
        raise ChartError(f"{quote(chart.name)} is not a valid chart name")
    base = f"{prefix}{chart.name}/"
    metadata = chart.metadata
    # There, dependencies are in requirements.yaml, which is among the files.
    shown = replace(metadata, dependencies=[]) if metadata.api_version == API_V1 else metadata
    yield f"{base}Chart.yaml", _yaml(metadata_object(shown))
    if metadata.api_version == API_V2 and chart.lock is not None:
        yield f"{base}Chart.lock", _yaml(lock_object(chart.lock))
    for file in chart.raw:
        if file.name == "values.yaml":
            yield base + file.name, file.data
    if chart.schema is not None:
        try:
            json.loads(chart.schema)
        except ValueError:
            raise ChartError("invalid JSON in values.schema.json") from None
        yield f"{base}values.schema.json", chart.schema
    for file in (*chart.templates, *chart.files):
        yield base + file.name, file.data
    for subchart in chart.dependencies:
        yield from _entries(subchart, f"{base}charts/")


def _yaml(value: dict[str, object]) -> bytes:
    return yaml.dump(value).encode("utf-8", "surrogateescape")


def expand(archive: Path, directory: Path, limits: Limits | None = None) -> Path:
    """Lay out an archive's files below ``directory``, in a folder of the chart's name, and return that.

    Raises ChartError, OSError.
    """
    with archive.open("rb") as stream:
        files = archive_files(stream, Budget(limits or Limits()))
    metadata = Metadata()
    for file in files:
        if file.name == "Chart.yaml":
            try:
                read_metadata(text_of_yaml(file.data), metadata)
            except HelmError as problem:
                raise ChartError(f"cannot load Chart.yaml: {problem}") from None
    if not metadata.name:
        raise ChartError("chart name not specified")
    if metadata.name in (".", ".."):
        raise ChartError(f"chart name {quote(metadata.name)} is not allowed")
    if "/" in metadata.name:
        raise ChartError(f"chart name {quote(metadata.name)} must not contain path separators")
    folder = directory / metadata.name
    for file in files:
        # Names of archives have no parent references left, and the folder is new: nothing in it is a link.
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
    return folder
