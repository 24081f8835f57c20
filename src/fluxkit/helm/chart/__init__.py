"""Charts: reading a directory or an archive into a :class:`Chart`.

Promises: the files, metadata and subcharts that Helm would see, and its errors: ``.helmignore``, Chart.yaml of v1 and
v2, ``requirements.yaml``, nested archives, values of several documents. Numbers in values are floats, as templates see
them. An archive or a directory beyond :class:`Limits` is refused before it is in memory.

Refuses: absolute paths and parent references in archives; links in directories that lead out of the folder given as
their root; anything that is no regular file.

Upstream: helm/helm ``pkg/chart/v2``, ``pkg/chart/v2/loader``, ``pkg/chart/loader/archive``, ``pkg/ignore``.
"""

from fluxkit.helm.chart.errors import ChartError
from fluxkit.helm.chart.loading import Limits, load, load_archive, load_dir, load_files
from fluxkit.helm.chart.metadata import Dependency, Lock, Maintainer, Metadata
from fluxkit.helm.chart.model import CRD, Chart, File

__all__ = [
    "CRD",
    "Chart",
    "ChartError",
    "Dependency",
    "File",
    "Limits",
    "Lock",
    "Maintainer",
    "Metadata",
    "load",
    "load_archive",
    "load_dir",
    "load_files",
]
