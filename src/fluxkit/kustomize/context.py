"""What all kustomizations of one build share."""

from dataclasses import dataclass, field

from fluxkit.kustomize.budget import Budget
from fluxkit.kustomize.crds import declared_scopes
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.files import Files
from fluxkit.kustomize.identity import Scopes
from fluxkit.kustomize.merge.schema import Schema
from fluxkit.kustomize.options import BuildOptions
from fluxkit.kustomize.reading import read_resources
from fluxkit.kustomize.resource import Resource

__all__ = ["BuildContext"]


@dataclass(slots=True)
class BuildContext:
    """One build: its options, its view of the files, its schema, the scopes of kinds, and warnings so far."""

    options: BuildOptions
    files: Files
    scopes: Scopes
    schema: Schema = field(default_factory=Schema)
    warnings: list[str] = field(default_factory=list)
    met_unknown_kind: bool = False
    _count: int = 0
    _budget: Budget | None = None

    @property
    def later(self) -> bool:
        """Whether to behave as kustomize's code after the pinned release."""
        return self.options.level == "next"

    @property
    def budget(self) -> Budget:
        """What may still be made by multiplying values."""
        if self._budget is None:
            self._budget = Budget(self.options.limits.output_bytes)
        return self._budget

    def read(self, text: str) -> list[Resource]:
        """The resources in a text. Raises :class:`KustomizeError`."""
        resources = read_resources(text, self.scopes)
        self._count += len(resources)
        if not self.met_unknown_kind:
            self.met_unknown_kind = not all(
                self.scopes.is_known(resource.api_version, resource.kind) for resource in resources
            )
        if self.options.learn_scopes:
            self.scopes.extend(declared_scopes(resource.tree for resource in resources))
        if self._count > self.options.limits.resources:
            raise KustomizeError(f"the build reads more than the limit of {self.options.limits.resources} resources")
        return resources
