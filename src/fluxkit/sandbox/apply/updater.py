"""Who owns what after an apply or an update, and what an apply takes away.

Follows kubernetes-sigs/structured-merge-diff ``merge/update.go``. All versions of a resource share one topology here,
so sets of other versions need no conversion.
"""

from dataclasses import dataclass
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.apply.fieldset import (
    EMPTY,
    FieldSet,
    Path,
    difference,
    ensure_named_members,
    intersection,
    path_text,
    paths,
    recursive_difference,
    union,
)
from fluxkit.sandbox.apply.managers import ManagedSet, ManagerId
from fluxkit.sandbox.apply.typed import Comparison, compare, equal, merge, remove_items, to_field_set
from fluxkit.schema import SchemaNode

__all__ = ["Conflict", "Conflicts", "Sets", "applied", "updated"]

Sets = dict[ManagerId, ManagedSet]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that another manager owns and that the apply would change."""

    manager: ManagerId
    path: Path

    @property
    def field(self) -> str:
        """``.spec.replicas``"""
        return path_text(self.path)


class Conflicts(Exception):
    """An apply that is not forced would change fields of others."""

    def __init__(self, conflicts: list[Conflict]) -> None:
        self.conflicts = conflicts
        super().__init__(f"{len(conflicts)} conflicts")


def _settle(comparison: Comparison, sets: Sets, workflow: ManagerId, *, force: bool) -> Sets:
    """The managers after a change by ``workflow``: others lose what it changed (only if forced) and what is gone."""
    changed = union(comparison.modified, comparison.added)
    result: Sets = {}
    conflicts: list[Conflict] = []
    for identity in sorted(sets):
        owned = sets[identity]
        if identity == workflow:
            result[identity] = owned
            continue
        fields = owned.fields
        lost = intersection(fields, changed) if changed else EMPTY
        if lost:
            conflicts.extend(Conflict(identity, path) for path in paths(lost))
            fields = difference(fields, lost)
        if comparison.removed:
            fields = difference(fields, comparison.removed)
        if fields:
            result[identity] = owned if fields is owned.fields else ManagedSet(fields, owned.api_version)
    if conflicts and not force:
        raise Conflicts(conflicts)
    if workflow in result and not result[workflow].fields:
        del result[workflow]
    return result


def _without(comparison: Comparison, ignored: FieldSet) -> Comparison:
    if not ignored:
        return comparison
    return Comparison(
        recursive_difference(comparison.removed, ignored),
        recursive_difference(comparison.modified, ignored),
        recursive_difference(comparison.added, ignored),
    )


def updated(
    schema: SchemaNode | None,
    live: Object,
    new: Object,
    version: str,
    sets: Sets,
    manager: ManagerId,
    ignored: FieldSet,
) -> Sets:
    """The managers after ``manager`` made ``new`` out of ``live`` by any write but an apply. Never conflicts."""
    comparison = _without(compare(schema, live, new), ignored)
    result = _settle(comparison, sets, manager, force=True)
    owned = result.pop(manager, None)
    fields = owned.fields if owned is not None else EMPTY
    fields = union(union(difference(fields, comparison.removed), comparison.modified), comparison.added)
    fields = recursive_difference(fields, ignored)
    if fields:
        result[manager] = ManagedSet(fields, version)
    return result


def applied(
    schema: SchemaNode | None,
    live: Object,
    config: Object,
    version: str,
    sets: Sets,
    manager: ManagerId,
    ignored: FieldSet,
    *,
    force: bool,
    fields: FieldSet | None = None,
    unrecorded: FieldSet = EMPTY,
) -> tuple[Object | None, Sets]:
    """The object after ``manager`` applied ``config``, None if it is as it was, and the managers.

    ``fields`` are those of the configuration, where they are known already; ``unrecorded`` are those that no manager
    is recorded to own, as far as that may save work.
    Raises :class:`Conflicts`.
    """
    merged: Any = merge(schema, live, config)
    last = sets.get(manager)
    fields = recursive_difference(to_field_set(schema, config) if fields is None else fields, ignored)
    sets = {**sets, manager: ManagedSet(fields, version)}
    given_up = last is not None and last.fields and last.fields != difference(fields, unrecorded)
    if last is not None and given_up and difference(last.fields, fields):
        merged = _prune(schema, merged, last.fields, sets) or {}
    same = equal(live, merged)
    comparison = Comparison(EMPTY, EMPTY, EMPTY) if same else _without(compare(schema, live, merged), ignored)
    result = _settle(comparison, sets, manager, force=force)
    return (None if same else merged), result


def _prune(schema: SchemaNode | None, merged: Any, last: FieldSet, sets: Sets) -> Any:
    """``merged`` without what its applier applied last time, not this time, and nobody else claims.

    Not called when everything that was applied last time is applied again: then there is nothing to take away.
    """
    named_last = ensure_named_members(last, schema)
    pruned = remove_items(schema, merged, named_last)
    managed: FieldSet = EMPTY
    for owned in sets.values():
        managed = union(managed, owned.fields)
    everything = ensure_named_members(to_field_set(schema, merged), schema)
    remaining = ensure_named_members(to_field_set(schema, pruned), schema)
    # Add back what others, or the new configuration, own ...
    unowned = difference(everything, union(remaining, ensure_named_members(managed, schema)))
    pruned = remove_items(schema, merged, unowned)
    # ... and what the applier never owned.
    remaining = ensure_named_members(to_field_set(schema, pruned), schema)
    return remove_items(schema, merged, intersection(difference(everything, remaining), named_last))
