"""Questions about types, answered with Go's names. Upstream: Masterminds/sprig ``reflect.go``, Go's ``reflect``."""

from typing import Any

from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.limits import check_depth
from fluxkit.template.values import GoObject, is_nil, kind_of, type_name

__all__ = ["FUNCTIONS", "deep_equal"]


def deep_equal(left: Any, right: Any) -> bool:
    """``reflect.DeepEqual``: the same Go types all the way down; a nil slice is not an empty one."""
    return _equal(left, right, set(), 0)


def _equal(left: Any, right: Any, seen: set[tuple[int, int]], depth: int) -> bool:
    check_depth("deepEqual", depth)
    if type_name(left) != type_name(right) or is_nil(left) != is_nil(right):
        return False
    if isinstance(left, list | dict):
        if left is right or (id(left), id(right)) in seen:
            return True
        if len(left) != len(right):
            return False
        # Values may contain themselves: a pair under comparison counts as equal.
        seen.add((id(left), id(right)))
        if isinstance(left, dict):
            return all(key in right and _equal(value, right[key], seen, depth + 1) for key, value in left.items())
        return all(_equal(a, b, seen, depth + 1) for a, b in zip(left, right, strict=True))
    if isinstance(left, GoObject):
        return left is right or bool(left == right)
    return bool(left == right)


def _type_is(target: str, value: Any) -> bool:
    return target == type_name(value)


def _type_is_like(target: str, value: Any) -> bool:
    name = type_name(value)
    return name in (target, "*" + target)


def _kind_is(target: str, value: Any) -> bool:
    return target == kind_of(value)


FUNCTIONS = declare(
    {
        "deepEqual": ("func(interface {}, interface {}) bool", deep_equal),
        "kindIs": ("func(string, interface {}) bool", _kind_is),
        "kindOf": ("func(interface {}) string", kind_of),
        "typeIs": ("func(string, interface {}) bool", _type_is),
        "typeIsLike": ("func(string, interface {}) bool", _type_is_like),
        "typeOf": ("func(interface {}) string", type_name),
    }
)
"""Name in templates -> Go signature and implementation."""
