"""Templates and sets of templates (golang/go ``src/text/template/template.go``)."""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any, Self

from fluxkit.template import nodes
from fluxkit.template.builtins import BUILTINS
from fluxkit.template.compiler import compile_tree
from fluxkit.template.errors import ExecError, LimitError
from fluxkit.template.execution import Code, Execution
from fluxkit.template.functions import Function, as_function
from fluxkit.template.limits import Budget, Limits, deep_stack
from fluxkit.template.parser import parse
from fluxkit.template.quoting import quote
from fluxkit.template.reading import read

__all__ = ["Definition", "Template", "add_definitions", "define"]

_MISSING_KEY = {"zero": "zero", "default": "default", "invalid": "default", "error": "error"}


class Definition:
    """A tree and, once it has been executed, its compiled form; nothing in it changes, so that sets can share it."""

    __slots__ = ("_code", "empty", "tree")

    def __init__(self, tree: nodes.Tree) -> None:
        self.tree = tree
        self.empty = nodes.is_empty(tree.root)
        self._code: tuple[Code, int] | None = None

    def code(self) -> tuple[Code, int]:
        if self._code is None:
            self._code = compile_tree(self.tree)
        return self._code


def define(name: str, text: str, functions: Collection[str]) -> dict[str, Definition]:
    """What ``text`` defines, by name; ``name`` is that of its body, ``functions`` what it may call.

    Parsing is what costs: the result can be added to any number of sets. Raises
    :class:`~fluxkit.template.errors.ParseError`.
    """
    with deep_stack:
        trees = read(name, text, functions if isinstance(functions, frozenset) else frozenset(functions))
        if trees is None:
            trees = parse(name, text, functions)
    return {defined: Definition(tree) for defined, tree in trees.items()}


def add_definitions(definitions: MutableMapping[str, Definition], added: Mapping[str, Definition]) -> None:
    """Add to a set what a text defines; a later definition replaces an earlier one unless it is empty."""
    for name, definition in added.items():
        if not definition.empty or name not in definitions:
            definitions[name] = definition


class _Set:
    """What associated templates have in common."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.definitions: dict[str, Definition] = {}
        self.functions: dict[str, Function] = dict(BUILTINS)
        self.missing_key = "default"


class Template:
    """A named template and the set that it belongs to; all templates of a set can call each other.

    >>> Template("greeting").parse("Hello {{ .name }}!").execute({"name": "world"})
    'Hello world!'
    """

    def __init__(self, name: str, *, limits: Limits | None = None) -> None:
        self.name = name
        self._set = _Set(limits or Limits())

    def funcs(self, functions: Mapping[str, Callable[..., Any]]) -> Self:
        """Add functions to the whole set, or replace them; a text that calls one must be parsed later."""
        self._set.functions.update({name: as_function(call) for name, call in functions.items()})
        return self

    def function_names(self) -> list[str]:
        """The names of all functions that texts of this set can call, built-in ones included."""
        return list(self._set.functions)

    def option(self, option: str) -> Self:
        """``missingkey=default``, ``missingkey=zero`` or ``missingkey=error``. Raises ValueError for others."""
        key, _, value = option.partition("=")
        if key != "missingkey" or value not in _MISSING_KEY:
            raise ValueError(f"unrecognized option: {option}")
        self._set.missing_key = _MISSING_KEY[value]
        return self

    def parse(self, text: str) -> Self:
        """Make ``text`` this template's body, and add what it defines to the set.

        A later definition replaces an earlier one unless it is empty. Raises
        :class:`~fluxkit.template.errors.ParseError`.
        """
        return self.add(define(self.name, text, self._set.functions))

    def add(self, definitions: Mapping[str, Definition]) -> Self:
        """Add what another text defines, as :func:`define` gives it."""
        add_definitions(self._set.definitions, definitions)
        return self

    def new(self, name: str) -> "Template":
        """Another template of the same set, without a body yet."""
        template = Template.__new__(Template)
        template.name = name
        template._set = self._set
        return template

    def clone(self) -> "Template":
        """This template in a copy of its set: what is parsed there is not seen here. Compiled templates are shared."""
        copy = _Set(self._set.limits)
        copy.definitions = dict(self._set.definitions)
        copy.functions = dict(self._set.functions)
        copy.missing_key = self._set.missing_key
        template = self.new(self.name)
        template._set = copy
        return template

    def lookup(self, name: str) -> "Template | None":
        """The template of this name in the set, if it has a body."""
        return self.new(name) if name in self._set.definitions else None

    def names(self) -> list[str]:
        """The names of all templates in the set, in order of their first definition."""
        return list(self._set.definitions)

    def execute(self, data: Any, *, budget: Budget | None = None, context: Any = None) -> str:
        """The output for ``data`` as dot.

        ``budget`` is for executions that belong together: all draw on the same one. ``context`` is what contextual
        functions find in the execution that they are given. Raises :class:`~fluxkit.template.errors.ExecError`, or
        :class:`~fluxkit.template.errors.LimitError`.
        """
        definition = self._set.definitions.get(self.name)
        if definition is None:
            raise ExecError(f"template: {self.name}: {quote(self.name)} is an incomplete or empty template")
        budget = budget or Budget(self._set.limits)
        depth = budget.depth
        run = Execution(self._set.definitions, self._set.functions, self._set.missing_key, budget, context)
        with deep_stack:
            try:
                body, size = definition.code()
                frame: list[Any] = [None] * size
                frame[0] = data
                body(run, frame, data)
            except RecursionError as problem:
                raise LimitError(f"template {quote(self.name)} nests too deeply") from problem
            finally:
                budget.depth = depth
        return run.text()

    def execute_template(self, name: str, data: Any, *, budget: Budget | None = None) -> str:
        """As :meth:`execute`, of the set's template ``name``."""
        template = self.lookup(name)
        if template is None:
            raise ExecError(f"template: no template {quote(name)} associated with template {quote(self.name)}")
        return template.execute(data, budget=budget)
