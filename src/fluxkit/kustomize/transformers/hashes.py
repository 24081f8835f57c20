"""Hash suffixes of generated names (HashTransformer; api ``hasher``)."""

import hashlib
from typing import Any

from fluxkit.kustomize import gojson
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.tree import MISSING, plain, text_of

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
        return plain(value) if isinstance(value, dict | list) else text_of(value)

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
    if optional and isinstance(tree.get(optional), dict):
        hashed[optional] = plain(tree[optional])
    digest = hashlib.sha256(gojson.dumps(hashed).encode()).hexdigest()
    return digest[:10].translate(_READABLE)


# Characters that could spell words are replaced.
_READABLE = str.maketrans("013ae", "ghkmt")
