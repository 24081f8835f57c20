"""Where a live object differs from what an apply would make of it: paths alone, so that no value is told."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from fluxkit.apply.applier import Plan
from fluxkit.apply.ignore import IgnoreRules, without_paths
from fluxkit.apply.normalize import comparable
from fluxkit.objects import annotations_of, labels_of

__all__ = ["MISSING", "difference_of"]

MISSING = "is missing"
_SHOWN = 3


def difference_of(plan: Plan, ignore: IgnoreRules) -> str:
    """For people: ``is missing``, ``differs at /data/key, /spec/replicas`` (JSON pointers), ``differs``."""
    if plan.live is None:
        return MISSING
    if plan.merged is None:
        return "differs"
    ignored = ignore.paths_for(plan.merged)
    live, merged = without_paths(plan.live, ignored), without_paths(plan.merged, ignored)
    paths = [
        *_paths("/metadata/labels", labels_of(live), labels_of(merged)),
        *_paths("/metadata/annotations", annotations_of(live), annotations_of(merged)),
        *_paths("", comparable(live), comparable(merged)),
    ]
    if not paths:
        return "differs"
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return "differs at " + ", ".join(islice(paths, _SHOWN)) + more


def _paths(path: str, left: Any, right: Any) -> Iterator[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted({*left, *right}):
            token = str(key).replace("~", "~0").replace("/", "~1")
            if key not in left or key not in right:
                yield f"{path}/{token}"
            else:
                yield from _paths(f"{path}/{token}", left[key], right[key])
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _paths(f"{path}/{index}", one, other)
    elif left != right:
        yield path
