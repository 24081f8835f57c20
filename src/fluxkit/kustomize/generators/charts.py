"""Helm charts (HelmChartInflationGenerator): ``helmCharts`` and ``helmGlobals``.

This decides about values files and options as upstream does; rendering, and pulling a chart that is not there, is left
to the renderer that the options give.
"""

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from fluxkit import yaml
from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.merge import Schema, merge_patch
from fluxkit.kustomize.options import ChartRequest, HelmRenderer
from fluxkit.kustomize.resource import HELM_ANNOTATION, Resource
from fluxkit.kustomize.tree import from_json, plain, read_documents

__all__ = ["ChartGenerator"]

_MERGES: Final = ("merge", "override", "replace")


class ChartGenerator(Struct, frozen=True):
    """Makes the resources of one chart; ``fields`` are those of the entry and of the globals together."""

    fields: Mapping[str, Any]
    merge: str
    loader: Loader
    context: BuildContext
    renderer: HelmRenderer

    @classmethod
    def configured(cls, fields: Mapping[str, Any], loader: Loader, context: BuildContext) -> "ChartGenerator":
        """Raises :class:`KustomizeError` for what cannot be, and always unless the options enable Helm."""
        renderer = context.options.helm_renderer
        if not context.options.enable_helm or renderer is None:
            raise KustomizeError("must specify --enable-helm", field="helmCharts")
        if not fields.get("name"):
            raise KustomizeError("chart name cannot be empty", field="helmCharts")
        for path in fields.get("additionalValuesFiles") or ():
            try:
                loader.load(path)
            except KustomizeError as error:
                raise error.wrap("could not load additionalValuesFile").at(field="helmCharts") from None
        merge = fields.get("valuesMerge") or "override"
        if merge not in _MERGES:
            raise KustomizeError(f"valuesMerge must be one of [{' '.join(_MERGES)}]", field="helmCharts")
        return cls(fields, merge, loader, context, renderer)

    def generate(self) -> list[Resource]:
        fields = self.fields
        chart, pulled = self._chart()
        values_file = fields.get("valuesFile")
        if values_file:
            values = self.loader.load(values_file)
        elif pulled:
            values = self.renderer.default_values(chart)
        else:
            values = self.loader.load(posixpath.join(chart, "values.yaml"))
        if fields.get("valuesInline"):
            values = self._with_inline(values)
        options = self.context.options
        request = ChartRequest(
            chart=chart,
            values=(values, *map(self.loader.load, fields.get("additionalValuesFiles") or ())),
            release_name=fields.get("releaseName", ""),
            namespace=fields.get("namespace", ""),
            name_template=fields.get("nameTemplate", ""),
            # As upstream decodes the configuration over the options, it has the last word.
            api_versions=tuple(fields.get("apiVersions") or options.helm_api_versions),
            kube_version=fields.get("kubeVersion") or options.helm_kube_version,
            include_crds=fields.get("includeCRDs", False),
            skip_hooks=fields.get("skipHooks", False),
            skip_tests=fields.get("skipTests", False),
        )
        made = self.context.read(self.renderer.template(request))
        for resource in made:
            annotations = resource.string_map("annotations")
            resource.set_string_map("annotations", {**annotations, HELM_ANNOTATION: "true"})
        return made

    def _chart(self) -> tuple[str, bool]:
        """The directory of the chart, and whether it was pulled for this build."""
        name, repo, version = (self.fields.get(field, "") for field in ("name", "repo", "version"))
        home = posixpath.join(self.loader.root, self.fields.get("chartHome") or "charts")
        if version and repo:
            home = posixpath.join(home, f"{name}-{version}")
        path = posixpath.normpath(posixpath.join(home, name))
        try:
            real, file = self.loader.files.resolve_dir(path)
            if not file:
                return real, False
        except KustomizeError:
            pass
        if not repo:
            raise KustomizeError(f"no repo specified for pull, no chart found at '{path}'", field="helmCharts")
        if not self.context.options.allow_remote:
            raise KustomizeError(f"remote chart '{name}' of '{repo}' is not allowed", field="helmCharts")
        return self.renderer.pull(repo, name, version, bool(self.fields.get("devel"))), True

    def _with_inline(self, content: bytes) -> bytes:
        inline = from_json(self.fields["valuesInline"])
        if self.merge != "replace":
            try:
                documents = read_documents(content.decode("utf-8-sig"))
            except (KustomizeError, UnicodeDecodeError) as error:
                raise KustomizeError(f"could not parse values file into rnode: {error}", field="helmCharts") from None
            chart: Any = documents[0] if documents else {}
            target, patch = (chart, inline) if self.merge == "override" else (inline, chart)
            try:
                inline = merge_patch(target, patch, Schema()) or {}
            except KustomizeError as error:
                raise error.wrap("could not merge values").at(field="helmCharts") from None
        return yaml.dump(plain(inline)).encode()
