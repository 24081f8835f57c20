"""Objects from Git made fit for server-side apply (fluxcd/pkg ``ssa/normalize``, ``ssa/utils/cert_validation.go``).

Built-in kinds lose fields that their type does not have, empty lists and maps, and nulls, as a conversion through the
typed API would do; a field of the wrong type leaves the whole object as it is, for the API server to report. Custom
resources and definitions keep everything. Pure: inputs are never modified.
"""

import base64
import binascii
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from fluxkit.apply.ownership import CommonMetadata, Owner
from fluxkit.objects import Object, annotations_of, gvk_of, labels_of, metadata_of
from fluxkit.schema import SchemaNode, type_for

__all__ = ["comparable", "normalize", "prepare"]

# The typed clients that upstream converts with do not know these groups.
_UNTYPED_GROUPS = frozenset({"apiextensions.k8s.io", "apiregistration.k8s.io"})
_POD_SPECS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): ("spec",),
    ("apps", "Deployment"): ("spec", "template", "spec"),
    ("apps", "StatefulSet"): ("spec", "template", "spec"),
    ("apps", "DaemonSet"): ("spec", "template", "spec"),
    ("apps", "ReplicaSet"): ("spec", "template", "spec"),
    ("batch", "Job"): ("spec", "template", "spec"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
}


class _WrongType(Exception):
    """A value does not fit the built-in type."""


def prepare(objects: Sequence[Object], owner: Owner, common: CommonMetadata) -> list[Object]:
    """The objects as they are sent: owner labels, normalisation, common metadata, in upstream's order."""
    prepared = []
    for obj in objects:
        labelled = _with_metadata(obj, "labels", {**labels_of(obj), **owner.labels})
        normalized = normalize(labelled)
        if common.labels:
            normalized = _with_metadata(normalized, "labels", {**labels_of(normalized), **common.labels})
        if common.annotations:
            merged = {**annotations_of(normalized), **common.annotations}
            normalized = _with_metadata(normalized, "annotations", merged)
        prepared.append(normalized)
    return prepared


def normalize(obj: Object) -> Object:
    """One object in the form that is applied."""
    gvk = gvk_of(obj)
    if gvk.group == "rbac.authorization.k8s.io" and gvk.version == "v1" and gvk.kind in ("Role", "ClusterRole"):
        return obj
    result = _typed(obj)
    metadata = dict(metadata_of(result))
    # The server sets it; a value from an export would be a difference for ever.
    metadata.pop("creationTimestamp", None)
    result = {**result, "metadata": metadata}
    if gvk.group == "apiextensions.k8s.io" and gvk.kind == "CustomResourceDefinition":
        return _without_broken_ca(result)
    result.pop("status", None)
    return result


def comparable(obj: Object) -> Object:
    """What counts when a live object is compared with a dry run: everything but metadata and status.

    Old API servers return the metrics of a HorizontalPodAutoscaler duplicated or empty in a dry run.
    """
    kept = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    if kept.get("kind") == "HorizontalPodAutoscaler":
        spec = kept.get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("metrics"), list):
            metrics: list[Any] = []
            for metric in spec["metrics"]:
                if isinstance(metric, dict) and metric.get("type") and metric not in metrics:
                    metrics.append(metric)
            kept["spec"] = {**spec, "metrics": metrics}
    return kept


def _with_metadata(obj: Object, field: str, values: Mapping[str, str]) -> Object:
    return {**obj, "metadata": {**metadata_of(obj), field: dict(values)}}


def _typed(obj: Object) -> Object:
    gvk = gvk_of(obj)
    node = None if gvk.group in _UNTYPED_GROUPS else type_for(gvk)
    if node is None:
        return obj
    try:
        typed: Object = _fit(obj, node)
        if gvk.kind == "Secret" and not gvk.group:
            return _with_string_data_merged(typed)
    except _WrongType:
        return obj
    if gvk.kind == "Service" and not gvk.group:
        _default_protocols(_mapping(typed.get("spec")).get("ports"))
    path = _POD_SPECS.get((gvk.group, gvk.kind))
    if path is not None:
        spec: Any = typed
        for name in path:
            spec = _mapping(spec).get(name)
        for container in _mapping(spec).get("containers") or []:
            _default_protocols(_mapping(container).get("ports"))
    return typed


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _default_protocols(ports: object) -> None:
    for port in ports if isinstance(ports, list) else []:
        if isinstance(port, dict) and not port.get("protocol"):
            port["protocol"] = "TCP"


def _fit(value: Any, node: SchemaNode) -> Any:
    """A copy of a value that holds only what its type declares."""
    if node.preserve_unknown_fields:
        return copy.deepcopy(value)
    match node.type:
        case "object":
            if not isinstance(value, dict):
                raise _WrongType
            fitted = {}
            for key, child in value.items():
                child_node = node.child(key)
                if child_node is None or child is None:
                    continue
                result = _fit(child, child_node)
                if not _omitted(result, child_node) or key in node.required:
                    fitted[key] = result
            return fitted
        case "array":
            if not isinstance(value, list):
                raise _WrongType
            items = node.items
            return copy.deepcopy(value) if items is None else [_fit(item, items) for item in value]
        case _:
            return _fit_scalar(value, node)


def _fit_scalar(value: Any, node: SchemaNode) -> Any:
    if isinstance(value, dict | list):
        raise _WrongType
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if node.int_or_string:  # quantities are read so too
        if not number and not isinstance(value, str):
            raise _WrongType
        return value
    match node.type:
        case "string":
            if not isinstance(value, str):
                raise _WrongType
        case "integer":
            if isinstance(value, float) and value.is_integer():
                return int(value)
            if not number or isinstance(value, float):
                raise _WrongType
        case "number":
            if not number:
                raise _WrongType
        case "boolean":
            if not isinstance(value, bool):
                raise _WrongType
    return value


def _omitted(value: Any, node: SchemaNode) -> bool:
    """Empty lists and maps vanish in the typed form; an empty struct such as ``emptyDir: {}`` means something."""
    if value == [] and isinstance(value, list):
        return True
    return value == {} and isinstance(value, dict) and not node.properties and not node.preserve_unknown_fields


def _with_string_data_merged(secret: Object) -> Object:
    data = dict(_mapping(secret.get("data")))
    for key, value in data.items():
        try:
            base64.b64decode(str(value).replace("\r", "").replace("\n", ""), validate=True)
        except (binascii.Error, ValueError) as error:
            raise _WrongType from error
        data[key] = str(value).replace("\r", "").replace("\n", "")
    for key, value in _mapping(secret.get("stringData")).items():
        data[key] = base64.b64encode(value.encode()).decode()
    merged = {key: value for key, value in secret.items() if key not in ("stringData", "data")}
    if data:
        merged["data"] = data
    return merged


def _without_broken_ca(definition: Object) -> Object:
    config = definition
    path = ("spec", "conversion", "webhook", "clientConfig")
    for name in path:
        config = _mapping(config.get(name))
    bundle = config.get("caBundle")
    if not isinstance(bundle, str) or not bundle or _is_certificate_bundle(bundle):
        return definition
    result = copy.deepcopy(definition)
    target: Any = result
    for name in path:
        target = target[name]
    del target["caBundle"]
    return result


def _is_certificate_bundle(encoded: str) -> bool:
    """Whether base64 text holds at least one certificate in PEM form, which is what the API server asks for."""
    from cryptography import x509  # costly to import, needed for few objects

    try:
        text = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    if not text:
        return True
    end = b"-----END CERTIFICATE-----"
    for block in text.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        body, found, _ = block.partition(end)
        if not found:
            continue
        try:
            x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + body + end + b"\n")
        except ValueError:
            continue
        return True
    return False
