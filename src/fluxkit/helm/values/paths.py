"""Looking into values by path.

Upstream: helm/helm ``pkg/chart/common/values.go``.
"""

from collections.abc import Mapping
from typing import Any

from fluxkit.helm.errors import ValuesError
from fluxkit.helm.values.errors import NoTable, NoValue

__all__ = ["path_value", "table_at"]


def table_at(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The mapping at ``path``, whose parts are separated by dots. Raises NoTable."""
    table: Any = values
    for name in path.split("."):
        table = table.get(name)
        if not isinstance(table, dict):
            raise NoTable(name)
    assert isinstance(table, dict)
    return table


def path_value(values: Mapping[str, Any], path: str) -> Any:
    """What is at ``path``, unless that is a mapping. Raises NoValue."""
    if not path:
        raise ValuesError("YAML path cannot be empty")
    parent, _, key = path.rpartition(".")
    try:
        table: Mapping[str, Any] = table_at(values, parent) if "." in path else values
    except NoTable:
        raise NoValue(key) from None
    if key not in table or isinstance(table[key], dict):
        raise NoValue(key)
    return table[key]
