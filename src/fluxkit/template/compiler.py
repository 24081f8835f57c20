"""From a parsed template to Python closures: variables resolved to slots, errors to places, constants folded.

Evaluation follows golang/go ``src/text/template/exec.go``. Closures rather than generated source: most templates of a
chart run once, and building closures costs a fraction of what Python's own compiler would take.
"""

import threading
from collections.abc import Callable
from typing import Any

from fluxkit.template import nodes
from fluxkit.template.arguments import ideal
from fluxkit.template.calls import MISSING, Argument, Invocation, prepare
from fluxkit.template.errors import ExecError
from fluxkit.template.execution import (
    ABSENT,
    INVALID,
    Code,
    Execution,
    Frame,
    Site,
    absent,
    access,
    element_type,
    printed,
)
from fluxkit.template.fmt import text_of
from fluxkit.template.functions import Function, as_function
from fluxkit.template.quoting import quote
from fluxkit.template.values import EMPTY_INTERFACE, MAPS, Uint8, is_true, kind_of, method_of, sorted_items

__all__ = ["compile_tree"]

_COMPILING = threading.RLock()
_BREAK = "break"
_CONTINUE = "continue"
Piped = Callable[[Execution, Frame, Any, Any], Any]
"""A command after the first: it also gets the value piped into it."""


def compile_tree(tree: nodes.Tree) -> tuple[Code, int]:
    """The body of a template and the size of its frame; slot 0 of a frame is ``$``."""
    compiler = _Compiler(tree)
    return compiler.body(tree.root), compiler.size


def _never(frame: Frame) -> bool:
    return False


def _always(frame: Frame) -> bool:
    return True


class _Compiler:
    """Keeps what Go keeps in its stack of variables while executing: which names are visible, and where they live."""

    def __init__(self, tree: nodes.Tree) -> None:
        self._tree = tree
        self._visible: list[tuple[str, int]] = [("$", 0)]
        self.size = 2
        self._base = 0
        """What the positions of the nodes at hand are relative to."""
        self._dot_origin: int | None = None
        """The slot of the container that dot is an element of, inside a range."""

    def _at(self, node: nodes.Node) -> Site:
        return Site(self._tree, node, self._base)

    def _after(self, node: nodes.Node) -> Site:
        """Where an error is reported that is found once ``node`` has been evaluated."""
        return Site(self._tree, node, self._base, True)

    def _slot(self, name: str) -> int | None:
        return next((slot for known, slot in reversed(self._visible) if known == name), None)

    def _new_slot(self) -> int:
        self.size += 2
        return self.size - 2

    # Lists and actions. Their code returns None, or how to go on in the innermost range.

    def body(self, listed: nodes.ListNode) -> Code:
        items: list[str | Code] = []
        for node in listed.nodes:
            if isinstance(node, nodes.Text):
                items.append(node.text)
            else:
                items.append(self._statement(node))
        count = len(items) + 1

        def run_body(run: Execution, frame: Frame, dot: Any) -> str | None:
            budget = run.budget
            budget.steps -= count
            if budget.steps < 0:
                budget.refill()
            for item in items:
                if item.__class__ is str:
                    run.write(item)
                elif (signal := item(run, frame, dot)) is not None:  # type: ignore[operator]
                    return signal  # type: ignore[no-any-return]
            return None

        return run_body

    def _statement(self, node: nodes.Node) -> Code:
        match node:
            case nodes.Action():
                return self._action(node)
            case nodes.Branch(keyword="range"):
                return self._range(node)
            case nodes.Branch():
                return self._if_or_with(node)
            case nodes.TemplateCall():
                return self._template(node)
            case nodes.Break():
                return lambda run, frame, dot: _BREAK
            case nodes.Continue():
                return lambda run, frame, dot: _CONTINUE
        raise TypeError(f"no statement: {node}")

    def _action(self, node: nodes.Action) -> Code:
        self._base = node.base
        pipe = self._pipe(node.pipe)
        if node.pipe.declares:

            def declare(run: Execution, frame: Frame, dot: Any) -> None:
                pipe(run, frame, dot)

            return declare
        site = self._at(node)

        def action(run: Execution, frame: Frame, dot: Any) -> None:
            value = pipe(run, frame, dot)
            run.write(value if value.__class__ is str else printed(value, site, node))

        return action

    def _later(self, listed: nodes.ListNode) -> Callable[[Frame], Code]:
        """The code of a list, compiled when it is first executed: many branches never are. It takes a frame, because
        the variables within need room in it."""
        visible, origin = self._visible.copy(), self._dot_origin
        code: Code | None = None
        size = 0

        def ready(frame: Frame) -> Code:
            nonlocal code, size
            if code is None:
                with _COMPILING:
                    self._visible, self._dot_origin = visible.copy(), origin
                    compiled = self.body(listed)
                    size = self.size
                    code = compiled
            if len(frame) < size:
                frame += [None] * (size - len(frame))
            return code

        return ready

    def _if_or_with(self, node: nodes.Branch) -> Code:
        self._base = node.base
        visible, origin = len(self._visible), self._dot_origin
        pipe = self._pipe(node.pipe)
        is_with = node.keyword == "with"
        if is_with:
            self._dot_origin = None
        body = self._later(node.body)
        self._dot_origin = origin
        otherwise = self._later(node.otherwise) if node.otherwise else None
        del self._visible[visible:]

        def branch(run: Execution, frame: Frame, dot: Any) -> Any:
            value = pipe(run, frame, dot)
            if is_true(value):
                return body(frame)(run, frame, value if is_with else dot)
            return otherwise(frame)(run, frame, dot) if otherwise else None

        return branch

    def _range(self, node: nodes.Branch) -> Code:
        self._base = node.base
        visible, origin = len(self._visible), self._dot_origin
        pipe = self._pipe(node.pipe)
        names = [variable.names[0] for variable in node.pipe.declares]
        slots = [self._slot(name) or 0 for name in names]
        if len(slots) == 2 and not node.pipe.assigns and names[0] == names[1]:
            slots[0] = self._visible[-2][1]
        key_slot = slots[0] if len(slots) == 2 else None
        item_slot = slots[-1] if slots else None
        container_slot = self._new_slot()
        self._dot_origin = container_slot
        body = self._later(node.body)
        self._dot_origin = origin
        otherwise = self._later(node.otherwise) if node.otherwise else None
        del self._visible[visible:]
        site = self._after(node.pipe)

        def loop(run: Execution, frame: Frame, dot: Any) -> Any:
            container = pipe(run, frame, dot)
            code: Code | None = None
            frame[container_slot] = container
            for key, item in _entries(container, site, key_slot is not None):
                if code is None:
                    code = body(frame)
                if key_slot is not None:
                    frame[key_slot] = key
                    frame[key_slot + 1] = None
                if item_slot is not None:
                    frame[item_slot] = item
                    frame[item_slot + 1] = container
                if code(run, frame, item) is _BREAK:
                    break
            if code is None and otherwise:
                # In Go this range, though over, still catches a break; a continue goes on to the one around it.
                signal = otherwise(frame)(run, frame, dot)
                return None if signal is _BREAK else signal
            return None

        return loop

    def _template(self, node: nodes.TemplateCall) -> Code:
        self._base = node.base
        site = self._at(node)
        name = node.name
        pipe = self._pipe(node.pipe) if node.pipe else None

        def call(run: Execution, frame: Frame, dot: Any) -> None:
            definition = run.templates.get(name)
            if definition is None:
                raise site.error(f"template {quote(name)} not defined")
            budget = run.budget
            if budget.depth >= budget.limits.depth:
                raise site.error(f"exceeded maximum template depth ({budget.limits.depth})")
            value = pipe(run, frame, dot) if pipe else None
            body, size = definition.code()
            inner: Frame = [None] * size
            inner[0] = value
            budget.depth += 1
            body(run, inner, value)
            budget.depth -= 1

        return call

    # Pipelines. Their code returns a value, None standing for none.

    def _pipe(self, node: nodes.Pipe) -> Code:
        first = self._command(node.commands[0], node)
        rest = [
            self._piped_command(command, previous)
            for previous, command in zip(node.commands, node.commands[1:], strict=False)
        ]
        code = first
        if len(rest) == 1:
            (second,) = rest

            def two_stages(run: Execution, frame: Frame, dot: Any) -> Any:
                return second(run, frame, dot, first(run, frame, dot))

            code = two_stages
        elif rest:

            def stages(run: Execution, frame: Frame, dot: Any) -> Any:
                value = first(run, frame, dot)
                for stage in rest:
                    value = stage(run, frame, dot, value)
                return value

            code = stages
        for variable in node.declares:
            code = self._set_variable(code, variable.names[0], node)
        return code

    def _set_variable(self, code: Code, name: str, pipe: nodes.Pipe) -> Code:
        if pipe.assigns:
            known = self._slot(name)
            if known is None:
                site = self._after(pipe)

                def undefined(run: Execution, frame: Frame, dot: Any) -> Any:
                    code(run, frame, dot)
                    raise site.error(f"undefined variable: {name}")

                return undefined
            slot = known
        else:
            slot = self._new_slot()
            self._visible.append((name, slot))

        def store(run: Execution, frame: Frame, dot: Any) -> Any:
            value = code(run, frame, dot)
            frame[slot] = value
            frame[slot + 1] = None
            return value

        return store

    # Commands

    def _command(self, node: nodes.Command, previous: nodes.Node) -> Code:
        """The first command of a pipeline."""
        first = node.arguments[0]
        many = len(node.arguments) > 1
        match first:
            case nodes.Identifier():
                return self._function(first, node, node.arguments[1:])
            case nodes.Field() | nodes.Chain() if many:
                return self._without_final(self._method(first, node.arguments[1:]))
            case nodes.Variable(names=[_, _, *_]) if many:
                return self._without_final(self._method(first, node.arguments[1:]))
            case nodes.Pipe():
                return self._not_a_function(node, self._at(previous)) if many else self._pipe(first)
        if many:
            return self._not_a_function(node, self._at(first))
        return self._operand(first, None)

    def _without_final(self, code: Piped) -> Code:
        return lambda run, frame, dot: code(run, frame, dot, MISSING)

    def _piped_command(self, node: nodes.Command, previous: nodes.Node) -> Piped:
        """A command after the first, which gets a value."""
        first = node.arguments[0]
        match first:
            case nodes.Identifier():
                return self._piped_function(first, node, node.arguments[1:])
            case nodes.Field() | nodes.Chain() | nodes.Variable(names=[_, _, *_]):
                return self._method(first, node.arguments[1:])
            case nodes.Pipe():
                code = self._not_a_function(node, self._after(previous))
            case _:
                code = self._not_a_function(node, self._at(first))
        return lambda run, frame, dot, final: code(run, frame, dot)

    def _not_a_function(self, node: nodes.Command, site: Site) -> Code:
        return self._failing(site, f"can't give argument to non-function {node.arguments[0]}")

    def _failing(self, site: Site, message: str) -> Code:
        def fail(run: Execution, frame: Frame, dot: Any) -> Any:
            raise site.error(message)

        return fail

    # Operands

    def _operand(self, node: nodes.Node, invalid: Any) -> Code:
        """A value as it stands; ``invalid`` (None or INVALID) is what to give for no value."""
        match node:
            case nodes.Field():
                return self._fields(None, self._dot_origin, node.names, self._at(node), invalid)
            case nodes.Variable(names=[name]):
                slot = self._slot(name)
                if slot is None:
                    return self._failing(self._at(node), f"undefined variable: {name}")
                return _reader(slot)
            case nodes.Variable(names=[name, *names]):
                slot = self._slot(name)
                if slot is None:
                    return self._failing(self._at(node), f"undefined variable: {name}")
                return self._fields(_reader(slot), slot + 1, names, self._at(node), invalid)
            case nodes.Dot():
                return lambda run, frame, dot: dot
            case nodes.Chain():
                return self._chain(node, invalid)
            case nodes.Pipe():
                return self._pipe(node)
            case nodes.Identifier():
                return self._function(node, node, [])
            case nodes.Nil():
                return self._failing(self._at(node), "nil is not a command")
            case nodes.Bool():
                truth = node.value
                return lambda run, frame, dot: truth
            case nodes.String():
                text = node.text
                return lambda run, frame, dot: text
            case nodes.Number():
                try:
                    number = ideal(node, self._at(node))
                except ExecError:
                    return self._failing(self._at(node), f"{node.text} overflows int")
                return lambda run, frame, dot: number
        raise TypeError(f"no operand: {node}")

    def _chain(self, node: nodes.Chain, invalid: Any) -> Code:
        start = self._operand(node.node, INVALID)
        return self._fields(start, None, node.fields, self._after(node), invalid)

    def _fields(self, start: Code | None, origin: int | None, names: list[str], site: Site, invalid: Any) -> Code:
        """``start.a.b``; without ``start`` it is dot. ``origin`` is the slot of the container that start came from."""

        def slow(run: Execution, frame: Frame, value: Any, index: int) -> Any:
            static = _static(frame, origin) if index == 0 else EMPTY_INTERFACE
            for name in names[index:]:
                if isinstance(value, dict) and name in value and method_of(value, name) is None:
                    found = value[name]
                else:
                    method = _plain_method(run, frame, name, site)
                    found = access(run, value, name, site, static, method, False)
                static = element_type(value) if isinstance(value, dict) else EMPTY_INTERFACE if found is None else None
                value = found
            return invalid if value is INVALID else value

        if start is None and len(names) == 1:
            (only,) = names

            def one(run: Execution, frame: Frame, dot: Any) -> Any:
                kind = dot.__class__
                if kind is not dict and ((methods := MAPS.get(kind)) is None or only in methods):
                    return slow(run, frame, dot, 0)
                value = dot.get(only, ABSENT)
                if value is ABSENT:
                    value = absent(run, dot, only, site)
                    return invalid if value is INVALID else value
                return value

            return one

        def chain(run: Execution, frame: Frame, dot: Any) -> Any:
            value = dot if start is None else start(run, frame, dot)
            for index, name in enumerate(names):
                kind = value.__class__
                if kind is not dict and ((methods := MAPS.get(kind)) is None or name in methods):
                    return slow(run, frame, value, index)
                container = value
                value = container.get(name, ABSENT)
                if value is ABSENT:
                    value = absent(run, container, name, site)
            return invalid if value is INVALID else value

        return chain

    def _method(self, node: nodes.Node, arguments: list[nodes.Node]) -> Piped:
        """A field with arguments, written or piped: good only where it is a method."""
        match node:
            case nodes.Field(names=names):
                site, last_site = self._at(node), self._at(node)
                start: Code = self._operand(nodes.Dot(node.position), INVALID)
                origin = self._dot_origin
            case nodes.Variable(names=[name, *names]):
                site = last_site = self._at(node)
                start = self._operand(nodes.Variable(node.position, [name]), INVALID)
                slot = self._slot(name)
                origin = None if slot is None else slot + 1
            case nodes.Chain(fields=names):
                site, last_site = self._after(node), self._at(node)
                start, origin = self._operand(node.node, INVALID), None
            case _:
                raise TypeError(f"no field: {node}")
        prepared = [self._argument(argument) for argument in arguments]
        *path, name = names
        receiver = self._fields(start, origin, path, site, INVALID) if path else start
        last = self._after(arguments[-1]) if arguments else site

        def call_method(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
            value = receiver(run, frame, dot)
            static = EMPTY_INTERFACE if path else _static(frame, origin)

            def call(method: Callable[..., Any], target: Any) -> Any:
                function = _bound(method, target)
                invoke = prepare(function, name, prepared, final is not MISSING, site, last_site, last)
                return invoke(run, frame, dot, final)

            found = access(run, value, name, site, static, call, bool(prepared) or final is not MISSING)
            return None if found is INVALID else found

        return call_method

    # Functions

    def _function(self, node: nodes.Identifier, whole: nodes.Node, arguments: list[nodes.Node]) -> Code:
        call = self._call(node, whole, arguments, final=False)

        def function(run: Execution, frame: Frame, dot: Any) -> Any:
            return call(run)(run, frame, dot, MISSING)

        return function

    def _piped_function(self, node: nodes.Identifier, whole: nodes.Node, arguments: list[nodes.Node]) -> Piped:
        call = self._call(node, whole, arguments, final=True)

        def function(run: Execution, frame: Frame, dot: Any, final: Any) -> Any:
            return call(run)(run, frame, dot, final)

        return function

    def _call(
        self, node: nodes.Identifier, whole: nodes.Node, arguments: list[nodes.Node], *, final: bool
    ) -> Callable[[Execution], Invocation]:
        """The invocation to use in a run: prepared again only when the function behind the name is another."""
        name = node.name
        site, whole_site = self._at(node), self._at(whole)
        prepared = [self._argument(argument) for argument in arguments]
        last = self._after(arguments[-1]) if arguments else site
        ready: tuple[Function | None, Invocation | None] = (None, None)

        def current(run: Execution) -> Invocation:
            nonlocal ready
            known, invocation = ready
            function = run.functions.get(name)
            if function is known and invocation is not None:
                return invocation
            if function is None:
                raise site.error(f"{quote(name)} is not a defined function")
            invocation = prepare(function, name, prepared, final, site, whole_site, last)
            ready = (function, invocation)
            return invocation

        return current

    def _argument(self, node: nodes.Node) -> Argument:
        constant = isinstance(node, nodes.Bool | nodes.String | nodes.Number | nodes.Nil)
        code = None if constant else self._operand(node, INVALID)
        return Argument(self._tree, node, self._base, code, self._finds_nil(node))

    def _finds_nil(self, node: nodes.Node) -> Callable[[Frame], bool]:
        """Whether a None that ``node`` gives is a nil out of a container."""
        match node:
            case nodes.Pipe():
                return _never
            case nodes.Dot():
                origin = self._dot_origin
            case nodes.Variable(names=[name]):
                slot = self._slot(name)
                origin = None if slot is None else slot + 1
            case _:
                return _always
        return lambda frame: _static(frame, origin) is not None


def _reader(slot: int) -> Code:
    return lambda run, frame, dot: frame[slot]


def _static(frame: Frame, origin: int | None) -> str | None:
    """The declared type of what came from the container in that slot; None for a value that stands alone."""
    if origin is None or (container := frame[origin]) is None:
        return None
    return element_type(container)


def _plain_method(run: Execution, frame: Frame, name: str, site: Site) -> Callable[[Callable[..., Any], Any], Any]:
    def call(method: Callable[..., Any], target: Any) -> Any:
        invoke = prepare(_bound(method, target), name, [], False, site, site, site)
        return invoke(run, frame, None, MISSING)

    return call


def _bound(method: Callable[..., Any], target: Any) -> Function:
    """A method as a function of its arguments alone; declared parameters do not count the receiver."""
    if isinstance(method, Function):
        unbound = method.call
        return Function(lambda *values: unbound(target, *values), method.parameters, method.variadic)
    described = as_function(method)
    return Function(lambda *values: method(target, *values), described.parameters[1:], described.variadic)


def _entries(container: Any, site: Site, with_keys: bool) -> Any:
    """Key and value of each element, in Go's order."""
    if isinstance(container, dict):
        return sorted_items(container)
    if isinstance(container, list):
        return enumerate(container)
    if isinstance(container, bytes):
        return enumerate(map(Uint8, container))
    if container is None:
        return ()
    if isinstance(container, int) and not isinstance(container, bool):
        if with_keys:
            raise site.error(f"can't use {text_of(container)} to iterate over more than one variable")
        number = type(container)
        if number is int:
            return ((None, at) for at in range(container))
        return ((None, number(at)) for at in range(container))
    raise site.error(f"range can't iterate over {_shown(container)}")


def _shown(value: Any) -> str:
    return text_of(value) if kind_of(value) != "func" else "function"
