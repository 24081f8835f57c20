"""Server-side apply and the tracking of updates over whole objects.

Follows kubernetes/apimachinery ``pkg/util/managedfields/internal``: fieldmanager.go, managedfieldsupdater.go,
stripmeta.go, skipnonapplied.go, lastappliedmanager.go, lastappliedupdater.go, conflict.go.
"""

from typing import Any

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox.apply import updater
from fluxkit.sandbox.apply.fieldset import EMPTY, FieldSet, difference, from_paths, has, union
from fluxkit.sandbox.apply.managers import Managed, ManagedFieldsError, ManagedSet, ManagerId
from fluxkit.sandbox.apply.typed import collapse_atomic, compare, problems, read_configuration, to_field_set
from fluxkit.sandbox.apply.updater import Conflict, Conflicts
from fluxkit.sandbox.apply.zero import zero_object
from fluxkit.schema import SchemaNode

__all__ = ["LAST_APPLIED", "ApplyConflict", "ManagedFieldsInApply", "apply_patch", "track_update"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"
_SELF = ManagerId("current-operation", "Update")

_STRIPPED = from_paths(
    [
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
                "managedFields", "resourceVersion",
            )
        ),
    ]
)  # fmt: skip

_IGNORED_MAIN = from_paths([("f:status",)])


class ApplyConflict(Exception):
    """An apply that would change fields of other managers and was not forced.

    ``str()`` is upstream's message; ``causes`` are the ``StatusCause`` objects of the 409 Status.
    """

    def __init__(self, conflicts: list[Conflict]) -> None:
        self.conflicts = sorted(conflicts, key=lambda each: each.manager)
        super().__init__(_conflict_message(self.conflicts))

    @property
    def causes(self) -> list[dict[str, str]]:
        return [
            {"reason": "FieldManagerConflict", "message": f"conflict with {each.manager}", "field": each.field}
            for each in self.conflicts
        ]


class ManagedFieldsInApply(ValueError):
    """An applied configuration must not carry managedFields."""


def _conflict_message(conflicts: list[Conflict]) -> str:
    if len(conflicts) == 1:
        return f"Apply failed with 1 conflict: conflict with {conflicts[0].manager}: {conflicts[0].field}"
    lines: list[str] = []
    current: ManagerId | None = None
    for each in conflicts:
        if each.manager != current:
            current = each.manager
            lines.append(f"conflicts with {current}:")
        lines.append(f"- {each.field}")
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)


def _ignored(subresource: str, has_status: bool) -> FieldSet:
    """Fields that a write to this endpoint cannot change, so that nobody comes to own them by it."""
    if subresource == "status":
        return _IGNORED_STATUS
    return _IGNORED_MAIN if has_status and not subresource else EMPTY


_IGNORED_STATUS = from_paths([("f:spec",), ("f:metadata", "f:labels"), ("f:metadata", "f:ownerReferences")])


def _without_managed_fields(obj: Object) -> Object:
    metadata = obj.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        return {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
    return obj


def _with_managed_fields(obj: Object, managed: Managed) -> Object:
    obj = _without_managed_fields(obj)
    if not managed.sets:
        return obj
    return {**obj, "metadata": {**(obj.get("metadata") or {}), "managedFields": managed.encode()}}


def _decode_or_empty(entries: Any) -> Managed:
    try:
        return Managed.decode(entries)
    except ManagedFieldsError:
        return Managed()


def _given(live: Object, new: Object, subresource: str) -> Managed:
    """The managers that an update starts from: those that it carries, else those of the live object."""
    before = (live.get("metadata") or {}).get("managedFields")
    if subresource:
        return _decode_or_empty(before)
    metadata = new.get("metadata") or {}
    if metadata.get("managedFields") in ([], [{}]):
        return Managed()  # the client asks to forget all managers
    try:
        managed = Managed.decode(metadata.get("managedFields"))
    except ManagedFieldsError:
        return _decode_or_empty(before)
    return managed if managed.sets else _decode_or_empty(before)


def _strip(sets: updater.Sets, identity: ManagerId) -> None:
    owned = sets.get(identity)
    if owned is None:
        return
    fields = difference(owned.fields, _STRIPPED)
    if fields:
        sets[identity] = ManagedSet(fields, owned.api_version)
    else:
        del sets[identity]


def _followed(schema: SchemaNode | None, sets: updater.Sets) -> updater.Sets:
    """Sets reconciled with a schema that may have changed since; built-in types (which have names) never change."""
    if schema is None or schema.name:
        return dict(sets)
    return {
        identity: ManagedSet(collapse_atomic(schema, owned.fields), owned.api_version)
        for identity, owned in sets.items()
    }


def track_update(
    before: Object | None,
    after: Object,
    *,
    schema: SchemaNode | None,
    manager: str,
    now: str,
    operation: str = "Update",
    subresource: str = "",
    has_status: bool = False,
) -> Object:
    """``after`` with the managedFields that a create, update or patch by ``manager`` leaves.

    ``before`` is the live object, None for a creation; ``now`` is RFC 3339 in whole seconds; ``has_status`` tells that
    the main endpoint cannot write ``status``. An object that nobody's fields are known of (emptied managedFields)
    stays so. managedFields that ``after`` carries are taken as the client's wish, except through a subresource.
    Neither argument is changed; the result shares parts with ``after``.
    """
    api_version = after.get("apiVersion") or ""
    live = zero_object(api_version, after.get("kind") or "")
    if before is not None:
        live = {**live, **before}
    managed = _given(live, after, subresource)
    if not managed.sets and before is not None:
        return _without_managed_fields(after)
    _track(
        managed, schema, _without_managed_fields(live), _without_managed_fields(after),
        ManagerId.of(manager, operation, api_version, subresource), api_version, now, _ignored(subresource, has_status),
    )  # fmt: skip
    return _with_managed_fields(after, managed)


def _track(
    managed: Managed,
    schema: SchemaNode | None,
    live: Object,
    new: Object,
    identity: ManagerId,
    version: str,
    now: str,
    ignored: FieldSet,
) -> None:
    sets = updater.updated(schema, live, new, version, _followed(schema, managed.sets), _SELF, ignored)
    _strip(sets, _SELF)
    managed.sets = sets
    mine = sets.pop(_SELF, None)
    if mine is not None:
        previous = sets.get(identity)
        fields = union(mine.fields, previous.fields) if previous is not None else mine.fields
        sets[identity] = ManagedSet(fields, version)
        managed.times[identity] = now
    managed.cap_updaters()


def apply_patch(
    live: Object | None,
    applied: Object,
    *,
    schema: SchemaNode | None,
    manager: str,
    force: bool,
    now: str,
    subresource: str = "",
    has_status: bool = False,
) -> Object:
    """``live`` with ``applied`` server-side applied by ``manager``, managedFields included.

    ``live`` is None if the object does not exist yet. ``now`` is RFC 3339 in whole seconds. Neither argument is
    changed; the result shares parts with both. When nothing changes, neither do times. Raises :class:`ApplyConflict`,
    :class:`TypedError` (the configuration does not fit the schema), :class:`ManagedFieldsInApply` and
    :class:`ManagedFieldsError` (the live object's cannot be read).
    """
    if (applied.get("metadata") or {}).get("managedFields") is not None:
        raise ManagedFieldsInApply("metadata.managedFields must be nil")
    fields = read_configuration(schema, applied)
    version = applied.get("apiVersion") or ""
    base: Object = live if live is not None else {"apiVersion": version, "kind": applied.get("kind")}
    managed = Managed.decode((base.get("metadata") or {}).get("managedFields"))
    base = _without_managed_fields(base)
    ignored = _ignored(subresource, has_status)
    if live is not None and not managed.sets:
        first = ManagerId.of("before-first-apply", "Update", version, subresource)
        zero = zero_object(version, applied.get("kind") or "")
        _track(managed, schema, zero, base, first, version, now, ignored)
    identity = ManagerId.of(manager, "Apply", version, subresource)
    start = _followed(schema, managed.sets)
    try:
        result, sets = updater.applied(
            schema, base, applied, version, start, identity, ignored, force=force, fields=fields, unrecorded=_STRIPPED
        )
    except Conflicts as error:
        remaining = _not_from_client_side_apply(error.conflicts, manager, base, schema)
        if remaining:
            raise ApplyConflict(remaining) from None
        result, sets = updater.applied(
            schema, base, applied, version, start, identity, ignored, force=True, fields=fields, unrecorded=_STRIPPED
        )
    _strip(sets, identity)
    managed.sets = sets
    if result is not None:
        managed.times[identity] = now
    else:
        result = base
    if manager == _KUBECTL:
        result = _refresh_last_applied(result, applied)
    return _with_managed_fields(result, managed)


# Moving from client-side apply


def _not_from_client_side_apply(
    conflicts: list[Conflict], manager: str, live: Object, schema: SchemaNode | None
) -> list[Conflict]:
    """The conflicts that are not merely kubectl's own earlier client-side apply."""
    if manager != _KUBECTL:
        return conflicts
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return conflicts
    try:
        last = orjson.loads(text)
    except orjson.JSONDecodeError:
        return conflicts
    if not isinstance(last, dict) or last.get("apiVersion") != live.get("apiVersion") or problems(schema, last):
        return conflicts
    comparison = compare(schema, last, live)
    allowed = to_field_set(schema, last)
    for differing in (comparison.modified, comparison.added, comparison.removed):
        allowed = difference(allowed, differing)
    return [each for each in conflicts if not has(allowed, each.path)]


def _refresh_last_applied(result: Object, applied: Object) -> Object:
    """Keeps the client-side apply annotation in step, where there is one, so that kubectl may go back."""
    metadata = result.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if not annotations.get(LAST_APPLIED):
        return result
    config = applied
    own = (applied.get("metadata") or {}).get("annotations")
    if isinstance(own, dict):
        kept = {key: value for key, value in own.items() if key != LAST_APPLIED}
        config = {**applied, "metadata": {**applied["metadata"], "annotations": kept}}
    text = orjson.dumps(config, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()
    for plain, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(plain, escape)
    return {**result, "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}}}
