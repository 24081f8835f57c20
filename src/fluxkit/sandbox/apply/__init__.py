"""Server-side apply: merging configurations of many managers and recording who owns which field.

Promises the API server's semantics over plain objects and a :class:`fluxkit.schema.SchemaNode`: the same merged object,
the same ``managedFields``, the same conflicts, in upstream's words. Two pure functions do the work: :func:`apply_patch`
for an apply, :func:`track_update` for every other write. :class:`SchemaFieldManagement` plugs them into the registry.

Refuses to know storage, HTTP, defaulting and the clock: callers pass the time.
"""

from fluxkit.sandbox.apply.fieldmanager import ApplyConflict, ManagedFieldsInApply, apply_patch, track_update
from fluxkit.sandbox.apply.managers import ManagedFieldsError
from fluxkit.sandbox.apply.registry import SchemaFieldManagement
from fluxkit.sandbox.apply.typed import TypedError
from fluxkit.sandbox.apply.updater import Conflict

__all__ = [
    "ApplyConflict",
    "Conflict",
    "ManagedFieldsError",
    "ManagedFieldsInApply",
    "SchemaFieldManagement",
    "TypedError",
    "apply_patch",
    "track_update",
]
