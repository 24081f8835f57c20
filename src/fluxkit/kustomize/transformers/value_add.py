"""Putting a value into fields, or into the middle of paths that fields hold (ValueAddTransformer)."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import split_path
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.selectors import Selector, select
from fluxkit.kustomize.transformers.namespace import set_namespace
from fluxkit.kustomize.tree import is_null, kind_name, text_of

__all__ = ["AddTarget", "ValueAddTransformer"]


class AddTarget(Struct, frozen=True):
    """A field of the selected resources; ``file_path_position`` > 0 inserts the value into the path it holds."""

    selector: Selector | None = None
    field_path: str = ""
    file_path_position: int = 0


class ValueAddTransformer(Struct, frozen=True):
    value: str
    targets: Sequence[AddTarget]

    @classmethod
    def configured(cls, value: str, targets: Sequence[AddTarget]) -> "ValueAddTransformer":
        """A transformer with checked targets. Raises :class:`KustomizeError`."""
        if not targets:
            raise KustomizeError("must specify at least one target", field="targets")
        for target in targets:
            if not target.field_path:
                raise KustomizeError("fieldPath cannot be empty", field="targets")
            if target.file_path_position < 0:
                raise KustomizeError(
                    f"value of FilePathPosition ({target.file_path_position}) cannot be negative", field="targets"
                )
        return cls(value, targets)

    def transform(self, resources: ResMap) -> None:
        for target in self.targets:
            selector = target.selector
            chosen = list(resources.resources) if selector is None else select(resources.resources, selector)
            for resource in chosen:
                if target.field_path == "metadata/namespace":
                    set_namespace(resource, self.value)
                else:
                    self._add(resource, target)
        resources.changed()

    def _add(self, resource: Resource, target: AddTarget) -> None:
        *parents, last = split_path(target.field_path)
        node: Any = resource.tree
        for part in parents:
            if not isinstance(node, dict):
                raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(node)}")
            if part not in node or is_null(node[part]):
                node[part] = {}
            node = node[part]
        if not isinstance(node, dict):
            raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(node)}")
        current = node.get(last, "")
        if isinstance(current, dict | list):
            raise KustomizeError(f"wrong node kind: expected ScalarNode but got {kind_name(current)}")
        value = self.value
        if target.file_path_position > 0:
            value = _insert(text_of(current), target.file_path_position - 1, value)
        node[last] = value


def _insert(path: str, position: int, part: str) -> str:
    """Insert a part into a path; the root stays the root, a position beyond the end appends."""
    absolute = path.startswith("/")
    parts = [piece for piece in path.split("/") if piece]
    parts.insert(min(position, len(parts)), part)
    return ("/" if absolute else "") + "/".join(parts)
