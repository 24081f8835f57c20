"""The OpenAPI v2 document in the encoding that kubectl and client-go ask for.

Field numbers are those of google/gnostic ``openapiv2/OpenAPIv2.proto``, for the messages that such a document of ours
has. What that encoding has no place for (``oneOf``, ``nullable`` ... of custom resources) is left out, as the API
server leaves it out of its v2 document.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

__all__ = ["MEDIA_TYPE", "encode", "is_wanted"]

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_ASKED = ("com.github.proto-openapi.spec.v2@v1.0+protobuf", "com.github.proto-openapi.spec.v2.v1.0+protobuf")

_TEXTS = {"$ref": 1, "format": 2, "title": 3, "description": 4, "pattern": 13}
_INTEGERS = {
    "maxLength": 11, "minLength": 12, "maxItems": 14, "minItems": 15, "maxProperties": 17, "minProperties": 18,
}  # fmt: skip
_FLAGS = {"uniqueItems": 16, "readOnly": 27}
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "options": 6, "head": 7, "patch": 8}


def is_wanted(accept: str) -> bool:
    """Whether an Accept header asks for this encoding before any other."""
    return accept.partition(",")[0].strip().partition("/")[2] in _ASKED


def _number(value: int) -> bytes:
    out = bytearray()
    value &= 2**64 - 1
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(data)) + data


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _integer(number: int, value: int) -> bytes:
    return _number(number << 3) + _number(value)


def _any(number: int, value: Any) -> bytes:
    """A value of any kind is carried as YAML, of which JSON is a part."""
    return _field(number, _field(2, orjson.dumps(value)))


def _named(number: int, items: Mapping[str, bytes]) -> Iterator[bytes]:
    for name, data in items.items():
        yield _field(number, _text(1, name) + _field(2, data))


def _extensions(number: int, node: Mapping[str, Any]) -> Iterator[bytes]:
    for name, value in node.items():
        if name.startswith("x-"):
            yield _field(number, _text(1, name) + _any(2, value))


def encode(document: Mapping[str, Any]) -> bytes:
    """A v2 document as ``openapi.v2.Document``."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = b"".join(_named(2, {path: _path(item) for path, item in document["paths"].items()}))
    definitions = b"".join(_named(1, {name: _schema(node) for name, node in document["definitions"].items()}))
    return _text(1, document["swagger"]) + _field(2, info) + _field(8, paths) + _field(9, definitions)


def _path(item: Mapping[str, Any]) -> bytes:
    return b"".join(_field(_METHODS[method], _operation(operation)) for method, operation in item.items())


def _operation(operation: Mapping[str, Any]) -> bytes:
    parts = [_text(1, tag) for tag in operation.get("tags") or ()]
    for parameter in operation.get("parameters") or ():
        query = _text(2, parameter["in"]) + _text(4, parameter["name"]) + _text(6, parameter["type"])
        # ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema
        parts.append(_field(8, _field(1, _field(2, _field(3, query)))))
    responses = {
        code: _field(1, _text(1, answer["description"]) + _field(2, _field(1, _schema(answer["schema"]))))
        for code, answer in operation["responses"].items()
    }
    parts.append(_field(9, b"".join(_named(1, responses))))
    return b"".join([*parts, *_extensions(13, operation)])


def _schema(node: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    for name, value in node.items():
        if name in _TEXTS:
            parts.append(_text(_TEXTS[name], value))
        elif name in _INTEGERS:
            parts.append(_integer(_INTEGERS[name], value))
        elif name in _FLAGS:
            parts.append(_integer(_FLAGS[name], bool(value)))
        elif name == "default":
            parts.append(_any(5, value))
        elif name == "required":
            parts += [_text(19, each) for each in value]
        elif name == "enum":
            parts += [_any(20, each) for each in value]
        elif name == "additionalProperties":
            nested = _integer(2, value) if isinstance(value, bool) else _field(1, _schema(value))
            parts.append(_field(21, nested))
        elif name == "type":
            parts.append(_field(22, _text(1, value)))
        elif name == "items":
            parts.append(_field(23, _field(1, _schema(value))))
        elif name == "properties":
            parts.append(_field(25, b"".join(_named(1, {key: _schema(each) for key, each in value.items()}))))
    return b"".join([*parts, *_extensions(31, node)])
