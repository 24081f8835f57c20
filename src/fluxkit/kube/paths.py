"""Paths of the Kubernetes API, and the mapping of a kind to its resource."""

from dataclasses import dataclass
from urllib.parse import quote

from fluxkit.kube.errors import InvalidRequest
from fluxkit.objects import GroupVersionKind

__all__ = ["ResourceMapping", "api_prefix", "collection_path", "object_path"]


@dataclass(frozen=True, slots=True)
class ResourceMapping:
    """How the server serves a kind: the resource's name in paths, its scope, and what it can do."""

    gvk: GroupVersionKind
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()


def api_prefix(group: str, version: str) -> str:
    """``/api/v1`` for the core group, ``/apis/<group>/<version>`` for every other."""
    return f"/apis/{quote(group, safe='')}/{quote(version, safe='')}" if group else f"/api/{quote(version, safe='')}"


def collection_path(mapping: ResourceMapping, namespace: str = "") -> str:
    """All objects of a resource, of one namespace if it is named and the resource has namespaces."""
    prefix = api_prefix(mapping.gvk.group, mapping.gvk.version)
    if mapping.namespaced and namespace:
        return f"{prefix}/namespaces/{_segment(namespace, mapping, 'namespace')}/{mapping.plural}"
    return f"{prefix}/{mapping.plural}"


def object_path(mapping: ResourceMapping, name: str, namespace: str = "", subresource: str = "") -> str:
    """One object; raises :class:`InvalidRequest` when the name or a needed namespace is missing."""
    if not name:
        raise InvalidRequest(f"{mapping.gvk.kind}: metadata.name is required")
    if mapping.namespaced and not namespace:
        raise InvalidRequest(f"{mapping.gvk.kind}/{name}: metadata.namespace is required")
    path = f"{collection_path(mapping, namespace)}/{_segment(name, mapping, 'name')}"
    return f"{path}/{subresource}" if subresource else path


def _segment(text: str, mapping: ResourceMapping, what: str) -> str:
    # As kubernetes/apimachinery pkg/api/validation/path: these would address something else than the object.
    if text in (".", "..") or "/" in text or "%" in text:
        raise InvalidRequest(f'{mapping.gvk.kind}: {what} "{text}" may not be used in a path')
    return quote(text, safe="")
