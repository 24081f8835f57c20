"""Conversion of objects between the versions of one resource: always of the cheapest correct kind.

Most built-in resources, and all custom ones (strategy ``None``), differ between versions in ``apiVersion`` only. Stored
bodies start with kind and apiVersion, so that such a conversion, and the omission of both in typed lists, replaces a
prefix of the encoded body.
"""

from functools import cache

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource

__all__ = ["convert", "encoded", "list_item"]


def convert(obj: Object, resource: Resource, *, to_storage: bool = False) -> Object:
    """Converts an object to the resource's version, or from it to the storage version; identity fields come first."""
    wanted = resource.storage_api_version if to_storage else resource.api_version
    if obj.get("apiVersion") == wanted and not to_storage:
        return obj
    converted = {"kind": resource.kind, "apiVersion": wanted, "metadata": obj["metadata"]}
    for name, value in obj.items():
        if name not in converted:
            converted[name] = value
    return converted


@cache
def _prefix(kind: str, api_version: str) -> bytes:
    return orjson.dumps({"kind": kind, "apiVersion": api_version})[:-1] + b","


def encoded(body: bytes, resource: Resource) -> bytes:
    """A stored body as the resource's version shows it."""
    if resource.api_version == resource.storage_api_version:
        return body
    stored = _prefix(resource.kind, resource.storage_api_version)
    if body.startswith(stored):
        return _prefix(resource.kind, resource.api_version) + body[len(stored) :]
    return orjson.dumps(convert(orjson.loads(body), resource))


def list_item(body: bytes, resource: Resource) -> bytes:
    """A stored body as an item of a list: those of built-in kinds carry neither kind nor apiVersion."""
    if resource.custom is not None:
        return encoded(body, resource)
    stored = _prefix(resource.kind, resource.storage_api_version)
    if body.startswith(stored):
        return b"{" + body[len(stored) :]
    obj = convert(orjson.loads(body), resource)
    del obj["kind"], obj["apiVersion"]
    return orjson.dumps(obj)
