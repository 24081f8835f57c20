"""Who owns a set of objects, and the labels that say so on each of them (fluxcd/pkg ``ssa/owner.go``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fluxkit.objects import Object, labels_of

__all__ = ["CommonMetadata", "Owner"]

KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"


@dataclass(frozen=True, slots=True)
class Owner:
    """The custom resource that a set of objects belongs to.

    ``group`` prefixes the ownership labels and the per-object switches; ``field_manager`` signs the writes.
    """

    name: str
    namespace: str
    group: str = KUSTOMIZE_GROUP
    field_manager: str = "kustomize-controller"

    @property
    def name_label(self) -> str:
        return f"{self.group}/name"

    @property
    def namespace_label(self) -> str:
        return f"{self.group}/namespace"

    @property
    def labels(self) -> dict[str, str]:
        return {self.name_label: self.name, self.namespace_label: self.namespace}

    def owns(self, live: Object) -> bool:
        """Whether a live object carries both labels with this owner's values."""
        labels = labels_of(live)
        return labels.get(self.name_label) == self.name and labels.get(self.namespace_label) == self.namespace


@dataclass(frozen=True, slots=True)
class CommonMetadata:
    """Labels and annotations that override an object's own, on top-level metadata only."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
