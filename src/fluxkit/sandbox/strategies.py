"""What differs between kinds: name rules, generation, status, finalization, prepared fields.

Each function is a table lookup or a small rule; mirrors the ``strategy.go`` files of kubernetes/kubernetes
``pkg/registry``.
"""

import copy
from datetime import timedelta
from typing import Any

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox import crds, names
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.status import Cause
from fluxkit.timestamps import format_time, now

__all__ = [
    "CONDITIONAL_UPDATE",
    "CREATE_ON_UPDATE",
    "IMMORTAL",
    "RETURN_DELETED",
    "STATUS_ON_CREATE",
    "deletion_finalizers",
    "deletion_timestamp",
    "grace_period",
    "has_generation",
    "holds",
    "mark_terminating",
    "prepare_create",
    "prepare_finalize",
    "prepare_status_update",
    "prepare_update",
    "spec_changed",
    "validate_metadata",
]

RBAC = "rbac.authorization.k8s.io"

CREATE_ON_UPDATE = frozenset(
    ["leases.coordination.k8s.io", "endpoints", "events", "events.events.k8s.io", "limitranges", "nodes"]
)
"""A PUT to a name that does not exist creates these."""

CONDITIONAL_UPDATE = frozenset(
    [
        crds.KEY,
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "clustertrustbundles.certificates.k8s.io",
        "podcertificaterequests.certificates.k8s.io",
        "leases.coordination.k8s.io",
        "runtimeclasses.node.k8s.io",
        "poddisruptionbudgets.policy",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "csistoragecapacities.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "storageversionmigrations.storagemigration.k8s.io",
    ]
)
"""A PUT of one of these must name the version that it replaces."""

RETURN_DELETED = frozenset(
    [
        "csidrivers.storage.k8s.io",
        "replicationcontrollers",
        "storageclasses.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ]
)
"""Deleting one of these answers with the object rather than a Status."""

IMMORTAL = frozenset(("namespaces", name) for name in ("default", "kube-system", "kube-public"))
"""Objects that cannot be deleted."""

STATUS_ON_CREATE = frozenset(["namespaces", "nodes", "customresourcedefinitions.apiextensions.k8s.io"])
"""Resources whose creation does not drop a given status (or whose strategy sets it)."""

_GENERATION = frozenset(
    [
        "customresourcedefinitions.apiextensions.k8s.io",
        "cronjobs.batch",
        "endpointslices.discovery.k8s.io",
        "horizontalpodautoscalers.autoscaling",
        "podtemplates",
        "daemonsets.apps",
        "deployments.apps",
        "ingresses.networking.k8s.io",
        "ingressclasses.networking.k8s.io",
        "jobs.batch",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "networkpolicies.networking.k8s.io",
        "poddisruptionbudgets.policy",
        "pods",
        "priorityclasses.scheduling.k8s.io",
        "replicasets.apps",
        "replicationcontrollers",
        "statefulsets.apps",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "flowschemas.flowcontrol.apiserver.k8s.io",
        "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
        "resourceclaims.resource.k8s.io",
        "deviceclasses.resource.k8s.io",
    ]
)

_BALANCED: dict[str, Any] = {"loadBalancer": {}}
_NEW_STATUS: dict[str, dict[str, Any]] = {
    "cronjobs.batch": {},
    "daemonsets.apps": {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    "deployments.apps": {},
    "ingresses.networking.k8s.io": _BALANCED,
    "jobs.batch": {},
    "poddisruptionbudgets.policy": {
        "currentHealthy": 0,
        "desiredHealthy": 0,
        "disruptionsAllowed": 0,
        "expectedPods": 0,
    },
    "replicasets.apps": {"replicas": 0},
    "replicationcontrollers": {"replicas": 0},
    "resourcequotas": {},
    "services": _BALANCED,
    "statefulsets.apps": {"availableReplicas": 0, "replicas": 0},
}
"""What the status of a new object holds: Go's zero values of the members that are always written."""

_DAEMON_SETS = "daemonsets.apps"
_DEPLOYMENTS = "deployments.apps"
_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"

_PENDING = frozenset(["pods", "persistentvolumeclaims", "persistentvolumes"])
"""Kinds that are born with the phase Pending."""

_STANDARD_FINALIZERS = frozenset(["kubernetes", "orphan", "foregroundDeletion"])
_GENERIC_METADATA = frozenset({"apiextensions.k8s.io", "apiregistration.k8s.io"})
"""Groups whose servers check metadata as that of custom resources is checked."""
_PATH_SEGMENT_NAMES = frozenset([RBAC, "apiregistration.k8s.io"])
_LABEL_NAMES = frozenset(["namespaces", "services"])


def has_generation(resource: Resource) -> bool:
    return resource.custom is not None or resource.key in _GENERATION


def _without(obj: Object, *members: str) -> Object:
    return {name: value for name, value in obj.items() if name not in members}


def spec_changed(resource: Resource, old: Object, new: Object) -> bool:
    """Whether an update of the main resource bumps ``metadata.generation``."""
    if not has_generation(resource):
        return False
    if resource.custom is not None and not resource.custom.status:
        return _without(old, "metadata") != _without(new, "metadata")
    if resource.key == _DEPLOYMENTS and old["metadata"].get("annotations") != new["metadata"].get("annotations"):
        # Annotations of a Deployment are instructions to its controller, which copies them to ReplicaSets.
        return True
    return _without(old, "metadata", "status") != _without(new, "metadata", "status")


def prepare_create(resource: Resource, obj: Object) -> None:
    if resource.key == crds.KEY:
        crds.prepare(obj)
        obj["status"] = crds.new_status(obj)
    elif resource.key == "namespaces":
        spec = obj.setdefault("spec", {})
        if "kubernetes" not in spec.setdefault("finalizers", []):
            spec["finalizers"].append("kubernetes")
        obj["status"] = {"phase": "Active"}
    elif resource.key in _PENDING:
        obj["status"] = {"phase": "Pending", **(obj.get("status") or {})}
        if resource.key == "pods":
            obj["status"]["qosClass"] = _quality_of_service(obj.get("spec") or {})
    elif resource.key in _NEW_STATUS:
        obj["status"] = copy.deepcopy(_NEW_STATUS[resource.key])


def _quality_of_service(spec: Object) -> str:
    """BestEffort, Burstable or Guaranteed, by the containers' processor and memory."""
    resources = [
        each.get("resources") or {} for field in ("containers", "initContainers") for each in spec.get(field) or ()
    ]
    pairs = [
        ((each.get("requests") or {}).get(name), (each.get("limits") or {}).get(name))
        for each in resources
        for name in ("cpu", "memory")
    ]
    if not any(request or limit for request, limit in pairs):
        return "BestEffort"
    return "Guaranteed" if all(limit and request == limit for request, limit in pairs) else "Burstable"


def prepare_update(resource: Resource, old: Object, new: Object) -> None:
    """An update of the main resource cannot touch status."""
    if resource.has_status:
        if "status" in old:
            new["status"] = old["status"]
        else:
            new.pop("status", None)
    if resource.key == crds.KEY:
        crds.prepare(new)
        new["status"] = dict(new.get("status") or {})
        crds.note_storage(new)
    elif resource.key == "namespaces":
        new["spec"] = old.get("spec", {})
    elif resource.key == _DAEMON_SETS:
        before = (old["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION)
        if before:
            new["metadata"].setdefault("annotations", {})[_TEMPLATE_GENERATION] = before


def prepare_status_update(resource: Resource, old: Object, new: Object) -> Object:
    """An update of status touches nothing else; field managers are the exception."""
    if resource.custom is not None or resource.key not in _STATUS_METADATA:
        merged: dict[str, Any] = {name: value for name, value in old.items() if name != "status"}
        merged["metadata"] = dict(old["metadata"])
    else:
        merged = {name: value for name, value in old.items() if name != "status"}
        merged["metadata"] = dict(new["metadata"])
    if "managedFields" in new["metadata"]:
        merged["metadata"]["managedFields"] = new["metadata"]["managedFields"]
    if "status" in new:
        merged["status"] = new["status"]
    return merged


def prepare_finalize(old: Object, new: Object) -> Object:
    """The ``finalize`` subresource of a Namespace changes its metadata and its spec's finalizers only."""
    finalizers = (new.get("spec") or {}).get("finalizers") or []
    return {**old, "metadata": dict(new["metadata"]), "spec": {**(old.get("spec") or {}), "finalizers": finalizers}}


_STATUS_METADATA = frozenset(["nodes", "pods", "namespaces", "services", "persistentvolumes", "persistentvolumeclaims"])
"""Kinds whose status endpoint also takes metadata."""


def holds(resource: Resource, obj: Object) -> bool:
    """Whether something beside ``metadata.finalizers`` keeps a deleted object."""
    return resource.key == "namespaces" and bool((obj.get("spec") or {}).get("finalizers"))


def mark_terminating(resource: Resource, obj: Object) -> None:
    if resource.key == "namespaces":
        obj.setdefault("status", {})["phase"] = "Terminating"


def deletion_finalizers(resource: Resource, metadata: dict[str, Any], propagation: str) -> list[str]:
    """The finalizers of an object once its deletion is asked for with a propagation policy."""
    current: list[str] = list(metadata.get("finalizers") or ())
    if propagation:
        current = [item for item in current if item not in ("orphan", "foregroundDeletion")]
    if propagation == "Orphan":
        current.append("orphan")
    elif propagation == "Foreground":
        current.append("foregroundDeletion")
    elif not propagation and resource.key == ORPHANING and "orphan" not in current:
        current.append("orphan")
    first = resource.key == crds.KEY and not metadata.get("deletionTimestamp")
    if first and crds.CLEANUP_FINALIZER not in current:
        current.append(crds.CLEANUP_FINALIZER)
    return current


def grace_period(resource: Resource, obj: Object, asked: int | None) -> int:
    """Seconds that a deletion waits for the kubelet; 0 for everything but Pods bound to a node."""
    if resource.key != "pods":
        return 0
    spec = obj.get("spec") or {}
    phase = (obj.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Failed", "Succeeded"):
        return 0
    if asked is not None:
        return max(asked, 0)
    default = spec.get("terminationGracePeriodSeconds")
    return int(default) if default is not None else 30


def deletion_timestamp(grace: int) -> str:
    return format_time(now() + timedelta(seconds=grace))


def _name_problem(resource: Resource, name: str) -> str:
    if resource.group in _PATH_SEGMENT_NAMES:
        return names.is_path_segment(name)
    if resource.key in _LABEL_NAMES:
        problem = names.is_dns1123_label(name)
        return "must not contain dots" if "." in name and not names.is_dns1123_subdomain(name) else problem
    return names.is_dns1123_subdomain(name)


def validate_metadata(resource: Resource, new: Object, old: Object | None) -> list[Cause]:
    """``ValidateObjectMeta`` and ``ValidateObjectMetaUpdate``."""
    metadata = new["metadata"]
    causes: list[Cause] = []
    if old is None and metadata.get("generateName") and resource.group not in _PATH_SEGMENT_NAMES:
        prefix = metadata["generateName"]
        masked = prefix[:-2] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix
        problem = _name_problem(resource, masked)
        if problem:
            causes.append(Cause.invalid("metadata.generateName", prefix, problem))
    if old is None:
        problem = _name_problem(resource, metadata["name"])
        if problem:
            causes.append(Cause.invalid("metadata.name", metadata["name"], problem))
    causes += _validate_labels(metadata.get("labels"))
    causes += _validate_annotations(metadata.get("annotations"))
    causes += _validate_owners(metadata.get("ownerReferences"))
    if resource.key == "secrets":
        causes += _validate_size(new)
    for finalizer in metadata.get("finalizers") or ():
        problem = names.is_qualified_name(finalizer)
        if problem:
            causes.append(Cause.invalid("metadata.finalizers", finalizer, problem))
        judged = resource.custom is None and resource.group not in _GENERIC_METADATA
        if judged and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            index = metadata["finalizers"].index(finalizer)
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(Cause.invalid(f"metadata.finalizers[{index}]", finalizer, detail))
    if {"orphan", "foregroundDeletion"} <= set(metadata.get("finalizers") or ()):
        shown = orjson.dumps(metadata["finalizers"]).decode()
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        causes.append(Cause("FieldValueInvalid", "metadata.finalizers", f"Invalid value: {shown}: {detail}"))
    if old is not None and old["metadata"].get("deletionTimestamp"):
        before = set(old["metadata"].get("finalizers") or ())
        added = [item for item in metadata.get("finalizers") or () if item not in before]
        if added:
            listed = ", ".join(f'"{item}"' for item in added)
            causes.append(
                Cause.forbidden(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new finalizers "
                    f"[]string{{{listed}}}",
                )
            )
    return causes


ORPHANING = "jobs.batch"
"""Deleting one of these leaves its dependents, unless the request says otherwise."""

MAX_DATA = 1024 * 1024
"""Bytes of all values of a ConfigMap or Secret."""


def _validate_size(new: Object) -> list[Cause]:
    size = sum(len(value) * 3 // 4 for value in (new.get("data") or {}).values() if isinstance(value, str))
    if size <= MAX_DATA:
        return []
    return [Cause("FieldValueTooLong", "data", f"Too long: may not be more than {MAX_DATA} bytes")]


def _validate_labels(labels: Any) -> list[Cause]:
    causes: list[Cause] = []
    for key, value in (labels or {}).items():
        problem = names.is_qualified_name(key)
        if problem:
            causes.append(Cause.invalid("metadata.labels", key, problem))
        problem = names.is_label_value(value) if isinstance(value, str) else "must be a string"
        if problem:
            causes.append(Cause.invalid("metadata.labels", value, problem))
    return causes


def _validate_annotations(annotations: Any) -> list[Cause]:
    causes: list[Cause] = []
    size = 0
    for key, value in (annotations or {}).items():
        problem = names.is_qualified_name(key.lower())
        if problem:
            causes.append(Cause.invalid("metadata.annotations", key, problem))
        size += len(key) + len(value)
    if size > 256 * 1024:
        causes.append(Cause("FieldValueTooLong", "metadata.annotations", "Too long: may not be more than 262144 bytes"))
    return causes


def _validate_owners(owners: Any) -> list[Cause]:
    causes: list[Cause] = []
    controllers: list[str] = []
    for index, owner in enumerate(owners or ()):
        path = f"metadata.ownerReferences[{index}]"
        for member in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(member):
                causes.append(Cause.required(f"{path}.{member}", "must not be empty"))
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            detail = "/v1, Kind=Event is disallowed from being an owner"
            causes.append(Cause("FieldValueInvalid", path, f"Invalid value: {orjson.dumps(owner).decode()}: {detail}"))
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        causes.append(
            Cause(
                "FieldValueInvalid",
                "metadata.ownerReferences",
                f"Invalid value: {orjson.dumps(owners).decode()}: Only one reference can have Controller set to true. "
                'Found "true" in references for ' + " and ".join(controllers[:2]),
            )
        )
    return causes
