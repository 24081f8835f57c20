"""Merging a patch tree into a target tree (kyaml ``yaml/walk``, ``yaml/merge2``).

The whole target is walked, not only what the patch touches; that is why an empty field (``foo:``) disappears from a
patched resource, and why duplicate entries of a keyed list collapse. The target tree is changed in place and takes
parts of the patch tree over, so the caller gives a patch that it does not need again.
"""

from typing import Any

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.merge import associative
from fluxkit.kustomize.merge.directives import DELETE, KEY, REPLACE, list_directive, map_directive
from fluxkit.kustomize.merge.schema import Schema, SchemaNode
from fluxkit.kustomize.tree import MISSING, Node, Scalar, is_null, kind_name, text_of, write

__all__ = ["Merger", "merge_patch"]


def merge_patch(target: dict[str, Any], patch: dict[str, Any], schema: Schema) -> dict[str, Any] | None:
    """The target with the patch merged in, None when the patch deletes it. Raises :class:`KustomizeError`.

    A directive ``$patch: replace`` at the top has no effect at all: upstream computes the result and forgets it.
    """
    if text_of(patch.get(KEY, "")) == REPLACE:
        return target
    merged = Merger(schema).walk(target, patch, None)
    return merged if isinstance(merged, dict) else None


class Merger:
    """One merge. Methods return MISSING for a field that shall go."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def walk(self, target: Node, patch: Node, schema: SchemaNode | None) -> Node:
        """The merge of a field that either side may lack (MISSING)."""
        kind = type(target)
        if kind is str and patch is MISSING:
            return target
        if schema is None:
            schema = self._own_schema(target, patch)
        leader = target if target is not MISSING and not is_null(target) else patch
        if leader is MISSING or is_null(leader):
            return self._nulls(target, patch)
        expected = kind_name(leader)
        for side in (target, patch):
            if side is not MISSING and not is_null(side) and kind_name(side) != expected:
                raise KustomizeError(
                    f"wrong node kind: expected {expected} but got {kind_name(side)}: node contents:\n{_contents(side)}"
                )
        if isinstance(leader, dict):
            return self._maps(target, patch, schema)
        if isinstance(leader, list):
            if schema is not None and "m" in schema:
                return self._keyed_lists(target, patch, schema)
            return target if patch is MISSING else patch
        return target if patch is MISSING else patch

    def _own_schema(self, target: Node, patch: Node) -> SchemaNode | None:
        """The schema that an object brings by its own apiVersion and kind."""
        for side in (target, patch):
            if isinstance(side, dict) and "kind" in side and "apiVersion" in side:
                found = self.schema.for_kind(text_of(side["apiVersion"]), text_of(side["kind"]))
                if found is not None:
                    return found
        return None

    def _nulls(self, target: Node, patch: Node) -> Node:
        # A null that the patch does not mention stays if it is spelt out; an empty value goes.
        if patch is MISSING and target is not MISSING and text_of(target):
            return target
        return MISSING

    def _maps(self, target: Node, patch: Node, schema: SchemaNode | None) -> Node:
        if target is MISSING or is_null(target):
            if map_directive(patch, tolerant=True) == DELETE:
                return MISSING
            target = patch
        elif is_null(patch):
            return MISSING
        elif patch is not MISSING:
            directive = map_directive(patch)
            if directive == DELETE:
                return MISSING
            if directive == REPLACE:
                target = patch
        names = sorted({*target, *patch}) if patch is not MISSING and patch is not target else list(target)
        for name in names:
            before = target.get(name, MISSING)
            change = patch.get(name, MISSING) if patch is not MISSING else MISSING
            if change is MISSING and type(before) is str:
                continue
            merged = self.walk(before, change, self.schema.field(schema, name) if schema is not None else None)
            if merged is MISSING or (is_null(merged) and not (change is MISSING and merged is before)):
                target.pop(name, None)
            elif merged is not before:
                if name in target:
                    write(target, name, merged)
                else:
                    target[name] = merged
        return target

    def _keyed_lists(self, target: Node, patch: Node, schema: SchemaNode) -> Node:
        if target is MISSING or is_null(target):
            target = patch
        elif is_null(patch):
            return MISSING
        elif patch is not MISSING:
            directive = list_directive(patch)
            if directive == DELETE:
                return MISSING
            if directive == REPLACE:
                target = patch
        return associative.merge_lists(self, target, patch, schema)


def _contents(node: Node) -> str:
    if isinstance(node, Scalar | str):
        return text_of(node) + "\n"
    from fluxkit import yaml
    from fluxkit.kustomize.tree import plain

    return yaml.dump(plain(node))
