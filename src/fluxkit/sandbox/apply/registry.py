"""Field management for the registry: schemas looked up by resource, refusals turned into Status errors."""

from fluxkit.objects import Object
from fluxkit.sandbox.apply.fieldmanager import ApplyConflict, ManagedFieldsInApply, apply_patch, track_update
from fluxkit.sandbox.apply.managers import ManagedFieldsError
from fluxkit.sandbox.apply.typed import TypedError
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.status import StatusError, bad_request
from fluxkit.sandbox.validation.schemas import Schemas
from fluxkit.timestamps import format_time, now

__all__ = ["SchemaFieldManagement"]


class SchemaFieldManagement:
    """The registry's ``FieldManagement``, by schema."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def updated(self, resource: Resource, live: Object | None, new: Object, manager: str, subresource: str) -> Object:
        return track_update(
            live,
            new,
            schema=self._schemas.of(resource),
            manager=manager,
            now=format_time(now()),
            subresource=subresource,
            has_status=resource.has_status,
        )

    def applied(
        self, resource: Resource, live: Object | None, intent: Object, manager: str, force: bool, subresource: str
    ) -> Object:
        try:
            return apply_patch(
                live,
                intent,
                schema=self._schemas.of(resource),
                manager=manager,
                force=force,
                now=format_time(now()),
                subresource=subresource,
                has_status=resource.has_status,
            )
        except ApplyConflict as error:
            raise StatusError(409, "Conflict", str(error), {"causes": error.causes}) from None
        except ManagedFieldsInApply as error:
            raise bad_request(str(error)) from None
        except TypedError as error:
            metadata = intent["metadata"]
            name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
            what = f"{name}; {resource.group}/{resource.version}, Kind={resource.kind}"
            raise StatusError(500, "", f"failed to create typed patch object ({what}): {error}") from None
        except ManagedFieldsError as error:
            raise StatusError(500, "", f"failed to decode managed fields: {error}") from None
