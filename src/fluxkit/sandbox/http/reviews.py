"""Reviews: objects that are answered, not stored (access reviews, token reviews)."""

from typing import TYPE_CHECKING, Any

from aiohttp import web

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http.exchange import Exchange, respond, section
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.identity import Attributes, User
from fluxkit.sandbox.status import bad_request, invalid, method_not_supported
from fluxkit.sandbox.validation import causes
from fluxkit.timestamps import format_time, now

if TYPE_CHECKING:
    from fluxkit.sandbox.http.server import APIServer

__all__ = ["handle", "is_review"]

_GROUPS = ("authorization.k8s.io", "authentication.k8s.io")


def is_review(resource: Resource) -> bool:
    return resource.group in _GROUPS


async def handle(server: "APIServer", resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    obj = await exchange.document()
    obj["metadata"] = section(obj, "metadata")
    obj = server.registry.types.admit(resource, obj, None, exchange.field_validation, exchange.warnings)
    spec: dict[str, Any] = obj.get("spec") or {}
    match resource.kind:
        case "SelfSubjectAccessReview":
            status = _access(server, exchange.user, spec)
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            extra = {name: tuple(values) for name, values in (spec.get("extra") or {}).items()}
            if not spec.get("user") and not spec.get("groups"):
                text = "at least one of user or group must be specified"
                raise invalid("", "authorization.k8s.io", "", [causes.invalid("spec.user", "", text)])
            if resource.namespaced:
                obj["metadata"]["namespace"] = info.namespace
                asked = (spec.get("resourceAttributes") or {}).get("namespace", "")
                if asked != info.namespace:
                    where, text = "spec.resourceAttributes.namespace", "must match metadata.namespace"
                    raise invalid("", "authorization.k8s.io", "", [causes.invalid(where, asked, text)])
            user = User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)
            status = _access(server, user, spec)
        case "SelfSubjectRulesReview":
            if not spec.get("namespace"):
                raise bad_request("no namespace on request")
            status = server.authorizer.rules(exchange.user, spec["namespace"])
        case "SelfSubjectReview":
            status = {"userInfo": exchange.user.as_object()}
        case "TokenReview":
            status = _token(server, spec)
        case _:
            raise method_not_supported()
    metadata = dict(obj.get("metadata") or {})
    if resource.kind == "SelfSubjectReview":
        metadata["creationTimestamp"] = format_time(now())
    answer: Object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    if spec:
        answer["spec"] = spec
    answer["status"] = status
    return respond(answer, status=201)


def _access(server: "APIServer", user: User, spec: dict[str, Any]) -> dict[str, Any]:
    wanted = spec.get("resourceAttributes")
    if (wanted is None) is (spec.get("nonResourceAttributes") is None):
        text = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise invalid("", "authorization.k8s.io", "", [causes.invalid("spec", wanted, text)])
    if wanted:
        attributes = Attributes(
            user,
            wanted.get("verb", ""),
            wanted.get("group", ""),
            wanted.get("version", ""),
            wanted.get("resource", ""),
            wanted.get("subresource", ""),
            wanted.get("namespace", ""),
            wanted.get("name", ""),
        )
    else:
        other = spec.get("nonResourceAttributes") or {}
        attributes = Attributes(user, other.get("verb", ""), path=other.get("path", "/"))
    decision = server.authorizer.authorize(attributes)
    status: dict[str, Any] = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    return status


def _token(server: "APIServer", spec: dict[str, Any]) -> dict[str, Any]:
    if not spec.get("token"):
        raise bad_request("token is required for TokenReview in authentication")
    user = server.authenticator.token_user(spec.get("token") or "")
    if user is None:
        return {"user": {}, "error": "invalid bearer token"}
    status: dict[str, Any] = {"authenticated": True, "user": user.as_object()}
    if spec.get("audiences"):
        status["audiences"] = spec["audiences"]
    return status
