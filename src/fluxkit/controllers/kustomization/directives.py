"""What a user may ask of fluxkit beyond upstream, by annotations of a Kustomization under ``fluxkit.dev/``.

Their absence means upstream's behaviour. They do not change the generation, so :func:`directives_changed` wakes.
"""

import math
from dataclasses import dataclass

from fluxkit.api import Kustomization
from fluxkit.kube import CacheEvent
from fluxkit.objects import annotations_of

__all__ = ["PREFIX", "Directives", "InvalidDirective", "PruneLimit", "directives_changed"]

PREFIX = "fluxkit.dev/"
_PRUNE_LIMIT = f"{PREFIX}prune-limit"
_PRUNE_CONFIRM = f"{PREFIX}prune-confirm"
_DRIFT = f"{PREFIX}drift"
_ROLLBACK = f"{PREFIX}rollback"


class InvalidDirective(ValueError):
    """An annotation has a value that means nothing; the text names both and what is possible."""


@dataclass(frozen=True, slots=True)
class PruneLimit:
    """Up to this many objects, or this share of the inventory in percent, go without asking."""

    text: str
    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> "PruneLimit":
        """``50%`` or ``10``. Raises :class:`InvalidDirective`."""
        stripped = text.strip()
        try:
            if stripped.endswith("%"):
                percent = float(stripped[:-1])
                if math.isfinite(percent) and 0 <= percent <= 100:
                    return cls(stripped, percent=percent)
            elif stripped.isascii() and stripped.isdecimal():
                return cls(stripped, count=int(stripped))
        except ValueError:
            pass
        raise InvalidDirective(
            f"annotation {_PRUNE_LIMIT}: '{text}' is neither a number of objects such as 10 nor a share such as 50%"
        )

    def exceeded_by(self, pruned: int, total: int) -> bool:
        """Whether pruning so many of all objects needs a confirmation."""
        if self.count is not None:
            return pruned > self.count
        return self.percent is not None and pruned * 100 > self.percent * total


@dataclass(frozen=True, slots=True)
class Directives:
    """The annotations of one Kustomization, read."""

    prune_limit: PruneLimit | None = None
    prune_confirm: str = ""
    """The set of objects whose deletion was confirmed, as the waiting prune told it."""
    drift_warn: bool = False
    """Drift is told and not corrected."""
    rollback: bool = False
    """What fails its health checks is replaced by what passed them last."""

    @classmethod
    def of(cls, kustomization: Kustomization) -> "Directives":
        """Raises :class:`InvalidDirective`."""
        annotations = kustomization.metadata.annotations
        limit = annotations.get(_PRUNE_LIMIT)
        return cls(
            prune_limit=None if limit is None else PruneLimit.parse(limit),
            prune_confirm=annotations.get(_PRUNE_CONFIRM, "").strip(),
            drift_warn=_one_of(annotations.get(_DRIFT, "correct"), _DRIFT, ("correct", "warn")) == "warn",
            rollback=_one_of(annotations.get(_ROLLBACK, "off"), _ROLLBACK, ("off", "last-healthy")) == "last-healthy",
        )


def _one_of(value: str, annotation: str, possible: tuple[str, ...]) -> str:
    if value not in possible:
        raise InvalidDirective(f"annotation {annotation}: '{value}' is none of {', '.join(possible)}")
    return value


def directives_changed(event: CacheEvent) -> bool:
    """An annotation of fluxkit's own appeared, changed or went; creations and deletions pass."""
    if event.old is None or event.new is None:
        return True
    before, after = annotations_of(event.old), annotations_of(event.new)
    keys = {key for key in before.keys() | after.keys() if key.startswith(PREFIX)}
    return any(before.get(key) != after.get(key) for key in keys)
