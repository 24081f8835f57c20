"""CEL expressions over Kubernetes objects, as users write them into specs.

Expressions are parsed and run by Google's CEL implementation, which is loaded with the first expression and missing on
some platforms (:class:`CELUnavailable`). The environment is upstream's (fluxcd/pkg ``runtime/cel``): optional types,
numbers that compare across types, and the extensions for strings, encoders and sets.
What one evaluation may cost is bounded by the implementation's budget of loop iterations (some ten thousand, a few
milliseconds), what an expression may look like by :data:`MAX_LENGTH`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

__all__ = ["MAX_LENGTH", "CELError", "CELUnavailable", "Condition"]

MAX_LENGTH = 16_384
"""Characters in an expression."""


class CELError(ValueError):
    """An expression cannot be parsed, has the wrong type, or has no boolean value for an object; the text says why."""


class CELUnavailable(CELError):
    """There is no CEL implementation for this platform."""


class Condition:
    """An expression that is true or false of objects.

    Without ``variables`` it is only parsed: the names in it are looked up in what it is evaluated with. With
    ``variables`` it is checked against them, and its type must be bool: a bare field could be anything and is refused.
    """

    def __init__(self, text: str, *, variables: Sequence[str] | None = None) -> None:
        if len(text) > MAX_LENGTH:
            raise CELError(f"failed to parse the CEL expression: it is longer than {MAX_LENGTH} characters")
        self._text = text
        self._program = _compiled(text, None if variables is None else tuple(variables))

    def holds(self, data: Mapping[str, Any]) -> bool:
        """The value for these variables, JSON values all of them. Raises :class:`CELError` if there is none."""
        try:
            outcome = self._program.eval(data=data)
            kind, value = outcome.type().name(), outcome.value()
        except RuntimeError as error:
            raise self._no_value(str(error)) from error
        if kind == "ERROR":
            raise self._no_value(str(value))
        if not isinstance(value, bool):
            raise self._no_value(f"its type is {kind.lower()}, not bool")
        return value

    def _no_value(self, why: str) -> CELError:
        return CELError(f"failed to evaluate the CEL expression '{self._text}': {_first_line(why)}")


@lru_cache(maxsize=1024)
def _compiled(text: str, variables: tuple[str, ...] | None) -> Any:
    try:
        program = _environment(variables or ()).compile(text, disable_check=variables is None)
    except RuntimeError as error:
        raise CELError(f"failed to parse the CEL expression '{text}': {_first_line(str(error))}") from error
    if variables is not None and (kind := program.return_type().name()) != "BOOL":
        problem = f"expression output type is {kind.lower()}, not bool"
        raise CELError(f"failed to parse the CEL expression '{text}': {problem}")
    return program


@cache
def _environment(variables: tuple[str, ...]) -> Any:
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_encoders, ext_optional, ext_strings
    except ImportError as error:
        raise CELUnavailable(f"CEL expressions are not supported on this platform: {error}") from error
    extensions = [ext_strings.ExtStrings(), ext_optional.ExtOptional(), ext_encoders.ExtEncoders(), _sets(cel)]
    return cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN), extensions=extensions)


def _sets(cel: Any) -> Any:
    """``sets.contains``, ``sets.equivalent`` and ``sets.intersects`` (google/cel-go ``ext/sets.go``)."""
    lists = [cel.Type.List(cel.Type.DYN)] * 2

    def declare(name: str, function: Callable[[Sequence[Any], Sequence[Any]], bool]) -> Any:
        overload = cel.Overload(f"list_sets_{name}_list", cel.Type.BOOL, lists, False, function)
        return cel.FunctionDecl(f"sets.{name}", [overload])

    functions = {"contains": _contains, "equivalent": _equivalent, "intersects": _intersects}
    return cel.CelExtension("sets", [declare(name, function) for name, function in functions.items()])


def _contains(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return all(_is_in(each, left) for each in right)


def _equivalent(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return _contains(left, right) and _contains(right, left)


def _intersects(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return any(_is_in(each, left) for each in right)


def _is_in(value: Any, values: Sequence[Any]) -> bool:
    # 1 == True for Python, but not for CEL
    return any(value == each and isinstance(value, bool) is isinstance(each, bool) for each in values)


def _first_line(text: str) -> str:
    return text.partition("\n")[0].removeprefix("INVALID_ARGUMENT: ERROR: ")
