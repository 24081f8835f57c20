"""Validation of built-in kinds beyond their types: what must be set, what must agree, what must not change.

Each function takes a defaulted object of one kind, and the stored one on update, and returns what is wrong in
upstream's words. Follows the ``validation.go`` files of kubernetes/kubernetes ``pkg/apis``.
"""

from collections.abc import Callable

from fluxkit.objects import GroupKind, Object
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation.rules import cluster, core, definitions, pods, workloads

__all__ = ["validate_builtin"]

_Rule = Callable[[Object, Object | None], list[Cause]]

_RBAC = "rbac.authorization.k8s.io"

_BY_KIND: dict[GroupKind, _Rule] = {
    GroupKind("", "ConfigMap"): core.config_map,
    GroupKind("", "Namespace"): core.namespace,
    GroupKind("", "PersistentVolumeClaim"): core.persistent_volume_claim,
    GroupKind("", "Pod"): pods.pod,
    GroupKind("", "Secret"): core.secret,
    GroupKind("", "Service"): core.service,
    GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"): definitions.custom_resource_definition,
    GroupKind("apps", "DaemonSet"): workloads.daemon_set,
    GroupKind("apps", "Deployment"): workloads.deployment,
    GroupKind("apps", "ReplicaSet"): workloads.replica_set,
    GroupKind("apps", "StatefulSet"): workloads.stateful_set,
    GroupKind("autoscaling", "HorizontalPodAutoscaler"): workloads.horizontal_pod_autoscaler,
    GroupKind("batch", "CronJob"): workloads.cron_job,
    GroupKind("batch", "Job"): workloads.job,
    GroupKind("networking.k8s.io", "Ingress"): cluster.ingress,
    GroupKind("networking.k8s.io", "NetworkPolicy"): cluster.network_policy,
    GroupKind("policy", "PodDisruptionBudget"): cluster.pod_disruption_budget,
    GroupKind(_RBAC, "ClusterRole"): cluster.cluster_role,
    GroupKind(_RBAC, "ClusterRoleBinding"): cluster.role_binding,
    GroupKind(_RBAC, "Role"): cluster.role,
    GroupKind(_RBAC, "RoleBinding"): cluster.role_binding,
    GroupKind("scheduling.k8s.io", "PriorityClass"): cluster.priority_class,
    GroupKind("storage.k8s.io", "StorageClass"): cluster.storage_class,
}


def validate_builtin(kind: GroupKind, obj: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a built-in object; a kind without rules is taken as it is."""
    rule = _BY_KIND.get(kind)
    return rule(obj, old) if rule is not None else []
