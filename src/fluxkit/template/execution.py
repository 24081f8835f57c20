"""What compiled templates need while they run: state, places for errors, access to fields and keys."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fluxkit.template import nodes
from fluxkit.template.errors import ExecError, LimitError
from fluxkit.template.fmt import text_of
from fluxkit.template.functions import Function
from fluxkit.template.limits import Budget
from fluxkit.template.quoting import quote
from fluxkit.template.values import EMPTY_INTERFACE, GoNamed, GoObject, Map, Slice, kind_of, type_name

__all__ = ["ABSENT", "INVALID", "Code", "Definition", "Execution", "Site", "access", "element_type", "printed"]


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


INVALID: Any = _Marker("INVALID")
"""Go's zero reflect.Value: no value at all, where None is a nil that was found."""
ABSENT: Any = _Marker("ABSENT")
"""A key that a map does not have."""

Frame = list[Any]
"""Variables of one running template: for each a value, and the container that a range took it from, if one did."""
Code = Callable[["Execution", Frame, Any], Any]


class Definition(Protocol):
    """A named template, compiled when first executed."""

    def code(self) -> tuple[Code, int]:
        """The body, and the size of its frame."""


class Execution:
    """One run of a template: its output, and the set of templates and functions that it may call."""

    __slots__ = ("_parts", "budget", "context", "functions", "missing_key", "templates")

    def __init__(
        self,
        templates: Mapping[str, Definition],
        functions: Mapping[str, Function],
        missing_key: str,
        budget: Budget,
        context: Any = None,
    ) -> None:
        self.templates = templates
        self.functions = functions
        self.missing_key = missing_key
        self.budget = budget
        self.context = context
        """What contextual functions share in everything that belongs together."""
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        self._parts.append(text)
        budget = self.budget
        budget.output -= len(text)
        if budget.output < 0:
            raise budget.flooded()

    def text(self) -> str:
        return "".join(self._parts)

    def nested(self, templates: Mapping[str, Definition], definition: Definition, data: Any) -> str:
        """The output of another template, executed on this one's budget: for functions that execute templates."""
        budget = self.budget
        depth = budget.depth
        if depth >= budget.limits.depth:
            raise LimitError(f"templates are nested more than {budget.limits.depth} levels deep")
        run = Execution(templates, self.functions, self.missing_key, budget, self.context)
        body, size = definition.code()
        frame: Frame = [None] * size
        frame[0] = data
        budget.depth = depth + 1
        body(run, frame, data)
        budget.depth = depth
        return run.text()


class Site:
    """A node in a tree: where an error is reported.

    With ``evaluated`` it is the node that was evaluated last when that one has been; Go names that one where a value
    turns out not to fit only afterwards. (After an ``and`` or ``or`` that stopped early, this names its last argument.)
    """

    __slots__ = ("base", "evaluated", "node", "tree")

    def __init__(self, tree: nodes.Tree, node: nodes.Node, base: int, evaluated: bool = False) -> None:
        self.tree = tree
        self.node = node
        self.base = base
        self.evaluated = evaluated

    def error(self, problem: str) -> ExecError:
        node = _last(self.node) if self.evaluated else self.node
        location = self.tree.location(self.base + node.position)
        return ExecError(f"template: {location}: executing {quote(self.tree.name)} at <{node}>: {problem}")


def _last(node: nodes.Node) -> nodes.Node:
    while True:
        match node:
            case nodes.Pipe():
                node = node.commands[-1]
            case nodes.Command(arguments=[nodes.Identifier(), *_, argument]):
                node = argument
            case nodes.Command():
                node = node.arguments[0]
            case nodes.Chain():
                node = node.node
            case _:
                return node


def element_type(container: Any) -> str:
    """The Go type of what a map or slice holds."""
    if isinstance(container, Map | Slice):
        return container.element
    if isinstance(container, bytes):
        return "uint8"
    if isinstance(container, int):
        return type_name(container)
    return EMPTY_INTERFACE


def printed(value: Any, site: Site, node: nodes.Node) -> str:
    """The text of a value that an action prints."""
    if value is None:
        return "<no value>"
    if isinstance(value, GoObject) and (text := value.go_addressed_string()) is not None:
        return text
    if kind_of(value) == "func":
        raise site.error(f"can't print {node} of type {type_name(value)}")
    return text_of(value)


def access(
    run: Execution,
    value: Any,
    name: str,
    site: Site,
    static: str | None,
    call: Callable[[Callable[..., Any], Any], Any],
    has_arguments: bool,
) -> Any:
    """``value.name``: a method, a field of a struct, or a key of a map, in that order.

    ``static`` is the declared type if the value comes out of a map or slice, None for a value that stands alone; only
    the former can be a nil that is an error. ``call`` calls the method that was found.
    """
    if value is INVALID or (value is None and static is None):
        if run.missing_key == "error":
            raise site.error(f"nil data; no entry for key {quote(name)}")
        return INVALID
    if value is None:
        raise site.error(f"nil pointer evaluating {static}.{name}")
    if isinstance(value, GoNamed):
        if (method := value.go_methods.get(name)) is not None:
            return call(method, value)
        if isinstance(value, GoObject):
            fields = value.go_fields()
            if name in fields:
                if not name[0].isupper():
                    declared = static or type_name(value)
                    raise site.error(f"{name} is an unexported field of struct type {declared}")
                if has_arguments:
                    raise site.error(f"{name} has arguments but cannot be invoked as function")
                return fields[name]
    if isinstance(value, dict):
        if has_arguments:
            raise site.error(f"{name} is not a method but has arguments")
        if name in value:
            return value[name]
        return absent(run, value, name, site)
    raise site.error(f"can't evaluate field {name} in type {static or type_name(value)}")


def absent(run: Execution, container: Any, name: str, site: Site) -> Any:
    """What a key that is not there gives, by the missingkey option."""
    if run.missing_key == "zero":
        return container.zero if isinstance(container, Map) else None
    if run.missing_key == "error":
        raise site.error(f"map has no entry for key {quote(name)}")
    return INVALID
