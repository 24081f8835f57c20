"""Services, configuration and storage. Follows kubernetes/kubernetes ``pkg/apis/core/validation``."""

import base64
import re
from typing import Any

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes, quantity
from fluxkit.sandbox.validation.rules import common

__all__ = ["config_map", "namespace", "persistent_volume_claim", "secret", "service"]

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_PROBLEM = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_CLAIM_IMMUTABLE = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_MAX_BYTES = 1024 * 1024
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def _keys(data: dict[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    for key in data:
        problem = "" if _KEY.fullmatch(key) else _KEY_PROBLEM
        if len(key) > 253:
            problem = "must be no more than 253 characters"
        elif key in (".", ".."):
            problem = f"must not be '{key}'"
        elif key.startswith(".."):
            problem = "must not start with '..'"
        if problem:
            found.append(causes.invalid(f"{path}[{key}]", key, problem))
    return found


def _frozen(obj: Object, old: Object | None, *fields: str) -> list[Cause]:
    """What an object that declared itself immutable must keep."""
    if old is None or not old.get("immutable"):
        return []
    text = "field is immutable when `immutable` is set"
    found = [] if obj.get("immutable") else [Cause.forbidden("immutable", text)]
    changed = [field for field in fields if (obj.get(field) or {}) != (old.get(field) or {})]
    return found + [Cause.forbidden(field, text) for field in changed]


def config_map(obj: Object, old: Object | None) -> list[Cause]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    found = _keys(data, "data") + _keys(binary, "binaryData")
    for key in data:
        if key in binary:
            found.append(causes.invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    size = sum(len(value.encode()) for value in data.values()) + sum(len(value) * 3 // 4 for value in binary.values())
    if size > _MAX_BYTES:
        found.append(causes.too_long("[]", _MAX_BYTES))
    return found + _frozen(obj, old, "data", "binaryData")


def secret(obj: Object, old: Object | None) -> list[Cause]:
    data = obj.get("data") or {}
    found = _keys(data, "data")
    for key in _SECRET_KEYS.get(obj.get("type") or "", ()):
        if key not in data:
            found.append(Cause.required(f"data[{key}]"))
    kind = obj.get("type")
    for key in _JSON_KEYS.get(kind or "", ()):
        problem = _json_problem(data.get(key))
        if problem:
            found.append(causes.invalid(f"data[{key}]", "<secret contents redacted>", problem))
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        found += [Cause.required("data[username]"), Cause.required("data[password]")]
    account = "kubernetes.io/service-account.name"
    if kind == "kubernetes.io/service-account-token" and not (obj["metadata"].get("annotations") or {}).get(account):
        found.append(Cause.required(f"metadata.annotations[{account}]"))
    if old is not None:
        found += causes.immutable("type", obj.get("type"), old.get("type"))
    return found + _frozen(obj, old, "data")


_JSON_KEYS = {"kubernetes.io/dockerconfigjson": (".dockerconfigjson",), "kubernetes.io/dockercfg": (".dockercfg",)}


def _json_problem(encoded: str | None) -> str:
    """Why the content of a key is no JSON object, in the words of Go's decoder for the commonest mistakes."""
    if encoded is None:
        return ""
    text = base64.b64decode(encoded).decode(errors="replace").strip()
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if error.pos >= len(text):
            return "unexpected end of JSON input"
        return f"invalid character '{text[error.pos]}' looking for beginning of value"
    if not isinstance(value, dict):
        kind = {str: "string", bool: "bool", list: "array"}.get(type(value), "number")
        return f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    return ""


def namespace(obj: Object, old: Object | None) -> list[Cause]:
    phase = (obj.get("status") or {}).get("phase")
    if old is None or phase in (None, "Active") or "deletionTimestamp" in obj["metadata"]:
        return []
    return [causes.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")]


def service(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    kind = spec.get("type", "ClusterIP")
    found: list[Cause] = []
    headless = spec.get("clusterIP") == "None"
    ports = spec.get("ports") or []
    if not ports and kind != "ExternalName" and not headless:
        found.append(Cause.required("spec.ports"))
    if kind == "ExternalName":
        name = (spec.get("externalName") or "").removesuffix(".")
        if name:
            found += common.dns_subdomain(name, "spec.externalName")
        else:
            found.append(Cause.required("spec.externalName"))
    elif kind in ("LoadBalancer", "NodePort") and headless:
        text = f"may not be set to 'None' for {kind} services"
        found.append(causes.invalid("spec.clusterIPs[0]", "None", text))
    found += common.one_of(spec, "spec", "type", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    found += common.one_of(spec, "spec", "sessionAffinity", "ClientIP", "None")
    found += common.one_of(spec, "spec", "internalTrafficPolicy", "Cluster", "Local")
    if kind == "ClusterIP" and spec.get("externalTrafficPolicy") and not spec.get("externalIPs"):
        text = "may only be set for externally-accessible services"
        found.append(causes.invalid("spec.externalTrafficPolicy", spec["externalTrafficPolicy"], text))
    address = spec.get("clusterIP")
    if address and not headless:
        found += common.address(address, "spec.clusterIPs[0]")
    for index, each in enumerate(spec.get("externalIPs") or ()):
        found += common.address(each, f"spec.externalIPs[{index}]")
    for index, each in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        found += common.network(each, f"spec.LoadBalancerSourceRanges[{index}]")
    if spec.get("ipFamilyPolicy") == "RequireDualStack":
        text = "this cluster is not configured for dual-stack services"
        found.append(causes.invalid("spec.ipFamilyPolicy", "RequireDualStack", text))
    found += _service_ports(ports)
    for index, port in enumerate(ports):
        if port.get("nodePort") and kind in ("ClusterIP", "ExternalName"):
            text = f"may not be used when `type` is '{kind}'"
            found.append(Cause.forbidden(f"spec.ports[{index}].nodePort", text))
    found += common.labels(spec.get("selector"), "spec.selector")
    if old is not None:
        found += _kept_address(spec, old.get("spec") or {})
    return found


def _service_ports(ports: list[dict[str, Any]]) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            found.append(Cause.required(f"{where}.name"))
        elif name:
            found += common.dns_label(name, f"{where}.name")
            if name in names:
                found.append(causes.duplicate(f"{where}.name", name))
        names.add(name)
        number = port.get("port", 0)
        if not 1 <= number <= 65535:
            found.append(causes.invalid(f"{where}.port", number, "must be between 1 and 65535, inclusive"))
        found += common.one_of(port, where, "protocol", "SCTP", "TCP", "UDP")
        target = port.get("targetPort")
        if isinstance(target, str):
            found += common.port_name(target, f"{where}.targetPort")
        else:
            found += common.port_number(target, f"{where}.targetPort")
        identity = (port.get("protocol"), number)
        if identity in numbers:
            shown = {
                "Name": "", "Protocol": port.get("protocol"), "AppProtocol": None, "Port": number, "TargetPort": 0,
                "NodePort": 0,
            }  # fmt: skip
            found.append(causes.duplicate(where, shown))
        numbers.add(identity)
    return found


def _kept_address(spec: dict[str, Any], before: dict[str, Any]) -> list[Cause]:
    old, new = before.get("clusterIP"), spec.get("clusterIP")
    if not old or before.get("type") == "ExternalName" or spec.get("type") == "ExternalName":
        return []
    if not new:
        return [causes.invalid("spec.clusterIPs[0]", spec.get("clusterIPs"), "primary clusterIP can not be unset")]
    if new != old:
        return [causes.invalid("spec.clusterIPs[0]", spec.get("clusterIPs") or [new], "may not change once set")]
    return []


def persistent_volume_claim(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found: list[Cause] = []
    modes = spec.get("accessModes") or []
    if not modes:
        found.append(Cause.required("spec.accessModes", "at least 1 access mode is required"))
    allowed = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
    for mode in modes:
        if mode not in allowed:
            found.append(causes.not_supported("spec.accessModes", mode, allowed))
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        found.append(Cause.required("spec.resources[storage]"))
    elif quantity.parse(str(spec["resources"]["requests"]["storage"])) <= 0:
        asked = spec["resources"]["requests"]["storage"]
        found.append(causes.invalid("spec.resources[storage]", asked, "must be greater than zero"))
    found += common.one_of(spec, "spec", "volumeMode", "Block", "Filesystem")
    if spec.get("storageClassName"):
        found += common.dns_subdomain(spec["storageClassName"], "spec.storageClassName")
    if old is not None:
        before = old.get("spec") or {}
        changeable = {"volumeName"}
        if before.get("volumeName") and (old.get("status") or {}).get("phase") == "Bound":
            changeable = {"resources", "volumeAttributesClassName"}
        if "storageClassName" not in before:
            # It may be given once, as the default class is given to claims that came before it.
            changeable.add("storageClassName")
        keys = (set(spec) | set(before)) - changeable
        if any(spec.get(key) != before.get(key) for key in keys):
            found.append(Cause.forbidden("spec", _CLAIM_IMMUTABLE))
    return found
