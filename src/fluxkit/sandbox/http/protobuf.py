"""Request bodies in Kubernetes' protobuf encoding, for the kinds that kubectl's typed commands send.

``kubectl create <kind>``, ``kubectl auth`` and ``kubectl create token`` send ``application/vnd.kubernetes.protobuf``
and do not fall back to JSON. A body is a magic number and a ``runtime.Unknown`` with the encoded object
(kubernetes/apimachinery ``pkg/runtime/serializer/protobuf``). The tables below give the field numbers of the messages
that those commands fill in; a body with any other kind or field is refused as an unsupported media type, never
misread. Answers are JSON, which every client accepts.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.status import StatusError
from fluxkit.timestamps import format_time

__all__ = ["MEDIA_TYPE", "decode_protobuf"]

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

# One message per entry: "<number> <name>[:<type>]"; without a type the field is a string. "[]" after the name is a
# list, "{}" a map with string keys. A type with "*" is a pointer: its zero value was meant, and is kept.
_COMMON = {
    "ObjectMeta": "1 name, 2 generateName, 3 namespace, 4 selfLink, 5 uid, 6 resourceVersion, 7 generation:int, "
    "8 creationTimestamp:Time, 9 deletionTimestamp:Time, 10 deletionGracePeriodSeconds:int*, 11 labels{}, "
    "12 annotations{}, 13 ownerReferences[]:OwnerReference, 14 finalizers[]",
    "OwnerReference": "1 kind, 3 name, 4 uid, 5 apiVersion, 6 controller:bool*, 7 blockOwnerDeletion:bool*",
    "LabelSelector": "1 matchLabels{}, 2 matchExpressions[]:LabelSelectorRequirement",
    "LabelSelectorRequirement": "1 key, 2 operator, 3 values[]",
    "Time": "1 seconds:int, 2 nanos:int",
    "Quantity": "1 string",
    "IntOrString": "1 type:int, 2 intVal:int, 3 strVal",
    "ObjectReference": "1 kind, 2 namespace, 3 name, 4 uid, 5 apiVersion, 6 resourceVersion, 7 fieldPath",
    "LocalObjectReference": "1 name",
    "DeleteOptions": "1 gracePeriodSeconds:int*, 2 preconditions:Preconditions, 3 orphanDependents:bool*, "
    "4 propagationPolicy, 5 dryRun[]",
    "Preconditions": "1 uid, 2 resourceVersion",
}
_PODS = {
    # kubectl sends an empty one only; a filled one would be refused.
    "PodSecurityContext": "",
    "PodTemplateSpec": "1 metadata:ObjectMeta, 2 spec:PodSpec",
    "PodSpec": "2 containers[]:Container, 3 restartPolicy, 4 terminationGracePeriodSeconds:int*, "
    "5 activeDeadlineSeconds:int*, 6 dnsPolicy, 7 nodeSelector{}, 8 serviceAccountName, 9 serviceAccount, 10 nodeName, "
    "11 hostNetwork:bool, 12 hostPID:bool, 13 hostIPC:bool, 14 securityContext:PodSecurityContext, "
    "15 imagePullSecrets[]:LocalObjectReference, 16 hostname, 17 subdomain, 19 schedulerName, "
    "20 initContainers[]:Container, 21 automountServiceAccountToken:bool*, 24 priorityClassName, 25 priority:int*",
    "Container": "1 name, 2 image, 3 command[], 4 args[], 5 workingDir, 6 ports[]:ContainerPort, 7 env[]:EnvVar, "
    "8 resources:ResourceRequirements, 13 terminationMessagePath, 14 imagePullPolicy, 16 stdin:bool, "
    "17 stdinOnce:bool, 18 tty:bool, 20 terminationMessagePolicy",
    "ContainerPort": "1 name, 2 hostPort:int, 3 containerPort:int, 4 protocol, 5 hostIP",
    "EnvVar": "1 name, 2 value",
    "ResourceRequirements": "1 limits{}:Quantity, 2 requests{}:Quantity",
}
_KINDS = {
    "v1/ConfigMap": "1 metadata:ObjectMeta, 2 data{}, 3 binaryData{}:bytes, 4 immutable:bool*",
    "v1/Secret": "1 metadata:ObjectMeta, 2 data{}:bytes, 3 type, 4 stringData{}, 5 immutable:bool*",
    "v1/Namespace": "1 metadata:ObjectMeta, 2 spec:NamespaceSpec, 3 status:Ignored",
    "v1/ServiceAccount": "1 metadata:ObjectMeta, 2 secrets[]:ObjectReference, "
    "3 imagePullSecrets[]:LocalObjectReference, 4 automountServiceAccountToken:bool*",
    "v1/Service": "1 metadata:ObjectMeta, 2 spec:ServiceSpec, 3 status:Ignored",
    "v1/ResourceQuota": "1 metadata:ObjectMeta, 2 spec:ResourceQuotaSpec, 3 status:Ignored",
    "v1/Event": "1 metadata:ObjectMeta, 2 involvedObject:ObjectReference, 3 reason, 4 message, 5 source:EventSource, "
    "6 firstTimestamp:Time, 7 lastTimestamp:Time, 8 count:int, 9 type, 10 eventTime:Time, 11 series:EventSeries, "
    "12 action, 13 related:ObjectReference, 14 reportingComponent, 15 reportingInstance",
    "apps/v1/Deployment": "1 metadata:ObjectMeta, 2 spec:DeploymentSpec, 3 status:Ignored",
    "batch/v1/Job": "1 metadata:ObjectMeta, 2 spec:JobSpec, 3 status:Ignored",
    "batch/v1/CronJob": "1 metadata:ObjectMeta, 2 spec:CronJobSpec, 3 status:Ignored",
    "networking.k8s.io/v1/Ingress": "1 metadata:ObjectMeta, 2 spec:IngressSpec, 3 status:Ignored",
    "policy/v1/PodDisruptionBudget": "1 metadata:ObjectMeta, 2 spec:PodDisruptionBudgetSpec, 3 status:Ignored",
    "policy/v1/Eviction": "1 metadata:ObjectMeta, 2 deleteOptions:DeleteOptions",
    "scheduling.k8s.io/v1/PriorityClass": "1 metadata:ObjectMeta, 2 value:int*, 3 globalDefault:bool, 4 description, "
    "5 preemptionPolicy",
    "rbac.authorization.k8s.io/v1/Role": "1 metadata:ObjectMeta, 2 rules[]:PolicyRule",
    "rbac.authorization.k8s.io/v1/ClusterRole": "1 metadata:ObjectMeta, 2 rules[]:PolicyRule, "
    "3 aggregationRule:AggregationRule",
    "rbac.authorization.k8s.io/v1/RoleBinding": "1 metadata:ObjectMeta, 2 subjects[]:Subject, 3 roleRef:RoleRef",
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding": "1 metadata:ObjectMeta, 2 subjects[]:Subject, 3 roleRef:RoleRef",
    "authorization.k8s.io/v1/SelfSubjectAccessReview": "1 metadata:ObjectMeta, 2 spec:AccessReviewSpec, "
    "3 status:Ignored",
    "autoscaling/v2/HorizontalPodAutoscaler": "1 metadata:ObjectMeta, 2 spec:MetricAutoscalerSpec, 3 status:Ignored",
    "autoscaling/v1/HorizontalPodAutoscaler": "1 metadata:ObjectMeta, 2 spec:AutoscalerSpec, 3 status:Ignored",
    "authorization.k8s.io/v1/SelfSubjectRulesReview": "1 metadata:ObjectMeta, 2 spec:RulesReviewSpec, 3 status:Ignored",
    "authentication.k8s.io/v1/SelfSubjectReview": "1 metadata:ObjectMeta, 2 status:Ignored",
    "authentication.k8s.io/v1/TokenRequest": "1 metadata:ObjectMeta, 2 spec:TokenRequestSpec, 3 status:Ignored",
    "v1/DeleteOptions": _COMMON["DeleteOptions"],
    "meta.k8s.io/v1/DeleteOptions": _COMMON["DeleteOptions"],
}
_PARTS = {
    "NamespaceSpec": "1 finalizers[]",
    "ServiceSpec": "1 ports[]:ServicePort, 2 selector{}, 3 clusterIP, 4 type, 5 externalIPs[], 7 sessionAffinity, "
    "8 loadBalancerIP, 9 loadBalancerSourceRanges[], 10 externalName, 11 externalTrafficPolicy, "
    "12 healthCheckNodePort:int, 13 publishNotReadyAddresses:bool, 17 ipFamilyPolicy, 18 clusterIPs[], "
    "19 ipFamilies[], 20 allocateLoadBalancerNodePorts:bool*, 21 loadBalancerClass, 22 internalTrafficPolicy, "
    "23 trafficDistribution",
    "ServicePort": "1 name, 2 protocol, 3 port:int, 4 targetPort:IntOrString, 5 nodePort:int, 6 appProtocol",
    "ResourceQuotaSpec": "1 hard{}:Quantity, 2 scopes[]",
    "EventSource": "1 component, 2 host",
    "EventSeries": "1 count:int, 2 lastObservedTime:Time",
    "DeploymentSpec": "1 replicas:int*, 2 selector:LabelSelector, 3 template:PodTemplateSpec, "
    "4 strategy:DeploymentStrategy, 5 minReadySeconds:int, 6 revisionHistoryLimit:int*, 7 paused:bool, "
    "9 progressDeadlineSeconds:int*",
    "DeploymentStrategy": "1 type, 2 rollingUpdate:RollingUpdateDeployment",
    "RollingUpdateDeployment": "1 maxUnavailable:IntOrString, 2 maxSurge:IntOrString",
    "JobSpec": "1 parallelism:int*, 2 completions:int*, 3 activeDeadlineSeconds:int*, 4 selector:LabelSelector, "
    "5 manualSelector:bool*, 6 template:PodTemplateSpec, 7 backoffLimit:int*, 8 ttlSecondsAfterFinished:int*, "
    "9 completionMode, 10 suspend:bool*",
    "JobTemplateSpec": "1 metadata:ObjectMeta, 2 spec:JobSpec",
    "CronJobSpec": "1 schedule, 2 startingDeadlineSeconds:int*, 3 concurrencyPolicy, 4 suspend:bool*, "
    "5 jobTemplate:JobTemplateSpec, 6 successfulJobsHistoryLimit:int*, 7 failedJobsHistoryLimit:int*, 8 timeZone",
    "IngressSpec": "1 defaultBackend:IngressBackend, 2 tls[]:IngressTLS, 3 rules[]:IngressRule, 4 ingressClassName",
    # IngressRule embeds its value: the members of field 2 belong to the rule itself.
    "IngressRule": "1 host, 2 :IngressRuleValue",
    "IngressRuleValue": "1 http:HTTPIngressRuleValue",
    "HTTPIngressRuleValue": "1 paths[]:HTTPIngressPath",
    "HTTPIngressPath": "1 path, 2 backend:IngressBackend, 3 pathType",
    "IngressBackend": "4 service:IngressServiceBackend",
    "IngressServiceBackend": "1 name, 2 port:ServiceBackendPort",
    "ServiceBackendPort": "1 name, 2 number:int",
    "IngressTLS": "1 hosts[], 2 secretName",
    "PodDisruptionBudgetSpec": "1 minAvailable:IntOrString, 2 selector:LabelSelector, 3 maxUnavailable:IntOrString, "
    "4 unhealthyPodEvictionPolicy",
    "PolicyRule": "1 verbs[], 2 apiGroups[], 3 resources[], 4 resourceNames[], 5 nonResourceURLs[]",
    "AggregationRule": "1 clusterRoleSelectors[]:LabelSelector",
    "Subject": "1 kind, 2 apiGroup, 3 name, 4 namespace",
    "RoleRef": "1 apiGroup, 2 kind, 3 name",
    "AccessReviewSpec": "1 resourceAttributes:ResourceAttributes, 2 nonResourceAttributes:NonResourceAttributes",
    "ResourceAttributes": "1 namespace, 2 verb, 3 group, 4 version, 5 resource, 6 subresource, 7 name",
    "NonResourceAttributes": "1 path, 2 verb",
    "RulesReviewSpec": "1 namespace",
    "AutoscalerSpec": "1 scaleTargetRef:ScaleTarget, 2 minReplicas:int*, 3 maxReplicas:int, "
    "4 targetCPUUtilizationPercentage:int*",
    "MetricAutoscalerSpec": "1 scaleTargetRef:ScaleTarget, 2 minReplicas:int*, 3 maxReplicas:int, "
    "4 metrics[]:MetricSpec",
    "MetricSpec": "1 type, 4 resource:ResourceMetricSource",
    "ResourceMetricSource": "1 name, 2 target:MetricTarget",
    "MetricTarget": "1 type, 2 value:Quantity*, 3 averageValue:Quantity*, 4 averageUtilization:int*",
    "ScaleTarget": "1 kind, 2 name, 3 apiVersion",
    "TokenRequestSpec": "1 audiences[], 3 boundObjectRef:BoundObjectReference, 4 expirationSeconds:int*",
    "BoundObjectReference": "1 kind, 2 apiVersion, 3 name, 4 uid",
}
_MESSAGES = {**_COMMON, **_PODS, **_PARTS, **_KINDS}


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    type: str
    list: bool
    map: bool
    pointer: bool


@cache
def _fields(message: str) -> dict[int, _Field]:
    fields: dict[int, _Field] = {}
    for entry in filter(None, _MESSAGES[message].split(", ")):
        number, _, rest = entry.partition(" ")
        name, _, kind = rest.partition(":")
        bare = name.removesuffix("[]").removesuffix("{}")
        fields[int(number)] = _Field(
            bare, kind.removesuffix("*") or "string", name.endswith("[]"), name.endswith("{}"), kind.endswith("*")
        )
    return fields


class _Malformed(ValueError):
    pass


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise _Malformed("truncated number")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return result, position
        shift += 7


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, number or bytes) of each field of a message."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
        elif wire == 2:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise _Malformed("truncated field")
            yield number, data[position : position + length]
            position += length
        else:
            raise _Malformed(f"unexpected wire type {wire}")


def _scalar(kind: str, value: int | bytes) -> Any:
    if kind == "int":
        number = int.from_bytes(value) if isinstance(value, bytes) else value
        return number - (1 << 64) if number >> 63 else number
    if kind == "bool":
        return bool(value)
    if not isinstance(value, bytes):
        raise _Malformed(f"a {kind} is not a number")
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if kind == "string":
        return value.decode()
    message = _message(kind, value)
    if kind == "Time":
        if not message:
            return None
        return format_time(datetime.fromtimestamp(message.get("seconds", 0), UTC))
    if kind == "Quantity":
        return message.get("string", "0")
    if kind == "IntOrString":
        return message.get("strVal", "") if message.get("type") else message.get("intVal", 0)
    return message


def _entry(kind: str, data: bytes) -> tuple[str, Any]:
    key, value = "", _scalar(kind, b"")
    for number, raw in _wire(data):
        if number == 1 and isinstance(raw, bytes):
            key = raw.decode()
        else:
            value = _scalar(kind, raw)
    return key, value


def _message(name: str, data: bytes) -> dict[str, Any]:
    fields = _fields(name)
    found: dict[str, Any] = {}
    for number, raw in _wire(data):
        field = fields.get(number)
        if field is None:
            raise _Malformed(f"field {number} of {name} is not known here")
        if field.type == "Ignored":
            continue
        if field.map:
            if not isinstance(raw, bytes):
                raise _Malformed(f"{name}.{field.name} is not a map")
            key, value = _entry(field.type, raw)
            found.setdefault(field.name, {})[key] = value
        elif field.list:
            found.setdefault(field.name, []).append(_scalar(field.type, raw))
        elif not field.name:
            embedded = _scalar(field.type, raw)
            found.update(embedded)
        else:
            value = _scalar(field.type, raw)
            # What Go's encoder writes for an unset field that is no pointer reads as absent.
            if field.pointer or value not in (None, "", 0, False, {}):
                found[field.name] = value
    return found


def decode_protobuf(data: bytes) -> Object:
    """The object of a protobuf body; raises an UnsupportedMediaType StatusError for what the tables do not know."""
    try:
        if not data.startswith(_MAGIC):
            raise _Malformed("the body does not start with the magic number")
        api_version = kind = ""
        raw = b""
        for number, value in _wire(data[len(_MAGIC) :]):
            if not isinstance(value, bytes):
                raise _Malformed("the envelope holds a number")
            if number == 1:
                for part, text in _wire(value):
                    if isinstance(text, bytes):
                        api_version, kind = (text.decode(), kind) if part == 1 else (api_version, text.decode())
            elif number == 2:
                raw = value
        name = f"{api_version}/{kind}"
        if name not in _KINDS:
            raise _Malformed(f"{name} is not decoded from protobuf here")
        return {"apiVersion": api_version, "kind": kind, **_message(name, raw)}
    except (_Malformed, UnicodeDecodeError) as error:
        message = f"the body of the request was in an unknown format ({error})"
        message += " - accepted media types include: application/json"
        raise StatusError(415, "UnsupportedMediaType", message) from error
