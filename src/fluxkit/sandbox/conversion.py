"""Conversion of objects between the versions of one resource: always of the cheapest correct kind.

Most built-in resources, and all custom ones (strategy ``None``), differ between versions in ``apiVersion`` only. Stored
bodies start with kind and apiVersion, so that such a conversion, and the omission of both in typed lists, replaces a
prefix of the encoded body.
"""

from collections.abc import Callable, Mapping
from functools import cache

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource

__all__ = ["convert", "encoded", "list_item"]


def _rename(obj: Object, names: Mapping[str, str]) -> Object:
    return {names.get(name, name): value for name, value in obj.items()}


_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_EVENT_NAMES_BACK = {new: old for old, new in _EVENT_NAMES.items()}


def _autoscaler_to_v1(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    for metric in spec.pop("metrics", None) or ():
        source = metric.get("resource") or {}
        if metric.get("type") == "Resource" and source.get("name") == "cpu":
            utilization = (source.get("target") or {}).get("averageUtilization")
            if utilization is not None:
                spec["targetCPUUtilizationPercentage"] = utilization
    spec.pop("behavior", None)
    status = {name: value for name, value in (obj.get("status") or {}).items() if name not in ("conditions",)}
    for metric in status.pop("currentMetrics", None) or ():
        source = metric.get("resource") or {}
        if source.get("name") == "cpu" and "averageUtilization" in (source.get("current") or {}):
            status["currentCPUUtilizationPercentage"] = source["current"]["averageUtilization"]
    return {**obj, "spec": spec, **({"status": status} if "status" in obj else {})}


def _autoscaler_to_v2(obj: Object) -> Object:
    spec = dict(obj.get("spec") or {})
    utilization = spec.pop("targetCPUUtilizationPercentage", None)
    if utilization is not None:
        target = {"type": "Utilization", "averageUtilization": utilization}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    status = dict(obj.get("status") or {})
    status.pop("currentCPUUtilizationPercentage", None)
    return {**obj, "spec": spec, **({"status": status} if "status" in obj else {})}


_CONVERTERS: dict[tuple[str, str, str], Callable[[Object], Object]] = {
    ("Event", "v1", "events.k8s.io/v1"): lambda obj: _rename(obj, _EVENT_NAMES),
    ("Event", "events.k8s.io/v1", "v1"): lambda obj: _rename(obj, _EVENT_NAMES_BACK),
    ("HorizontalPodAutoscaler", "autoscaling/v2", "autoscaling/v1"): _autoscaler_to_v1,
    ("HorizontalPodAutoscaler", "autoscaling/v1", "autoscaling/v2"): _autoscaler_to_v2,
}
"""Conversions that change more than apiVersion, by kind, from and to."""


def _differs(resource: Resource) -> bool:
    return (resource.kind, resource.storage_api_version, resource.api_version) in _CONVERTERS


def convert(obj: Object, resource: Resource, *, to_storage: bool = False) -> Object:
    """Converts an object to the resource's version, or from it to the storage version; identity fields come first."""
    wanted = resource.storage_api_version if to_storage else resource.api_version
    if obj.get("apiVersion") == wanted and not to_storage:
        return obj
    converter = _CONVERTERS.get((resource.kind, obj.get("apiVersion", ""), wanted))
    if converter is not None and resource.custom is None:
        obj = converter(obj)
    converted = {"kind": resource.kind, "apiVersion": wanted, "metadata": obj["metadata"]}
    for name, value in obj.items():
        if name not in converted:
            converted[name] = value
    return converted


@cache
def _prefix(kind: str, api_version: str) -> bytes:
    return orjson.dumps({"kind": kind, "apiVersion": api_version})[:-1] + b","


def encoded(body: bytes, resource: Resource) -> bytes:
    """A stored body as the resource's version shows it."""
    if resource.custom is not None and not body.startswith(_prefix(resource.kind, resource.storage_api_version)):
        # Written when another version was the stored one.
        return orjson.dumps(convert(orjson.loads(body), resource))
    if resource.api_version == resource.storage_api_version:
        return body
    stored = _prefix(resource.kind, resource.storage_api_version)
    if body.startswith(stored) and not _differs(resource):
        return _prefix(resource.kind, resource.api_version) + body[len(stored) :]
    return orjson.dumps(convert(orjson.loads(body), resource))


def list_item(body: bytes, resource: Resource) -> bytes:
    """A stored body as an item of a list: those of built-in kinds carry neither kind nor apiVersion."""
    if resource.custom is not None:
        return encoded(body, resource)
    stored = _prefix(resource.kind, resource.storage_api_version)
    if body.startswith(stored) and not _differs(resource):
        return b"{" + body[len(stored) :]
    obj = convert(orjson.loads(body), resource)
    del obj["kind"], obj["apiVersion"]
    return orjson.dumps(obj)
