"""Setting labels and annotations at field specs (LabelTransformer, AnnotationsTransformer)."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit_path
from fluxkit.kustomize.identity import Gvk
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.tree import is_null, kind_name

__all__ = ["MetadataTransformer"]


class MetadataTransformer(Struct, frozen=True):
    """Writes the same entries into every mapping that the field specs name; values are strings."""

    entries: Mapping[str, str]
    specs: tuple[FieldSpec, ...]

    def transform(self, resources: ResMap) -> None:
        entries = self.entries
        if not entries:
            return

        def set_entries(container: Any, key: Any) -> None:
            target = container[key]
            if isinstance(target, dict):
                target.update(entries)
            elif not is_null(target):
                raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(target)}")

        by_kind: dict[Gvk, list[FieldSpec]] = {}
        for resource in resources.resources:
            gvk = resource.gvk
            specs = by_kind.get(gvk)
            if specs is None:
                specs = by_kind[gvk] = [spec for spec in self.specs if spec.matches(gvk)]
            for spec in specs:
                visit_path(resource, spec, set_entries, "map")
