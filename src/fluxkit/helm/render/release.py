"""Rendering a chart for a release: from a chart and values to manifests, hooks, notes and definitions.

Upstream: helm/helm ``pkg/action/install.go``, ``action.go`` (renderResources), ``pkg/chart/common/util/values.go``.
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fluxkit.helm.chart import CRD, Chart
from fluxkit.helm.dependencies import DependencyError, is_compatible_range, process
from fluxkit.helm.render.capabilities import Capabilities
from fluxkit.helm.render.engine import RENDER_LIMITS, Lookup, Mode, Randomness, execute
from fluxkit.helm.render.errors import IncompatibleCluster, ManifestError, RenderError
from fluxkit.helm.render.manifests import Hook, Manifest, is_blank, sort_manifests
from fluxkit.helm.render.printing import sourced
from fluxkit.helm.render.scope import sources
from fluxkit.helm.values import Fetch, coalesce_values, validate_against_schema
from fluxkit.template import Limits

__all__ = ["PostRenderer", "ReleaseOptions", "Rendered", "check_release_name", "failed_files", "render", "render_files"]

_NAME: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_VALID_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME: Final = 53
_NOTES: Final = "NOTES.txt"

PostRenderer = Callable[[Mapping[str, str]], Mapping[str, str]]
"""From rendered files, by path, to files that take their place. Raises RenderError."""


@dataclass(frozen=True, slots=True)
class ReleaseOptions:
    """What ``.Release`` tells templates."""

    name: str = "release-name"
    namespace: str = "default"
    revision: int = 1
    is_upgrade: bool = False

    def as_object(self) -> dict[str, Any]:
        return {
            "Name": self.name,
            "Namespace": self.namespace,
            "IsUpgrade": self.is_upgrade,
            "IsInstall": not self.is_upgrade,
            "Revision": self.revision,
            "Service": "Helm",
        }


@dataclass(slots=True)
class Rendered:
    """What a chart gives for a release; manifests and hooks in the order in which kinds are installed."""

    chart: Chart
    """The chart with the subcharts that took part, as it is kept with a release."""
    manifests: list[Manifest]
    hooks: list[Hook]
    notes: str
    """The root chart's, empty without one."""
    crds: list[CRD]
    """Files of ``crds`` folders, of charts that took part only; they are not part of the manifest."""

    def manifest(self, *, include_crds: bool = False) -> str:
        """All manifests as one text, each under a ``# Source:`` line, as Helm keeps it with a release."""
        parts = [sourced(crd.filename, crd.file.text) for crd in self.crds] if include_crds else []
        return "".join([*parts, *(sourced(manifest.path, manifest.content) for manifest in self.manifests)])


def check_release_name(name: str) -> None:
    """Raises RenderError for a name that Helm refuses."""
    problem = ""
    if not name:
        problem = "no name provided"
    elif len(name) > _LONGEST_NAME or not _VALID_NAME.fullmatch(name):
        problem = f"invalid release name, must match regex {_NAME} and the length must not be longer than 53"
    if problem:
        raise RenderError(f'release name check failed: release name "{name}": {problem}')


def render_files(
    chart: Chart,
    values: dict[str, Any],
    release: ReleaseOptions,
    capabilities: Capabilities,
    *,
    lookup: Lookup | None = None,
    mode: Mode = Mode(),  # noqa: B008 - immutable
    limits: Limits = RENDER_LIMITS,
    randomness: Randomness | None = None,
) -> tuple[dict[str, str], list[str]]:
    """The text of every template by path, and lint warnings: the engine alone, as ``helm lint`` uses it.

    ``chart`` has had its dependencies processed; ``values`` are the coalesced ones, which templates may change.
    Raises TemplateFailure, RenderLimitError.
    """
    files = sources(chart, values, release.as_object(), capabilities)
    return execute(files, mode=mode, lookup=lookup, limits=limits, randomness=randomness)


def render(
    chart: Chart,
    values: Mapping[str, Any],
    release: ReleaseOptions = ReleaseOptions(),
    capabilities: Capabilities | None = None,
    *,
    lookup: Lookup | None = None,
    validate_schema: bool = True,
    fetch_schema: Fetch | None = None,
    subchart_notes: bool = False,
    post_renderer: PostRenderer | None = None,
    limits: Limits = RENDER_LIMITS,
    randomness: Randomness | None = None,
) -> Rendered:
    """Render ``chart`` with the values that users gave; neither is changed.

    Without ``capabilities`` and ``lookup`` this is what Helm does without a cluster, except that a values.schema.json
    which refers to http addresses is an error without ``fetch_schema``. Pure but for the clock and random
    bytes that templates ask for, which ``randomness`` can fix. Raises HelmError: RenderError and its kinds, and those
    of values and dependencies.
    """
    check_release_name(release.name)
    capabilities = capabilities or Capabilities()
    try:
        chart = process(chart, values)
    except DependencyError as problem:
        raise RenderError(f"chart dependencies processing failed: {problem}") from problem
    coalesced = coalesce_values(chart, values)
    if validate_schema:
        validate_against_schema(chart, coalesced, fetch=fetch_schema)
    _check_kube_version(chart, capabilities)
    files, _ = render_files(
        chart, coalesced, release, capabilities, lookup=lookup, limits=limits, randomness=randomness
    )
    notes = _take_notes(files, chart, subchart_notes)
    if post_renderer is not None:
        files = dict(post_renderer(files))
    hooks, manifests = sort_manifests(files)
    return Rendered(chart, manifests, hooks, notes, chart.crds())


def _check_kube_version(chart: Chart, capabilities: Capabilities) -> None:
    wanted = chart.metadata.kube_version
    if wanted and not is_compatible_range(wanted, str(capabilities.kube_version)):
        version = capabilities.kube_version.version
        raise IncompatibleCluster(
            f"chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {version}"
        )


def _take_notes(files: dict[str, str], chart: Chart, of_subcharts: bool) -> str:
    """Remove all notes from ``files``; the text is the root chart's, or everybody's."""
    own = posixpath.join(chart.name, "templates", _NOTES)
    paths = sorted(path for path in files if path.endswith(_NOTES))
    texts = {path: files.pop(path) for path in paths}
    return "\n".join(text for path, text in texts.items() if of_subcharts or path == own)


def failed_files(error: ManifestError) -> str:
    """What was rendered before ``error``, as one text for people to find the mistake in."""
    return "".join(sourced(path, text) for path, text in sorted(error.files.items()) if not is_blank(text))
