"""Defaults, emptiness and failing. Upstream: Masterminds/sprig ``defaults.go``."""

from typing import Any, NoReturn

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.declare import declare
from fluxkit.template.values import is_true

__all__ = ["FUNCTIONS"]


def _empty(value: Any) -> bool:
    return not is_true(value)


def _default(fallback: Any, *given: Any) -> Any:
    return given[0] if given and is_true(given[0]) else fallback


def _coalesce(*values: Any) -> Any:
    return next(filter(is_true, values), None)


def _all(*values: Any) -> bool:
    return all(map(is_true, values))


def _any(*values: Any) -> bool:
    return any(map(is_true, values))


def _ternary(yes: Any, no: Any, condition: bool) -> Any:
    return yes if condition else no


def _fail(message: str) -> NoReturn:
    raise FunctionError(message)


FUNCTIONS = declare(
    {
        "all": ("func(...interface {}) bool", _all),
        "any": ("func(...interface {}) bool", _any),
        "coalesce": ("func(...interface {}) interface {}", _coalesce),
        "default": ("func(interface {}, ...interface {}) interface {}", _default),
        "empty": ("func(interface {}) bool", _empty),
        "fail": ("func(string) (string, error)", _fail),
        "ternary": ("func(interface {}, interface {}, bool) interface {}", _ternary),
    }
)
"""Name in templates -> Go signature and implementation."""
