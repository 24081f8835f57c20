"""Calling functions and methods: counting and checking arguments, turning failures into messages.

A call is prepared for one :class:`~fluxkit.template.functions.Function` at a time; as functions may be replaced between
executions, the prepared form is kept together with the function that it is for.
"""

from collections.abc import Callable, Sequence
from typing import Any

from fluxkit.template import nodes
from fluxkit.template.arguments import accepts_anything, converted, literal
from fluxkit.template.builtins import AND, CALL, DECLARED, OR, RAW, Declared
from fluxkit.template.errors import ExecError, FunctionError, LimitError
from fluxkit.template.execution import INVALID, Code, Execution, Frame, Site
from fluxkit.template.functions import Function
from fluxkit.template.values import Map, Slice, is_true, kind_of, type_name

__all__ = ["MISSING", "Argument", "Invocation", "prepare"]

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()
"""In the place of a piped value where there is none."""

FAULTS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
"""What a function may raise: its own errors, and where Go would panic. All become ``error calling NAME``."""

Invocation = Callable[[Execution, Frame, Any, Any], Any]
_SIZED = frozenset((str, list, dict, Slice, Map))
_LARGE = 4096
"""Results up to this size are not worth counting: what makes many of them takes as many steps."""


class Argument(Site):
    """An argument as written: how to evaluate it, and what its errors point at."""

    __slots__ = ("code", "found")

    def __init__(
        self, tree: nodes.Tree, node: nodes.Node, base: int, code: Code | None, found: Callable[[Frame], bool]
    ) -> None:
        super().__init__(tree, node, base)
        self.code = code
        """None for a constant."""
        self.found = found
        """Whether a None is a nil that was found (see :func:`~fluxkit.template.arguments.converted`)."""

    def evaluator(self, parameter: str) -> Code:
        code = self.code
        if code is None:
            return self._constant(parameter)
        if parameter == RAW:
            return lambda run, frame, dot: _raw(code(run, frame, dot), self.found(frame))
        if parameter == DECLARED and not isinstance(self.node, nodes.Pipe):
            return lambda run, frame, dot: _declared(code(run, frame, dot), self.found(frame))
        if accepts_anything(parameter):
            if isinstance(self.node, nodes.Pipe | nodes.Dot):
                return code
            return lambda run, frame, dot: None if (value := code(run, frame, dot)) is INVALID else value
        # Go's messages name the node that was evaluated last when the value is checked.
        site, found = Site(self.tree, self.node, self.base, True), self.found
        if parameter == "string":

            def text(run: Execution, frame: Frame, dot: Any) -> Any:
                value = code(run, frame, dot)
                return value if type(value) is str else converted(value, "string", site, found=found(frame))

            return text
        return lambda run, frame, dot: converted(code(run, frame, dot), parameter, site, found=found(frame))

    def _constant(self, parameter: str) -> Code:
        try:
            value = literal(self.node, parameter, self)
        except ExecError as problem:
            message = problem

            def fail(run: Execution, frame: Frame, dot: Any) -> Any:
                raise message.with_traceback(None)

            return fail
        return lambda run, frame, dot: value


def _raw(value: Any, found: bool) -> Any:
    return INVALID if value is None and not found else value


def _declared(value: Any, found: bool) -> Any:
    if value is INVALID:
        return None
    return Declared(value) if found else value


def prepare(
    function: Function, name: str, arguments: Sequence[Argument], final: bool, site: Site, call_site: Site, last: Site
) -> Invocation:
    """A call of ``function`` with these arguments, and a piped one if ``final``.

    ``site`` is the function's name, ``call_site`` the whole command, ``last`` the argument evaluated last.
    """
    count = len(arguments) + final
    fixed = len(function.parameters)
    if function.variadic is None:
        if count != fixed:
            return _failing(site, f"wrong number of args for {name}: want {fixed} got {count}")
    elif count < fixed:
        return _failing(site, f"wrong number of args for {name}: want at least {fixed} got {len(arguments)}")
    variadic = function.variadic or ""
    types = [*function.parameters, *[variadic] * (count - fixed)]
    codes = [argument.evaluator(type_) for argument, type_ in zip(arguments, types, strict=False)]
    if function is AND or function is OR:
        return _short_circuit(codes, stop_at=function is OR)
    if function is CALL:
        return _call_value(codes, str(arguments[0].node) if arguments else "", call_site)
    final_type = types[-1] if final else ""
    if function.contextual:
        return _contextual_invocation(function.call, name, codes, final_type, call_site, last)
    return _invocation(function.call, name, codes, final_type, call_site, last)


def _failing(site: Site, message: str) -> Invocation:
    def fail(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
        raise site.error(message)

    return fail


def fault(name: str, problem: Exception, site: Site) -> Exception:
    """The error to raise for what a function raised."""
    if isinstance(problem, LimitError):
        return problem
    if isinstance(problem, KeyError):
        return site.error(f"error calling {name}: no key {problem}")
    return site.error(f"error calling {name}: {problem}")


def _invocation(
    call: Callable[..., Any], name: str, codes: list[Code], final_type: str, site: Site, last: Site
) -> Invocation:
    # One closure for each usual number of arguments: calls between Python functions then nest without C stack.
    if final_type:
        anything = accepts_anything(final_type) and final_type != RAW

        def piped(final: Any) -> Any:
            return final if anything else converted(final, final_type, last, found=False)

        if not codes:

            def final_only(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
                value = final if anything else piped(final)
                try:
                    result = call(value)
                except FAULTS as problem:
                    raise fault(name, problem, site) from problem
                if result.__class__ in _SIZED and len(result) > _LARGE:
                    run.budget.charge(len(result))
                return result

            return final_only

        if len(codes) == 1:
            (only,) = codes

            def one_and_final(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
                first = only(run, frame, dot)
                value = final if anything else piped(final)
                try:
                    result = call(first, value)
                except FAULTS as problem:
                    raise fault(name, problem, site) from problem
                if result.__class__ in _SIZED and len(result) > _LARGE:
                    run.budget.charge(len(result))
                return result

            return one_and_final

        def many_and_final(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
            values = [code(run, frame, dot) for code in codes]
            values.append(piped(final))
            try:
                result = call(*values)
            except FAULTS as problem:
                raise fault(name, problem, site) from problem
            if result.__class__ in _SIZED and len(result) > _LARGE:
                run.budget.charge(len(result))
            return result

        return many_and_final

    if len(codes) == 1:
        (only,) = codes

        def one(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
            value = only(run, frame, dot)
            try:
                result = call(value)
            except FAULTS as problem:
                raise fault(name, problem, site) from problem
            if result.__class__ in _SIZED and len(result) > _LARGE:
                run.budget.charge(len(result))
            return result

        return one

    if len(codes) == 2:
        left, right = codes

        def two(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
            first = left(run, frame, dot)
            second = right(run, frame, dot)
            try:
                result = call(first, second)
            except FAULTS as problem:
                raise fault(name, problem, site) from problem
            if result.__class__ in _SIZED and len(result) > _LARGE:
                run.budget.charge(len(result))
            return result

        return two

    def many(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
        values = [code(run, frame, dot) for code in codes]
        try:
            result = call(*values)
        except FAULTS as problem:
            raise fault(name, problem, site) from problem
        if result.__class__ in _SIZED and len(result) > _LARGE:
            run.budget.charge(len(result))
        return result

    return many


def _contextual_invocation(
    call: Callable[..., Any], name: str, codes: list[Code], final_type: str, site: Site, last: Site
) -> Invocation:
    anything = accepts_anything(final_type) and final_type != RAW

    def contextual(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
        values = [code(run, frame, dot) for code in codes]
        if final_type:
            values.append(final if anything else converted(final, final_type, last, found=False))
        try:
            if len(values) == 2:
                # As above: without unpacking, the calls of templates within templates need no C stack.
                return call(run, values[0], values[1])
            return call(run, *values)
        except FAULTS as problem:
            raise fault(name, problem, site) from problem

    return contextual


def _short_circuit(codes: list[Code], *, stop_at: bool) -> Invocation:
    def decide(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
        value = None
        for code in codes:
            value = code(run, frame, dot)
            if is_true(value) is stop_at:
                return value
        return value if final is MISSING else final

    return decide


def _call_value(codes: list[Code], name: str, site: Site) -> Invocation:
    def call(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
        values = [code(run, frame, dot) for code in codes]
        if final is not MISSING:
            values.append(final)
        target, given = values[0], values[1:]
        called = name or (target if isinstance(target, str) else f"<{type_name(target)} Value>")
        try:
            return _called(target, called, given)
        except FAULTS as problem:
            raise fault("call", problem, site) from problem

    return call


def _called(target: Any, name: str, given: list[Any]) -> Any:
    if target is None:
        raise FunctionError("call of nil")
    if kind_of(target) != "func":
        raise FunctionError(f"non-function {name} of type {type_name(target)}")
    if isinstance(target, Function):
        fixed = len(target.parameters)
        if target.variadic is None and len(given) != fixed:
            raise FunctionError(f"wrong number of args for {name}: got {len(given)} want {fixed}")
        if len(given) < fixed:
            raise FunctionError(f"wrong number of args for {name}: got {len(given)} want at least {fixed}")
        types = [*target.parameters, *[target.variadic or ""] * (len(given) - fixed)]
        for number, (value, parameter) in enumerate(zip(given, types, strict=True)):
            if not accepts_anything(parameter) and type_name(value) != parameter:
                if value is None:
                    raise FunctionError(f"arg {number}: value is nil; should be of type {parameter}")
                raise FunctionError(f"arg {number}: value has type {type_name(value)}; should be {parameter}")
    return target(*given)
