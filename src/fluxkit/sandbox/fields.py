"""The registry's view of field management (managedFields and server-side apply)."""

from typing import Protocol

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource

__all__ = ["FieldManagement"]


class FieldManagement(Protocol):
    """Who owns which field, and what applying means."""

    def updated(self, resource: Resource, live: Object | None, new: Object, manager: str, subresource: str) -> Object:
        """``new`` with managedFields as they are after ``manager`` wrote it over ``live`` (operation Update)."""
        ...

    def applied(
        self, resource: Resource, live: Object | None, intent: Object, manager: str, force: bool, subresource: str
    ) -> Object:
        """``live`` with ``intent`` applied, managedFields included; raises a Conflict StatusError."""
        ...
