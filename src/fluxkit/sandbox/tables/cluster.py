"""Columns of network, configuration, storage, access and cluster kinds."""

from collections.abc import Sequence
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.tables.column import (
    Column,
    age,
    created_at,
    labels_text,
    name_column,
    selector_text,
    time_since,
    wide,
)

__all__ = ["COLUMNS"]

_MAX_HOSTS = 3
_MAX_ADDRESS = 16


def _spec(obj: Object) -> dict[str, Any]:
    return obj.get("spec") or {}


def _status(obj: Object) -> dict[str, Any]:
    return obj.get("status") or {}


def _text(*path: str, empty: str = "") -> Any:
    def cell(obj: Object) -> Any:
        value: Any = obj
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return empty if value in (None, "") else value

    return cell


def _size(*members: str) -> Any:
    return lambda obj: sum(len(obj.get(member) or ()) for member in members)


# Network


def _external(service: Object) -> str:
    spec = _spec(service)
    given = list(spec.get("externalIPs") or ())
    kind = spec.get("type")
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        ingress = (_status(service).get("loadBalancer") or {}).get("ingress") or ()
        addresses = [item.get("ip") or item.get("hostname") or "" for item in ingress]
        return ",".join([*addresses, *given]) or "<pending>"
    return ",".join(given) or "<none>"


def _ports(service: Object) -> str:
    texts = []
    for port in _spec(service).get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or "<none>"


_SERVICES = (
    name_column(),
    Column("Type", lambda obj: _spec(obj).get("type", "ClusterIP")),
    Column("Cluster-IP", _text("spec", "clusterIP", empty="<none>")),
    Column("External-IP", _external),
    Column("Port(s)", _ports),
    Column("Age", age),
    wide("Selector", lambda obj: labels_text(_spec(obj).get("selector"))),
)


def _hosts(ingress: Object) -> str:
    hosts = [rule["host"] for rule in _spec(ingress).get("rules") or () if rule.get("host")]
    if not hosts:
        return "*"
    more = f" + {len(hosts) - _MAX_HOSTS} more..." if len(hosts) > _MAX_HOSTS else ""
    return ",".join(hosts[:_MAX_HOSTS]) + more


def _address(ingress: Object) -> str:
    found = (_status(ingress).get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(item.get("ip") or item.get("hostname") or "" for item in found)


_INGRESSES = (
    name_column(),
    Column("Class", _text("spec", "ingressClassName", empty="<none>")),
    Column("Hosts", _hosts),
    Column("Address", _address),
    Column("Ports", lambda obj: "80, 443" if _spec(obj).get("tls") else "80"),
    Column("Age", age),
)


def _endpoints(obj: Object) -> str:
    found: list[str] = []
    for subset in obj.get("subsets") or ():
        ports = subset.get("ports") or ()
        for address in subset.get("addresses") or ():
            if not ports:
                found.append(address["ip"])
            found += [f"{address['ip']}:{port['port']}" for port in ports]
    return _shortened(found)


def _shortened(items: Sequence[str], limit: int = 3) -> str:
    if not items:
        return "<none>"
    more = f" + {len(items) - limit} more..." if len(items) > limit else ""
    return ",".join(items[:limit]) + more


def _slice_ports(obj: Object) -> str:
    ports = obj.get("ports")
    if not ports:
        return "<unset>"
    return _shortened([str(port.get("port", "*")) for port in ports])


def _slice_endpoints(obj: Object) -> str:
    found = [address for item in obj.get("endpoints") or () for address in item.get("addresses") or ()]
    return _shortened(found) if found else "<unset>"


# Configuration and storage


def _modes(modes: Sequence[str]) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return ",".join(name for mode, name in short.items() if mode in modes)


def _claim_phase(obj: Object) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else str(_status(obj).get("phase", ""))


def _claim_capacity(obj: Object) -> str:
    if not _spec(obj).get("volumeName"):
        return ""
    return str((_status(obj).get("capacity") or {}).get("storage", ""))


def _claim_modes(obj: Object) -> str:
    return _modes(_status(obj).get("accessModes") or ()) if _spec(obj).get("volumeName") else ""


_CLAIMS = (
    name_column(),
    Column("Status", _claim_phase),
    Column("Volume", _text("spec", "volumeName")),
    Column("Capacity", _claim_capacity),
    Column("Access Modes", _claim_modes),
    Column("StorageClass", _text("spec", "storageClassName")),
    Column("VolumeAttributesClass", _text("spec", "volumeAttributesClassName", empty="<unset>")),
    Column("Age", age),
    wide("VolumeMode", _text("spec", "volumeMode", empty="<unset>")),
)


def _claim(obj: Object) -> str:
    claim = _spec(obj).get("claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


_VOLUMES = (
    name_column(),
    Column("Capacity", lambda obj: (_spec(obj).get("capacity") or {}).get("storage", "")),
    Column("Access Modes", lambda obj: _modes(_spec(obj).get("accessModes") or ())),
    Column("Reclaim Policy", _text("spec", "persistentVolumeReclaimPolicy")),
    Column("Status", _claim_phase),
    Column("Claim", _claim),
    Column("StorageClass", _text("spec", "storageClassName")),
    Column("VolumeAttributesClass", _text("spec", "volumeAttributesClassName", empty="<unset>")),
    Column("Reason", _text("status", "reason")),
    Column("Age", age),
    wide("VolumeMode", _text("spec", "volumeMode", empty="<unset>")),
)


def _quota(prefix: bool) -> Any:
    def cell(obj: Object) -> str:
        hard, used = _status(obj).get("hard") or {}, _status(obj).get("used") or {}
        texts = [
            f"{name}: {used.get(name, '0')}/{hard[name]}"
            for name in sorted(hard)
            if name.startswith("limits") is not prefix
        ]
        return ", ".join(texts)

    return cell


# Access


def _role(obj: Object) -> str:
    role = obj.get("roleRef") or {}
    return f"{role.get('kind', '')}/{role.get('name', '')}"


def _subjects(kind: str) -> Any:
    def cell(obj: Object) -> str:
        found = [item for item in obj.get("subjects") or () if item.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{item.get('namespace', '')}/{item.get('name', '')}" for item in found)
        return ", ".join(item.get("name", "") for item in found)

    return cell


_BINDINGS = (
    name_column(),
    Column("Role", _role),
    Column("Age", age),
    wide("Users", _subjects("User")),
    wide("Groups", _subjects("Group")),
    wide("ServiceAccounts", _subjects("ServiceAccount")),
)
_CREATED = (name_column(), Column("Created At", created_at, "date"))


def _served_versions(definition: Object) -> str:
    versions = (each for each in _spec(definition).get("versions") or () if each.get("served"))
    return ",".join(sorted(each["name"] + ("(storage)" if each.get("storage") else "") for each in versions))


def _established(definition: Object) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Established" and each.get("status") == "True" for each in conditions)


def _flag(member: str) -> Any:
    return lambda obj: bool(_spec(obj).get(member))


def _token_requests(driver: Object) -> str:
    return ",".join(each.get("audience", "") for each in _spec(driver).get("tokenRequests") or ()) or "<unset>"


def _missing_level(schema: Object) -> str:
    conditions = (schema.get("status") or {}).get("conditions") or ()
    return next((each.get("status", "?") for each in conditions if each.get("type") == "Dangling"), "?")


def _param_kind(policy: Object) -> str:
    kind = _spec(policy).get("paramKind")
    return f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else "<unset>"


def _param_reference(binding: Object) -> str:
    reference = _spec(binding).get("paramRef") or {}
    if not reference:
        return "<unset>"
    namespace, name = reference.get("namespace"), reference.get("name")
    shown = name or "*"
    return f"{namespace}/{shown}" if namespace else shown


_DEFINITIONS = (
    name_column(),
    Column("Scope", _text("spec", "scope")),
    Column("Versions", _served_versions),
    Column("Created At", created_at, "date"),
    wide("Group", _text("spec", "group")),
    wide("Kind", _text("spec", "names", "kind")),
    wide("ShortNames", lambda obj: ",".join((_spec(obj).get("names") or {}).get("shortNames") or ())),
    Column("Established", _established, "boolean", 1),
)
_WEBHOOKS = (name_column(), Column("Webhooks", _size("webhooks"), "integer"), Column("Age", age))

# Cluster


def _node_status(node: Object) -> str:
    texts = []
    for condition in _status(node).get("conditions") or ():
        if condition.get("type") == "Ready":
            texts.append("Ready" if condition.get("status") == "True" else "NotReady")
    texts = texts or ["Unknown"]
    if _spec(node).get("unschedulable"):
        texts.append("SchedulingDisabled")
    return ",".join(texts)


def _node_roles(node: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(name[len(prefix) :] for name in labels if name.startswith(prefix))) or "<none>"


def _node_address(kind: str) -> Any:
    def cell(node: Object) -> str:
        for address in _status(node).get("addresses") or ():
            if address.get("type") == kind:
                return str(address.get("address"))
        return "<none>"

    return cell


_NODES = (
    name_column(),
    Column("Status", _node_status),
    Column("Roles", _node_roles),
    Column("Age", age),
    Column("Version", _text("status", "nodeInfo", "kubeletVersion")),
    wide("Internal-IP", _node_address("InternalIP")),
    wide("External-IP", _node_address("ExternalIP")),
    wide("OS-Image", _text("status", "nodeInfo", "osImage", empty="<unknown>")),
    wide("Kernel-Version", _text("status", "nodeInfo", "kernelVersion", empty="<unknown>")),
    wide("Container-Runtime", _text("status", "nodeInfo", "containerRuntimeVersion", empty="<unknown>")),
)


def _event_times(event: Object) -> tuple[str, str]:
    """(first seen, last seen)."""
    series = event.get("series") or {}
    first = event.get("firstTimestamp") or event.get("eventTime")
    last = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return time_since(first), time_since(last)


def _event_object(event: Object) -> str:
    regarding = event.get("involvedObject") or {}
    return f"{str(regarding.get('kind', '')).lower()}/{regarding.get('name', '')}"


def _event_source(event: Object) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    return f"{component}, {source['host']}" if source.get("host") else str(component)


def _event_count(event: Object) -> int:
    series = event.get("series") or {}
    return int(series.get("count") or event.get("count") or 1)


_EVENTS = (
    Column("Last Seen", lambda obj: _event_times(obj)[1]),
    Column("Type", _text("type")),
    Column("Reason", _text("reason")),
    Column("Object", _event_object),
    wide("Subobject", _text("involvedObject", "fieldPath")),
    wide("Source", _event_source),
    Column("Message", lambda obj: str(obj.get("message", "")).strip()),
    wide("First Seen", lambda obj: _event_times(obj)[0]),
    wide("Count", _event_count),
    wide("Name", lambda obj: obj["metadata"]["name"]),
)


def _service_of(obj: Object) -> str:
    service = _spec(obj).get("service")
    return f"{service.get('namespace', '')}/{service.get('name', '')}" if service else "Local"


def _available(obj: Object) -> str:
    for condition in _status(obj).get("conditions") or ():
        if condition.get("type") == "Available":
            return (
                "True"
                if condition.get("status") == "True"
                else f"{condition.get('status')} ({condition.get('reason')})"
            )
    return "Unknown"


def _storage_class(obj: Object) -> str:
    annotations = obj["metadata"].get("annotations") or {}
    default = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    return str(obj["metadata"]["name"]) + (" (default)" if default else "")


COLUMNS: dict[str, Sequence[Column]] = {
    "apiservices.apiregistration.k8s.io": (
        name_column(), Column("Service", _service_of), Column("Available", _available), Column("Age", age),
    ),
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDINGS,
    "clusterroles.rbac.authorization.k8s.io": _CREATED,
    "customresourcedefinitions.apiextensions.k8s.io": _DEFINITIONS,
    "configmaps": (name_column(), Column("Data", _size("data", "binaryData")), Column("Age", age)),
    "endpoints": (name_column(), Column("Endpoints", _endpoints), Column("Age", age)),
    "endpointslices.discovery.k8s.io": (
        name_column(), Column("AddressType", _text("addressType")), Column("Ports", _slice_ports),
        Column("Endpoints", _slice_endpoints), Column("Age", age),
    ),
    "events": _EVENTS,
    "ingressclasses.networking.k8s.io": (
        name_column(), Column("Controller", _text("spec", "controller")),
        Column("Parameters", _text("spec", "parameters", "name", empty="<none>")), Column("Age", age),
    ),
    "ingresses.networking.k8s.io": _INGRESSES,
    "leases.coordination.k8s.io": (
        name_column(), Column("Holder", _text("spec", "holderIdentity")), Column("Age", age),
    ),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "namespaces": (name_column(), Column("Status", _text("status", "phase")), Column("Age", age)),
    "networkpolicies.networking.k8s.io": (
        name_column(), Column("Pod-Selector", lambda obj: selector_text(_spec(obj).get("podSelector"))),
        Column("Age", age),
    ),
    "nodes": _NODES,
    "persistentvolumeclaims": _CLAIMS,
    "persistentvolumes": _VOLUMES,
    "priorityclasses.scheduling.k8s.io": (
        name_column(), Column("Value", lambda obj: obj.get("value", 0), "integer"),
        Column("Global-Default", lambda obj: bool(obj.get("globalDefault")), "boolean"), Column("Age", age),
        Column("PreemptionPolicy", _text("preemptionPolicy", empty="PreemptLowerPriority")),
    ),
    "resourcequotas": (
        name_column(), Column("Request", _quota(True)), Column("Limit", _quota(False)), Column("Age", age),
    ),
    "rolebindings.rbac.authorization.k8s.io": _BINDINGS,
    "roles.rbac.authorization.k8s.io": _CREATED,
    "runtimeclasses.node.k8s.io": (
        name_column(), Column("Handler", _text("handler")), Column("Age", age),
    ),
    "secrets": (
        name_column(), Column("Type", _text("type", empty="Opaque")), Column("Data", _size("data")),
        Column("Age", age),
    ),
    "serviceaccounts": (name_column(), Column("Age", age)),
    "services": _SERVICES,
    "storageclasses.storage.k8s.io": (
        Column(
            "Name",
            _storage_class,
            format="name",
        ),
        Column("Provisioner", _text("provisioner")),
        Column("ReclaimPolicy", _text("reclaimPolicy", empty="Delete")),
        Column("VolumeBindingMode", _text("volumeBindingMode", empty="<unset>")),
        Column("AllowVolumeExpansion", lambda obj: bool(obj.get("allowVolumeExpansion"))),
        Column("Age", age),
    ),
    "csidrivers.storage.k8s.io": (
        name_column(), Column("AttachRequired", lambda obj: bool(_spec(obj).get("attachRequired", True)), "boolean"),
        Column("PodInfoOnMount", _flag("podInfoOnMount"), "boolean"),
        Column("StorageCapacity", _flag("storageCapacity"), "boolean"),
        Column("TokenRequests", _token_requests), Column("RequiresRepublish", _flag("requiresRepublish"), "boolean"),
        Column("Modes", lambda obj: ",".join(_spec(obj).get("volumeLifecycleModes") or ()) or "Persistent"),
        Column("Age", age),
    ),
    "flowschemas.flowcontrol.apiserver.k8s.io": (
        name_column(), Column("PriorityLevel", _text("spec", "priorityLevelConfiguration", "name", empty="<none>")),
        Column("MatchingPrecedence", lambda obj: _spec(obj).get("matchingPrecedence") or 1000),
        Column("DistinguisherMethod", _text("spec", "distinguisherMethod", "type", empty="<none>")),
        Column("Age", age), Column("MissingPL", _missing_level),
    ),
    "validatingadmissionpolicies.admissionregistration.k8s.io": (
        name_column(), Column("Validations", lambda obj: len(_spec(obj).get("validations") or ()), "integer"),
        Column("ParamKind", _param_kind), Column("Age", age),
    ),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": (
        name_column(), Column("PolicyName", _text("spec", "policyName")), Column("ParamRef", _param_reference),
        Column("Age", age),
    ),
    "volumeattributesclasses.storage.k8s.io": (
        name_column(), Column("DriverName", _text("driverName")), Column("Age", age),
    ),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
}  # fmt: skip
