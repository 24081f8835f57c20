"""The functions that templates call: Python callables with the Go signature that arguments are checked against."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["VALUE", "Function", "as_function", "function"]

VALUE = "reflect.Value"
"""Parameter type of a function that takes any value at all, nil included, as text/template's own functions do."""


@dataclass(frozen=True, slots=True)
class Function:
    """A callable and the Go types of its parameters; ``variadic`` is the element type of a final ``...T``.

    Types are Go's texts: ``string``, ``int``, ``float64``, ``bool``, ``interface {}``, ``[]interface {}``,
    ``map[string]interface {}``, ``[]string``, ``error`` ... Arguments arrive checked and converted (constants: ``1``
    for a float64 parameter arrives as 1.0). An error is raised as :class:`~fluxkit.template.errors.FunctionError`.

    A ``contextual`` function gets the running :class:`~fluxkit.template.execution.Execution` before its arguments: so
    one function serves all executions, and calls to it are prepared once.
    """

    call: Callable[..., Any]
    parameters: tuple[str, ...] = ()
    variadic: str | None = None
    contextual: bool = False

    def __call__(self, *arguments: Any) -> Any:
        return self.call(*arguments)

    @property
    def go_type(self) -> str:
        """The type as ``%T`` prints it; results are not declared, so they print as interface {}."""
        parameters = [*self.parameters, *([f"...{self.variadic}"] if self.variadic else [])]
        return f"func({', '.join(parameters)}) interface {{}}"


def function(*parameters: str) -> Callable[[Callable[..., Any]], Function]:
    """Declare a template function: ``@function("string", "...interface {}")``."""
    fixed, variadic = parameters, None
    if parameters and parameters[-1].startswith("..."):
        fixed, variadic = parameters[:-1], parameters[-1][3:]

    def declare(call: Callable[..., Any]) -> Function:
        return Function(call, fixed, variadic)

    return declare


def as_function(call: Callable[..., Any]) -> Function:
    """``call`` as a Function; one that declares no types takes ``interface {}`` everywhere."""
    if isinstance(call, Function):
        return call
    fixed, variadic = 0, None
    for parameter in inspect.signature(call).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            variadic = "interface {}"
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            fixed += 1
    return Function(call, ("interface {}",) * fixed, variadic)
