"""Resources from text (api ``resource/factory.go``, kyaml ``kio/byteio_reader.go``)."""

from typing import Any

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import Scopes
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.tree import Node, from_json, is_empty, is_null, plain, read_documents, text_of

__all__ = ["check_named", "read_resources"]


def read_resources(text: str, scopes: Scopes) -> list[Resource]:
    """The resources in a text, lists (``kind: ...List``) replaced by their items. Raises :class:`KustomizeError`."""
    documents = read_documents(text)
    if len(documents) == 1 and isinstance(documents[0], dict):
        only = documents[0]
        if text_of(only.get("kind", "")) in ("List", "ResourceList") and ("items" in only or "functionConfig" in only):
            items = only.get("items")
            documents = list(items) if isinstance(items, list) else []
    waiting = _checked(documents)
    resources = []
    while waiting:
        node = waiting.pop(0)
        kind = text_of(node.get("kind", ""))
        if not kind.endswith("List") or "items" not in node:
            resources.append(Resource(node, scopes))
            continue
        items = node["items"]
        if is_null(items):
            continue
        if not isinstance(items, list):
            raise KustomizeError(f"expected array in {kind}/items, but found {type(plain(items)).__name__}")
        # Upstream takes the items through JSON.
        waiting += _checked([from_json(plain(item)) for item in items])
    return resources


def _checked(nodes: list[Node]) -> list[dict[str, Any]]:
    """The nodes that hold anything, each with a kind and a name. Raises :class:`KustomizeError`."""
    good = []
    for node in nodes:
        if is_empty(node):
            continue
        if not isinstance(node, dict):
            raise KustomizeError("missing Resource metadata")
        check_named(node)
        good.append(node)
    return good


def check_named(node: dict[str, Any]) -> None:
    """Raises :class:`KustomizeError` for an object without a kind, or without a name unless it is a list."""
    kind = text_of(node.get("kind", ""))
    metadata = node.get("metadata")
    meta = metadata if isinstance(metadata, dict) else {}
    if not kind or is_null(node.get("kind")):
        if not (text_of(node.get("apiVersion", "")) or meta):
            raise KustomizeError("missing Resource metadata")
        raise KustomizeError(f"missing kind in object {_describe(node, meta)}")
    if not kind.endswith("List") and (is_empty(meta.get("name", {})) or not text_of(meta["name"])):
        raise KustomizeError(f"missing metadata.name in object {_describe(node, meta)}")


def _describe(node: dict[str, Any], meta: dict[str, Any]) -> str:
    """The type and metadata of an object as Go prints the struct."""

    def text(value: Node) -> str:
        return "" if is_null(value) else text_of(value)

    def entries(field: str) -> str:
        values = meta.get(field)
        if not isinstance(values, dict):
            return ""
        return " ".join(f"{key}:{text(value)}" for key, value in sorted(values.items()))

    return (
        f"{{{{{text(node.get('apiVersion', ''))} {text(node.get('kind', ''))}}} "
        f"{{{{{text(meta.get('name', ''))} {text(meta.get('namespace', ''))}}} "
        f"map[{entries('labels')}] map[{entries('annotations')}]}}}}"
    )
