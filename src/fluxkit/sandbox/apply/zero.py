"""What an object of a built-in kind holds before anything is written into it.

The API server compares a new object with the zero value of its Go type, in which structs that are not pointers are
already there: that is why ``f:spec`` of a Deployment has no ``.`` entry but ``f:spec`` of a custom resource has one.
Only fields that are walked (structs, associative lists without ``omitempty``) matter; scalars and atomic values do not.

Facts from k8s.io/api, ``types.go`` of each group.
"""

from typing import Any

from fluxkit.objects import GroupKind, Object

__all__ = ["zero_object"]

_POD_TEMPLATE: dict[str, Any] = {"metadata": {}, "spec": {"containers": None}}
_SPEC_AND_STATUS: dict[str, Any] = {"spec": {}, "status": {}}

_ZERO: dict[GroupKind, dict[str, Any]] = {
    GroupKind("", "Event"): {"involvedObject": {}, "source": {}},
    GroupKind("", "LimitRange"): {"spec": {}},
    GroupKind("", "Namespace"): _SPEC_AND_STATUS,
    GroupKind("", "Node"): {"spec": {}, "status": {"daemonEndpoints": {"kubeletEndpoint": {}}, "nodeInfo": {}}},
    GroupKind("", "PersistentVolume"): _SPEC_AND_STATUS,
    GroupKind("", "PersistentVolumeClaim"): {"spec": {"resources": {}}, "status": {}},
    GroupKind("", "Pod"): {"spec": {"containers": None}, "status": {}},
    GroupKind("", "PodTemplate"): {"template": _POD_TEMPLATE},
    GroupKind("", "ReplicationController"): _SPEC_AND_STATUS,
    GroupKind("", "ResourceQuota"): _SPEC_AND_STATUS,
    GroupKind("", "Service"): {"spec": {}, "status": {"loadBalancer": {}}},
    GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"): {
        "spec": {"names": {}, "versions": None},
        "status": {"acceptedNames": {}, "conditions": None},
    },
    GroupKind("apiregistration.k8s.io", "APIService"): _SPEC_AND_STATUS,
    GroupKind("apps", "DaemonSet"): {"spec": {"template": _POD_TEMPLATE, "updateStrategy": {}}, "status": {}},
    GroupKind("apps", "Deployment"): {"spec": {"strategy": {}, "template": _POD_TEMPLATE}, "status": {}},
    GroupKind("apps", "ReplicaSet"): {"spec": {"template": _POD_TEMPLATE}, "status": {}},
    GroupKind("apps", "StatefulSet"): {"spec": {"template": _POD_TEMPLATE, "updateStrategy": {}}, "status": {}},
    GroupKind("autoscaling", "HorizontalPodAutoscaler"): {"spec": {"scaleTargetRef": {}}, "status": {}},
    GroupKind("batch", "CronJob"): {
        "spec": {"jobTemplate": {"metadata": {}, "spec": {"template": _POD_TEMPLATE}}},
        "status": {},
    },
    GroupKind("batch", "Job"): {"spec": {"template": _POD_TEMPLATE}, "status": {}},
    GroupKind("certificates.k8s.io", "CertificateSigningRequest"): _SPEC_AND_STATUS,
    GroupKind("coordination.k8s.io", "Lease"): {"spec": {}},
    GroupKind("flowcontrol.apiserver.k8s.io", "FlowSchema"): _SPEC_AND_STATUS,
    GroupKind("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): _SPEC_AND_STATUS,
    GroupKind("networking.k8s.io", "Ingress"): {"spec": {}, "status": {"loadBalancer": {}}},
    GroupKind("networking.k8s.io", "IngressClass"): {"spec": {}},
    GroupKind("networking.k8s.io", "NetworkPolicy"): {"spec": {}},
    GroupKind("policy", "PodDisruptionBudget"): _SPEC_AND_STATUS,
    GroupKind("storage.k8s.io", "CSIDriver"): {"spec": {}},
    GroupKind("storage.k8s.io", "CSINode"): {"spec": {"drivers": None}},
    GroupKind("storage.k8s.io", "VolumeAttachment"): {"spec": {"source": {}}, "status": {}},
}


def zero_object(api_version: str, kind: str) -> Object:
    """The object that a creation is compared with; its parts are shared and must not be changed."""
    group = api_version.rpartition("/")[0]
    return {"apiVersion": api_version, "kind": kind, "metadata": {}, **_ZERO.get(GroupKind(group, kind), {})}
