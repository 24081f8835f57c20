"""Services: load balancer status, Endpoints and EndpointSlices.

Follows kubernetes/kubernetes ``pkg/controller/endpoint`` and ``pkg/controller/endpointslice``; the load balancer is one
that grants an address at once.
"""

from typing import Any

from fluxkit.objects import Object, labels_of
from fluxkit.sandbox.workloads.building import is_pod_ready, owner_reference
from fluxkit.sandbox.workloads.cluster import Cluster

__all__ = ["RESOURCE", "Services"]

RESOURCE = "services"
_PODS = "pods"
_ENDPOINTS = "endpoints"
_SLICES = "endpointslices.discovery.k8s.io"
_SERVICE_NAME = "kubernetes.io/service-name"


class Services:
    """Follows selectors; knows which Services a change of a Pod concerns."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._selectors: dict[str, dict[str, dict[str, str]]] = {}

    def note(self, service: Object, *, deleted: bool) -> None:
        """Keeps the selectors by namespace up to date."""
        metadata = service["metadata"]
        selector = (service.get("spec") or {}).get("selector")
        in_namespace = self._selectors.setdefault(metadata["namespace"], {})
        if deleted or not selector:
            in_namespace.pop(metadata["name"], None)
        else:
            in_namespace[metadata["name"]] = selector

    def selecting(self, namespace: str, labels: dict[str, str]) -> list[str]:
        """Names of the Services whose selectors match some labels."""
        found = self._selectors.get(namespace)
        if not found:
            return []
        return [name for name, selector in found.items() if selector.items() <= labels.items()]

    def reconcile(self, service: Object) -> None:
        if "deletionTimestamp" in service["metadata"]:
            return
        spec = service.get("spec") or {}
        status = dict(service.get("status") or {})
        wanted: dict[str, Any] = {}
        if spec.get("type") == "LoadBalancer":
            wanted = {"ingress": [{"ip": "127.0.0.1", "ipMode": "VIP"}]}
        if (status.get("loadBalancer") or {}) != wanted or "loadBalancer" not in status:
            status["loadBalancer"] = wanted
            service = self._cluster.set_status(RESOURCE, service, status, "cloud-controller-manager")
        selector = spec.get("selector")
        if selector and spec.get("type") != "ExternalName":
            self._publish(service, selector)

    def _publish(self, service: Object, selector: dict[str, str]) -> None:
        namespace = service["metadata"]["namespace"]
        pods = [
            pod
            for pod in self._cluster.labelled(_PODS, namespace, selector)
            if (pod.get("status") or {}).get("podIP") and (pod["status"].get("phase") not in ("Succeeded", "Failed"))
        ]
        ports = service["spec"].get("ports") or ()
        self._endpoints(service, pods, ports)
        self._slice(service, pods, ports)

    def _endpoints(self, service: Object, pods: list[Object], ports: Any) -> None:
        metadata = service["metadata"]
        always = bool(service["spec"].get("publishNotReadyAddresses"))
        groups: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
        for pod in pods:
            address = {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName"), "targetRef": _target(pod)}
            groups[always or is_pod_ready(pod)].append(address)
        subset: dict[str, Any] = {}
        if groups[True]:
            subset["addresses"] = groups[True]
        if groups[False]:
            subset["notReadyAddresses"] = groups[False]
        if subset:
            subset["ports"] = [_port(each, pods) for each in ports]
        wanted = [subset] if subset else []
        live = self._cluster.get(_ENDPOINTS, metadata["namespace"], metadata["name"])
        if live is None:
            made: Object = {
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {
                    "name": metadata["name"],
                    "namespace": metadata["namespace"],
                    "labels": {**labels_of(service), "endpoints.kubernetes.io/managed-by": "endpoint-controller"},
                    # Upstream removes Endpoints by name when the Service goes; an owner does the same here.
                    "ownerReferences": [owner_reference(service)],
                },
            }
            if wanted:
                made["subsets"] = wanted
            self._cluster.create(_ENDPOINTS, made)
        elif (live.get("subsets") or []) != wanted:
            live.pop("subsets", None)
            if wanted:
                live["subsets"] = wanted
            self._cluster.update(_ENDPOINTS, live)

    def _slice(self, service: Object, pods: list[Object], ports: Any) -> None:
        metadata = service["metadata"]
        always = bool(service["spec"].get("publishNotReadyAddresses"))
        endpoints = []
        for pod in pods:
            ready = is_pod_ready(pod)
            terminating = "deletionTimestamp" in pod["metadata"]
            endpoints.append(
                {
                    "addresses": [pod["status"]["podIP"]],
                    "conditions": {
                        "ready": always or (ready and not terminating),
                        "serving": ready,
                        "terminating": terminating,
                    },
                    "nodeName": pod["spec"].get("nodeName"),
                    "targetRef": _target(pod),
                }
            )
        wanted_ports = [_port(each, pods) for each in ports]
        for each in wanted_ports:
            each.setdefault("name", "")
        found = self._cluster.owned(metadata["uid"], _SLICES)
        if not found:
            made: Object = {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "generateName": metadata["name"] + "-",
                    "namespace": metadata["namespace"],
                    "labels": {
                        **labels_of(service),
                        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                        _SERVICE_NAME: metadata["name"],
                    },
                    "ownerReferences": [owner_reference(service)],
                },
                "addressType": "IPv4",
                "endpoints": endpoints,
                "ports": wanted_ports,
            }
            self._cluster.create(_SLICES, made)
            return
        live = found[0]
        if live.get("endpoints") != endpoints or live.get("ports") != wanted_ports:
            live["endpoints"], live["ports"] = endpoints, wanted_ports
            self._cluster.update(_SLICES, live)


def _target(pod: Object) -> dict[str, Any]:
    metadata = pod["metadata"]
    return {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}


def _port(port: dict[str, Any], pods: list[Object]) -> dict[str, Any]:
    """A Service's port as its endpoints have it: a named target is looked up in the Pods' containers."""
    target = port.get("targetPort", port.get("port"))
    if isinstance(target, str):
        named = target
        target = port.get("port")
        for pod in pods:
            for container in pod["spec"].get("containers") or ():
                for each in container.get("ports") or ():
                    if each.get("name") == named:
                        target = each["containerPort"]
    out = {"port": target, "protocol": port.get("protocol", "TCP")}
    if port.get("name"):
        out["name"] = port["name"]
    if port.get("appProtocol"):
        out["appProtocol"] = port["appProtocol"]
    return out
