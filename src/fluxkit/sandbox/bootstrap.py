"""What a new cluster holds: system namespaces and a node; created on start where missing."""

from fluxkit.objects import Object
from fluxkit.sandbox.registry import Registry, WriteOptions
from fluxkit.timestamps import format_time, now

__all__ = ["NODE_NAME", "populate"]

NODE_NAME = "sandbox"
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def _node() -> Object:
    moment = format_time(now())
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "2000", "ephemeral-storage": "100Gi"}

    def condition(kind: str, status: str, reason: str, message: str) -> Object:
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": moment,
            "lastTransitionTime": moment,
        }

    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": NODE_NAME,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": NODE_NAME,
                "kubernetes.io/os": "linux",
                "node-role.kubernetes.io/control-plane": "",
            },
        },
        "spec": {"podCIDR": "10.244.0.0/16", "podCIDRs": ["10.244.0.0/16"]},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": NODE_NAME},
            ],
            "conditions": [
                condition(
                    "MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"
                ),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "sandbox://1",
                "kernelVersion": "",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.37.0",
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "fluxkit sandbox",
                "systemUUID": "",
            },
        },
    }


def populate(registry: Registry) -> None:
    options = WriteOptions("kube-apiserver")
    namespaces = registry.catalog.find("", "v1", "namespaces")
    nodes = registry.catalog.find("", "v1", "nodes")
    if namespaces is None or nodes is None:
        raise LookupError("the schema lacks Namespace or Node")
    for name in _NAMESPACES:
        if registry.find(namespaces, "", name) is None:
            obj: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            registry.create(namespaces, "", obj, options)
    if registry.find(nodes, "", NODE_NAME) is None:
        registry.create(nodes, "", _node(), options)
