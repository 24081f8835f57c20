"""What is asked of Pods beside reading and writing them: eviction within a disruption budget, and binding to a node.

Follows kubernetes/kubernetes ``pkg/registry/core/pod/storage`` (eviction.go, storage.go).
"""

from typing import Any

from aiohttp import web

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http.exchange import Exchange, respond, section
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.registry import DeleteOptions, Registry, WriteOptions
from fluxkit.sandbox.status import StatusError, bad_request, conflict
from fluxkit.sandbox.store import Record
from fluxkit.selectors import SelectorError, selector_from_object
from fluxkit.timestamps import format_time, now

__all__ = ["bind", "evict"]

_BUDGETS = "poddisruptionbudgets.policy"
_SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
_WOULD_VIOLATE = "Cannot evict pod as it would violate the pod's disruption budget."
_UNPROCESSED_SECONDS = 10
"""After which to try again when a budget has not been looked at since it changed."""


async def evict(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    given = await exchange.document()
    if section(given, "metadata").get("name") != info.name:
        raise bad_request("name in URL does not match name in Eviction object")
    options = section(given, "deleteOptions")
    dry_run = exchange.dry_run or options.get("dryRun") == ["All"]
    record = registry.get(resource, info.namespace, info.name)
    pod = record.decode()
    if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed", "Pending") and not record.deleting:
        _check_budget(registry, record, pod, dry_run)
    preconditions = section(options, "preconditions")
    gone, _ = registry.delete(
        resource,
        info.namespace,
        info.name,
        DeleteOptions(
            options.get("propagationPolicy") or "",
            preconditions.get("uid") or "",
            preconditions.get("resourceVersion") or "",
            options.get("gracePeriodSeconds"),
            dry_run,
        ),
    )
    await registry.store.durable(min(gone.revision, registry.store.revision))
    return respond(_SUCCESS, status=201)


def _check_budget(registry: Registry, record: Record, pod: Object, dry_run: bool) -> None:
    """Takes an eviction from the budget that covers a Pod; raises TooManyRequests when it allows none."""
    kind = registry.catalog.stored(_BUDGETS)
    if kind is None:
        return
    covering = [each for each in registry.list(kind, record.key[0]) if _selects(each.decode(), record)]
    if len(covering) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise StatusError(500, "", text)
    for found in covering:
        budget = found.decode()
        status = budget.get("status") or {}
        desired = status.get("desiredHealthy", 0)
        if not _is_ready(pod):
            if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
                return
            if status.get("currentHealthy", 0) >= desired > 0:
                return
        _check_allowed(budget, status)
        if not dry_run:

            def disrupt(live: Object) -> Object:
                counted = live["status"]
                counted["disruptionsAllowed"] -= 1
                counted.setdefault("disruptedPods", {})[record.key[1]] = format_time(now())
                return live

            options = WriteOptions("kube-apiserver")
            registry.patch(kind, *found.key, disrupt, options, subresource="status")


def _check_allowed(budget: Object, status: dict[str, Any]) -> None:
    name = budget["metadata"]["name"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        text = f"The disruption budget {name} is still being processed by the server."
        raise _too_many(text, _UNPROCESSED_SECONDS)
    if status.get("disruptionsAllowed", 0) > 0:
        return
    healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    if healthy <= desired:
        raise _too_many(f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
    raise _too_many(f"The disruption budget {name} does not allow evicting pods currently")


def _too_many(text: str, seconds: int | None = None) -> StatusError:
    details = {"causes": [{"reason": "DisruptionBudget", "message": text}]}
    return StatusError(429, "TooManyRequests", _WOULD_VIOLATE, details, retry_after=seconds)


def _selects(budget: Object, record: Record) -> bool:
    selector = section(budget, "spec").get("selector")
    if selector is None:
        return False
    try:
        return selector_from_object(selector).matches(record.labels)
    except SelectorError:
        return False


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


async def bind(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    given = await exchange.document()
    node = section(given, "target").get("name")
    if not node:
        raise bad_request("target.name: Required value")

    def assign(pod: Object) -> Object:
        taken = pod["spec"].get("nodeName")
        if taken:
            text = f'pod {info.name} is already assigned to node "{taken}"'
            raise conflict("pods/binding", "", info.name, text)
        pod["spec"]["nodeName"] = node
        scheduled = {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": format_time(now()),
        }
        status = pod.setdefault("status", {})
        others = [each for each in status.get("conditions") or () if each.get("type") != "PodScheduled"]
        status["conditions"] = [*others, scheduled]
        return pod

    options = WriteOptions(exchange.manager, exchange.dry_run)
    record = registry.patch(resource, info.namespace, info.name, assign, options, subresource="binding")
    await registry.store.durable(min(record.revision, registry.store.revision))
    return respond(_SUCCESS, status=201)
