"""Setting labels and annotations at field specs (LabelTransformer, AnnotationsTransformer)."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit_path
from fluxkit.kustomize.identity import Gvk
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.tree import Linked, Quoted, is_null, kind_name, new_string, write

__all__ = ["MetadataTransformer"]


class MetadataTransformer(Struct, frozen=True):
    """Writes the same entries into every mapping that the field specs name; values are strings."""

    entries: Mapping[str, str]
    specs: tuple[FieldSpec, ...]

    def transform(self, resources: ResMap) -> None:
        entries = self.entries
        if not entries:
            return

        added: dict[int, dict[str, Any]] = {}

        def set_entries(container: Any, key: Any) -> None:
            target = container[key]
            if isinstance(target, dict):
                for name, value in entries.items():
                    if name in target:
                        write(target, name, value)
                    else:
                        target[name] = _Added(value)
                        added[id(target)] = target
            elif not is_null(target):
                raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(target)}")

        by_kind: dict[Gvk, list[FieldSpec]] = {}
        for resource in resources.resources:
            gvk = resource.gvk
            specs = by_kind.get(gvk)
            if specs is None:
                specs = by_kind[gvk] = [spec for spec in self.specs if spec.matches(gvk)]
            added.clear()
            seen = any(not spec.create and spec.path == "metadata/annotations" for spec in specs)
            if seen:
                resource.show_memory()
            for spec in specs:
                visit_path(resource, spec, set_entries, "map")
            if seen:
                resource.hide_memory(protected=True)
            _link(list(added.values()), entries)


class _Added(str):
    """An entry that this run has added."""

    __slots__ = ()


def _link(added: list[dict[str, Any]], entries: Mapping[str, str]) -> None:
    """Make entries that were added in several places of a resource one, as they are upstream."""
    for name, value in entries.items():
        holders = [mapping for mapping in added if type(mapping.get(name)) is _Added]
        single = new_string(value)
        shared = Linked(value, holders, isinstance(single, Quoted)) if len(holders) > 1 else single
        for holder in holders:
            holder[name] = shared
