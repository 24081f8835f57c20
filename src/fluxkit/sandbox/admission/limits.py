"""LimitRanges: defaults and bounds of what containers, Pods and claims ask for.

Follows kubernetes/kubernetes ``plugin/pkg/admission/limitranger/admission.go``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.admission.operation import Operation
from fluxkit.sandbox.status import forbidden
from fluxkit.sandbox.store import Store
from fluxkit.sandbox.validation import quantity

__all__ = ["LIMIT_RANGES", "LimitRanges"]

LIMIT_RANGES = "limitranges"
_ANNOTATION = "kubernetes.io/limit-ranger"
_Amounts = Mapping[str, str]


class LimitRanges:
    """The limits of a namespace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _items(self, namespace: str) -> Iterator[Mapping[str, Any]]:
        for record in self._store.records(LIMIT_RANGES, namespace):
            yield from (record.view().get("spec") or {}).get("limits") or ()

    def complete(self, operation: Operation, pod: Object) -> Object:
        """A new Pod with the requests and limits that its containers do not state."""
        defaults: dict[str, str] = {}
        requests: dict[str, str] = {}
        for item in self._items(operation.namespace):
            if item.get("type") == "Container":
                defaults |= item.get("default") or {}
                requests |= item.get("defaultRequest") or {}
        if not defaults and not requests:
            return pod
        told: list[str] = []
        spec = dict(pod.get("spec") or {})
        for member, kind in (("initContainers", "init container"), ("containers", "container")):
            if spec.get(member):
                spec[member] = [_completed(each, defaults, requests, kind, told) for each in spec[member]]
        if not told:
            return pod
        noted = {_ANNOTATION: f"LimitRanger plugin set: {'; '.join(told)}"}
        annotations = {**(pod["metadata"].get("annotations") or {}), **noted}
        return {**pod, "metadata": {**pod["metadata"], "annotations": annotations}, "spec": spec}

    def judge(self, operation: Operation) -> None:
        """Raises Forbidden for a Pod or claim outside the bounds."""
        obj = operation.new
        if obj is None or operation.subresource or operation.resource.key not in ("pods", "persistentvolumeclaims"):
            return
        if operation.resource.key == "pods" and operation.verb != "CREATE":
            return
        problems: list[str] = []
        for item in self._items(operation.namespace):
            problems += _problems(item, operation.resource.key, obj.get("spec") or {})
        if problems:
            text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
            raise forbidden(operation.resource.plural, "", operation.name, text)


def _completed(
    container: Mapping[str, Any], limits: _Amounts, requests: _Amounts, kind: str, told: list[str]
) -> dict[str, Any]:
    given = container.get("resources") or {}
    own_limits, own_requests = dict(given.get("limits") or {}), dict(given.get("requests") or {})
    # A stated limit without a request is the request, whatever the namespace's default is.
    new_requests = {name: value for name, value in requests.items() if name not in own_requests | own_limits}
    new_limits = {name: value for name, value in limits.items() if name not in own_limits}
    for added, what in ((new_requests, "request"), (new_limits, "limit")):
        if added:
            told.append(f"{', '.join(sorted(added))} {what} for {kind} {container['name']}")
    resources = {**given}
    if own_requests | new_requests:
        resources["requests"] = own_requests | new_requests
    if own_limits | new_limits:
        resources["limits"] = own_limits | new_limits
    return {**container, "resources": resources} if resources else dict(container)


def _problems(item: Mapping[str, Any], key: str, spec: Mapping[str, Any]) -> Iterator[str]:
    kind = item.get("type")
    if key == "persistentvolumeclaims":
        if kind == "PersistentVolumeClaim":
            yield from _outside(item, "PersistentVolumeClaim", (spec.get("resources") or {}).get("requests") or {}, {})
        return
    containers = spec.get("containers") or []
    if kind == "Container":
        for each in [*containers, *(spec.get("initContainers") or [])]:
            resources = each.get("resources") or {}
            yield from _outside(item, "Container", resources.get("requests") or {}, resources.get("limits") or {})
    elif kind == "Pod":
        sums = (_total(containers, spec.get("initContainers") or [], what) for what in ("requests", "limits"))
        yield from _outside(item, "Pod", *sums)


def _total(containers: list[Any], first: list[Any], what: str) -> dict[str, str]:
    """What a Pod asks for: all its containers together, or one of those before them if that is more."""
    out: dict[str, Decimal] = {}
    for each in containers:
        for name, value in ((each.get("resources") or {}).get(what) or {}).items():
            out[name] = out.get(name, Decimal(0)) + quantity.parse(value)
    for each in first:
        for name, value in ((each.get("resources") or {}).get(what) or {}).items():
            out[name] = max(out.get(name, Decimal(0)), quantity.parse(value))
    return {name: quantity.canonical(f"{value:f}") for name, value in out.items()}


def _outside(item: Mapping[str, Any], kind: str, requests: _Amounts, limits: _Amounts) -> Iterator[str]:
    claim = kind == "PersistentVolumeClaim"
    for name, bound in (item.get("min") or {}).items():
        head = f"minimum {name} usage per {kind} is {bound}"
        if name not in requests:
            yield f"{head}.  No request is specified"
        elif quantity.parse(requests[name]) < quantity.parse(bound):
            yield f"{head}, but request is {requests[name]}"
        elif name in limits and quantity.parse(limits[name]) < quantity.parse(bound):
            yield f"{head}, but limit is {limits[name]}"
    for name, bound in (item.get("max") or {}).items():
        head = f"maximum {name} usage per {kind} is {bound}"
        if claim:
            if name in requests and quantity.parse(requests[name]) > quantity.parse(bound):
                yield f"{head}, but request is {requests[name]}"
        elif name not in limits:
            yield f"{head}.  No limit is specified"
        elif quantity.parse(limits[name]) > quantity.parse(bound):
            yield f"{head}, but limit is {limits[name]}"
        elif name in requests and quantity.parse(requests[name]) > quantity.parse(bound):
            yield f"{head}, but request is {requests[name]}"
    for name, bound in (item.get("maxLimitRequestRatio") or {}).items():
        head = f"{name} max limit to request ratio per {kind} is {bound}"
        if name not in requests or not quantity.parse(requests[name]):
            yield f"{head}, but no request is specified or request is 0"
        elif name not in limits:
            yield f"{head}, but no limit is specified"
        else:
            ratio = quantity.parse(limits[name]) / quantity.parse(requests[name])
            if ratio > quantity.parse(bound):
                yield f"{head}, but provided ratio is {ratio:f}"
