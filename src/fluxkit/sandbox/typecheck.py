"""The registry's view of schemas: field validation, pruning, defaulting and validation of whole objects."""

from typing import Protocol

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.status import Cause

__all__ = ["TypeChecks"]


class TypeChecks(Protocol):
    """What the schema of a resource says about its objects."""

    def admit(
        self, resource: Resource, obj: Object, old: Object | None, field_validation: str, warnings: list[str] | None
    ) -> Object:
        """The object pruned and defaulted; unknown fields are refused (Strict), reported (Warn) or dropped (Ignore)."""
        ...

    def check_intent(
        self, resource: Resource, intent: Object, field_validation: str, warnings: list[str] | None
    ) -> Object:
        """An applied configuration, checked for unknown fields but not defaulted."""
        ...

    def validate(self, resource: Resource, obj: Object, old: Object | None) -> list[Cause]:
        """What is wrong with a defaulted object."""
        ...
