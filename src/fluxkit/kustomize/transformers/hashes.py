"""Hash suffixes of generated names (HashTransformer; api ``hasher``)."""

import hashlib
from typing import Any, Final

from fluxkit.kustomize import gojson
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.tree import MISSING, plain, text_of
from fluxkit.yaml.scalars import json_number

__all__ = ["HashTransformer", "content_hash"]


class HashTransformer:
    """Appends ``-<hash>`` to the name of every resource that its generator marked."""

    def transform(self, resources: ResMap) -> None:
        for resource in resources.resources:
            if resource.needs_hash:
                suffix = content_hash(resource)
                resource.store_previous_id()
                resource.set_name(f"{resource.name}-{suffix}")
        resources.changed()


def content_hash(resource: Resource) -> str:
    """Ten characters from the SHA-256 of the content; the name does not count, labels and annotations neither."""
    tree = resource.tree
    kind = resource.kind

    def content(field: str) -> Any:
        value = tree.get(field, MISSING)
        if value is MISSING:
            return ""
        if isinstance(value, list):
            return None  # upstream's decoder gives up without a word
        return _as_floats(plain(value)) if isinstance(value, dict) else text_of(value)

    if kind == "ConfigMap":
        # The empty name is upstream's: it looks the name up at a path that never exists.
        hashed: Any = {"data": content("data"), "kind": kind, "name": ""}
        optional = "binaryData"
    elif kind == "Secret":
        hashed = {"data": content("data"), "kind": kind, "name": "", "type": content("type")}
        optional = "stringData"
    else:
        hashed = plain(tree)
        optional = ""
    if optional and isinstance(tree.get(optional), dict | list):
        hashed[optional] = content(optional)
    digest = hashlib.sha256(gojson.dumps(hashed).encode()).hexdigest()
    return digest[:10].translate(_READABLE)


def _as_floats(value: Any) -> Any:
    """Large integers as they come out of a decoder that makes every number a 64-bit float."""
    if isinstance(value, dict):
        return {key: _as_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_floats(item) for item in value]
    if type(value) is int and abs(value) > _EXACT:
        return json_number(float(value))
    return value


_EXACT: Final = 2**53

# Characters that could spell words are replaced.
_READABLE = str.maketrans("013ae", "ghkmt")
