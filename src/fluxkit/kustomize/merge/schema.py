"""The schema facts that merging needs: Kubernetes v1.21.2's, and what an ``openapi`` field adds.

The built-in facts lie in ``data/schema-v1.21.2.json`` (made by ``scripts/generate_kustomize_schema.py`` from the
OpenAPI document that kustomize embeds) and are loaded when a patch first needs them. A node of a schema is a dict with
short keys: ``p`` properties, ``a`` additional properties, ``i`` items, ``m`` a list that merges, ``k`` its merge keys,
``r`` the name of the definition that stands here. Properties without facts are kept, as empty nodes, where they may
hold mappings: an object embedded below an unknown field is merged by its own kind's schema, one below a known field is
not.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.kustomization import parse_yaml11
from fluxkit.yaml.errors import YAMLError

__all__ = ["Schema", "SchemaNode", "custom_scopes"]

SchemaNode = dict[str, Any]

_FACTS: Final = Path(__file__).parent.parent / "data" / "schema-v1.21.2.json"

_GVK = "x-kubernetes-group-version-kind"


@lru_cache(maxsize=1)
def _builtin() -> Mapping[str, Any]:
    loaded: dict[str, Any] = orjson.loads(_FACTS.read_bytes())
    return loaded


class Schema:
    """The schema of one build. The built-in facts are shared, never changed."""

    def __init__(self) -> None:
        self._custom: dict[str, SchemaNode] = {}
        self._custom_kinds: dict[str, str] = {}
        self._use_builtin = True
        self.is_set = False

    def add(self, document: str, source: str, *, replace: bool) -> dict[tuple[str, str], bool]:
        """Take a custom OpenAPI document. Returns the scopes that its paths tell: (apiVersion, kind) to cluster-scoped.

        Raises :class:`KustomizeError`.
        """
        try:
            value = orjson.loads(document) if document.lstrip().startswith("{") else parse_yaml11(document, source)
        except (orjson.JSONDecodeError, YAMLError) as error:
            raise KustomizeError(f"invalid schema file: {error}", file=source, field="openapi") from None
        if not isinstance(value, dict):
            raise KustomizeError("invalid schema file: not a mapping", file=source, field="openapi")
        if replace:
            self._use_builtin = False
        definitions = value.get("definitions")
        for name, definition in (definitions if isinstance(definitions, dict) else {}).items():
            if isinstance(definition, dict):
                self._custom[name] = compact(definition)
                for key in _kinds(definition):
                    self._custom_kinds[key] = name
        return custom_scopes(value.get("paths"))

    def for_kind(self, api_version: str, kind: str) -> SchemaNode | None:
        """The schema of a resource type, None if unknown."""
        key = f"{api_version}/{kind}"
        name = self._custom_kinds.get(key)
        if name is not None:
            return self._custom[name]
        if self._use_builtin:
            builtin = _builtin()
            name = builtin["kinds"].get(key)
            if name is not None:
                node: SchemaNode = builtin["definitions"][name]
                return node
        return None

    def field(self, node: SchemaNode, name: str) -> SchemaNode | None:
        """The schema of a field of a mapping."""
        properties = node.get("p")
        found = properties.get(name) if properties else None
        if found is None:
            found = node.get("a")
        return self._resolve(found)

    def items(self, node: SchemaNode) -> SchemaNode | None:
        return self._resolve(node.get("i"))

    def _resolve(self, node: SchemaNode | None) -> SchemaNode | None:
        seen = 0
        while node is not None and "r" in node:
            name = node["r"]
            node = self._custom.get(name)
            if node is None and self._use_builtin:
                builtin = _builtin()
                # Custom definitions refer by full name, built-in ones by number.
                node = builtin["definitions"].get(builtin["names"].get(name, name))
            seen += 1
            if seen > 100:
                return None
        return node


def compact(definition: Mapping[str, Any]) -> SchemaNode:
    """The facts of one OpenAPI schema object, in short keys."""
    reference = definition.get("$ref")
    if isinstance(reference, str) and reference:
        return {"r": reference.rpartition("/")[2]}
    node: SchemaNode = {}
    properties = definition.get("properties")
    if isinstance(properties, dict):
        node["p"] = {name: compact(value) for name, value in properties.items() if isinstance(value, dict)}
    additional = definition.get("additionalProperties")
    if isinstance(additional, dict):
        node["a"] = compact(additional)
    items = definition.get("items")
    if isinstance(items, dict) and definition.get("type") == "array":
        node["i"] = compact(items)
    strategy = definition.get("x-kubernetes-patch-strategy")
    if isinstance(strategy, str) and "merge" in strategy.split(","):
        node["m"] = 1
        keys = definition.get("x-kubernetes-list-map-keys")
        if isinstance(keys, list):
            node["k"] = [str(key) for key in keys]
        elif "x-kubernetes-patch-merge-key" in definition:
            node["k"] = [str(definition["x-kubernetes-patch-merge-key"])]
    return node


def _kinds(definition: Mapping[str, Any]) -> list[str]:
    keys = []
    for entry in definition.get(_GVK) or ():
        if isinstance(entry, dict):
            key = _type_key(entry)
            keys.append(f"{key[0]}/{key[1]}")
    return keys


def _type_key(entry: Mapping[str, Any]) -> tuple[str, str]:
    group, version = str(entry.get("group") or ""), str(entry.get("version") or "")
    return (f"{group}/{version}" if group else version, str(entry.get("kind") or ""))


def custom_scopes(paths: Any) -> dict[tuple[str, str], bool]:
    """Which kinds an OpenAPI document's paths show to be cluster-scoped."""
    scopes: dict[tuple[str, str], bool] = {}
    for path, item in (paths if isinstance(paths, dict) else {}).items():
        get = item.get("get") if isinstance(item, dict) else None
        entry = get.get(_GVK) if isinstance(get, dict) else None
        if not isinstance(entry, dict):
            continue
        key = _type_key(entry)
        if "namespaces/{namespace}" in path:
            scopes[key] = False
        else:
            scopes.setdefault(key, True)
    return scopes
