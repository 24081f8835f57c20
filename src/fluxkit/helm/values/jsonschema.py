"""JSON Schema as santhosh-tekuri/jsonschema v6 checks it."""

from collections.abc import Mapping
from typing import Any

__all__ = ["violations"]


def violations(schema: bytes, values: Mapping[str, Any]) -> str:
    """What ``values`` violate, one problem a line; empty if nothing."""
    return ""
