"""Discovery documents: the legacy ones (one per group-version) and the aggregated one.

Follows kubernetes/apiserver ``pkg/endpoints/discovery`` and ``pkg/endpoints/discovery/aggregated``.
"""

import base64
import hashlib
from typing import Any

from fluxkit.sandbox.catalog import Catalog, Resource

__all__ = ["aggregated", "api_group", "api_groups", "api_versions", "resource_list"]

_SUBRESOURCE_KINDS: dict[str, tuple[str, str, str]] = {
    "scale": ("autoscaling", "v1", "Scale"),
    "eviction": ("policy", "v1", "Eviction"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
    "binding": ("", "v1", "Binding"),
    "attach": ("", "v1", "PodAttachOptions"),
    "exec": ("", "v1", "PodExecOptions"),
    "portforward": ("", "v1", "PodPortForwardOptions"),
}


def api_versions(address: str) -> dict[str, Any]:
    """``/api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _group(catalog: Catalog, group: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in catalog.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def api_groups(catalog: Catalog) -> dict[str, Any]:
    """``/apis``."""
    groups = [_group(catalog, group) for group in catalog.groups() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(catalog: Catalog, group: str) -> dict[str, Any] | None:
    """``/apis/<group>``."""
    if not group or not catalog.versions(group):
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalog, group)}


def subresource_kind(resource: Resource, subresource: str) -> tuple[str, str, str]:
    """(group, version, kind) of what a subresource takes and gives."""
    if subresource == "proxy":
        return ("", "v1", f"{resource.kind}ProxyOptions")
    found = _SUBRESOURCE_KINDS.get(subresource)
    if found is None:
        return (resource.group, resource.version, resource.kind)
    return found


def storage_hash(resource: Resource) -> str:
    digest = hashlib.sha256(f"{resource.group}/{resource.storage_version}/{resource.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def resource_list(catalog: Catalog, group: str, version: str) -> dict[str, Any] | None:
    """``/api/v1`` and ``/apis/<group>/<version>``; None for a version that is not served."""
    if version not in catalog.versions(group):
        return None
    entries: list[dict[str, Any]] = []
    for resource in sorted(catalog.resources(group, version), key=lambda item: item.plural):
        entry: dict[str, Any] = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        if "create" in resource.verbs and "list" in resource.verbs:
            entry["storageVersionHash"] = storage_hash(resource)
        entries.append(entry)
        for subresource in sorted(resource.subresources):
            sub_group, sub_version, kind = subresource_kind(resource, subresource)
            item: dict[str, Any] = {
                "name": f"{resource.plural}/{subresource}",
                "singularName": "",
                "namespaced": resource.namespaced,
            }
            if (sub_group, sub_version) != (resource.group, resource.version):
                if sub_group:
                    item["group"] = sub_group
                item["version"] = sub_version
            item["kind"] = kind
            item["verbs"] = list(resource.subresources[subresource])
            entries.append(item)
    group_version = f"{group}/{version}" if group else version
    document: dict[str, Any] = {"kind": "APIResourceList"}
    if group:
        document["apiVersion"] = "v1"
    return {**document, "groupVersion": group_version, "resources": entries}


def aggregated(catalog: Catalog, *, core: bool) -> dict[str, Any]:
    """``/api`` or ``/apis`` as ``apidiscovery.k8s.io/v2`` ``APIGroupDiscoveryList``."""
    items: list[dict[str, Any]] = []
    for group in catalog.groups():
        if (group == "") is not core:
            continue
        versions = [
            {
                "version": version,
                "resources": [
                    _aggregated_resource(resource)
                    for resource in sorted(catalog.resources(group, version), key=lambda item: item.plural)
                ],
                "freshness": "Current",
            }
            for version in catalog.versions(group)
        ]
        metadata: dict[str, Any] = {}
        if group:
            metadata["name"] = group
        items.append({"metadata": metadata, "versions": versions})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _aggregated_resource(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        subresources = []
        for subresource in sorted(resource.subresources):
            group, version, kind = subresource_kind(resource, subresource)
            subresources.append(
                {
                    "subresource": subresource,
                    "responseKind": {"group": group, "version": version, "kind": kind},
                    "verbs": list(resource.subresources[subresource]),
                }
            )
        entry["subresources"] = subresources
    return entry
