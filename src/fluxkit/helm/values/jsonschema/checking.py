"""Checking a value against a compiled schema.

The order of checks, the grouping of what they find and the short cuts are upstream's, because they show in the text.
"""

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from fluxkit.helm.values.jsonschema.compiling import Schema, metaschema
from fluxkit.helm.values.jsonschema.documents import Resource, SchemaProblem
from fluxkit.helm.values.jsonschema.drafts import escaped
from fluxkit.helm.values.jsonschema.formats import FormatProblem
from fluxkit.helm.values.jsonschema.numbers import Number, fraction_of, grouped, is_integer, is_number, shown_float
from fluxkit.helm.values.jsonschema.problems import Problem, display, joined, quoted
from fluxkit.template.values import type_name

__all__ = ["MAX_STEPS", "check"]

MAX_STEPS: Final = 1_000_000
"""Schemas that are checked for one value, each occurrence counted; upstream has no bound."""

_TYPES_IN_ORDER: Final = ("null", "boolean", "number", "integer", "string", "array", "object")
_Location = tuple[str, ...]


def check(schema: Schema, value: Any, resources: Mapping[str, Resource] | None = None) -> str:
    """What ``value`` violates, as upstream prints it with a heading that names the schema; empty if nothing.

    ``resources`` are given where the value is itself a schema, whose parts may keep to other drafts. Raises
    SchemaProblem where that would take too long: references can multiply the work without end.
    """
    problem = _Check(schema, value, (), _Scope(schema), _Steps(), resources=resources).run()
    if problem is None:
        return ""
    causes = problem.causes if problem.is_group else [problem]
    lines = [f"jsonschema validation failed with {quoted(str(schema.place))}"]
    for cause in causes:
        lines += cause.lines()
    return "\n".join(lines)


class _Scope:
    """The schemas on the way to the one at hand; ``depth`` counts the values on the way."""

    __slots__ = ("depth", "keyword", "parent", "schema")

    def __init__(self, schema: Schema, parent: "_Scope | None" = None, depth: int = 0, keyword: str = "") -> None:
        self.schema = schema
        self.parent = parent
        self.depth = depth
        self.keyword = keyword

    def cycle(self) -> "_Scope | None":
        """An earlier scope with the same schema for the same value."""
        scope = self.parent
        while scope is not None and scope.depth == self.depth:
            if scope.schema is self.schema:
                return scope
            scope = scope.parent
        return None

    def location(self) -> str:
        """The keywords on the way."""
        text = ""
        scope = self
        while scope.parent is not None:
            if scope.keyword:
                text = f"/{escaped(scope.keyword)}{text}"
            else:
                text = str(scope.schema.place)[len(str(scope.parent.schema.place)) :] + text
            scope = scope.parent
        return text


class _Steps:
    """Counts the schemas that are checked."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_STEPS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise SchemaProblem(f"unable to validate schema: it takes more than {MAX_STEPS} steps")


class _Check:
    """One schema against one value."""

    __slots__ = (
        "_brief",
        "_found",
        "_left_items",
        "_left_names",
        "_location",
        "_resources",
        "_schema",
        "_scope",
        "_steps",
        "_value",
    )

    def __init__(
        self,
        schema: Schema,
        value: Any,
        location: _Location,
        scope: _Scope,
        steps: _Steps,
        *,
        brief: bool = False,
        wanted: bool = False,
        resources: Mapping[str, Resource] | None = None,
    ) -> None:
        self._schema = schema
        self._value = value
        self._location = location
        self._scope = scope
        self._steps = steps
        self._brief = brief
        """Whether somebody only wants to know if there is a problem."""
        self._resources = resources
        self._found: list[Problem] = []
        self._left_names: set[str] = set()
        self._left_items: set[int] = set()
        if isinstance(value, dict):
            if schema.additional_properties is None and (wanted or schema.unevaluated_properties is not None):
                self._left_names = set(value)
        elif isinstance(value, list) and not schema.all_items and (wanted or schema.unevaluated_items is not None):
            self._left_items = set(range(len(schema.prefix_items), len(value)))

    def run(self) -> Problem | None:
        schema, value = self._schema, self._value
        self._steps.take()
        if schema.always is not None:
            return None if schema.always else self._problem("false schema")
        cycle = self._scope.cycle()
        if cycle is not None:
            both = f"both {self._scope.location()} and {cycle.location()}"
            return self._problem(f'{both} resolve to "{schema.place}" causing reference cycle')
        kind = _type_of(value)
        if not kind:
            return self._problem(f"invalid jsonType {type_name(value)}")
        problem = self._of_any_type(kind)
        if problem is not None:
            return problem
        if schema.ref is not None:
            problem = self._reference(schema.ref, "$ref")
            if schema.draft < 2019:
                return problem
            self._add(problem)
        if kind == "object":
            self._object(value)
        elif kind == "array":
            self._array(value)
        elif kind == "string":
            self._text(value)
        elif kind == "number":
            self._number(value)
        if not self._found or not self._brief:
            if schema.draft >= 2019:
                self._later_references()
            self._conditions()
            if schema.draft >= 2019:
                self._unevaluated()
        if not self._found:
            return None
        if len(self._found) == 1:
            return self._found[0]
        return Problem(self._location, "validation failed", self._found, is_group=True)

    # --- keywords for every type

    def _of_any_type(self, kind: str) -> Problem | None:
        schema, value = self._schema, self._value
        integral = "integer" in schema.types and kind == "number" and is_integer(value)
        if schema.types and kind not in schema.types and not integral:
            wanted = " or ".join(name for name in _TYPES_IN_ORDER if name in schema.types)
            return self._problem(f"got {kind}, want {wanted}")
        if schema.const is not None and not _equal(value, schema.const[0]):
            wanted_value = schema.const[0]
            failed = isinstance(wanted_value, dict | list)
            return self._problem("'const' failed" if failed else f"value must be {display(wanted_value)}")
        if schema.enum is not None and not any(_equal(value, item) for item in schema.enum):
            return self._problem(_enum_text(schema.enum))
        if schema.format is not None:
            name, checked = schema.format
            try:
                checked(value)
            except FormatProblem as problem:
                return self._problem(f"{display(value)} is not valid {name}: {problem}")
        return None

    # --- objects

    def _object(self, value: dict[str, Any]) -> None:
        schema = self._schema
        if schema.min_properties is not None and len(value) < schema.min_properties:
            self._fail(f"minProperties: got {grouped(len(value))}, want {grouped(schema.min_properties)}")
        if schema.max_properties is not None and len(value) > schema.max_properties:
            self._fail(f"maxProperties: got {grouped(len(value))}, want {grouped(schema.max_properties)}")
        missing = [name for name in schema.required if name not in value]
        if missing:
            self._fail(f"missing {'property' if len(missing) == 1 else 'properties'} {joined(missing)}")
        if self._brief and self._found:
            return
        for name, dependency in schema.dependencies.items():
            if name not in value:
                continue
            if isinstance(dependency, list):
                self._require(dependency, name, value)
            else:
                self._add(self._same_value(dependency))
        self._properties(value)
        if schema.draft == 4:
            return
        if schema.property_names is not None:
            for name in sorted(value):
                self._property_name(schema.property_names, name)
        if schema.draft == 6:
            return
        for name, below in schema.dependent_schemas.items():
            if name in value:
                self._add(self._same_value(below))
        for name, required in schema.dependent_required.items():
            if name in value:
                self._require(required, name, value)

    def _require(self, names: Iterable[str], because: str, value: dict[str, Any]) -> None:
        missing = [name for name in names if name not in value]
        if missing:
            self._fail(f"properties {joined(missing)} required, if {quoted(because)} exists")

    def _properties(self, value: dict[str, Any]) -> None:
        schema = self._schema
        additional = schema.additional_properties
        surplus: list[str] = []
        for name in sorted(value):
            if self._brief and self._found:
                return
            item = value[name]
            known = schema.properties.get(name)
            evaluated = known is not None
            if known is not None:
                self._add(self._inner_value(known, item, name))
            for pattern, below in schema.pattern_properties:
                if pattern.matches(name):
                    evaluated = True
                    self._add(self._inner_value(below, item, name))
            if not evaluated and additional is not None:
                evaluated = True
                if additional is False:
                    surplus.append(name)
                elif isinstance(additional, Schema):
                    self._add(self._inner_value(additional, item, name))
            if evaluated:
                self._left_names.discard(name)
        if surplus:
            self._fail(f"additional properties {joined(surplus)} not allowed")

    def _property_name(self, schema: Schema, name: str) -> None:
        problem = _Check(
            schema, name, (), _Scope(schema), self._steps, brief=self._brief, resources=self._resources
        ).run()
        if problem is not None:
            causes = problem.causes if problem.is_group else [problem]
            self._found.append(Problem(self._location, f"invalid propertyName {quoted(name)}", causes))

    # --- arrays

    def _array(self, value: list[Any]) -> None:
        schema = self._schema
        if schema.min_items is not None and len(value) < schema.min_items:
            self._fail(f"minItems: got {grouped(len(value))}, want {grouped(schema.min_items)}")
        if schema.max_items is not None and len(value) > schema.max_items:
            self._fail(f"maxItems: got {grouped(len(value))}, want {grouped(schema.max_items)}")
        if schema.unique_items:
            same = _equal_items(value)
            if same is not None:
                self._fail(f"items at {grouped(same[0])} and {grouped(same[1])} are equal")
        for at, (below, item) in enumerate(zip(schema.prefix_items, value, strict=False)):
            self._add(self._inner_value(below, item, str(at)))
        behind = min(len(schema.prefix_items), len(value))
        if schema.items is not None:
            for at in range(behind, len(value)):
                self._add(self._inner_value(schema.items, value[at], str(at)))
        elif schema.no_more_items and behind < len(value):
            self._fail(f"last {grouped(len(value) - behind)} additionalItem(s) not allowed")
        if schema.contains is not None:
            self._contains(schema.contains, value)

    def _contains(self, below: Schema, value: list[Any]) -> None:
        schema = self._schema
        problems: list[Problem] = []
        matched: list[int] = []
        for at, item in enumerate(value):
            problem = self._inner_value(below, item, str(at))
            if problem is not None:
                problems.append(problem)
                continue
            matched.append(at)
            if schema.draft >= 2020:
                self._left_items.discard(at)
        found = f"but matched {grouped(len(matched))} items at {' '.join(map(str, matched))}"
        if schema.min_contains is not None:
            if len(matched) < schema.min_contains:
                wanted = f"min {grouped(schema.min_contains)} items required to match contains schema"
                self._fail(f"{wanted}, {found if matched else 'but none matched'}", problems)
        elif not matched:
            self._fail("no items match contains schema", problems)
        if schema.max_contains is not None and len(matched) > schema.max_contains:
            self._fail(f"max {grouped(schema.max_contains)} items required to match contains schema, {found}")

    # --- texts and numbers

    def _text(self, value: str) -> None:
        schema = self._schema
        if schema.min_length is not None and len(value) < schema.min_length:
            self._fail(f"minLength: got {grouped(len(value))}, want {grouped(schema.min_length)}")
        if schema.max_length is not None and len(value) > schema.max_length:
            self._fail(f"maxLength: got {grouped(len(value))}, want {grouped(schema.max_length)}")
        if schema.pattern is not None and not schema.pattern.matches(value):
            self._fail(f"{quoted(value)} does not match pattern {quoted(schema.pattern.text)}")

    def _number(self, value: Any) -> None:
        schema = self._schema
        number = fraction_of(value)
        if schema.minimum is not None and number < schema.minimum:
            self._fail(_compared("minimum", number, schema.minimum))
        if schema.maximum is not None and number > schema.maximum:
            self._fail(_compared("maximum", number, schema.maximum))
        if schema.exclusive_minimum is not None and number <= schema.exclusive_minimum:
            self._fail(_compared("exclusiveMinimum", number, schema.exclusive_minimum))
        if schema.exclusive_maximum is not None and number >= schema.exclusive_maximum:
            self._fail(_compared("exclusiveMaximum", number, schema.exclusive_maximum))
        if schema.multiple_of is not None and (number / schema.multiple_of).denominator != 1:
            self._fail(_compared("multipleOf", number, schema.multiple_of))

    # --- schemas for the same value

    def _conditions(self) -> None:
        schema = self._schema
        if schema.not_ is not None and self._same_value(schema.not_, brief=True) is None:
            self._fail("'not' failed")
        problems: list[Problem] = []
        for below in schema.all_of:
            problem = self._same_value(below)
            if problem is not None:
                problems.append(problem)
                if self._brief:
                    break
        if problems:
            self._fail("'allOf' failed", problems)
        if schema.any_of:
            self._any_of(schema.any_of)
        if schema.one_of:
            self._one_of(schema.one_of)
        if schema.if_ is not None:
            chosen = schema.then if self._same_value(schema.if_, brief=True) is None else schema.else_
            if chosen is not None:
                self._add(self._same_value(chosen))

    def _any_of(self, schemas: list[Schema]) -> None:
        problems: list[Problem] = []
        matched = False
        for below in schemas:
            problem = self._same_value(below)
            if problem is not None:
                problems.append(problem)
                continue
            matched = True
            if not self._left_names and not self._left_items:
                break
        if not matched:
            self._fail("'anyOf' failed", problems)

    def _one_of(self, schemas: list[Schema]) -> None:
        problems: list[Problem] = []
        matched = -1
        for at, below in enumerate(schemas):
            problem = self._same_value(below, brief=matched >= 0)
            if problem is not None:
                problems.append(problem)
            elif matched < 0:
                matched = at
            else:
                self._fail(f"'oneOf' failed, subschemas {grouped(matched)}, {grouped(at)} matched")
                break
        if matched < 0:
            self._fail("'oneOf' failed, none matched", problems)

    def _reference(self, target: Schema, keyword: str) -> Problem | None:
        problem = self._same_value(target, keyword=keyword)
        if problem is None:
            return None
        causes = problem.causes if problem.is_group else [problem]
        return Problem(self._location, "validation failed", causes, is_reference=True)

    def _later_references(self) -> None:
        schema = self._schema
        target = schema.recursive_ref
        if target is not None:
            if target.recursive_anchor:
                for scope in self._scopes():
                    if scope.schema.resource.recursive_anchor:
                        target = scope.schema
            self._add(self._reference(target, "$recursiveRef"))
        if schema.dynamic_ref is not None:
            target, anchor = schema.dynamic_ref
            if anchor and target.dynamic_anchor == anchor:
                for scope in self._scopes():
                    target = scope.schema.resource.dynamic_anchors.get(anchor, target)
            self._add(self._reference(target, "$dynamicRef"))

    def _scopes(self) -> Iterable[_Scope]:
        """From the inside out."""
        scope: _Scope | None = self._scope
        while scope is not None:
            yield scope
            scope = scope.parent

    def _unevaluated(self) -> None:
        schema, value = self._schema, self._value
        if isinstance(value, dict) and schema.unevaluated_properties is not None:
            for name in sorted(self._left_names):
                if name in value:
                    self._add(self._inner_value(schema.unevaluated_properties, value[name], name))
            self._left_names = set()
        if isinstance(value, list) and schema.unevaluated_items is not None:
            for at in sorted(self._left_items):
                self._add(self._inner_value(schema.unevaluated_items, value[at], str(at)))
            self._left_items = set()

    # --- going on

    def _same_value(self, schema: Schema, *, brief: bool = False, keyword: str = "") -> Problem | None:
        scope = _Scope(schema, self._scope, self._scope.depth, keyword)
        below = _Check(
            self._drafted(schema, self._location),
            self._value,
            self._location,
            scope,
            self._steps,
            brief=self._brief or brief,
            wanted=bool(self._left_names or self._left_items),
            resources=self._resources,
        )
        problem = below.run()
        if problem is None:
            self._left_names &= below._left_names
            self._left_items &= below._left_items
        return problem

    def _inner_value(self, schema: Schema, value: Any, step: str) -> Problem | None:
        location = (*self._location, step)
        scope = _Scope(schema, self._scope, self._scope.depth + 1)
        drafted = self._drafted(schema, location)
        return _Check(drafted, value, location, scope, self._steps, brief=self._brief, resources=self._resources).run()

    def _drafted(self, schema: Schema, location: _Location) -> Schema:
        """A schema within a schema may keep to another draft: then it is checked against that one's metaschema."""
        if self._resources is None or schema.place.pointer or len(self._resources) < 2:
            return schema
        resource = self._resources.get("".join(f"/{escaped(step)}" for step in location))
        return metaschema(resource.draft) if resource is not None else schema

    def _problem(self, text: str) -> Problem:
        return Problem(self._location, text)

    def _fail(self, text: str, causes: Iterable[Problem] = ()) -> None:
        self._found.append(Problem(self._location, text, list(causes)))

    def _add(self, problem: Problem | None) -> None:
        if problem is not None:
            self._found.append(problem)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, float):
        return "number" if math.isfinite(value) else ""
    return "number" if isinstance(value, int | Number) else ""


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(_equal(item, right[key]) for key, item in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(_equal, left, right))
    if is_number(left):
        return is_number(right) and fraction_of(left) == fraction_of(right)
    return type(left) is type(right) and bool(left == right)


def _equal_items(items: list[Any]) -> tuple[int, int] | None:
    """The first two equal items, by the later one."""
    seen: dict[Any, list[int]] = {}
    for at, item in enumerate(items):
        key = _key(item)
        for earlier in seen.get(key, ()):
            if _equal(item, items[earlier]):
                return earlier, at
        seen.setdefault(key, []).append(at)
    return None


def _key(value: Any) -> Any:
    """Equal for equal values."""
    if isinstance(value, dict):
        return ("object", len(value), *sorted(value))
    if isinstance(value, list):
        return ("array", len(value))
    return fraction_of(value) if is_number(value) else (type(value).__name__, value)


def _enum_text(wanted: list[Any]) -> str:
    if any(isinstance(item, dict | list) for item in wanted):
        return "'enum' failed"
    if len(wanted) == 1:
        return f"value must be {display(wanted[0])}"
    return f"value must be one of {', '.join(map(display, wanted))}"


def _compared(keyword: str, got: Fraction, wanted: Fraction) -> str:
    return f"{keyword}: got {shown_float(float(got))}, want {shown_float(float(wanted))}"
