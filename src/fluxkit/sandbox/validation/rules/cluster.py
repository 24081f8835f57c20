"""Networking, RBAC, classes and definitions.

Follows ``pkg/apis/{networking,rbac,policy,storage,scheduling}/validation`` of kubernetes/kubernetes and
``pkg/apis/apiextensions/validation`` of kubernetes/apiextensions-apiserver.
"""

import ipaddress
import re
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox import names
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes
from fluxkit.sandbox.validation.rules import common

__all__ = [
    "cluster_role",
    "ingress",
    "network_policy",
    "pod_disruption_budget",
    "priority_class",
    "role",
    "role_binding",
    "storage_class",
]

_RBAC = "rbac.authorization.k8s.io"


def ingress(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found: list[Cause] = []
    rules = spec.get("rules") or ()
    default = spec.get("defaultBackend")
    if not rules and default is None:
        text = "either `defaultBackend` or `rules` must be specified"
        found.append(causes.invalid("spec", None, text))
    if spec.get("ingressClassName"):
        found += common.dns_subdomain(spec["ingressClassName"], "spec.ingressClassName")
    for at, entry in enumerate(spec.get("tls") or ()):
        for index, host in enumerate(entry.get("hosts") or ()):
            found += _host(host, f"spec.tls[{at}].hosts[{index}]")
    if default is not None:
        found += _backend(default, "spec.defaultBackend")
    for at, rule in enumerate(rules):
        where = f"spec.rules[{at}]"
        host = rule.get("host")
        if host:
            found += _host(host, f"{where}.host")
        http = rule.get("http")
        if http is None:
            continue
        if not http.get("paths"):
            found.append(Cause.required(f"{where}.http.paths"))
        for index, path in enumerate(http.get("paths") or ()):
            found += _ingress_path(path, f"{where}.http.paths[{index}]")
    return found


def _host(host: str, path: str) -> list[Cause]:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return [causes.invalid(path, host, "must be a DNS name, not an IP address")]
    if "*" in host:
        wrong = common.dns_subdomain(host.removeprefix("*."), path) or not host.startswith("*.")
        return [causes.invalid(path, host, _WILDCARD_PROBLEM)] if wrong else []
    return common.dns_subdomain(host, path)


_WILDCARD_PROBLEM = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', "
    "regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def _ingress_path(path: dict[str, Any], where: str) -> list[Cause]:
    found: list[Cause] = []
    kind = path.get("pathType")
    if kind is None:
        found.append(Cause.required(f"{where}.pathType", "pathType must be specified"))
    else:
        found += common.one_of(path, where, "pathType", "Exact", "ImplementationSpecific", "Prefix")
    text = path.get("path") or ""
    if (kind in ("Exact", "Prefix") or text) and not text.startswith("/"):
        found.append(causes.invalid(f"{where}.path", text, "must be an absolute path"))
    if "//" in text and kind != "ImplementationSpecific":
        found.append(causes.invalid(f"{where}.path", text, "must not contain '//'"))
    return found + _backend(path.get("backend") or {}, f"{where}.backend")


def _backend(backend: dict[str, Any], path: str) -> list[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        return [causes.invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return []
    if service is None:
        return [causes.invalid(path, "", "resource or service backend is required")]
    found = common.required(service, f"{path}.service", "name")
    port = service.get("port") or {}
    if port.get("name") and port.get("number"):
        found.append(causes.invalid(path, "", "cannot set both port name & port number"))
    elif port.get("number"):
        found += common.port_number(port["number"], f"{path}.service.port.number")
    elif not port.get("name"):
        found.append(Cause.required(path, "port name or number is required"))
    return found


def network_policy(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.selector(spec.get("podSelector"), "spec.podSelector")
    for index, kind in enumerate(spec.get("policyTypes") or ()):
        if kind not in ("Ingress", "Egress"):
            found.append(causes.not_supported(f"spec.policyTypes[{index}]", kind, ["Ingress", "Egress"]))
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for at, rule in enumerate(spec.get(direction) or ()):
            for index, peer in enumerate(rule.get(side) or ()):
                where = f"spec.{direction}[{at}].{side}[{index}]"
                if not peer:
                    found.append(Cause.required(where, "must specify a peer"))
                elif peer.get("ipBlock") is not None:
                    found += common.network(peer["ipBlock"].get("cidr") or "", f"{where}.ipBlock.cidr")
    return found


def pod_disruption_budget(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.non_negative(spec, "spec", "minAvailable", "maxUnavailable")
    for field in ("minAvailable", "maxUnavailable"):
        share = spec.get(field)
        if isinstance(share, str) and not re.fullmatch("[0-9]+%", share):
            text = (
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
                "regex used for validation is '[0-9]+%')"
            )
            found.append(causes.invalid(f"spec.{field}", share, text))
    if "minAvailable" in spec and "maxUnavailable" in spec:
        found.append(causes.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    return found + common.selector(spec.get("selector"), "spec.selector")


def _policy_rules(rules: Any, *, namespaced: bool) -> list[Cause]:
    found: list[Cause] = []
    for index, rule in enumerate(rules or ()):
        where = f"rules[{index}]"
        if not rule.get("verbs"):
            found.append(Cause.required(f"{where}.verbs"))
        if rule.get("nonResourceURLs"):
            if namespaced:
                text = "namespaced rules cannot apply to non-resource URLs"
                found.append(causes.invalid(f"{where}.nonResourceURLs", rule["nonResourceURLs"], text))
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                text = "rules cannot apply to both regular resources and non-resource URLs"
                found.append(causes.invalid(f"{where}.nonResourceURLs", rule["nonResourceURLs"], text))
            continue
        if not rule.get("apiGroups"):
            text = "resource rules must supply at least one api group"
            found.append(Cause.required(f"{where}.apiGroups", text))
        if not rule.get("resources"):
            text = "resource rules must supply at least one resource"
            found.append(Cause.required(f"{where}.resources", text))
    return found


def role(obj: Object, old: Object | None) -> list[Cause]:
    return _policy_rules(obj.get("rules"), namespaced=True)


def cluster_role(obj: Object, old: Object | None) -> list[Cause]:
    return _policy_rules(obj.get("rules"), namespaced=False)


def role_binding(obj: Object, old: Object | None) -> list[Cause]:
    reference = obj.get("roleRef") or {}
    found: list[Cause] = []
    if reference.get("apiGroup") != _RBAC:
        found.append(causes.not_supported("roleRef.apiGroup", reference.get("apiGroup", ""), [_RBAC]))
    kinds = ["ClusterRole"] if obj.get("kind") == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    if reference.get("kind") not in kinds:
        found.append(causes.not_supported("roleRef.kind", reference.get("kind", ""), kinds))
    found += common.required(reference, "roleRef", "name")
    for index, subject in enumerate(obj.get("subjects") or ()):
        where = f"subjects[{index}]"
        found += common.required(subject, where, "name")
        kind = subject.get("kind")
        if kind == "ServiceAccount":
            problem = names.is_dns1123_subdomain(subject.get("name") or "x")
            if problem:
                found.append(causes.invalid(f"{where}.name", subject["name"], problem))
            if subject.get("apiGroup"):
                found.append(causes.not_supported(f"{where}.apiGroup", subject["apiGroup"], [""]))
            if obj["kind"] == "ClusterRoleBinding":
                found += common.required(subject, where, "namespace")
        elif kind not in ("User", "Group"):
            found.append(causes.not_supported(f"{where}.kind", kind or "", ["ServiceAccount", "User", "Group"]))
        elif subject.get("apiGroup") != _RBAC:
            found.append(causes.not_supported(f"{where}.apiGroup", subject.get("apiGroup") or "", [_RBAC]))
    if old is not None and old.get("roleRef") != obj.get("roleRef"):
        # Upstream shows the members as Go names them.
        shown = {"APIGroup": "apiGroup", "Kind": "kind", "Name": "name"}
        value = {name: reference.get(member, "") for name, member in shown.items()}
        found.append(causes.invalid("roleRef", value, causes.IMMUTABLE))
    return found


def storage_class(obj: Object, old: Object | None) -> list[Cause]:
    found = common.required(obj, "", "provisioner")
    if old is None:
        return found
    if obj.get("provisioner") != old.get("provisioner"):
        found.append(Cause.forbidden("provisioner", "updates to provisioner are forbidden."))
    if (obj.get("parameters") or {}) != (old.get("parameters") or {}):
        found.append(Cause.forbidden("parameters", "updates to parameters are forbidden."))
    if obj.get("reclaimPolicy") != old.get("reclaimPolicy"):
        found.append(Cause.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."))
    return found + causes.immutable("volumeBindingMode", obj.get("volumeBindingMode"), old.get("volumeBindingMode"))


def priority_class(obj: Object, old: Object | None) -> list[Cause]:
    if old is None:
        return []
    if obj.get("value", 0) != old.get("value", 0):
        return [Cause.forbidden("value", "may not be changed in an update.")]
    return causes.immutable("preemptionPolicy", obj.get("preemptionPolicy"), old.get("preemptionPolicy"))
