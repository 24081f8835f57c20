"""JSON values as CEL sees them, by schema.

Follows kubernetes/apiserver ``pkg/cel/common`` (values.go) and ``pkg/cel/escaping.go``.
"""

from typing import Any

from fluxkit.schema import SchemaNode

__all__ = ["as_seen"]

_KEYWORDS = "true false null in as break const continue else for function if import let loop package namespace return"
_RESERVED = frozenset([*_KEYWORDS.split(), "var", "void", "while"])
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))


def _identifier(name: str) -> str:
    """A property's name as CEL can spell it."""
    if name in _RESERVED:
        return f"__{name}__"
    for plain, escape in _ESCAPES:
        name = name.replace(plain, escape)
    return name


def as_seen(schema: SchemaNode | None, value: Any) -> Any:
    """A value with names that CEL can spell, and numbers as doubles where they are declared so.

    Dates and durations stay texts: the implementation takes no others (``timestamp(self.when)`` works).
    """
    if isinstance(value, dict):
        if schema is None:
            return {key: as_seen(None, child) for key, child in value.items() if child is not None}
        declared = schema.properties
        return {
            _identifier(key) if key in declared else key: as_seen(schema.child(key), child)
            for key, child in value.items()
            if child is not None
        }
    if isinstance(value, list):
        items = schema.items if schema is not None else None
        return [as_seen(items, each) for each in value]
    if schema is None or isinstance(value, bool):
        return value
    if schema.type == "number" and isinstance(value, int):
        return float(value)
    return value
