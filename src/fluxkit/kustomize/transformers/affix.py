"""Prefixes and suffixes of names (PrefixTransformer, SuffixTransformer)."""

from typing import Any, Final

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit
from fluxkit.kustomize.identity import Gvk
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.tree import kind_name, put_text, text_of

__all__ = ["AffixTransformer"]

_SKIPPED: Final = (
    Gvk(kind="CustomResourceDefinition"),
    Gvk("apiregistration.k8s.io", "", "APIService"),
    Gvk(kind="Namespace"),
)


class AffixTransformer(Struct, frozen=True):
    """Adds a prefix and a suffix to the fields that the specs name.

    Where that is ``metadata/name``, the resource remembers both: they tell equally named candidates of a reference
    apart.
    """

    prefix: str
    suffix: str
    specs: tuple[FieldSpec, ...]

    def transform(self, resources: ResMap) -> None:
        def add(container: Any, key: Any) -> None:
            value = container[key]
            if isinstance(value, dict | list):
                raise KustomizeError(f"wrong node kind: expected ScalarNode but got {kind_name(value)}")
            put_text(container, key, f"{self.prefix}{text_of(value)}{self.suffix}")

        for resource in resources.resources:
            original = resource.original_id.gvk
            if any(original.selected_by(skipped) for skipped in _SKIPPED):
                continue
            for spec in self.specs:
                if not original.selected_by(spec.gvk):
                    continue
                if spec.path == "metadata/name" and (self.prefix or self.suffix):
                    if self.prefix:
                        resource.prefixes.append(self.prefix)
                    if self.suffix:
                        resource.suffixes.append(self.suffix)
                    resource.store_previous_id()
                visit(resource, spec, add, "scalar")
        resources.changed()
