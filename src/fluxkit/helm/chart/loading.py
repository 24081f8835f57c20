"""From files to a chart: what each file is, by its name; subcharts from folders and archives in ``charts``.

Upstream: helm/helm ``pkg/chart/loader/load.go``, ``pkg/chart/v2/loader/load.go``.
"""

import io
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from fluxkit.helm.chart.archive import NotGzip, archive_files, is_gzip
from fluxkit.helm.chart.contenttype import detect_content_type
from fluxkit.helm.chart.decoding import read_api_version, read_lock, read_metadata
from fluxkit.helm.chart.directory import directory_files
from fluxkit.helm.chart.errors import ChartError
from fluxkit.helm.chart.limits import Budget, Limits
from fluxkit.helm.chart.metadata import API_V1, API_V2, Metadata
from fluxkit.helm.chart.model import Chart, File, extension
from fluxkit.helm.chart.valuesfile import load_values
from fluxkit.helm.chart.yamltext import text_of_yaml
from fluxkit.helm.errors import HelmError, ValuesError
from fluxkit.template.values import to_bytes

__all__ = ["CHART_FILE", "Limits", "load", "load_archive", "load_dir", "load_files"]

CHART_FILE: Final = "Chart.yaml"
_DEFAULT: Final = Limits()
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def load(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, limits: Limits = _DEFAULT
) -> Chart:
    """The chart in a directory or an archive. Raises ChartError.

    Links in a directory may lead anywhere below ``root``, by default the directory itself; Helm follows all, which is
    ``root="/"``. Archives hold no links that count.
    """
    return load_dir(path, root=root, limits=limits) if os.path.isdir(path) else _load_file(path, limits)


def load_dir(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    limits: Limits = _DEFAULT,
    check_version: bool = True,
) -> Chart:
    """The chart in a directory; see :func:`load` for ``root``. Raises ChartError.

    Without ``check_version`` charts of an unknown API version are loaded as well, as Helm's linter does.
    """
    top = Path(path)
    budget = Budget(limits)
    files = directory_files(top, Path(root) if root is not None else top, budget)
    if not check_version:
        return _assembled(files, budget, limits.nesting)
    chart_file = next((file for file in files if file.name == CHART_FILE), None)
    if chart_file is None:
        missing = top.absolute() / CHART_FILE
        raise ChartError(f"unable to detect chart at {top.absolute()}: open {missing}: no such file or directory")
    _check_api_version(chart_file)
    return _assembled(files, budget, limits.nesting)


def load_archive(data: bytes | IO[bytes], *, limits: Limits = _DEFAULT) -> Chart:
    """The chart in a gzipped tar. Raises ChartError."""
    try:
        return _load_archive(io.BytesIO(data) if isinstance(data, bytes) else data, limits)
    except NotGzip as problem:
        raise ChartError(f"stream does not appear to be a valid chart file (details: {problem})") from None


def _load_file(path: str | os.PathLike[str], limits: Limits) -> Chart:
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            start = file.read(512)
            if not is_gzip(start):
                raise _no_archive(name, start)
            file.seek(0)
            return _load_archive(file, limits)
    except OSError as problem:
        action = "stat" if isinstance(problem, FileNotFoundError) else "open"
        raise ChartError(f"{action} {name}: {(problem.strerror or '').lower()}") from None


def _no_archive(name: str, start: bytes) -> ChartError:
    if name.endswith((".yml", ".yaml")):
        return ChartError(f"file '{name}' seems to be a YAML file, but expected a gzipped archive")
    content_type = detect_content_type(start.ljust(512, b"\0"))
    return ChartError(f"file '{name}' does not appear to be a gzipped archive; got '{content_type}'")


def _load_archive(stream: IO[bytes], limits: Limits) -> Chart:
    budget = Budget(limits)
    try:
        files = archive_files(stream, budget)
    except NotGzip:
        raise
    except ChartError as problem:
        raise ChartError(f"unable to load chart archive: {problem}") from None
    chart_file = next((file for file in files if file.name == CHART_FILE), None)
    if chart_file is None:
        raise ChartError("unable to detect chart version, no Chart.yaml found")
    _check_api_version(chart_file)
    return _assembled(files, budget, limits.nesting)


def _check_api_version(chart_file: File) -> None:
    version = _decoded(chart_file, read_api_version)
    if version not in ("", API_V1, API_V2):
        raise ChartError("unsupported chart version")


def load_files(files: Iterable[File], *, limits: Limits = _DEFAULT) -> Chart:
    """The chart that consists of ``files``; their names are relative to its folder. Raises ChartError."""
    return _assembled(list(files), Budget(limits), limits.nesting)


def _assembled(files: Sequence[File], budget: Budget, nesting: int) -> Chart:
    metadata: Metadata | None = None
    modified = 0.0
    for file in files:
        if file.name == CHART_FILE:
            metadata = metadata or Metadata()
            _decoded(file, partial(read_metadata, into=metadata))
            metadata.api_version = metadata.api_version or API_V1
            modified = file.modified
    chart = Chart(metadata or Metadata(), raw=list(files), modified=modified)
    below: dict[str, list[File]] = {}
    found = metadata is not None
    for file in files:
        name = file.name
        if name == CHART_FILE:
            continue
        if name == "Chart.lock":
            chart.lock = _decoded(file, read_lock)
        elif name == "values.yaml":
            chart.values = _values(file)
        elif name == "values.schema.json":
            chart.schema = file.data
        elif name in ("requirements.yaml", "requirements.lock"):
            found = True
            _add_requirements(chart, file)
        elif name.startswith("templates/"):
            chart.templates.append(file)
        elif name.startswith("charts/") and extension(name) != ".prov":
            inner = name.removeprefix("charts/")
            below.setdefault(inner.partition("/")[0], []).append(File(inner, file.data, file.modified))
        else:
            chart.files.append(file)
    if not found:
        raise ChartError("Chart.yaml file is missing")
    chart.metadata.validate()
    _add_subcharts(chart, below, budget, nesting)
    return chart


def _decoded(file: File, read: Callable[[str], _T]) -> _T:
    try:
        return read(text_of_yaml(file.data))
    except HelmError as problem:
        raise ChartError(f"cannot load {file.name}: {problem}") from None


def _values(file: File) -> dict[str, Any]:
    try:
        return load_values(file.data)
    except ValuesError as problem:
        raise ChartError(f"cannot load {file.name}: {problem}") from None


def _add_requirements(chart: Chart, file: File) -> None:
    """The files in which charts of version v1 keep what Chart.yaml and Chart.lock have since."""
    metadata = chart.metadata
    if file.name == "requirements.yaml":
        if metadata.api_version != API_V1:
            _log.warning(
                'Warning: Dependencies are handled in Chart.yaml since apiVersion "v2". We recommend migrating '
                "dependencies to Chart.yaml."
            )
        _decoded(file, partial(read_metadata, into=metadata))
    else:
        chart.lock = _decoded(file, read_lock)
        if metadata.api_version != API_V1:
            _log.warning(
                'Warning: Dependency locking is handled in Chart.lock since apiVersion "v2". We recommend migrating '
                "to Chart.lock."
            )
    if metadata.api_version == API_V1:
        chart.files.append(file)


def _add_subcharts(chart: Chart, below: dict[str, list[File]], budget: Budget, nesting: int) -> None:
    """In byte order of the names; upstream's order changes from run to run."""
    subcharts: list[Chart] = []
    for name in sorted(below, key=to_bytes):
        if name.startswith(("_", ".")):
            continue
        if not nesting:
            raise ChartError(f"error unpacking subchart {name} in {chart.name}: charts are nested too deeply")
        files = below[name]
        if extension(name) == ".tgz" and files[0].name != name:
            raise ChartError(f"error unpacking subchart tar in {chart.name}: expected {name}, got {files[0].name}")
        try:
            if extension(name) == ".tgz":
                inner = archive_files(io.BytesIO(files[0].data), budget)
            else:
                # What lies in charts/ itself is no chart.
                inner = [
                    File(file.name.partition("/")[2], file.data, file.modified) for file in files if "/" in file.name
                ]
            subcharts.append(_assembled(inner, budget, nesting - 1))
        except ChartError as problem:
            raise ChartError(f"error unpacking subchart {name} in {chart.name}: {problem}") from None
    chart.set_dependencies(subcharts)
