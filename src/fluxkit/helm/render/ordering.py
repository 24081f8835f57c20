"""The order of kinds: what is installed before what, and removed after it.

Upstream: helm/helm ``pkg/release/v1/util/kind_sorter.go``.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

__all__ = ["INSTALL_ORDER", "UNINSTALL_ORDER", "sorted_by_kind"]

T = TypeVar("T")

INSTALL_ORDER: Final = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodSecurityPolicy",
    "PodDisruptionBudget", "ServiceAccount", "Secret", "SecretList", "ConfigMap", "StorageClass", "PersistentVolume",
    "PersistentVolumeClaim", "CustomResourceDefinition", "ClusterRole", "ClusterRoleList", "ClusterRoleBinding",
    "ClusterRoleBindingList", "Role", "RoleList", "RoleBinding", "RoleBindingList", "Service", "DaemonSet", "Pod",
    "ReplicationController", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob",
    "IngressClass", "Ingress", "APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
)  # fmt: skip

UNINSTALL_ORDER: Final = (
    "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService", "Ingress", "IngressClass",
    "Service", "CronJob", "Job", "StatefulSet", "HorizontalPodAutoscaler", "Deployment", "ReplicaSet",
    "ReplicationController", "Pod", "DaemonSet", "RoleBindingList", "RoleBinding", "RoleList", "Role",
    "ClusterRoleBindingList", "ClusterRoleBinding", "ClusterRoleList", "ClusterRole", "CustomResourceDefinition",
    "PersistentVolumeClaim", "PersistentVolume", "StorageClass", "ConfigMap", "SecretList", "Secret", "ServiceAccount",
    "PodDisruptionBudget", "PodSecurityPolicy", "LimitRange", "ResourceQuota", "NetworkPolicy", "Namespace",
    "PriorityClass",
)  # fmt: skip


def sorted_by_kind(items: Iterable[T], kind: Callable[[T], str], order: Sequence[str] = INSTALL_ORDER) -> list[T]:
    """``items`` by kind, those of one kind as they came; unknown kinds are last, by name."""
    ranks = {name: rank for rank, name in enumerate(order)}

    def rank(item: T) -> tuple[int, str]:
        name = kind(item)
        return (ranks[name], "") if name in ranks else (len(ranks), name)

    return sorted(items, key=rank)
