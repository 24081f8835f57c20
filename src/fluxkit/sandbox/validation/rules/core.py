"""Services, configuration and storage. Follows kubernetes/kubernetes ``pkg/apis/core/validation``."""

import re
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes
from fluxkit.sandbox.validation.rules import common

__all__ = ["config_map", "persistent_volume_claim", "secret", "service"]

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
    return [causes.invalid(f"{path}[{key}]", key, _KEY_PROBLEM) for key in data if not _KEY.fullmatch(key)]


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
        found.append(causes.too_long("", _MAX_BYTES))
    return found + _frozen(obj, old, "data", "binaryData")


def secret(obj: Object, old: Object | None) -> list[Cause]:
    data = obj.get("data") or {}
    found = _keys(data, "data")
    if sum(len(value) * 3 // 4 for value in data.values()) > _MAX_BYTES:
        found.append(causes.too_long("data", _MAX_BYTES))
    for key in _SECRET_KEYS.get(obj.get("type") or "", ()):
        if key not in data:
            found.append(Cause.required(f"data[{key}]"))
    if old is not None:
        found += causes.immutable("type", obj.get("type"), old.get("type"))
    return found + _frozen(obj, old, "data")


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
    elif kind == "LoadBalancer" and headless:
        text = "may not be set to 'None' for LoadBalancer services"
        found.append(causes.invalid("spec.clusterIPs[0]", "None", text))
    found += common.one_of(spec, "spec", "type", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    found += common.one_of(spec, "spec", "sessionAffinity", "ClientIP", "None")
    found += _service_ports(ports)
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
        found += common.port_number(port.get("targetPort"), f"{where}.targetPort")
        identity = (port.get("protocol"), number)
        if identity in numbers:
            shown = {"protocol": port.get("protocol"), "port": number}
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
    if old is not None:
        before = old.get("spec") or {}
        changeable = {"resources", "volumeAttributesClassName"} | (
            set() if before.get("volumeName") else {"volumeName"}
        )
        keys = (set(spec) | set(before)) - changeable
        if any(spec.get(key) != before.get(key) for key in keys):
            found.append(Cause.forbidden("spec", _CLAIM_IMMUTABLE))
    return found
