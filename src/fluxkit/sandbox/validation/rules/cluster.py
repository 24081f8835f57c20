"""Networking, RBAC, classes and definitions.

Follows ``pkg/apis/{networking,rbac,policy,storage,scheduling}/validation`` of kubernetes/kubernetes and
``pkg/apis/apiextensions/validation`` of kubernetes/apiextensions-apiserver.
"""

from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes
from fluxkit.sandbox.validation.rules import common

__all__ = [
    "cluster_role",
    "custom_resource_definition",
    "ingress",
    "network_policy",
    "pod_disruption_budget",
    "priority_class",
    "role",
    "role_binding",
    "storage_class",
]


def ingress(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found: list[Cause] = []
    rules = spec.get("rules") or ()
    default = spec.get("defaultBackend")
    if not rules and default is None:
        text = "either `defaultBackend` or `rules` must be specified"
        found.append(causes.invalid("spec", {}, text))
    if default is not None:
        found += _backend(default, "spec.defaultBackend")
    for at, rule in enumerate(rules):
        where = f"spec.rules[{at}]"
        host = rule.get("host")
        if host:
            found += common.dns_subdomain(host.removeprefix("*."), f"{where}.host")
        http = rule.get("http")
        if http is None:
            continue
        if not http.get("paths"):
            found.append(Cause.required(f"{where}.http.paths"))
        for index, path in enumerate(http.get("paths") or ()):
            found += _ingress_path(path, f"{where}.http.paths[{index}]")
    return found


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
    return found + _backend(path.get("backend") or {}, f"{where}.backend")


def _backend(backend: dict[str, Any], path: str) -> list[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        return [causes.invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return []
    if service is None:
        return [Cause.required(path, "resource or service backend is required")]
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
            found.append(causes.not_supported(f"spec.policyTypes[{index}]", kind, ["Egress", "Ingress"]))
    return found


def pod_disruption_budget(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = common.non_negative(spec, "spec", "minAvailable", "maxUnavailable")
    if "minAvailable" in spec and "maxUnavailable" in spec:
        found.append(causes.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    return found + common.selector(spec.get("selector"), "spec.selector")


def _policy_rules(rules: Any, *, namespaced: bool) -> list[Cause]:
    found: list[Cause] = []
    for index, rule in enumerate(rules or ()):
        where = f"rules[{index}]"
        if not rule.get("verbs"):
            found.append(Cause.required(f"{where}.verbs", "verbs must contain at least one value"))
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
    if reference.get("apiGroup") != "rbac.authorization.k8s.io":
        supported = ["rbac.authorization.k8s.io"]
        found.append(causes.not_supported("roleRef.apiGroup", reference.get("apiGroup", ""), supported))
    kinds = ["ClusterRole"] if obj.get("kind") == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    if reference.get("kind") not in kinds:
        found.append(causes.not_supported("roleRef.kind", reference.get("kind", ""), kinds))
    found += common.required(reference, "roleRef", "name")
    for index, subject in enumerate(obj.get("subjects") or ()):
        where = f"subjects[{index}]"
        found += common.required(subject, where, "name")
        kind = subject.get("kind")
        if kind == "ServiceAccount":
            found += common.required(subject, where, "namespace")
            if subject.get("apiGroup"):
                found.append(causes.not_supported(f"{where}.apiGroup", subject["apiGroup"], [""]))
        elif kind not in ("User", "Group"):
            found.append(causes.not_supported(f"{where}.kind", kind or "", ["Group", "ServiceAccount", "User"]))
    if old is not None and old.get("roleRef") != obj.get("roleRef"):
        found.append(causes.invalid("roleRef", obj.get("roleRef"), "cannot change roleRef"))
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
