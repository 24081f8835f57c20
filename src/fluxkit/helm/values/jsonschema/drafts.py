"""The versions of JSON Schema: where schemas lie within schemas, how they name themselves, their metaschemas."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

__all__ = ["DRAFT_2020", "Draft", "draft_of_url", "escaped", "metaschema_document", "subschemas"]

_HTTP: Final = "http://json-schema.org/"
_HTTPS: Final = "https://json-schema.org/"


@dataclass(frozen=True, slots=True)
class Draft:
    """One version. ``positions`` are paths to schemas: ``*`` is any key, ``[]`` any index."""

    version: int
    url: str
    id_keyword: str
    positions: tuple[tuple[str, ...], ...]


def _positions(*paths: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split("/")) for path in paths)


_AT_4: Final = _positions(
    *("definitions/*", "not", "allOf/[]", "anyOf/[]", "oneOf/[]", "properties/*", "additionalProperties"),
    *("patternProperties/*", "items", "items/[]", "additionalItems", "dependencies/*"),
)
_AT_6: Final = (*_AT_4, *_positions("propertyNames", "contains"))
_AT_7: Final = (*_AT_6, *_positions("if", "then", "else"))
_AT_2019: Final = (
    *_AT_7,
    *_positions("$defs/*", "dependentSchemas/*", "unevaluatedProperties", "unevaluatedItems", "contentSchema"),
)

_DRAFT_4: Final = Draft(4, f"{_HTTP}draft-04/schema", "id", _AT_4)
_DRAFT_6: Final = Draft(6, f"{_HTTP}draft-06/schema", "$id", _AT_6)
_DRAFT_7: Final = Draft(7, f"{_HTTP}draft-07/schema", "$id", _AT_7)
_DRAFT_2019: Final = Draft(2019, f"{_HTTPS}draft/2019-09/schema", "$id", _AT_2019)
DRAFT_2020: Final = Draft(2020, f"{_HTTPS}draft/2020-12/schema", "$id", (*_AT_2019, *_positions("prefixItems/[]")))

_BY_PATH: Final = {
    draft.url.split("json-schema.org/")[1]: draft for draft in (_DRAFT_4, _DRAFT_6, _DRAFT_7, _DRAFT_2019, DRAFT_2020)
} | {"schema": DRAFT_2020}


def draft_of_url(url: str) -> Draft | None:
    """The draft that a ``$schema`` names; None for anything else."""
    address, _, fragment = url.partition("#")
    path = address.removeprefix("http://").removeprefix("https://")
    return None if fragment or not path.startswith("json-schema.org/") else _BY_PATH.get(path.split("/", 1)[1])


@cache
def _metaschemas() -> dict[str, Any]:
    data = files(__package__).joinpath("data/metaschemas.json").read_bytes()
    found = json.loads(data)
    assert isinstance(found, dict)
    return found


def metaschema_document(url: str) -> Any:
    """The document at an address of json-schema.org, None if there is none."""
    for prefix in (_HTTP, _HTTPS):
        if url.startswith(prefix):
            path = url.removeprefix(prefix)
            path = "draft/2020-12/schema" if path == "schema" else path
            return _metaschemas().get(_HTTP + path) or _metaschemas().get(_HTTPS + path)
    return None


def escaped(token: str) -> str:
    """One step of a JSON pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def subschemas(schema: dict[str, Any], pointer: str, draft: Draft) -> Iterator[tuple[str, Any]]:
    """The schemas directly within ``schema``, each with its pointer."""
    for path in draft.positions:
        yield from _at(schema, pointer, path)


def _at(value: Any, pointer: str, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not path:
        yield pointer, value
        return
    step, rest = path[0], path[1:]
    if step == "[]":
        items = [(str(at), item) for at, item in enumerate(value)] if isinstance(value, list) else []
    elif not isinstance(value, dict):
        items = []
    elif step == "*":
        items = sorted(value.items())
    else:
        items = [(step, value[step])] if step in value else []
    for name, item in items:
        yield from _at(item, f"{pointer}/{escaped(name)}", rest)
