"""Which columns a kind has."""

from collections.abc import Sequence

from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.tables.column import Column, age

__all__ = ["columns"]

NAME_DESCRIPTION = "Name must be unique within a namespace."


def _name(obj: "dict[str, object]") -> object:
    metadata = obj["metadata"]
    return metadata["name"] if isinstance(metadata, dict) else ""


def columns(resource: Resource) -> Sequence[Column]:
    return (Column("Name", _name, format="name"), Column("Age", age))
