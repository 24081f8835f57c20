"""What Helm itself answered; see README.md beside this file."""

import json
from pathlib import Path
from typing import Any

from fluxkit.template.values import Int64


def cases(name: str) -> list[dict[str, Any]]:
    found = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(found, list)
    assert len(found) > 50
    return found


def as_floats(value: Any) -> Any:
    """Numbers as a values file gives them."""
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_floats(item) for item in value]
    return float(value) if type(value) is int else value


def as_recorded(value: Any) -> Any:
    """Integers told from floats, as in the recordings."""
    if isinstance(value, Int64):
        return {"$int64": str(int(value))}
    if isinstance(value, dict):
        return {key: as_recorded(item) for key, item in value.items()}
    return [as_recorded(item) for item in value] if isinstance(value, list) else value
