"""Replica counts by name (ReplicaCountTransformer)."""

from typing import Any

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit
from fluxkit.kustomize.kustomization import Replica
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.tree import Scalar, kind_name, write

__all__ = ["ReplicaTransformer"]


class ReplicaTransformer(Struct, frozen=True):
    """Sets the count on every resource that has or had the name. Raises :class:`KustomizeError` if there is none."""

    replica: Replica
    specs: tuple[FieldSpec, ...]

    def transform(self, resources: ResMap) -> None:
        count = Scalar(str(self.replica.count), "!!int")

        def set_count(container: Any, key: Any) -> None:
            if isinstance(container[key], dict | list):
                raise KustomizeError(f"wrong node kind: expected ScalarNode but got {kind_name(container[key])}")
            write(container, key, count)

        found = False
        for spec in self.specs:
            gvk = spec.gvk
            for resource in resources.matching_any_id(
                lambda known, gvk=gvk: known.name == self.replica.name and known.gvk.selected_by(gvk)  # type: ignore[misc]
            ):
                found = True
                visit(resource, spec, set_count, "scalar")
        if not found:
            kinds = " ".join(str(spec.gvk) for spec in self.specs)
            raise KustomizeError(
                f"resource with name {self.replica.name} does not match a config with the following GVK [{kinds}]",
                field="replicas",
            )
