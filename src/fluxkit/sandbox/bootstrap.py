"""What a new cluster holds: system namespaces, a node and the API's Service; created on start where missing."""

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.registry import Registry, WriteOptions
from fluxkit.sandbox.store import Change
from fluxkit.timestamps import format_time, now

__all__ = ["DEFAULT_STORAGE", "NODE_NAME", "PROVISIONER", "APIService", "node", "populate", "populate_classes"]

NODE_NAME = "sandbox"
DEFAULT_STORAGE = "standard"
PROVISIONER = "sandbox.fluxkit.dev/volumes"
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def node() -> Object:
    """The one node, as its kubelet would have registered it."""
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


def _api_service() -> Object:
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}
    return {
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"clusterIP": "10.96.0.1", "ports": [port], "type": "ClusterIP"},
    }


class APIService:
    """The ``kubernetes`` Service of the default namespace: made anew when somebody deletes it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        registry.store.observe(self._observe)

    def _observe(self, change: Change) -> None:
        if change.deleted and change.resource == "services" and change.record.key == ("default", "kubernetes"):
            populate(self._registry)


def populate_classes(registry: Registry) -> None:
    """Creates what is missing of the classes that clusters come with: two of priority, one of storage, the default."""
    priority, storage = (
        registry.catalog.stored(key) for key in ("priorityclasses.scheduling.k8s.io", "storageclasses.storage.k8s.io")
    )
    if priority is None or storage is None:
        raise LookupError("the schema lacks PriorityClass or StorageClass")
    options = WriteOptions("kube-apiserver")
    wanted: list[tuple[Resource, Object]] = [
        (
            priority,
            {
                "metadata": {"name": f"system-{who}-critical"},
                "value": value,
                "description": f"Used for system critical pods that must {text}.",
            },
        )
        for who, value, text in (
            ("cluster", 2000000000, "run in the cluster, but can be moved to another node if necessary"),
            ("node", 2000001000, "not be moved from their current node"),
        )
    ]
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    wanted.append(
        (storage, {"metadata": {"name": DEFAULT_STORAGE, "annotations": annotations}, "provisioner": PROVISIONER})
    )
    for resource, obj in wanted:
        if registry.find(resource, "", obj["metadata"]["name"]) is None:
            registry.create(resource, "", obj, options)


def populate(registry: Registry) -> None:
    """Creates what is missing: system namespaces, the node, the ``kubernetes`` Service."""
    options = WriteOptions("kube-apiserver")

    def ensure(resource: Resource, namespace: str, obj: Object) -> None:
        if registry.find(resource, namespace, obj["metadata"]["name"]) is None:
            registry.create(resource, namespace, obj, options)

    namespaces, nodes, services = (registry.catalog.stored(key) for key in ("namespaces", "nodes", "services"))
    if namespaces is None or nodes is None or services is None:
        raise LookupError("the schema lacks Namespace, Node or Service")
    for name in _NAMESPACES:
        ensure(namespaces, "", {"metadata": {"name": name}})
    ensure(nodes, "", node())
    ensure(services, "default", _api_service())
