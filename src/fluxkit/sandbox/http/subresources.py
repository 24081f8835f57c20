"""Subresources: status, scale, finalize, binding, eviction, token, log."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http import reading, scaling, writing
from fluxkit.sandbox.http.exchange import Exchange, respond, section
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.registry import DeleteOptions, WriteOptions
from fluxkit.sandbox.status import Cause, StatusError, bad_request, invalid, too_many_requests
from fluxkit.sandbox.tokens import issue_token
from fluxkit.timestamps import format_time, now

if TYPE_CHECKING:
    from fluxkit.sandbox.http.server import APIServer

__all__ = ["handle"]

_DEFAULT_TOKEN_SECONDS = 3600
_MIN_TOKEN_SECONDS = 600


async def handle(server: "APIServer", resource: Resource, info: RequestInfo, exchange: Exchange) -> web.StreamResponse:
    registry = server.registry
    match info.subresource:
        case "scale":
            return await scaling.handle(registry, resource, info, exchange)
        case "token":
            return await _token(server, resource, info, exchange)
        case "eviction":
            return await _evict(server, resource, info, exchange)
        case "binding":
            return await _bind(server, resource, info, exchange)
        case "log":
            return await _log(server, resource, info, exchange)
        case "exec" | "attach" | "portforward" | "proxy":
            raise StatusError(
                501, "NotImplemented", f"the sandbox runs no containers: {info.subresource} is not available"
            )
    match info.verb:
        case "get":
            return await reading.get(registry, resource, info, exchange)
        case "update":
            return await writing.update(registry, resource, info, exchange)
        case _:
            return await writing.patch(registry, resource, info, exchange)


async def _token(server: "APIServer", resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    record = server.registry.get(resource, info.namespace, info.name)
    given = await exchange.document()
    spec = section(given, "spec")
    seconds = spec.get("expirationSeconds") or _DEFAULT_TOKEN_SECONDS
    if not isinstance(seconds, int) or seconds < _MIN_TOKEN_SECONDS:
        text = "may not specify a duration less than 10 minutes"
        raise invalid(
            "TokenRequest", "authentication.k8s.io", "", [Cause.invalid("spec.expirationSeconds", seconds, text)]
        )
    audiences = list(spec.get("audiences") or ())
    token, expiry = issue_token(
        server.authenticator.signing_key, info.namespace, info.name, record.uid, audiences, seconds
    )
    await server.registry.store.durable(record.revision)
    answer: Object = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": info.name,
            "namespace": info.namespace,
            "uid": record.uid,
            "creationTimestamp": format_time(now()),
        },
        "spec": {
            "audiences": audiences or ["https://kubernetes.default.svc.cluster.local"],
            "expirationSeconds": seconds,
            "boundObjectRef": spec.get("boundObjectRef"),
        },
        "status": {"token": token, "expirationTimestamp": format_time(datetime.fromtimestamp(expiry, UTC))},
    }
    return respond(answer, status=201)


async def _evict(server: "APIServer", resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    registry = server.registry
    given = await exchange.document()
    named = section(given, "metadata").get("name")
    if named and named != info.name:
        raise bad_request("name in URL does not match name in Eviction object")
    record = registry.get(resource, info.namespace, info.name)
    budgets = registry.catalog.stored("poddisruptionbudgets.policy")
    if budgets is not None:
        for budget in registry.list(budgets, info.namespace):
            obj = budget.decode()
            if _selects(obj, record.labels) and (obj.get("status") or {}).get("disruptionsAllowed", 0) < 1:
                raise too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
    options = section(given, "deleteOptions")
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
            exchange.dry_run,
        ),
    )
    await registry.store.durable(min(gone.revision, registry.store.revision))
    return respond({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, status=201)


def _selects(budget: Object, labels: object) -> bool:
    selector = section(budget, "spec").get("selector") or {}
    wanted = selector.get("matchLabels") or {}
    return isinstance(labels, dict) and bool(wanted) and wanted.items() <= labels.items()


async def _bind(server: "APIServer", resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    given = await exchange.document()
    node = section(given, "target").get("name")
    if not node:
        raise bad_request("target.name: Required value")

    def bind(pod: Object) -> Object:
        pod.setdefault("spec", {})["nodeName"] = node
        return pod

    record = server.registry.patch(resource, info.namespace, info.name, bind, WriteOptions(exchange.manager))
    await server.registry.store.durable(record.revision)
    return respond({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, status=201)


async def _log(server: "APIServer", resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    record = server.registry.get(resource, info.namespace, info.name)
    pod = record.decode()
    containers = [item["name"] for item in pod["spec"].get("containers", ())]
    wanted = exchange.query.get("container") or (containers[0] if containers else "")
    if wanted not in containers:
        raise bad_request(f"container {wanted} is not valid for pod {info.name}")
    lines = _log_lines(pod, wanted)
    tail = exchange.query.get("tailLines", "")
    if tail.isdigit():
        lines = lines[-int(tail) :] if int(tail) else []
    text = "".join(f"{line}\n" for line in lines)
    return respond(text.encode(), content_type="text/plain")


def _log_lines(pod: Object, container: str) -> list[str]:
    """What a simulated container has to say: when it started and how it ended."""
    lines: list[str] = []
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status.get("name") != container:
            continue
        for state in (status.get("lastState") or {}, status.get("state") or {}):
            if "running" in state:
                lines.append(
                    f"{state['running'].get('startedAt')} sandbox: {status.get('image')} is simulated as running"
                )
            if "terminated" in state:
                ended = state["terminated"]
                lines.append(f"{ended.get('finishedAt')} sandbox: exited with status {ended.get('exitCode')}")
    return lines
