"""Transformer configuration from OpenAPI definitions of custom resources: the field ``crds``.

The files hold a mapping of type names to ``{Schema: {properties: ...}}``; a CustomResourceDefinition lacks that shape
and yields nothing (api ``internal/accumulator/loadconfigfromcrds.go``).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from fluxkit.kustomize.configuration import NameReference, TransformerConfig
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec
from fluxkit.kustomize.kustomization import parse_yaml11
from fluxkit.kustomize.loader import Loader
from fluxkit.yaml.errors import YAMLError

__all__ = ["configuration_from_crds", "declared_scopes"]

_PREFIX: Final = "x-kubernetes-"


def declared_scopes(trees: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    """What definitions among resources declare: (apiVersion, kind) to whether it is cluster-scoped."""
    scopes: dict[tuple[str, str], bool] = {}
    for tree in trees:
        spec = tree.get("spec")
        if tree.get("kind") != "CustomResourceDefinition" or not isinstance(spec, dict):
            continue
        names, versions = spec.get("names"), spec.get("versions")
        kind = names.get("kind") if isinstance(names, dict) else None
        for version in versions if isinstance(versions, list) else ():
            if isinstance(version, dict) and isinstance(kind, str):
                scopes[f"{spec.get('group')}/{version.get('name')}", str(kind)] = spec.get("scope") == "Cluster"
    return scopes


def configuration_from_crds(loader: Loader, paths: list[str]) -> TransformerConfig:
    """What the files at ``paths`` add. Raises :class:`KustomizeError`."""
    configuration = TransformerConfig()
    for path in paths:
        text = loader.load_text(path)
        try:
            types = orjson.loads(text) if text.startswith("{") else parse_yaml11(text, path)
        except (orjson.JSONDecodeError, YAMLError) as error:
            raise KustomizeError(
                f"unable to parse open API definition from '{path}': {error}", file=path, field="crds"
            ) from None
        if not isinstance(types, dict):
            continue
        for name in types:
            if {"kind", "apiVersion", "metadata"} <= _properties(types, name).keys():
                kind = name.rpartition(".")[2]
                configuration = configuration.merge(_configuration_of(types, name, kind, (), frozenset()))
    return configuration


def _properties(types: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    entry = types.get(name)
    schema = None
    if isinstance(entry, dict):
        schema = next((value for key, value in entry.items() if key.lower() == "schema"), None)
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def _configuration_of(
    types: Mapping[str, Any], name: str, kind: str, path: tuple[str, ...], seen: frozenset[str]
) -> TransformerConfig:
    configuration = TransformerConfig()
    for field, schema in sorted(_properties(types, name).items()):
        if not isinstance(schema, dict):
            continue
        spec = FieldSpec(kind=kind, path="/".join((*path, field)))

        def text(extension: str, schema: Mapping[str, Any] = schema) -> str | None:
            value = schema.get(_PREFIX + extension)
            return value if isinstance(value, str) else None

        if text("annotation") is not None:
            configuration = configuration.merge(TransformerConfig(common_annotations=(spec,)))
        if text("label-selector") is not None:
            configuration = configuration.merge(TransformerConfig(common_labels=(spec,)))
        if text("identity") is not None:
            configuration = configuration.merge(TransformerConfig(name_prefix=(spec,)))
        version, referenced = text("object-ref-api-version"), text("object-ref-kind")
        if version is not None and referenced is not None:
            key = text("object-ref-name-key")
            referrer = spec._replace(path=f"{spec.path}/{'name' if key is None else key}")
            configuration = configuration.merge(
                TransformerConfig(name_reference=(NameReference("", version, referenced, (referrer,)),))
            )
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in seen:
            configuration = configuration.merge(
                _configuration_of(types, reference, kind, (*path, field), seen | {reference})
            )
    return configuration
