"""Columns of custom resources, from ``additionalPrinterColumns``.

Follows kubernetes/apiextensions-apiserver ``pkg/registry/customresource/tableconvertor``.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import CustomVersion
from fluxkit.sandbox.tables.column import Column, age, name_column, time_since
from fluxkit.sandbox.tables.jsonpath import JSONPathError, compile_path

__all__ = ["columns_of"]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode()


def _cell(kind: str, expression: str) -> "Any":
    try:
        find = compile_path(expression)
    except JSONPathError:
        return lambda obj: None

    def cell(obj: Object) -> Any:
        found = find(obj)
        if not found:
            return None
        value = found[0]
        if kind == "string":
            return " ".join(_text(item) for item in found)
        if kind == "date":
            return time_since(value) if isinstance(value, str) else "<invalid>"
        if kind == "boolean":
            return value if isinstance(value, bool) else None
        if kind == "integer" and isinstance(value, int | float) and not isinstance(value, bool):
            return int(value)
        if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        return None

    return cell


def columns_of(custom: CustomVersion) -> Sequence[Column]:
    if not custom.printer_columns:
        return (name_column(), Column("Age", age, type="date", description=_AGE))
    columns = [name_column()]
    for declared in custom.printer_columns:
        columns.append(
            Column(
                declared["name"],
                _cell(declared["type"], declared["jsonPath"]),
                type=declared["type"],
                priority=declared.get("priority", 0),
                format=declared.get("format", ""),
                description=declared.get("description")
                or f"Custom resource definition column (in JSONPath format): {declared['jsonPath']}",
            )
        )
    return tuple(columns)


_AGE = "Custom resource definition column (in JSONPath format): .metadata.creationTimestamp"
