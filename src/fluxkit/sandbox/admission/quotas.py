"""ResourceQuotas: what a namespace may use, and what it uses.

Follows kubernetes/kubernetes ``pkg/quota/v1`` (evaluators of core kinds, generic object counts) and
``plugin/pkg/admission/resourcequota``.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.admission.operation import Operation
from fluxkit.sandbox.catalog import Catalog, Resource
from fluxkit.sandbox.status import forbidden
from fluxkit.sandbox.store import Store
from fluxkit.sandbox.validation import quantity

__all__ = ["QUOTAS", "Quotas"]

QUOTAS = "resourcequotas"

_Usage = dict[str, Decimal]

_COUNTED = frozenset(
    ["pods", "services", "configmaps", "secrets", "persistentvolumeclaims", "replicationcontrollers", QUOTAS]
)
"""Kinds that are also counted under their bare names."""

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_ENDED = ("Succeeded", "Failed")


class Quotas:
    """Counts the live objects of a namespace: nothing is kept that could be wrong."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def judge(self, operation: Operation) -> None:
        """Raises Forbidden for a write that would exceed a quota."""
        if operation.new is None or operation.subresource or not operation.namespace:
            return
        for record in self._store.records(QUOTAS, operation.namespace):
            quota = record.view()
            hard = (quota.get("spec") or {}).get("hard") or {}
            if not _in_scope(quota, operation.resource, operation.new):
                continue
            self._check_stated(operation, record.key[1], hard)
            asked = _usage(operation.resource, operation.new)
            if operation.old is not None:
                before = _usage(operation.resource, operation.old)
                asked = {name: value - before.get(name, Decimal(0)) for name, value in asked.items()}
            asked = {name: value for name, value in asked.items() if name in hard and value > 0}
            if not asked:
                continue
            used = self.used(quota, operation.namespace)
            over = sorted(name for name in asked if used[name] + asked[name] > quantity.parse(hard[name]))
            if over:
                told = {
                    "requested": {name: asked[name] for name in over},
                    "used": {name: used[name] for name in over},
                    "limited": {name: quantity.parse(hard[name]) for name in over},
                }
                text = ", ".join(f"{what}: {_pairs(values)}" for what, values in told.items())
                resource = operation.resource
                raise forbidden(
                    resource.plural, resource.group, operation.name, f"exceeded quota: {record.key[1]}, {text}"
                )

    def _check_stated(self, operation: Operation, name: str, hard: Mapping[str, str]) -> None:
        """A quota of a computing resource makes stating it compulsory."""
        if operation.resource.key != "pods" or operation.verb != "CREATE" or operation.new is None:
            return
        missing: list[str] = []
        for entry in sorted(hard):
            what, _, resource = entry.rpartition(".")
            if resource not in _COMPUTE or what not in ("", "requests", "limits"):
                continue
            lacking = [
                each["name"]
                for each in (operation.new.get("spec") or {}).get("containers") or ()
                if resource not in ((each.get("resources") or {}).get(what or "requests") or {})
            ]
            if lacking:
                missing.append(f"{entry} for: {','.join(lacking)}")
        if missing:
            raise forbidden("pods", "", operation.name, f"failed quota: {name}: must specify {'; '.join(missing)}")

    def used(self, quota: Object, namespace: str) -> _Usage:
        """What a namespace uses of everything that a quota bounds."""
        hard = (quota.get("spec") or {}).get("hard") or {}
        out: _Usage = dict.fromkeys(hard, Decimal(0))
        for resource in self._concerned(hard):
            if set(_kinds_counted(resource)) >= set(hard) and not _scopes(quota):
                count = Decimal(sum(1 for _ in self._store.records(resource.key, namespace)))
                for name in hard:
                    out[name] += count
                continue
            for record in self._store.records(resource.key, namespace):
                obj = record.view()
                if _in_scope(quota, resource, obj):
                    for name, value in _usage(resource, obj).items():
                        if name in out:
                            out[name] += value
        return out

    def status(self, quota: Object) -> dict[str, Any]:
        """``status`` of a quota: the bounds in force and what is used of them."""
        hard = (quota.get("spec") or {}).get("hard") or {}
        used = self.used(quota, quota["metadata"]["namespace"])
        return {"hard": dict(hard), "used": {name: _written(used[name]) for name in hard}}

    def _concerned(self, hard: Mapping[str, str]) -> Iterator[Resource]:
        """The kinds that some bounds are about."""
        for resource in self._catalog.stored_resources():
            if resource.namespaced and _names(resource) & set(hard):
                yield resource


def _written(value: Decimal) -> str:
    return quantity.canonical(f"{value:f}")


def _pairs(values: Mapping[str, Decimal]) -> str:
    return ",".join(f"{name}={_written(value)}" for name, value in values.items())


def _kinds_counted(resource: Resource) -> list[str]:
    counted = [f"count/{resource.key}"]
    return [*counted, resource.plural] if resource.key in _COUNTED and resource.key != "pods" else counted


def _names(resource: Resource) -> set[str]:
    """What may be bounded about a kind."""
    names = set(_kinds_counted(resource))
    if resource.key == "pods":
        names |= {"pods", *(f"{what}{each}" for each in _COMPUTE for what in ("", "requests.", "limits."))}
    elif resource.key == "services":
        names |= {"services.loadbalancers", "services.nodeports"}
    elif resource.key == "persistentvolumeclaims":
        names.add("requests.storage")
    return names


def _usage(resource: Resource, obj: Object) -> _Usage:
    """What one object counts for."""
    out: _Usage = dict.fromkeys(_kinds_counted(resource), Decimal(1))
    spec = obj.get("spec") or {}
    if resource.key == "pods":
        if (obj.get("status") or {}).get("phase") not in _ENDED:
            out["pods"] = Decimal(1)
            out |= _computing(spec)
    elif resource.key == "services":
        ports = spec.get("ports") or ()
        balanced = spec.get("type") == "LoadBalancer"
        allocated = balanced and spec.get("allocateLoadBalancerNodePorts", True)
        out["services.loadbalancers"] = Decimal(balanced)
        out["services.nodeports"] = Decimal(len(ports) if spec.get("type") == "NodePort" or allocated else 0)
    elif resource.key == "persistentvolumeclaims":
        asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
        out["requests.storage"] = quantity.parse(asked) if asked else Decimal(0)
    return out


def _computing(spec: Mapping[str, Any]) -> _Usage:
    out: _Usage = {}
    for what in ("requests", "limits"):
        for resource in _COMPUTE:
            together = sum(
                (_amount(each, what, resource) for each in spec.get("containers") or ()),
                Decimal(0),
            )
            first = [_amount(each, what, resource) for each in spec.get("initContainers") or ()]
            value = max([together, *first])
            out[f"{what}.{resource}"] = value
            if what == "requests":
                out[resource] = value
    return out


def _amount(container: Mapping[str, Any], what: str, resource: str) -> Decimal:
    text = ((container.get("resources") or {}).get(what) or {}).get(resource)
    return quantity.parse(text) if text else Decimal(0)


def _scopes(quota: Object) -> list[Mapping[str, Any]]:
    spec = quota.get("spec") or {}
    named = [{"scopeName": each, "operator": "Exists"} for each in spec.get("scopes") or ()]
    return [*named, *((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]


def _in_scope(quota: Object, resource: Resource, obj: Object) -> bool:
    scopes = _scopes(quota)
    if not scopes:
        return True
    return resource.key == "pods" and all(_scope_matches(each, obj.get("spec") or {}) for each in scopes)


def _scope_matches(scope: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    match scope["scopeName"]:
        case "Terminating":
            return spec.get("activeDeadlineSeconds") is not None
        case "NotTerminating":
            return spec.get("activeDeadlineSeconds") is None
        case "BestEffort":
            return not _states_anything(spec)
        case "NotBestEffort":
            return _states_anything(spec)
        case "PriorityClass":
            return _priority_matches(scope, spec.get("priorityClassName") or "")
    return False


def _states_anything(spec: Mapping[str, Any]) -> bool:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return any(
        (each.get("resources") or {}).get(what, {}).get(name)
        for each in containers
        for what in ("requests", "limits")
        for name in ("cpu", "memory")
    )


def _priority_matches(scope: Mapping[str, Any], name: str) -> bool:
    match scope.get("operator"):
        case "In":
            return name in (scope.get("values") or ())
        case "NotIn":
            return name not in (scope.get("values") or ())
        case "DoesNotExist":
            return not name
    return bool(name)
