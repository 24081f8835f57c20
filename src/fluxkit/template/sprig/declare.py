"""Tables of template functions: name -> Go signature and Python implementation."""

from collections.abc import Callable, Mapping
from typing import Any

from fluxkit.template.functions import Function

__all__ = ["Table", "declare"]

Table = Mapping[str, Function]


def declare(table: Mapping[str, tuple[str, Callable[..., Any]]]) -> dict[str, Function]:
    """Functions whose arguments the engine checks against signatures such as ``func(int, ...string) string``."""
    return {name: _function(signature, call) for name, (signature, call) in table.items()}


def _function(signature: str, call: Callable[..., Any]) -> Function:
    inside = signature[len("func(") : signature.index(")")]
    parameters = inside.split(", ") if inside else []
    if parameters and parameters[-1].startswith("..."):
        return Function(call, tuple(parameters[:-1]), parameters[-1][3:])
    return Function(call, tuple(parameters))
