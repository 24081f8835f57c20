"""Subresources: status, scale, finalize, binding, eviction, token, log."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http import logs, pods, reading, scaling, writing
from fluxkit.sandbox.http.exchange import Exchange, respond, section
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.status import Cause, StatusError, bad_request, invalid
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
            return await pods.evict(registry, resource, info, exchange)
        case "binding":
            return await pods.bind(registry, resource, info, exchange)
        case "log":
            return await logs.read(registry, resource, info, exchange)
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
    if not isinstance(seconds, int) or not _MIN_TOKEN_SECONDS <= seconds <= 2**32:
        low = not isinstance(seconds, int) or seconds < _MIN_TOKEN_SECONDS
        text = f"may not specify a duration {'less than 10 minutes' if low else 'larger than 2^32 seconds'}"
        raise invalid(
            "TokenRequest", "authentication.k8s.io", "", [Cause.invalid("spec.expirationSeconds", seconds, text)]
        )
    _check_bound(server, info, section(spec, "boundObjectRef"))
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


_BINDABLE = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


def _check_bound(server: "APIServer", info: RequestInfo, reference: Object) -> None:
    """Whether the object that a token shall live as long as is there; raises NotFound or BadRequest."""
    if not reference:
        return
    kind, version = reference.get("kind", ""), reference.get("apiVersion", "")
    resource = server.catalog.find("", "v1", _BINDABLE.get(kind, "")) if version == "v1" else None
    if resource is None:
        shown = version if "/" in version else f"/{version}"
        raise bad_request(f"cannot bind token to object of type {shown}, Kind={kind}")
    record = server.registry.get(resource, info.namespace if resource.namespaced else "", reference.get("name", ""))
    if kind == "Pod" and record.decode()["spec"].get("serviceAccountName") != info.name:
        text = f'cannot bind token for serviceaccount "{info.name}" to pod running with different serviceaccount name.'
        raise bad_request(text)
