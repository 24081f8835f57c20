"""Patches: strategic merge and JSON 6902 (PatchTransformer, PatchStrategicMergeTransformer,
PatchJson6902Transformer).
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from fluxkit.kustomize import json6902
from fluxkit.kustomize.budget import Budget
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.merge import Schema, merge_patch
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.selectors import Selector, select
from fluxkit.kustomize.tree import from_json, is_empty, kind_name, untyped

__all__ = ["JSONPatchTransformer", "StrategicMergeTransformer"]


class StrategicMergeTransformer(Struct, frozen=True):
    """Merges patches into the resources that they name, or one patch into the resources that ``target`` selects.

    ``source`` describes where the patch came from, for messages; ``naming`` words the failure to find a target;
    ``plain_metadata`` is how the old field ``patchesStrategicMerge`` treats labels and annotations: as strings.
    """

    patches: Sequence[Resource]
    schema: Schema
    target: Selector | None = None
    source: str = ""
    naming: Callable[[Resource, KustomizeError], str] | None = None
    plain_metadata: bool = False

    def transform(self, resources: ResMap) -> None:
        if self.target is not None:
            if len(self.patches) > 1:
                raise KustomizeError(
                    "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` "
                    f"field: {self.source}",
                    field="patches",
                )
            self._apply_selected(resources, self.target, self.patches[0])
            return
        for patch in self.patches:
            wanted = patch.original_id
            try:
                resource = resources.target_of(wanted)
            except KustomizeError as error:
                raise error.reworded(self.naming(patch, error)) if self.naming else error from None
            copied = patch.copy()
            if self.plain_metadata:
                _normalise_metadata(copied)
            self._apply(resource, copied)
            if self.plain_metadata:
                resources.refuse_duplicates()
        resources.changed()

    def _apply_selected(self, resources: ResMap, target: Selector, patch: Resource) -> None:
        try:
            selected = select(resources.resources, target)
        except KustomizeError as error:
            raise error.wrap(f'unable to find patch target "{target}" in `resources`') from None
        # Upstream selects by id, so resources with equal ids are patched together.
        for resource in selected:
            copied = patch.copy()
            _normalise_metadata(copied)
            # Upstream writes an absent version as an empty plain scalar, which is null in the end.
            copied.tree["apiVersion"] = resource.api_version or untyped("")
            self._apply(resource, copied)
        resources.refuse_duplicates()

    def _apply(self, resource: Resource, patch: Resource) -> None:
        tree = resource.tree
        metadata = resource.metadata
        name, kind, namespace = metadata.get("name", ""), tree.get("kind", ""), resource.namespace
        if patch.allow_name_change or patch.allow_kind_change:
            resource.store_previous_id()
        forgets = _deletes_annotations(patch.tree)
        if forgets:
            resource.show_memory()
        try:
            merged = merge_patch(tree, patch.tree, self.schema)
        except KustomizeError as error:
            raise error.at(resource=str(resource.id)) from None
        if merged is None or is_empty(merged):
            resource.node = None
            return
        resource.node = merged
        if forgets:
            resource.hide_memory()
        resource.allow_name_change |= patch.allow_name_change
        resource.allow_kind_change |= patch.allow_kind_change
        if not patch.allow_kind_change:
            merged["kind"] = kind
        if not patch.allow_name_change:
            resource.set_name(name)
        resource.set_namespace(namespace)


def _deletes_annotations(patch: dict[str, Any]) -> bool:
    """Whether a patch may take all annotations away, and upstream's memory with them."""
    metadata = patch.get("metadata")
    if "$patch" in patch or not isinstance(metadata, dict):
        return True
    annotations = metadata.get("annotations", {})
    return "$patch" in metadata or not isinstance(annotations, dict) or "$patch" in annotations


def _normalise_metadata(patch: Resource) -> None:
    """Labels and annotations of a patch become strings, even null ones."""
    patch.set_string_map("labels", patch.string_map("labels"))
    patch.set_string_map("annotations", patch.string_map("annotations"))
    patch.strip_build_annotations()


class JSONPatchTransformer(Struct, frozen=True):
    """Applies JSON 6902 operations to the resources that ``target`` selects; selecting none is fine.

    ``track`` remembers the id that a resource had before, in case the operations change it.
    """

    operations: Sequence[json6902.Operation]
    target: Selector
    budget: Budget
    track: bool = True

    def transform(self, resources: ResMap) -> None:
        for resource in select(resources.resources, self.target):
            if self.track:
                resource.store_previous_id()
            resource.show_memory()
            try:
                patched = json6902.apply(resource.object(), self.operations, self.budget)
            except KustomizeError as error:
                raise error.at(resource=str(resource.id)) from None
            if not isinstance(patched, dict):
                raise KustomizeError(
                    f"json: cannot unmarshal {kind_name(patched)} into Go value of type map[string]interface {{}}",
                    resource=str(resource.id),
                )
            tree: dict[str, Any] = from_json(patched)
            resource.node = tree
            resource.hide_memory(protected=True)
            # Upstream writes the annotations back as strings.
            resource.set_string_map("annotations", resource.string_map("annotations"))
        resources.changed()
