"""From schema documents to what checks values: keywords read, references resolved.

What is wrong with a schema itself is found by checking it against its metaschema, which takes far longer than values
do; so a schema in which every keyword obviously has the right form is not checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final
from urllib.parse import unquote, urljoin

from fluxkit.helm.values.jsonschema.documents import (
    Document,
    Documents,
    Fetch,
    Place,
    Resource,
    SchemaProblem,
    read_json,
    url_text,
)
from fluxkit.helm.values.jsonschema.drafts import Draft, escaped
from fluxkit.helm.values.jsonschema.formats import FORMATS, FormatCheck
from fluxkit.helm.values.jsonschema.numbers import fraction_of, is_number
from fluxkit.helm.values.jsonschema.plausible import is_plausible
from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.regex import compiled as compile_expression
from fluxkit.template.values import to_bytes

__all__ = ["Pattern", "Schema", "compile_schema", "metaschema"]

ROOT: Final = "file:///values.schema.json"


class Pattern:
    """A regular expression with its text."""

    __slots__ = ("_expression", "text")

    def __init__(self, text: str) -> None:
        """Raises FunctionError with Go's text."""
        self.text = text
        self._expression = compile_expression(text)

    def matches(self, text: str) -> bool:
        return self._expression.search(to_bytes(text)) is not None


@dataclass(slots=True, eq=False)
class Schema:
    """One schema; what it does not say is None or empty."""

    place: Place
    draft: int
    resource: "Schema" = field(init=False, repr=False)
    always: bool | None = None
    """Set for the schemas true, false and {}."""
    ref: "Schema | None" = None
    recursive_ref: "Schema | None" = None
    recursive_anchor: bool = False
    dynamic_ref: "tuple[Schema, str] | None" = None
    dynamic_anchor: str = ""
    dynamic_anchors: "dict[str, Schema]" = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    enum: list[Any] | None = None
    const: tuple[Any] | None = None
    format: tuple[str, FormatCheck] | None = None
    not_: "Schema | None" = None
    all_of: "list[Schema]" = field(default_factory=list)
    any_of: "list[Schema]" = field(default_factory=list)
    one_of: "list[Schema]" = field(default_factory=list)
    if_: "Schema | None" = None
    then: "Schema | None" = None
    else_: "Schema | None" = None
    min_properties: int | None = None
    max_properties: int | None = None
    required: list[str] = field(default_factory=list)
    property_names: "Schema | None" = None
    properties: "Mapping[str, Schema]" = field(default_factory=dict)
    pattern_properties: "list[tuple[Pattern, Schema]]" = field(default_factory=list)
    additional_properties: "Schema | bool | None" = None
    dependencies: "Mapping[str, Schema | list[str]]" = field(default_factory=dict)
    dependent_required: Mapping[str, list[str]] = field(default_factory=dict)
    dependent_schemas: "Mapping[str, Schema]" = field(default_factory=dict)
    unevaluated_properties: "Schema | None" = None
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool = False
    contains: "Schema | None" = None
    min_contains: int | None = None
    max_contains: int | None = None
    prefix_items: "list[Schema]" = field(default_factory=list)
    """Also ``items`` with a list, in drafts before 2020-12."""
    items: "Schema | None" = None
    """For what lies behind the prefix: ``additionalItems`` after a list in drafts before 2020-12."""
    no_more_items: bool = False
    """``additionalItems`` is false."""
    all_items: bool = False
    """Nothing is left for ``unevaluatedItems``."""
    unevaluated_items: "Schema | None" = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: Pattern | None = None
    maximum: Fraction | None = None
    minimum: Fraction | None = None
    exclusive_maximum: Fraction | None = None
    exclusive_minimum: Fraction | None = None
    multiple_of: Fraction | None = None


def compile_schema(data: bytes, check: Callable[..., str], fetch: Fetch | None = None) -> Schema:
    """The schema in a values.schema.json. Raises SchemaProblem.

    ``check(schema, value, resources)`` gives what a value violates, as text; it is asked about the schema itself.
    """
    content = read_json(data)
    return _Compiler(Documents(fetch), check).compile(ROOT, content)


_METASCHEMAS: dict[str, Schema] = {}


def metaschema(draft: Draft) -> Schema:
    """What schemas of a draft are checked against."""
    found = _METASCHEMAS.get(draft.url)
    if found is None:
        documents = Documents(None)
        compiler = _Compiler(documents, lambda *_: "", assert_format=True)
        found = _METASCHEMAS[draft.url] = compiler.compile(draft.url, documents.load(draft.url))
    return found


class _Compiler:
    def __init__(self, documents: Documents, check: Callable[..., str], *, assert_format: bool = False) -> None:
        self._documents = documents
        self._check = check
        self._assert_format = assert_format
        self._schemas: dict[Place, Schema] = {}
        self._queue: list[Schema] = []

    def compile(self, url: str, content: Any) -> Schema:
        self._add(url, content)
        found = self._schema(Place(url, ""))
        for schema in self._queue:  # grows meanwhile
            document = self._document(schema.place.url)
            self._ensure_checked(document, schema.place.pointer)
            value = document.at(schema.place.pointer)
            self._compile(schema, value, document)
        return found

    # --- documents

    def _document(self, url: str) -> Document:
        return self._documents.known(url) or self._add(url, self._documents.load(url))

    def _add(self, url: str, content: Any) -> Document:
        document = self._documents.add(url, content)
        if not url.startswith(("http://json-schema.org/", "https://json-schema.org/")):
            self._check_schema(document, content, "")
        return document

    def _ensure_checked(self, document: Document, pointer: str) -> None:
        """A reference may lead to where no schema is expected."""
        if pointer in document.processed:
            return
        value = document.at(pointer)
        resource = document.resource_of(pointer)
        document.collect(value, resource.id, pointer, resource.draft)
        self._check_schema(document, value, pointer)

    def _check_schema(self, document: Document, value: Any, pointer: str) -> None:
        resource = document.resource_of(pointer)
        if len({each.draft for each in document.resources.values()}) == 1 and is_plausible(value, resource.draft):
            return
        problem = self._check(metaschema(resource.draft), value, document.resources)
        if problem:
            where = quote(url_text(document.url, pointer))
            raise SchemaProblem(f"{where} is not valid against metaschema: {problem}")

    # --- schemas

    def _schema(self, place: Place) -> Schema:
        found = self._schemas.get(place)
        if found is None:
            document = self._document(place.url)
            found = Schema(place, document.resource_of(place.pointer).draft.version)
            self._schemas[place] = found
            self._queue.append(found)
        return found

    def _compile(self, schema: Schema, value: Any, document: Document) -> None:
        resource = document.resource_of(schema.place.pointer)
        schema.draft = resource.draft.version
        schema.resource = self._schema(Place(document.url, resource.pointer))
        if schema.draft >= 2020 and schema is schema.resource:
            for name in resource.dynamic:
                schema.dynamic_anchors[name] = self._schema(Place(document.url, resource.anchors[name]))
        if isinstance(value, bool) or value == {}:
            schema.always = value is not False
        elif isinstance(value, dict):
            _Keywords(self, schema, value, document, resource).read()

    def asserts_format(self, draft: int) -> bool:
        return self._assert_format or draft < 2019

    def below(self, schema: Schema, *path: str) -> Schema:
        pointer = "".join(f"/{escaped(step)}" for step in path)
        return self._schema(Place(schema.place.url, schema.place.pointer + pointer))

    def referred(self, reference: str, document: Document, resource: Resource) -> Schema:
        """What ``$ref`` means. Raises SchemaProblem."""
        address, _, fragment = reference.partition("#")
        fragment = unquote(fragment)
        url = urljoin(resource.id, address) if address else resource.id
        if url == document.url:
            target = document.resources[""]
        else:
            found = next((each for each in document.resources.values() if each.id == url), None)
            if found is None:
                document = self._document(url)
                found = document.resources[""]
            target = found
        return self._schema(document.place(fragment, target))


class _Keywords:
    """Reads the keywords of one schema."""

    def __init__(
        self, compiler: _Compiler, schema: Schema, value: dict[str, Any], document: Document, resource: Resource
    ) -> None:
        self._compiler = compiler
        self._schema = schema
        self._value = value
        self._document = document
        self._resource = resource

    def read(self) -> None:
        schema, draft = self._schema, self._schema.draft
        schema.ref = self._reference("$ref")
        if draft < 2019 and schema.ref is not None:
            return
        self._applicators()
        self._assertions()
        if draft >= 6:
            schema.contains = self._at("contains")
            schema.property_names = self._at("propertyNames")
            if "const" in self._value:
                schema.const = (self._value["const"],)
        if draft >= 7:
            schema.if_ = self._at("if")
            if schema.if_ is not None:
                schema.then, schema.else_ = self._at("then"), self._at("else")
        if draft >= 2019:
            self._since_2019()

    def _applicators(self) -> None:
        schema, value = self._schema, self._value
        schema.all_of, schema.any_of, schema.one_of = self._list("allOf"), self._list("anyOf"), self._list("oneOf")
        schema.not_ = self._at("not")
        if schema.draft >= 2020:
            schema.prefix_items = self._list("prefixItems")
            schema.items = self._at("items")
            schema.all_items = schema.items is not None
        elif isinstance(value.get("items"), list):
            schema.prefix_items = self._list("items")
            additional = value.get("additionalItems")
            if isinstance(additional, bool):
                schema.no_more_items = not additional
            else:
                schema.items = self._at("additionalItems")
            schema.all_items = "additionalItems" in value
        else:
            schema.items = self._at("items")
            schema.all_items = schema.items is not None
        schema.properties = self._map("properties")
        for name, below in self._map("patternProperties").items():
            schema.pattern_properties.append((self._pattern(name, "patternProperties"), below))
        additional = value.get("additionalProperties")
        is_bool = isinstance(additional, bool)
        schema.additional_properties = additional if is_bool else self._at("additionalProperties")
        schema.dependencies = {
            name: _texts(item) if isinstance(item, list) else self._compiler.below(schema, "dependencies", name)
            for name, item in sorted(self._object("dependencies").items())
        }

    def _assertions(self) -> None:
        schema, value = self._schema, self._value
        given = value.get("type")
        schema.types = frozenset([given] if isinstance(given, str) else _texts(given))
        if isinstance(value.get("enum"), list):
            schema.enum = value["enum"]
        schema.multiple_of = self._number("multipleOf")
        schema.maximum, schema.exclusive_maximum = self._bound("maximum", "exclusiveMaximum")
        schema.minimum, schema.exclusive_minimum = self._bound("minimum", "exclusiveMinimum")
        schema.min_length, schema.max_length = self._integer("minLength"), self._integer("maxLength")
        if isinstance(value.get("pattern"), str):
            schema.pattern = self._pattern(value["pattern"], "pattern")
        schema.min_items, schema.max_items = self._integer("minItems"), self._integer("maxItems")
        schema.unique_items = value.get("uniqueItems") is True
        schema.min_properties = self._integer("minProperties")
        schema.max_properties = self._integer("maxProperties")
        schema.required = _texts(value.get("required"))
        name = value.get("format")
        if isinstance(name, str) and name in FORMATS and self._compiler.asserts_format(schema.draft):
            schema.format = (name, FORMATS[name])

    def _since_2019(self) -> None:
        schema = self._schema
        schema.recursive_ref = self._reference("$recursiveRef")
        schema.recursive_anchor = self._value.get("$recursiveAnchor") is True
        if schema.contains is not None:
            schema.min_contains, schema.max_contains = self._integer("minContains"), self._integer("maxContains")
        schema.dependent_required = {
            name: _texts(item) for name, item in sorted(self._object("dependentRequired").items())
        }
        schema.dependent_schemas = self._map("dependentSchemas")
        schema.unevaluated_items = self._at("unevaluatedItems")
        schema.unevaluated_properties = self._at("unevaluatedProperties")
        if schema.draft >= 2020:
            target = self._reference("$dynamicRef")
            if target is not None:
                fragment = unquote(self._value["$dynamicRef"].partition("#")[2])
                schema.dynamic_ref = (target, "" if fragment.startswith("/") else fragment)
            anchor = self._value.get("$dynamicAnchor")
            schema.dynamic_anchor = anchor if isinstance(anchor, str) else ""

    # --- values of keywords

    def _reference(self, keyword: str) -> Schema | None:
        given = self._value.get(keyword)
        return self._compiler.referred(given, self._document, self._resource) if isinstance(given, str) else None

    def _at(self, keyword: str) -> Schema | None:
        return self._compiler.below(self._schema, keyword) if keyword in self._value else None

    def _list(self, keyword: str) -> list[Schema]:
        given = self._value.get(keyword)
        count = len(given) if isinstance(given, list) else 0
        return [self._compiler.below(self._schema, keyword, str(at)) for at in range(count)]

    def _object(self, keyword: str) -> dict[str, Any]:
        given = self._value.get(keyword)
        return given if isinstance(given, dict) else {}

    def _map(self, keyword: str) -> dict[str, Schema]:
        return {name: self._compiler.below(self._schema, keyword, name) for name in sorted(self._object(keyword))}

    def _number(self, keyword: str) -> Fraction | None:
        given = self._value.get(keyword)
        return fraction_of(given) if is_number(given) else None

    def _integer(self, keyword: str) -> int | None:
        number = self._number(keyword)
        return int(number) if number is not None and number.denominator == 1 else None

    def _bound(self, keyword: str, exclusive: str) -> tuple[Fraction | None, Fraction | None]:
        if self._value.get(exclusive) is True:
            return None, self._number(keyword)
        return self._number(keyword), self._number(exclusive)

    def _pattern(self, text: str, keyword: str) -> Pattern:
        try:
            return Pattern(text)
        except FunctionError as problem:
            where = f"{self._schema.place}/{keyword}"
            raise SchemaProblem(f"invalid regex {quote(text)} at {quote(where)}: {problem}") from None


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
