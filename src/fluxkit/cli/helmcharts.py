"""Charts in kustomizations: :mod:`fluxkit.helm` behind the renderer that the build engine asks for
(kubernetes-sigs/kustomize api ``internal/builtins/HelmChartInflationGenerator.go``).

A chart that has to be pulled goes to a directory that the caller removes; upstream keeps it in the chart home.
"""

import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

from fluxkit.helm import HelmError
from fluxkit.helm import chart as charts
from fluxkit.helm import render as rendering
from fluxkit.helm.values import load_values, merge_maps
from fluxkit.kustomize import ChartRequest, KustomizeError
from fluxkit.semver import SemVerError, Version

__all__ = ["Charts"]

_SECONDS: Final = 60.0
_BYTES: Final = 64 << 20


class Charts:
    """Renders charts from directories and archives; pulls them from HTTP repositories to ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def template(self, request: ChartRequest) -> str:
        """What ``helm template`` prints for a chart. Raises KustomizeError."""
        try:
            values: dict[str, Any] = {}
            for text in request.values:
                values = merge_maps(values, load_values(text))
            capabilities = rendering.Capabilities()
            if request.kube_version:
                capabilities = capabilities.at(rendering.KubeVersion.parse(request.kube_version))
            if request.name_template and request.release_name:
                raise KustomizeError("cannot set --name-template and also specify a name")
            name = request.name_template and _name(request.name_template)
            rendered = rendering.render(
                charts.load(request.chart, root="/"),
                values,
                rendering.ReleaseOptions(
                    name or request.release_name or "release-name", request.namespace or "default"
                ),
                capabilities.adding(request.api_versions),
            )
            hooks = [] if request.skip_hooks else rendered.hooks
            if request.skip_tests:
                hooks = rendering.without_tests(hooks)
            return rendering.printed(rendered.manifest(include_crds=request.include_crds), hooks, ())
        except HelmError as error:
            raise KustomizeError(f"cannot render chart '{request.chart}': {error}", field="helmCharts") from error

    def pull(self, repo: str, name: str, version: str, devel: bool) -> str:
        """The archive of a chart, downloaded. Raises KustomizeError."""
        if repo.startswith("oci://"):
            raise KustomizeError(f"charts are not pulled from OCI registries: put '{name}' into the chart home")
        base = repo.rstrip("/") + "/"
        index = load_values(_get(base + "index.yaml"))
        entries = index.get("entries")
        listed = entries.get(name) if isinstance(entries, dict) else None
        entry = _chosen(
            [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else [], version, devel
        )
        urls = entry.get("urls") if entry else None
        if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
            wanted = f"{name}-{version}" if version else name
            raise KustomizeError(f"chart '{wanted}' not found in {repo} repository", field="helmCharts")
        target = self._directory / f"{name}.tgz"
        target.write_bytes(_get(urllib.parse.urljoin(base, urls[0])))
        return str(target)

    def default_values(self, chart: str) -> bytes:
        """The ``values.yaml`` in an archive. Raises KustomizeError."""
        try:
            loaded = charts.load(chart)
        except HelmError as error:
            raise KustomizeError(f"cannot load chart: {error}", field="helmCharts") from error
        return next((file.data for file in loaded.raw if file.name == "values.yaml"), b"")


def _chosen(entries: list[dict[str, Any]], version: str, devel: bool) -> dict[str, Any] | None:
    """The entry with a version; without one the newest, pre-releases only if ``devel``."""
    if version:
        return next((entry for entry in entries if entry.get("version") == version), None)
    newest: tuple[Version, dict[str, Any]] | None = None
    for entry in entries:
        try:
            found = Version.parse(str(entry.get("version", "")))
        except SemVerError:
            continue
        if (devel or not found.prerelease) and (newest is None or found > newest[0]):
            newest = found, entry
    return newest[1] if newest else None


def _name(template: str) -> str:
    from fluxkit.template import Template, TemplateError
    from fluxkit.template.sprig import functions

    try:
        return Template("name-template").funcs(functions()).parse(template).execute(None)
    except TemplateError as error:
        raise KustomizeError(str(error), field="nameTemplate") from error


def _get(url: str) -> bytes:
    if not url.lower().startswith(("http://", "https://")):
        raise KustomizeError(f"cannot pull from '{url}': only HTTP repositories are supported", field="helmCharts")
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            body: bytes = answer.read(_BYTES + 1)
    except (urllib.error.URLError, OSError) as error:
        raise KustomizeError(f"cannot pull from '{url}': {error}", field="helmCharts") from error
    if len(body) > _BYTES:
        raise KustomizeError(f"{url} is larger than {_BYTES} bytes", field="helmCharts")
    return body
