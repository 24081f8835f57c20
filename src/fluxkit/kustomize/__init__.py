"""``kustomize build`` in Python, complete and pure.

Promises: the objects, their order and their text are those of kustomize v5.8.1, the release that Flux pins, byte for
byte, also where upstream is odd, because people's manifests depend on it. The result tells which files the build
depended on. Errors are upstream's, with the file, field and resource they are about.

Refuses: the network (remote bases come through a fetcher that the caller gives), starting processes (KRM functions come
through a runner), rendering charts (Helm comes through a renderer), and reading outside of the root it is given,
symlinks included. Cycles, alias bombs, oversized files and outputs are errors. There is no global state: builds may run
side by side.

The house: :mod:`.build` runs a build, :mod:`.target` is one kustomization, :mod:`.loader` and :mod:`.files` are the
only way to the disk, :mod:`.tree` and :mod:`.resource` are what is transformed, :mod:`.transformers` and
:mod:`.generators` hold one module for each built-in plugin, :mod:`.merge` the strategic merge, :mod:`.references` name
references and vars.
"""

from fluxkit.kustomize.build import VERSION, build
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.options import (
    BuildLimits,
    BuildOptions,
    BuildResult,
    ChartRequest,
    FunctionOptions,
    FunctionRunner,
    HelmRenderer,
    RemoteFetcher,
)

__all__ = [
    "VERSION",
    "BuildLimits",
    "BuildOptions",
    "BuildResult",
    "ChartRequest",
    "FunctionOptions",
    "FunctionRunner",
    "HelmRenderer",
    "KustomizeError",
    "RemoteFetcher",
    "build",
]
