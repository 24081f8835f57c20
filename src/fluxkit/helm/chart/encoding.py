"""Metadata and locks as objects, and so as the YAML that Helm writes: without what is empty.

Upstream: helm/helm ``pkg/chart/v2/metadata.go``, ``dependency.go`` (the struct tags).
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from fluxkit.helm.chart.metadata import Dependency, Lock, Maintainer, Metadata
from fluxkit.objects import Object

__all__ = ["lock_object", "metadata_object"]

_NAMES: Final = {
    "api_version": "apiVersion",
    "app_version": "appVersion",
    "kube_version": "kubeVersion",
    "import_values": "import-values",
}
_ALWAYS: Final[Mapping[type, frozenset[str]]] = {
    Dependency: frozenset(("name", "repository")),
    Lock: frozenset(("generated", "digest", "dependencies")),
}


def metadata_object(metadata: Metadata) -> Object:
    """What Chart.yaml says."""
    return _object(metadata)


def lock_object(lock: Lock) -> Object:
    """What Chart.lock says."""
    return _object(lock)


def _object(item: Dependency | Lock | Maintainer | Metadata) -> Object:
    kept = _ALWAYS.get(type(item), frozenset())
    found: Object = {}
    for field in fields(item):
        value = getattr(item, field.name)
        if value or field.name in kept:
            found[_NAMES.get(field.name, field.name)] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _object(value) if isinstance(value, Dependency | Maintainer) else value
