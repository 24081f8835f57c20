"""OpenAPI documents of what is served: v3, one document per group and version, and a v2 document for older clients.

Schemas come from :mod:`fluxkit.schema` and from the definitions of custom resources; paths carry what kubectl looks for
(the kinds behind them, and the parameters of PATCH by which it detects server-side field validation and dry run).
Documents are built on first request, in a thread, and kept until what is served changes.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from fluxkit.sandbox.catalog import Catalog, Resource
from fluxkit.sandbox.http import openapi_protobuf
from fluxkit.sandbox.http.exchange import Exchange, respond
from fluxkit.schema import KUBERNETES_VERSION, SchemaNode, type_for, type_named

__all__ = ["OpenAPI"]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_LIST_META = f"{_META}.ListMeta"
_SHARED = (f"{_META}.Status", f"{_META}.DeleteOptions", f"{_META}.ObjectMeta", _LIST_META)

Schema = dict[str, Any]

_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_INT_OR_STRING_FORMS = [{"type": "integer"}, {"type": "string"}]
_DESCRIBED = {
    _QUANTITY: "An amount of something, as a number or as text with a suffix: 100m, 2, 1.5Gi.",
    _INT_OR_STRING: "An integer or a string: a count or a percentage, the number or the name of a port.",
}


class _Schemas:
    """Collects schemas by name while references to them are written."""

    def __init__(self, prefix: str, *, v3: bool) -> None:
        self.prefix = prefix
        self.v3 = v3
        self.found: dict[str, Schema] = {}

    def reference(self, node: SchemaNode) -> Schema:
        if node.name not in self.found:
            self.found[node.name] = {}
            self.found[node.name].update(self.expanded(node, type_named(node.name).description))
        return {"$ref": self.prefix + node.name}

    def number_or_text(self, node: SchemaNode) -> Schema:
        """A reference to the type of quantities, or of values that are integers or strings."""
        quantity = node.format == "quantity"
        name = _QUANTITY if quantity else _INT_OR_STRING
        described: Schema = {"description": _DESCRIBED[name]}
        if self.v3:
            described["oneOf"] = [{"type": "string"}, {"type": "number"}] if quantity else _INT_OR_STRING_FORMS
        else:
            described["type"] = "string"
        if not quantity:
            described["format"] = "int-or-string"
        self.found[name] = described
        return {"$ref": self.prefix + name}

    def of(self, node: SchemaNode) -> Schema:
        """The schema of a field, list item or map value."""
        if node.int_or_string:
            reference = self.number_or_text(node)
            if not node.description:
                return reference
            return {"description": node.description, **({"allOf": [reference]} if self.v3 else reference)}
        if not node.name:
            return self.expanded(node, node.description)
        reference = self.reference(node)
        if not self.v3:
            return {"description": node.description, **reference} if node.description else reference
        schema: Schema = {"allOf": [reference], "default": {}} if node.type == "object" else {"allOf": [reference]}
        if node.description:
            schema["description"] = node.description
        return schema | _extensions(node, shape=False)

    def expanded(self, node: SchemaNode, description: str) -> Schema:
        schema: Schema = {}
        if description:
            schema["description"] = description
        if node.type:
            schema["type"] = node.type
        if node.format:
            schema["format"] = node.format
        if node.enum:
            schema["enum"] = list(node.enum)
        if node.has_default:
            schema["default"] = node.default
        if node.required:
            schema["required"] = list(node.required)
        if node.properties:
            schema["properties"] = {name: self.of(child) for name, child in sorted(node.properties.items())}
        if node.items is not None:
            schema["items"] = self.of(node.items)
        if node.additional_properties is not None:
            schema["additionalProperties"] = self.of(node.additional_properties)
        return schema | _extensions(node, shape=True)


def _extensions(node: SchemaNode, *, shape: bool) -> Schema:
    found: Schema = {}
    if node.patch_strategy:
        found["x-kubernetes-patch-strategy"] = node.patch_strategy
    if node.patch_merge_key:
        found["x-kubernetes-patch-merge-key"] = node.patch_merge_key
    if shape and node.type == "array":
        found["x-kubernetes-list-type"] = node.list_type
        if node.list_map_keys:
            found["x-kubernetes-list-map-keys"] = list(node.list_map_keys)
    if shape and node.map_type == "atomic":
        found["x-kubernetes-map-type"] = "atomic"
    return found


def _custom_name(resource: Resource, kind: str) -> str:
    return ".".join([*reversed(resource.group.split(".")), resource.version, kind])


def _identity(resource: Resource, kind: str) -> list[dict[str, str]]:
    return [{"group": resource.group, "kind": kind, "version": resource.version}]


def _kind_schemas(schemas: _Schemas, resource: Resource) -> str:
    """Adds the schemas of a resource's kind and list; returns the name of the kind's."""
    node = type_for(resource.gvk) if resource.custom is None else None
    metadata = schemas.of(type_named(f"{_META}.ObjectMeta"))
    if node is not None:
        schemas.reference(node)
        name = node.name
    else:
        name = _custom_name(resource, resource.kind)
        schema: Schema = dict(resource.custom.schema) if resource.custom is not None else {"type": "object"}
        properties = dict(schema.get("properties") or {})
        own: Schema = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
        properties = {**own, **properties, "metadata": metadata}
        for standard in ("apiVersion", "kind"):
            described = type_named(f"{_META}.Status").child(standard)
            if described is not None and not properties[standard].get("description"):
                properties[standard] = {"description": described.description, "type": "string"}
        schemas.found[name] = {**schema, "type": "object", "properties": properties}
    schemas.found[name]["x-kubernetes-group-version-kind"] = _identity(resource, resource.kind)
    list_kind = resource.list_kind or f"{resource.kind}List"
    list_name = name.rpartition(".")[0] + "." + list_kind
    if "list" in resource.verbs:
        schemas.found[list_name] = {
            "description": f"{list_kind} is a list of {resource.kind}",
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": schemas.of(type_named(_LIST_META)),
                "items": {"type": "array", "items": {"$ref": schemas.prefix + name}},
            },
            "x-kubernetes-group-version-kind": _identity(resource, list_kind),
        }
    return name


_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_PATCH_MEDIA = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_METHODS = {
    "create": "post", "delete": "delete", "deletecollection": "delete", "get": "get", "list": "get", "patch": "patch",
    "update": "put",
}  # fmt: skip
_ACTIONS = {"create": "post", "update": "put"}


def _operation(schemas: _Schemas, resource: Resource, verb: str, name: str) -> Schema:
    reference = {"$ref": schemas.prefix + name}
    operation: Schema = {
        "tags": [f"{resource.group or 'core'}_{resource.version}"],
        "x-kubernetes-action": _ACTIONS.get(verb, verb),
        "x-kubernetes-group-version-kind": {
            "group": resource.group, "kind": resource.kind, "version": resource.version,
        },
    }  # fmt: skip
    parameters: list[str] = []
    if verb in ("create", "update", "patch"):
        parameters += _WRITE_PARAMETERS
    if verb == "patch":
        parameters.append("force")
    if schemas.v3:
        operation["parameters"] = [
            {"in": "query", "name": item, "schema": {"type": "boolean" if item == "force" else "string"}}
            for item in parameters
        ]
        operation["responses"] = {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}}
        if verb in ("create", "update", "patch"):
            # kubectl reads here which kinds of patches a kind takes; custom ones have no strategic merge.
            patches = _PATCH_MEDIA if resource.custom is None else _PATCH_MEDIA[:-1]
            media = patches if verb == "patch" else ("*/*",)
            operation["requestBody"] = {"required": True, "content": {item: {"schema": reference} for item in media}}
    else:
        operation["parameters"] = [
            {"in": "query", "name": item, "type": "boolean" if item == "force" else "string"} for item in parameters
        ]
        operation["responses"] = {"200": {"description": "OK", "schema": reference}}
    return operation


def _paths(schemas: _Schemas, resource: Resource, name: str) -> dict[str, Schema]:
    base = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    collection = (
        f"{base}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else f"{base}/{resource.plural}"
    )
    paths: dict[str, Schema] = {}
    for verb in resource.verbs:
        if verb == "watch":
            continue
        single = verb in ("get", "update", "patch", "delete")
        path = collection + "/{name}" if single else collection
        paths.setdefault(path, {})[_METHODS[verb]] = _operation(schemas, resource, verb, name)
    if resource.namespaced and "list" in resource.verbs:
        paths[f"{base}/{resource.plural}"] = {"get": _operation(schemas, resource, "list", name)}
    return paths


_INFO = {"title": "Kubernetes", "version": f"v{KUBERNETES_VERSION}.0"}


class OpenAPI:
    """The documents below ``/openapi``."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._built: dict[tuple[str, str], bytes] = {}

    async def handle(self, parts: list[str], exchange: Exchange) -> web.Response:
        """``parts`` is the path below ``/openapi``."""
        if parts == ["v3"]:
            return respond({"paths": self._index()})
        if parts == ["v2"]:
            encoded = openapi_protobuf.is_wanted(exchange.request.headers.get("Accept", ""))
            name = "v2;protobuf" if encoded else "v2"
            body = await self._document(name, f"{name}-{self._catalog.generation}", list(self._catalog))
            return respond(body, content_type=openapi_protobuf.MEDIA_TYPE if encoded else "application/json")
        if len(parts) == 3 and parts[:2] == ["v3", "api"]:
            group, version = "", parts[2]
        elif len(parts) == 4 and parts[:2] == ["v3", "apis"]:
            group, version = parts[2], parts[3]
        else:
            return _page_not_found()
        resources = self._catalog.resources(group, version)
        if not resources:
            return _page_not_found()
        return respond(await self._document(f"{group}/{version}", self._digest(resources), resources))

    def _index(self) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        for group in self._catalog.groups():
            for version in self._catalog.versions(group):
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                digest = self._digest(self._catalog.resources(group, version))
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return paths

    @staticmethod
    def _digest(resources: list[Resource]) -> str:
        facts = [
            (item.plural, item.kind, item.verbs, sorted(item.subresources), item.custom.schema if item.custom else None)
            for item in resources
        ]
        return hashlib.sha256(orjson.dumps([KUBERNETES_VERSION, facts])).hexdigest()[:32].upper()

    async def _document(self, name: str, digest: str, resources: list[Resource]) -> bytes:
        known = self._built.get((name, digest))
        if known is None:
            known = await asyncio.to_thread(_BUILDERS.get(name, _v3), resources)
            self._built = {key: value for key, value in self._built.items() if key[0] != name}
            self._built[(name, digest)] = known
        return known


def _v3(resources: list[Resource]) -> bytes:
    return orjson.dumps(_build(resources, v3=True))


_BUILDERS: dict[str, Callable[[list[Resource]], bytes]] = {
    "v2": lambda resources: orjson.dumps(_build(resources, v3=False)),
    "v2;protobuf": lambda resources: openapi_protobuf.encode(_build(resources, v3=False)),
}


def _build(resources: list[Resource], *, v3: bool) -> Schema:
    schemas = _Schemas("#/components/schemas/" if v3 else "#/definitions/", v3=v3)
    for shared in _SHARED:
        schemas.reference(type_named(shared))
    paths: dict[str, Schema] = {}
    for resource in resources:
        paths.update(_paths(schemas, resource, _kind_schemas(schemas, resource)))
    if v3:
        return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas.found}}
    return {"swagger": "2.0", "info": _INFO, "paths": paths, "definitions": schemas.found}


def _page_not_found() -> web.Response:
    return respond(b"404 page not found\n", status=404, content_type="text/plain; charset=utf-8")
