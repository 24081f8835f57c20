"""How much of a chart is taken into memory."""

from dataclasses import dataclass

from fluxkit.helm.chart.errors import ChartError

__all__ = ["Budget", "Limits"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds in bytes, uncompressed; what exceeds them is refused before it is read.

    The sizes are Helm's (helm/helm ``pkg/chart/loader/archive/archive.go``, v4.2). Upstream bounds each archive for
    itself; here the archives of subcharts count as well, so do directories, the number of files and the nesting.
    """

    chart_size: int = 100 * _MIB
    file_size: int = 5 * _MIB
    files: int = 100_000
    nesting: int = 64
    """Charts within charts."""


class Budget:
    """What is left of the limits while a chart and those below it are read."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left = limits.chart_size
        self._files = 0

    def take(self, size: int) -> None:
        """Count a file. Raises ChartError when it is one too many."""
        self.left -= size
        if self.left <= 0:
            raise self.exceeded()
        self._files += 1
        if self._files > self.limits.files:
            raise ChartError(f"chart has more than {self.limits.files} files")

    def exceeded(self) -> ChartError:
        return ChartError(f"decompressed chart is larger than the maximum size {self.limits.chart_size}")
