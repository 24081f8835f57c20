"""Rendering charts: templates executed over values, and what comes of it sorted into manifests, hooks and notes.

Promises: what ``helm template`` and ``helm install --dry-run`` make of a chart, byte for byte, error texts included.
:func:`render` is pure but for the clock and the random bytes that templates ask for, and can run in a worker process:
arguments and results can be pickled. One budget of steps, time, output and nesting covers a whole rendering, whatever
the chart does; parsed templates are kept, so that rendering a chart again costs a fraction.

Refuses: to reach a cluster (``lookup`` is handed in), the network and files other than the chart's own.

Differs from upstream: subchart notes come in order of their paths; ``keys`` and ``values`` in byte order.

Upstream: helm/helm ``pkg/engine``, ``pkg/action`` (install), ``pkg/release/v1/util``.
"""

from fluxkit.helm.render.capabilities import Capabilities, HelmVersion, KubeVersion, VersionSet
from fluxkit.helm.render.engine import RENDER_LIMITS, Lookup, Mode, Randomness
from fluxkit.helm.render.errors import (
    IncompatibleCluster,
    ManifestError,
    RenderError,
    RenderLimitError,
    TemplateFailure,
)
from fluxkit.helm.render.heads import Head
from fluxkit.helm.render.manifests import Hook, Manifest, split_documents
from fluxkit.helm.render.ordering import INSTALL_ORDER, UNINSTALL_ORDER, sorted_by_kind
from fluxkit.helm.render.printing import printed, sourced, without_tests
from fluxkit.helm.render.release import (
    PostRenderer,
    ReleaseOptions,
    Rendered,
    check_release_name,
    failed_files,
    render,
    render_files,
)

__all__ = [
    "INSTALL_ORDER",
    "RENDER_LIMITS",
    "UNINSTALL_ORDER",
    "Capabilities",
    "Head",
    "HelmVersion",
    "Hook",
    "IncompatibleCluster",
    "KubeVersion",
    "Lookup",
    "Manifest",
    "ManifestError",
    "Mode",
    "PostRenderer",
    "Randomness",
    "ReleaseOptions",
    "RenderError",
    "RenderLimitError",
    "Rendered",
    "TemplateFailure",
    "VersionSet",
    "check_release_name",
    "failed_files",
    "printed",
    "render",
    "render_files",
    "sorted_by_kind",
    "sourced",
    "split_documents",
    "without_tests",
]
