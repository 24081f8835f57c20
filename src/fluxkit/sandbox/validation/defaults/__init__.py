"""Defaults that the API server itself adds to built-in objects.

Each function takes a decoded object of one kind and fills in what is absent, in place. What needs more than the object
(addresses of Services, generated selectors' uids) is either already in its metadata or allocated elsewhere.
"""

from collections.abc import Callable
from typing import Any

from fluxkit.objects import GroupKind, Object
from fluxkit.sandbox.validation.defaults import apps, batch, cluster, core, network, pods

__all__ = ["apply_builtin_defaults"]

_Defaults = Callable[[Object], None]

_BY_KIND: dict[GroupKind, _Defaults] = {
    GroupKind("", "Endpoints"): core.endpoints,
    GroupKind("", "LimitRange"): core.limit_range,
    GroupKind("", "Namespace"): core.namespace,
    GroupKind("", "PersistentVolume"): core.persistent_volume,
    GroupKind("", "PersistentVolumeClaim"): core.persistent_volume_claim,
    GroupKind("", "Pod"): pods.pod,
    GroupKind("", "PodTemplate"): core.pod_template_object,
    GroupKind("", "ReplicationController"): core.replication_controller,
    GroupKind("", "Secret"): core.secret,
    GroupKind("", "Service"): core.service,
    GroupKind("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): cluster.webhooks,
    GroupKind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): cluster.webhooks,
    GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"): cluster.custom_resource_definition,
    GroupKind("apps", "DaemonSet"): apps.daemon_set,
    GroupKind("apps", "Deployment"): apps.deployment,
    GroupKind("apps", "ReplicaSet"): apps.replica_set,
    GroupKind("apps", "StatefulSet"): apps.stateful_set,
    GroupKind("autoscaling", "HorizontalPodAutoscaler"): apps.horizontal_pod_autoscaler,
    GroupKind("batch", "CronJob"): batch.cron_job,
    GroupKind("batch", "Job"): batch.job,
    GroupKind("discovery.k8s.io", "EndpointSlice"): network.endpoint_slice,
    GroupKind("networking.k8s.io", "IngressClass"): network.ingress_class,
    GroupKind("networking.k8s.io", "NetworkPolicy"): network.network_policy,
    GroupKind("rbac.authorization.k8s.io", "ClusterRoleBinding"): cluster.role_binding,
    GroupKind("rbac.authorization.k8s.io", "RoleBinding"): cluster.role_binding,
    GroupKind("scheduling.k8s.io", "PriorityClass"): cluster.priority_class,
    GroupKind("storage.k8s.io", "StorageClass"): cluster.storage_class,
}


def apply_builtin_defaults(kind: GroupKind, obj: dict[str, Any]) -> None:
    """Fills in the defaults of a built-in kind, in place; a kind without any is left as it is."""
    fill = _BY_KIND.get(kind)
    if fill is not None:
        fill(obj)
