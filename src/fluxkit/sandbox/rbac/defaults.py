"""The roles and bindings that every cluster starts with (a selection of those that clients rely on).

Follows kubernetes/kubernetes ``plugin/pkg/auth/authorizer/rbac/bootstrappolicy``: cluster-admin, the aggregated
admin/edit/view, and what authenticated users may read about the server.
"""

from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.rbac.authorizer import CLUSTER_BINDINGS, CLUSTER_ROLES
from fluxkit.sandbox.registry import Registry, WriteOptions

__all__ = ["populate"]

_GROUP = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_AGGREGATE = f"{_GROUP}/aggregate-to-"


def _rule(verbs: list[str], group: str, *resources: str) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": [group], "resources": list(resources)}


_CORE = (
    "configmaps",
    "endpoints",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "serviceaccounts",
    "services",
)
_APPS = (
    "daemonsets",
    "deployments",
    "deployments/scale",
    "replicasets",
    "replicasets/scale",
    "statefulsets",
    "statefulsets/scale",
)

_VIEW = [
    _rule(_READ, "", *_CORE, "persistentvolumeclaims/status", "services/status"),
    _rule(
        _READ, "", "bindings", "events", "limitranges", "namespaces/status", "pods/log", "pods/status",
        "replicationcontrollers/scale", "replicationcontrollers/status", "resourcequotas", "resourcequotas/status",
    ),
    _rule(_READ, "", "namespaces"),
    _rule(_READ, "discovery.k8s.io", "endpointslices"),
    _rule(_READ, "apps", "controllerrevisions", *_APPS),
    _rule(_READ, "autoscaling", "horizontalpodautoscalers", "horizontalpodautoscalers/status"),
    _rule(_READ, "batch", "cronjobs", "cronjobs/status", "jobs", "jobs/status"),
    _rule(_READ, "policy", "poddisruptionbudgets", "poddisruptionbudgets/status"),
    _rule(_READ, "networking.k8s.io", "ingresses", "ingresses/status", "networkpolicies"),
]  # fmt: skip
_EDIT = [
    _rule(_READ, "", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"),
    _rule(["impersonate"], "", "serviceaccounts"),
    _rule(_WRITE, "", "pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"),
    _rule(["create"], "", "pods/eviction"),
    _rule(
        _WRITE, "", "configmaps", "events", "persistentvolumeclaims", "replicationcontrollers",
        "replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy",
    ),
    _rule(["create"], "", "serviceaccounts/token"),
    _rule(_WRITE, "apps", *_APPS, "deployments/rollback"),
    _rule(_WRITE, "autoscaling", "horizontalpodautoscalers"),
    _rule(_WRITE, "batch", "cronjobs", "jobs"),
    _rule(_WRITE, "policy", "poddisruptionbudgets"),
    _rule(_WRITE, "networking.k8s.io", "ingresses", "networkpolicies"),
    _rule([*_READ, *_WRITE], "coordination.k8s.io", "leases"),
]  # fmt: skip
_ADMIN = [
    _rule(["create"], "authorization.k8s.io", "localsubjectaccessreviews"),
    _rule([*_READ, *_WRITE], _GROUP, "rolebindings", "roles"),
]

_DISCOVERY = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
]

_ROLES: dict[str, dict[str, Any]] = {
    "cluster-admin": {
        "rules": [_rule(["*"], "*", "*"), {"verbs": ["*"], "nonResourceURLs": ["*"]}],
    },
    "system:discovery": {"rules": [{"verbs": ["get"], "nonResourceURLs": [*_DISCOVERY, "/version/"]}]},
    "system:public-info-viewer": {
        "rules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"]}]
    },
    "system:basic-user": {
        "rules": [
            _rule(["create"], "authorization.k8s.io", "selfsubjectaccessreviews", "selfsubjectrulesreviews"),
            _rule(["create"], "authentication.k8s.io", "selfsubjectreviews"),
        ]
    },
    "system:service-account-issuer-discovery": {
        "rules": [
            {
                "verbs": ["get"],
                "nonResourceURLs": [
                    "/.well-known/openid-configuration",
                    "/.well-known/openid-configuration/",
                    "/openid/v1/jwks",
                    "/openid/v1/jwks/",
                ],
            }
        ]
    },
    "system:cluster-trust-bundle-discovery": {
        "rules": [_rule(["get", "list", "watch"], "certificates.k8s.io", "clustertrustbundles")]
    },
    "system:aggregate-to-view": {"labels": ["view"], "rules": _VIEW},
    "system:aggregate-to-edit": {"labels": ["edit"], "rules": _EDIT},
    "system:aggregate-to-admin": {"labels": ["admin"], "rules": _ADMIN},
    "view": {"labels": ["edit"], "aggregate": "view"},
    "edit": {"labels": ["admin"], "aggregate": "edit"},
    "admin": {"aggregate": "admin"},
}

_BINDINGS = {
    "cluster-admin": ["system:masters"],
    "system:discovery": ["system:authenticated"],
    "system:service-account-issuer-discovery": ["system:serviceaccounts"],
    "system:cluster-trust-bundle-discovery": ["system:serviceaccounts"],
    "system:basic-user": ["system:authenticated"],
    "system:public-info-viewer": ["system:authenticated", "system:unauthenticated"],
}


def _metadata(name: str, labels: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "labels": {
            "kubernetes.io/bootstrapping": "rbac-defaults",
            **{f"{_AGGREGATE}{item}": "true" for item in labels},
        },
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    }


def _role(name: str, facts: dict[str, Any]) -> Object:
    role: Object = {"metadata": _metadata(name, facts.get("labels", [])), "rules": facts.get("rules", [])}
    if "aggregate" in facts:
        role["aggregationRule"] = {
            "clusterRoleSelectors": [{"matchLabels": {f"{_AGGREGATE}{facts['aggregate']}": "true"}}]
        }
    return role


def _binding(name: str, groups: list[str]) -> Object:
    return {
        "metadata": _metadata(name, []),
        "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": _GROUP, "kind": "Group", "name": group} for group in groups],
    }


def populate(registry: Registry) -> None:
    """Creates the default roles and bindings that are missing."""
    options = WriteOptions("kube-apiserver")
    roles, bindings = registry.catalog.stored(CLUSTER_ROLES), registry.catalog.stored(CLUSTER_BINDINGS)
    if roles is None or bindings is None:
        raise LookupError("the schema lacks ClusterRole or ClusterRoleBinding")
    for name, facts in _ROLES.items():
        if registry.find(roles, "", name) is None:
            registry.create(roles, "", _role(name, facts), options)
    for name, groups in _BINDINGS.items():
        if registry.find(bindings, "", name) is None:
            registry.create(bindings, "", _binding(name, groups), options)
