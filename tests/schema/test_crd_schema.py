"""Custom resources' schemas, in the same shape as built-in ones."""

from fluxkit.schema import from_crd_schema

SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}},
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "minimum": 1, "default": 3},
                "mode": {"type": "string", "enum": ["a", "b"], "nullable": True},
                "port": {"x-kubernetes-int-or-string": True},
                "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                "rules": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                },
                "values": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "pod": {"type": "object", "x-kubernetes-embedded-resource": True},
                "whole": {"type": "object", "x-kubernetes-map-type": "atomic"},
            },
        },
    },
}


def test_topology_and_facts() -> None:
    spec = from_crd_schema(SCHEMA).child("spec")
    assert spec is not None
    size, mode, port = (spec.properties[name] for name in ("size", "mode", "port"))
    assert (size.has_default, size.default, size.constraints) == (True, 3, {"minimum": 1})
    assert (mode.enum, mode.nullable) == (("a", "b"), True)
    assert port.int_or_string
    assert spec.properties["tags"].list_type == "set"
    assert spec.properties["rules"].list_map_keys == ("name",)
    assert spec.properties["whole"].map_type == "atomic"


def test_undeclared_fields_have_no_type_and_maps_have_one_for_all() -> None:
    spec = from_crd_schema(SCHEMA).child("spec")
    assert spec is not None
    assert spec.child("nope") is None
    assert spec.properties["values"].preserve_unknown_fields
    labels = spec.properties["labels"].child("anything")
    assert labels is not None
    assert labels.type == "string"


def test_metadata_is_the_built_in_one_but_for_the_name() -> None:
    root = from_crd_schema(SCHEMA)
    finalizers = root.at("metadata", "finalizers")
    assert finalizers is not None
    assert finalizers.list_type == "set"
    assert root.constraints["metadata"].properties["name"].constraints == {"maxLength": 5}


def test_an_embedded_resource_has_metadata_of_its_own() -> None:
    owners = from_crd_schema(SCHEMA).at("spec", "pod", "metadata", "ownerReferences")
    assert owners is not None
    assert owners.list_map_keys == ("uid",)


def test_no_schema_takes_anything_below_known_metadata() -> None:
    root = from_crd_schema(None)
    assert root.preserve_unknown_fields
    assert root.child("spec") is None
    assert root.at("metadata", "labels") is not None
