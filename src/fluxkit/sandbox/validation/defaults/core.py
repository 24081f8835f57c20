"""The core group, Pods apart. Follows kubernetes/kubernetes ``pkg/apis/core/v1/defaults.go``."""

import base64
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.validation.defaults.pods import template

__all__ = [
    "endpoints",
    "keep_allocated",
    "limit_range",
    "namespace",
    "persistent_volume",
    "persistent_volume_claim",
    "persistent_volume_claim_spec",
    "pod_template_object",
    "replication_controller",
    "secret",
    "service",
]


def endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def namespace(obj: Object) -> None:
    metadata = obj["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}


def limit_range(obj: Object) -> None:
    for item in (obj.get("spec") or {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        limits = {**(item.get("max") or {}), **(item.get("default") or {})}
        if limits:
            item["default"] = limits
        requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
        if requests:
            item["defaultRequest"] = requests


def persistent_volume(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    host = spec.get("hostPath")
    if host is not None:
        host.setdefault("type", "")
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def persistent_volume_claim_spec(spec: dict[str, Any]) -> None:
    spec.setdefault("volumeMode", "Filesystem")
    spec.setdefault("resources", {})


def persistent_volume_claim(obj: Object) -> None:
    persistent_volume_claim_spec(obj.setdefault("spec", {}))
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def pod_template_object(obj: Object) -> None:
    template(obj)


def replication_controller(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    template(spec)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        metadata = obj["metadata"]
        if not metadata.get("labels"):
            metadata["labels"] = dict(labels)


def secret(obj: Object) -> None:
    """Also moves ``stringData``, which is write-only, into ``data``."""
    if not obj.get("type"):
        obj["type"] = "Opaque"
    plain = obj.pop("stringData", None)
    if plain:
        data = obj.setdefault("data", {})
        for key, value in plain.items():
            data[key] = base64.b64encode(value.encode()).decode()


def service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    else:
        config = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        config.setdefault("timeoutSeconds", 10800)
    if not spec.get("type"):
        spec["type"] = "ClusterIP"
    for port in spec.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
    kind = spec["type"]
    external = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if external and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for ingress in ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
            if ingress.get("ip"):
                ingress.setdefault("ipMode", "VIP")


def keep_allocated(spec: dict[str, Any], before: dict[str, Any]) -> None:
    """An update that says nothing of a Service's addresses keeps them (upstream's ``patchAllocatedValues``)."""
    if spec.get("type") == "ExternalName":
        spec.pop("internalTrafficPolicy", None)
    was_external = before.get("type") in ("NodePort", "LoadBalancer")
    if was_external and spec.get("type") in ("ClusterIP", "ExternalName") and not spec.get("externalIPs"):
        if spec.get("externalTrafficPolicy") == before.get("externalTrafficPolicy"):
            spec.pop("externalTrafficPolicy", None)
        for port in spec.get("ports") or ():
            if any(port.get("nodePort") == each.get("nodePort") for each in before.get("ports") or ()):
                port.pop("nodePort", None)
    if spec.get("type") == "ExternalName" or before.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP") and spec.get("clusterIPs", before.get("clusterIPs")) == before.get("clusterIPs"):
        for field in ("clusterIP", "clusterIPs"):
            if field in before:
                spec[field] = before[field]
    elif spec.get("clusterIP") and spec.get("clusterIPs", before.get("clusterIPs")) == before.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    for field in ("ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"):
        if field in before and field not in spec:
            spec[field] = before[field]
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        ports = {(each.get("port"), each.get("protocol")): each.get("nodePort") for each in before.get("ports") or ()}
        for port in spec.get("ports") or ():
            known = ports.get((port.get("port"), port.get("protocol")))
            if known and not port.get("nodePort"):
                port["nodePort"] = known
