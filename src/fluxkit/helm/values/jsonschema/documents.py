"""Schema documents, what they are called, and what references between them mean."""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote as percent_encoded
from urllib.parse import unquote, urljoin

from fluxkit.helm.values.fetching import Fetch
from fluxkit.helm.values.jsonschema.drafts import DRAFT_2020, Draft, draft_of_url, metaschema_document, subschemas
from fluxkit.helm.values.jsonschema.numbers import Number
from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.json import loads

__all__ = ["Document", "Documents", "Fetch", "Place", "Resource", "SchemaProblem", "read_json", "url_text"]

_SAFE: Final = "/$&+:=@~"


class SchemaProblem(ValueError):
    """A schema that cannot be used; the text is upstream's."""


def read_json(data: bytes) -> Any:
    """A JSON text whose numbers keep their spelling. Raises SchemaProblem with Go's words."""
    text = data.decode("utf-8", "replace")
    try:
        return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=_constant)
    except RecursionError:
        raise SchemaProblem("exceeded max depth") from None
    except ValueError as problem:
        if not text.strip():
            raise SchemaProblem("EOF") from None
        try:
            loads(text)
        except FunctionError as found:
            words = str(found)
            if words.endswith("after top-level value"):
                raise SchemaProblem("invalid character after top-level value") from None
            raise SchemaProblem(words.replace("unexpected end of JSON input", "unexpected EOF")) from None
        raise SchemaProblem(str(problem)) from None


def _constant(text: str) -> Any:
    raise ValueError(text)


def url_text(url: str, pointer: str) -> str:
    """An address as it is shown: ``file:///values.schema.json#/properties/a``."""
    return f"{url}#{percent_encoded(pointer, safe=_SAFE)}"


@dataclass(frozen=True, slots=True)
class Place:
    """A schema: the address of its document and its pointer there."""

    url: str
    pointer: str

    def __str__(self) -> str:
        return url_text(self.url, self.pointer)


@dataclass(slots=True)
class Resource:
    """A schema with an address of its own, and the anchors below it."""

    pointer: str
    id: str
    draft: Draft
    anchors: dict[str, str] = field(default_factory=dict)
    dynamic: list[str] = field(default_factory=list)


class Document:
    """One document with the resources in it."""

    def __init__(self, url: str, content: Any) -> None:
        self.url = url
        self.content = content
        self.resources: dict[str, Resource] = {}
        self.processed: set[str] = set()

    def resource_of(self, pointer: str) -> Resource:
        """The innermost resource that holds the schema at ``pointer``."""
        while pointer and pointer not in self.resources:
            pointer = pointer.rpartition("/")[0]
        return self.resources[pointer]

    def at(self, pointer: str) -> Any:
        """The value at a pointer. Raises SchemaProblem."""
        value = self.content
        for token in pointer.split("/")[1:]:
            if "~" in token.replace("~0", "").replace("~1", ""):
                raise SchemaProblem(f"invalid json-pointer {quote(url_text(self.url, pointer))}")
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
            else:
                raise SchemaProblem(f"json-pointer in {quote(url_text(self.url, pointer))} not found")
        return value

    def place(self, fragment: str, resource: Resource) -> Place:
        """What a fragment means within a resource. Raises SchemaProblem."""
        if not fragment or fragment.startswith("/"):
            return Place(self.url, resource.pointer + fragment)
        if fragment not in resource.anchors:
            raise SchemaProblem(
                f"anchor in {quote(url_text(resource.id, fragment))} not found in schema {quote(self.url)}"
            )
        return Place(self.url, resource.anchors[fragment])

    def collect(self, schema: Any, base: str, pointer: str, fallback: Draft) -> None:
        """Find the resources and anchors of ``schema`` and below it. Raises SchemaProblem."""
        if pointer in self.processed:
            return
        if not isinstance(schema, dict):
            if not pointer:
                self.resources[pointer] = Resource(pointer, base, fallback)
            self.processed.add(pointer)
            return
        draft = self._draft(schema, pointer, fallback)
        name = _id_of(schema, draft)
        if not name and pointer:
            draft = fallback
            name = _id_of(schema, draft)
        if name:
            base = urljoin(base, name)
        if name or not pointer:
            known = next((each for each in self.resources.values() if each.id == base), None)
            if known is not None and known.pointer != pointer:
                raise SchemaProblem(
                    f"duplicate id {quote(base)} in {quote(self.url)} at {quote(pointer)} and {quote(known.pointer)}"
                )
            if known is None:
                self.resources[pointer] = Resource(pointer, base, draft)
        resource = next(each for each in self.resources.values() if each.id == base)
        self._collect_anchors(schema, pointer, resource)
        for below, value in subschemas(schema, pointer, draft):
            self.collect(value, base, below, resource.draft)
        self.processed.add(pointer)

    def _draft(self, schema: dict[str, Any], pointer: str, fallback: Draft) -> Draft:
        given = schema.get("$schema")
        if not isinstance(given, str):
            return fallback
        draft = draft_of_url(given)
        if draft is None:
            address = given.partition("#")[0]
            if not pointer and address == self.url:
                raise SchemaProblem(f"draft {quote(address)} is not supported")
            raise SchemaProblem(
                f"failing loading {quote(address)}: metaschemas other than the drafts are not supported"
            )
        return draft

    def _collect_anchors(self, schema: dict[str, Any], pointer: str, resource: Resource) -> None:
        version = resource.draft.version
        names: list[str] = []
        if version < 2019:
            given = schema.get(resource.draft.id_keyword)
            if "$ref" not in schema and isinstance(given, str):
                fragment = unquote(given.partition("#")[2])
                names += [fragment] if fragment and not fragment.startswith("/") else []
        elif isinstance(schema.get("$anchor"), str):
            names.append(schema["$anchor"])
        if version >= 2020 and isinstance(schema.get("$dynamicAnchor"), str):
            names.append(schema["$dynamicAnchor"])
            resource.dynamic.append(schema["$dynamicAnchor"])
        for name in names:
            known = resource.anchors.setdefault(name, pointer)
            if known != pointer:
                raise SchemaProblem(
                    f"duplicate anchor {quote(name)} in {quote(self.url)} at {quote(known)} and {quote(pointer)}"
                )


def _id_of(schema: dict[str, Any], draft: Draft) -> str:
    if draft.version < 2019 and "$ref" in schema:
        return ""
    given = schema.get(draft.id_keyword)
    return given.partition("#")[0] if isinstance(given, str) else ""


class Documents:
    """All documents that take part, by address."""

    def __init__(self, fetch: Fetch | None) -> None:
        self._fetch = fetch
        self._known: dict[str, Document] = {}

    def add(self, url: str, content: Any) -> Document:
        document = Document(url, content)
        document.collect(content, url, "", DRAFT_2020)
        self._known[url] = document
        return document

    def known(self, url: str) -> Document | None:
        return self._known.get(url)

    def load(self, url: str) -> Any:
        """The content of a document that is not known yet. Raises SchemaProblem."""
        content = metaschema_document(url)
        if content is not None:
            return content
        if url.startswith("urn:"):
            return True  # upstream lets pass what it cannot resolve
        if self._fetch is None or not url.startswith(("http://", "https://")):
            raise SchemaProblem(f"failing loading {quote(url)}: only the chart's own schema is read")
        try:
            return read_json(self._fetch(url))
        except (OSError, ValueError) as problem:
            raise SchemaProblem(f"failing loading {quote(url)}: {problem}") from None
