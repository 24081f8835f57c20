"""Compiling and running expressions."""

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from fluxkit.sandbox.validation.expressions import libraries

__all__ = ["COST_EXCEEDED", "CompileError", "Program", "Unavailable", "compile_expression"]

_log = logging.getLogger("fluxkit.sandbox")

COST_EXCEEDED = "operation cancelled: actual cost limit exceeded"
"""The problem of an expression that does too much, in cel-go's words."""

_EXTENSIONS = ("sets", "lists", "strings", "math", "bindings", "encoders", "optional", "two-var-comprehensions")
_CODE = re.compile(r"^[A-Z_]+: (.*?)(?: \[[A-Z_]+\])?$", re.DOTALL)
_MISSING = re.compile('Key not found in map : "(.*)"')


class CompileError(ValueError):
    """An expression that is not CEL, or calls what is not there; the text is the compiler's."""


class Unavailable(CompileError):
    """There is no CEL implementation for this platform, or it lacks a function that the API server has."""


class Program:
    """A compiled expression."""

    def __init__(self, program: Any) -> None:
        self._program = program

    def run(self, data: Mapping[str, Any]) -> tuple[str, Any]:
        """Why the expression has no value, empty if it has one; and the value."""
        try:
            outcome = self._program.eval(data=data)
            kind, result = outcome.type().name(), outcome.value()
        except RuntimeError as error:
            text = _told(str(error))
            return (COST_EXCEEDED if text == "Iteration budget exceeded" else text), None
        if kind != "ERROR":
            return "", result
        text = _told(str(result))
        missing = _MISSING.search(text)
        if missing:
            return f"no such key: {missing.group(1)}", None
        return text.replace("No matching overloads found", "no such overload"), None


def _told(text: str) -> str:
    """A problem without the implementation's code around it."""
    found = _CODE.match(text)
    return (found.group(1) if found else text).partition("\n")[0]


@lru_cache(maxsize=4096)
def compile_expression(expression: str, variables: Sequence[str]) -> Program:
    """Compiles an expression over the named variables (a tuple); raises :class:`CompileError`."""
    environment = _environment(tuple(variables))
    if environment is None:
        raise Unavailable("there is no CEL implementation for this platform")
    try:
        return Program(environment.compile(_rewritten(expression)))
    except RuntimeError as error:
        text = str(error)
        found = _CODE.match(text)
        raise CompileError(found.group(1) if found else text) from None


@cache
def _environment(variables: tuple[str, ...]) -> Any:
    try:
        from cel_expr_python import cel
    except ImportError as error:
        _log.warning("CEL expressions are not evaluated: %s", error)
        return None
    names = "".join(f"  - name: {name}\n" for name in _EXTENSIONS)
    return cel.NewEnv(
        config=cel.NewEnvConfigFromYaml(f"extensions:\n{names}"),
        variables=dict.fromkeys(variables, cel.Type.DYN),
        functions=libraries.functions(cel),
    )


_TEXT = r"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_OPTIONAL_CALL = re.compile(r"\.validate\(|\bformat\.named\(" + _TEXT)
_INDEX_CALL = re.compile(r"\.(?:lastI|i)ndexOf\(" + _TEXT)


def _rewritten(expression: str) -> str:
    """An expression in terms of what can be declared here. Texts, in which nothing is a call, stay as they are."""
    if "ndexOf(" in expression:
        # The extension for texts has these names, and the implementation lets nobody add to its functions.
        expression = _INDEX_CALL.sub(
            lambda call: f".{libraries.INDEX_PREFIX}{call[0][1:]}" if call[0][0] == "." else call[0], expression
        )
    return _with_optionals(expression)


def _with_optionals(expression: str) -> str:
    """Calls that the API server answers with an optional made to do so: functions of ours can only answer with maps."""
    if "format." not in expression:
        return expression
    out: list[str] = []
    at = 0
    for found in _OPTIONAL_CALL.finditer(expression):
        if found.start() < at or found.group()[0] in "\"'":
            continue
        end = _closing(expression, found.end())
        key = libraries.PROBLEMS if found.group() == ".validate(" else libraries.NAMED
        inside = _with_optionals(expression[found.end() : end])
        out.append(f"{expression[at : found.end()]}{inside})[?'{key}']")
        at = end + 1
    return "".join(out) + expression[at:]


_PARENTHESIS = re.compile("[()]" + _TEXT)


def _closing(expression: str, start: int) -> int:
    """Where the parenthesis closes that was opened just before ``start``."""
    depth = 1
    for found in _PARENTHESIS.finditer(expression, start):
        depth += {"(": 1, ")": -1}.get(found.group(), 0)
        if depth == 0:
            return found.start()
    return len(expression)
