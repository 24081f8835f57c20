"""What a kustomization has accumulated: resources, transformer configuration and vars (api
``internal/accumulator``).
"""

from collections.abc import Iterable

from fluxkit.kustomize.configuration import TransformerConfig
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.kustomization import Var
from fluxkit.kustomize.references.variables import VarSet, mark_targets
from fluxkit.kustomize.resmap import ResMap

__all__ = ["Accumulator"]


class Accumulator:
    """Grows as bases are merged into their overlay; each part raises :class:`KustomizeError` on conflicts."""

    def __init__(self) -> None:
        self.resources = ResMap()
        self.configuration = TransformerConfig()
        self.vars = VarSet()

    def merge_configuration(self, configuration: TransformerConfig) -> None:
        try:
            self.configuration = self.configuration.merge(configuration)
        except KustomizeError as error:
            raise error.wrap("merging config") from None

    def add_vars(self, declared: Iterable[Var]) -> None:
        declared = list(declared)
        mark_targets(self.resources, declared)
        self.vars.add(declared)

    def merge(self, other: "Accumulator") -> None:
        self.resources.append_all(other.resources.resources)
        self.merge_configuration(other.configuration)
        self.vars.add(other.vars)
