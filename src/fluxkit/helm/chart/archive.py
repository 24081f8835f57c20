"""The files in a chart archive, a gzipped tar with one folder at its top.

Upstream: helm/helm ``pkg/chart/loader/archive/archive.go``.
"""

import re
from posixpath import normpath
from typing import IO, Final

from fluxkit.helm.chart.errors import ChartError
from fluxkit.helm.chart.limits import Budget
from fluxkit.helm.chart.model import BOM, File
from fluxkit.tarstream import BLOCK, GunzipReader, GzipError, Readable, TarError, TarReader
from fluxkit.template.quoting import quote

__all__ = ["NotGzip", "archive_files", "is_gzip"]

_DRIVE: Final = re.compile(r"[a-zA-Z]:/")


class NotGzip(ChartError):
    """The data does not begin as gzip does."""


def is_gzip(start: bytes) -> bool:
    """Whether data that starts so is taken for a gzipped archive."""
    return start.startswith(b"\x1f\x8b\x08")


def archive_files(stream: IO[bytes], budget: Budget) -> list[File]:
    """The files, by path below the archive's top folder. Links are files without content. Raises ChartError."""
    try:
        return _read(stream, budget)
    except GzipError as problem:
        raise NotGzip(str(problem)) from None
    except TarError as problem:
        text = str(problem)
        raise ChartError("unexpected EOF" if text.endswith("unexpected end of file") else text) from None


def _read(stream: IO[bytes], budget: Budget) -> list[File]:
    files: list[File] = []
    reader = TarReader(_Bounded(GunzipReader(stream), budget))
    for entry in reader:
        if entry.kind == "5":
            continue
        name = _name_in_chart(entry.name)
        if entry.size > budget.left:
            raise budget.exceeded()
        if entry.size > budget.limits.file_size:
            raise ChartError(
                f"decompressed chart file {quote(entry.name)} is larger than the maximum file size "
                f"{budget.limits.file_size}"
            )
        data = b"".join(reader.content())
        budget.take(len(data))
        files.append(File(name, data.removeprefix(BOM), float(entry.mtime)))
    if not files:
        raise ChartError("no files in chart archive")
    return files


class _Bounded:
    """Ends a stream that has more than the files, each with a header or three, can need."""

    def __init__(self, stream: Readable, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget
        self._left = budget.limits.chart_size + budget.limits.files * 3 * BLOCK

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise self._budget.exceeded()
        return data


def _name_in_chart(path: str) -> str:
    """The path without the top folder, with ``/`` whatever the archive has."""
    delimiter = "\\" if "\\" in path else "/"
    top, _, rest = path.partition(delimiter)
    rest = rest.replace(delimiter, "/")
    if rest.startswith("/"):
        raise ChartError("chart illegally contains absolute paths")
    name = normpath(rest)
    if name == ".":
        raise ChartError(f"chart illegally contains content outside the base directory: {quote(path)}")
    if name.startswith(".."):
        raise ChartError("chart illegally references parent directory")
    if _DRIVE.match(name):
        raise ChartError("chart contains illegally named files")
    if top == "Chart.yaml":
        raise ChartError("chart yaml not in base directory")
    return name
