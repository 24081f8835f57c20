"""Which columns a kind has."""

from collections.abc import Sequence

from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.tables import cluster, workloads
from fluxkit.sandbox.tables.column import Column, created_at, name_column
from fluxkit.sandbox.tables.custom import columns_of

__all__ = ["columns"]

_BUILTIN = {**cluster.COLUMNS, **workloads.COLUMNS}
_DEFAULT = (name_column(), Column("Created At", created_at, "date"))


def columns(resource: Resource) -> Sequence[Column]:
    """The columns of a resource; kinds without columns of their own show name and creation time, as upstream's do."""
    if resource.custom is not None:
        return columns_of(resource.custom)
    return _BUILTIN.get(resource.key, _DEFAULT)
