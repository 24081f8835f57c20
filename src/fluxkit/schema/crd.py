"""Custom resources' types, from the ``openAPIV3Schema`` of a custom resource definition."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fluxkit.schema.builtin import type_named
from fluxkit.schema.node import ANY, SchemaNode

__all__ = ["from_crd_schema"]

_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

_CONSTRAINTS = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
    }
)


def from_crd_schema(schema: Mapping[str, Any] | None, *, root: bool = True) -> SchemaNode:
    """The type that a structural ``openAPIV3Schema`` declares.

    With ``root`` (the schema of a whole custom resource) ``apiVersion``, ``kind`` and ``metadata`` are the built-in
    ones, whatever the schema says of them (k8s.io/apiextensions-apiserver publishes it so). A missing schema is ANY
    with that metadata. The schema is taken as structural: it is not checked here.
    """
    if schema is None:
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return _node(schema, resource=root)


def _node(schema: Mapping[str, Any], *, resource: bool = False) -> SchemaNode:
    embedded = bool(schema.get("x-kubernetes-embedded-resource"))
    preserve = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    properties = {name: _node(child) for name, child in (schema.get("properties") or {}).items()}
    own_constraints = {key: schema[key] for key in _CONSTRAINTS if key in schema}
    if resource or embedded:
        metadata = properties.get("metadata")
        if metadata is not None and resource:
            # The root schema may narrow metadata.name and metadata.generateName, nothing else.
            own_constraints["metadata"] = metadata
        properties.update(apiVersion=_STRING, kind=_STRING, metadata=type_named(_OBJECT_META))
    additional = schema.get("additionalProperties")
    additional_node: SchemaNode | None = None
    if isinstance(additional, Mapping):
        additional_node = _node(additional)
    elif additional is True:
        additional_node = ANY
    items = schema.get("items")
    return SchemaNode(
        schema.get("type", ""),
        properties=properties,
        items=_node(items) if isinstance(items, Mapping) else None,
        additional_properties=additional_node,
        required=schema.get("required") or (),
        enum=schema.get("enum") or (),
        format=schema.get("format", ""),
        default=schema.get("default"),
        has_default="default" in schema,
        nullable=bool(schema.get("nullable")),
        int_or_string=bool(schema.get("x-kubernetes-int-or-string")),
        list_type=schema.get("x-kubernetes-list-type") or "atomic",
        list_map_keys=schema.get("x-kubernetes-list-map-keys") or (),
        map_type=schema.get("x-kubernetes-map-type") or "granular",
        preserve_unknown_fields=preserve,
        embedded_resource=embedded,
        constraints=own_constraints,
        validations=schema.get("x-kubernetes-validations") or (),
        describe=partial(str, schema["description"]) if schema.get("description") else None,
    )


_STRING = SchemaNode("string")
