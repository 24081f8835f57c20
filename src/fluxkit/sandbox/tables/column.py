"""A column of a table, and the ways in which cells are computed and ages told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fluxkit.objects import Object
from fluxkit.timestamps import now, parse_time

__all__ = [
    "Column",
    "age",
    "cells",
    "created_at",
    "human_duration",
    "labels_text",
    "name_column",
    "selector_text",
    "time_since",
    "wide",
]

Cell = Callable[[Object], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """``priority`` 0 is always shown, higher ones with ``-o wide``."""

    name: str
    cell: Cell
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""

    def definition(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def cells(columns: Sequence[Column], obj: Object) -> list[Any]:
    return [column.cell(obj) for column in columns]


def human_duration(seconds: float) -> str:
    """kubernetes/apimachinery ``pkg/util/duration.HumanDuration``."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 0:
        return "0s"
    if total < 60 * 2:
        return f"{total}s"
    minutes = total // 60
    if minutes < 10:
        rest = total % 60
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 60 * 3:
        return f"{minutes}m"
    hours = total // 3600
    if hours < 8:
        rest = minutes % 60
        return f"{hours}h{rest}m" if rest else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 24 * 8:
        rest = hours % 24
        return f"{days}d{rest}h" if rest else f"{days}d"
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = hours // 24 // 365
    if hours < 24 * 365 * 8:
        rest = days % 365
        return f"{years}y{rest}d" if rest else f"{years}y"
    return f"{years}y"


def time_since(text: Any) -> str:
    """``translateTimestampSince``: an age, or ``<unknown>`` without a time."""
    if not isinstance(text, str) or not text:
        return "<unknown>"
    try:
        moment = parse_time(text)
    except ValueError:
        return "<invalid>"
    return human_duration((now() - moment).total_seconds())


def age(obj: Object) -> str:
    return time_since(obj["metadata"].get("creationTimestamp"))


def created_at(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))


def name_column() -> Column:
    return Column("Name", lambda obj: obj["metadata"]["name"], format="name", description=_NAME)


def wide(name: str, cell: Cell, kind: str = "string") -> Column:
    """A column that is shown with ``-o wide`` only."""
    return Column(name, cell, kind, 1)


def labels_text(labels: Any) -> str:
    """``labels.FormatLabels``: ``a=b,c=d``, or ``<none>``."""
    return ",".join(f"{name}={value}" for name, value in sorted((labels or {}).items())) or "<none>"


def selector_text(selector: Any) -> str:
    """``metav1.FormatLabelSelector``."""
    if selector is None:
        return "<none>"
    terms = [f"{name}={value}" for name, value in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        key, operator = item.get("key", ""), item.get("operator")
        values = ",".join(sorted(item.get("values") or ()))
        if operator == "Exists":
            terms.append(key)
        elif operator == "DoesNotExist":
            terms.append(f"!{key}")
        else:
            terms.append(f"{key} {str(operator).lower()} ({values})")
    return ",".join(terms) or "<none>"


_NAME = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a "
    "client to request the generation of an appropriate name automatically. Name is primarily intended for creation "
    "idempotence and configuration definition. Cannot be updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
