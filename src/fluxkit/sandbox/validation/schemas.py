"""The schema of each served resource: built-in types by kind, custom ones from their definition."""

from fluxkit.objects import GroupVersionKind
from fluxkit.sandbox.catalog import CustomVersion, Resource
from fluxkit.schema import SchemaNode, from_crd_schema, type_for

__all__ = ["Schemas"]


class Schemas:
    """Looks schemas up by resource; those of custom resources are built once per version of their definition."""

    def __init__(self) -> None:
        self._custom: dict[GroupVersionKind, tuple[CustomVersion, SchemaNode]] = {}
        self._stored: dict[GroupVersionKind, tuple[CustomVersion, SchemaNode]] = {}

    def of(self, resource: Resource) -> SchemaNode | None:
        """The type of a resource's objects; None if nothing is known of it."""
        custom = resource.custom
        if custom is None:
            return type_for(resource.gvk)
        known = self._custom.get(resource.gvk)
        if known is not None and known[0] is custom:
            return known[1]
        node = from_crd_schema(custom.schema or None)
        self._custom[resource.gvk] = (custom, node)
        return node

    def stored(self, resource: Resource) -> SchemaNode:
        """The type of a custom resource's objects in the version that is stored."""
        assert resource.custom is not None
        known = self._stored.get(resource.gvk)
        if known is None or known[0] is not resource.custom:
            known = self._stored[resource.gvk] = (
                resource.custom,
                from_crd_schema(resource.custom.storage_schema or None),
            )
        return known[1]
