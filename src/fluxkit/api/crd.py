"""CustomResourceDefinitions, generated from the models.

Names, categories, printer columns, rules and defaults are upstream's (fluxcd/*-controller config/crd/bases). Beyond
upstream, versions that older repositories still use are served as well, marked deprecated, with the current fields: the
API server converts by changing ``apiVersion`` alone and drops what the current version no longer knows.
"""

from dataclasses import dataclass, field
from typing import Any

from fluxkit.api.kustomize import Kustomization
from fluxkit.api.resource import Resource
from fluxkit.api.source import GitRepository
from fluxkit.api.structural import schema_of
from fluxkit.objects import GroupVersionKind, Object

__all__ = ["crds", "model_of"]

_AGE = {"jsonPath": ".metadata.creationTimestamp", "name": "Age", "type": "date"}
_READY = {"jsonPath": '.status.conditions[?(@.type=="Ready")].status', "name": "Ready", "type": "string"}
_STATUS = {"jsonPath": '.status.conditions[?(@.type=="Ready")].message', "name": "Status", "type": "string"}


@dataclass(frozen=True, slots=True)
class _Definition:
    model: type[Resource]
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    columns: tuple[dict[str, str], ...] = field(default=(_AGE, _READY, _STATUS))


_DEFINITIONS = (
    _Definition(
        GitRepository,
        ("gitrepo",),
        ("all", "fluxcd", "fluxcd-sources"),
        ({"jsonPath": ".spec.url", "name": "URL", "type": "string"}, _AGE, _READY, _STATUS),
    ),
    _Definition(Kustomization, ("ks",), ("all", "fluxcd", "fluxcd-appliers")),
)


def model_of(gvk: GroupVersionKind) -> type[Resource] | None:
    """The model of a kind, None for kinds that are not ours."""
    return next((each.model for each in _DEFINITIONS if gvk == each.model.GVK), None)


def crds() -> list[Object]:
    """The manifests of all CustomResourceDefinitions, sorted by name."""
    return sorted((_manifest(definition) for definition in _DEFINITIONS), key=lambda crd: str(crd["metadata"]["name"]))


def _manifest(definition: _Definition) -> Object:
    model = definition.model
    gvk = model.GVK
    schema = schema_of(model)
    versions = [_version(definition, gvk.version, schema)]
    for version in model.READ_VERSIONS:
        versions.append(
            {
                **_version(definition, version, schema),
                "storage": False,
                "deprecated": True,
                "deprecationWarning": f"{version} {gvk.kind} is deprecated, upgrade to {gvk.version}",
            }
        )
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"},
            "name": f"{model.PLURAL}.{gvk.group}",
        },
        "spec": {
            "group": gvk.group,
            "names": {
                "categories": list(definition.categories),
                "kind": gvk.kind,
                "listKind": f"{gvk.kind}List",
                "plural": model.PLURAL,
                "shortNames": list(definition.short_names),
                "singular": gvk.kind.lower(),
            },
            "scope": "Namespaced",
            "versions": versions,
        },
    }


def _version(definition: _Definition, version: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [dict(column) for column in definition.columns],
        "schema": {"openAPIV3Schema": schema},
    }
