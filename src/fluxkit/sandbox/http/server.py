"""The HTTP boundary: authenticates, authorizes, dispatches to handlers, and turns refusals into Status responses."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from aiohttp import web

from fluxkit.sandbox.authentication import Authenticator
from fluxkit.sandbox.catalog import Catalog, Resource
from fluxkit.sandbox.faults import Faults, Stats
from fluxkit.sandbox.http import administration, documents, reading, reviews, subresources, watching, writing
from fluxkit.sandbox.http.envelope import sealed
from fluxkit.sandbox.http.exchange import Exchange, respond, respond_error, section
from fluxkit.sandbox.http.request import RequestInfo, parse_path
from fluxkit.sandbox.identity import Attributes, Authorizer, User
from fluxkit.sandbox.lifecycle import Pace
from fluxkit.sandbox.registry import Registry
from fluxkit.sandbox.selectors import selected_name
from fluxkit.sandbox.status import StatusError, forbidden, internal_error, method_not_supported, no_such_path, not_found

__all__ = ["APIServer"]

_log = logging.getLogger("fluxkit.sandbox")

Handler = Callable[[Registry, Resource, RequestInfo, Exchange], Awaitable[web.StreamResponse]]

_HANDLERS: dict[str, Handler] = {
    "get": reading.get,
    "list": reading.list_objects,
    "watch": watching.watch,
    "create": writing.create,
    "update": writing.update,
    "patch": writing.patch,
    "delete": writing.delete,
    "deletecollection": writing.delete_collection,
}

_DEPRECATED = {
    "componentstatuses": "v1 ComponentStatus is deprecated in v1.19+",
    "endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}
"""Warnings for built-in kinds that are on their way out."""

_PUBLIC = frozenset(["/healthz", "/livez", "/readyz", "/version"])
"""Paths that need no credentials, as upstream's ``system:public-info-viewer``."""


@dataclass
class APIServer:
    """Everything that a request may touch."""

    registry: Registry
    authenticator: Authenticator
    authorizer: Authorizer
    documents: "documents.Documents"
    faults: Faults = field(default_factory=Faults)
    stats: Stats = field(default_factory=Stats)
    pace: Pace = field(default_factory=Pace)

    @property
    def catalog(self) -> Catalog:
        return self.registry.catalog

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The one entry point of every connection."""
        warnings: list[str] = []
        try:
            response = await self._handle(request, warnings)
        except StatusError as error:
            # A refusal may rest on a write that is not yet on disk: it must not be told before that write is safe.
            store = self.registry.store
            if store.failure is None:
                await store.durable(store.revision)
            response = respond_error(error, warnings)
        except (ConnectionResetError, ConnectionAbortedError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: a bug answers 500 and is logged, the server lives on
            _log.exception("request failed: %s %s", request.method, request.path)
            response = respond_error(internal_error(f"{type(error).__name__}: {error}"))
        self.stats.responses[response.status] += 1
        return await sealed(request, response)

    async def _handle(self, request: web.BaseRequest, warnings: list[str]) -> web.StreamResponse:
        path = request.path
        query = request.query
        info = parse_path(request.method, path, query)
        user = self._authenticate(request, info)
        exchange = Exchange(request, user, query, self._authorize, warnings)
        if info is None:
            if path not in _PUBLIC and not path.startswith(("/livez/", "/readyz/", "/healthz/")):
                self._authorize(Attributes(user, request.method.lower(), path=path))
            if path.startswith("/sandbox/"):
                return await administration.handle(self, exchange)
            if path == "/metrics":
                return respond(administration.metrics(self), content_type="text/plain; version=0.0.4")
            return await self.documents.handle(exchange)
        self.stats.count(info, dry_run="dryRun" in query)
        self._authorize(_asked(user, info, query))
        self.faults.raise_for(info)
        return await self._dispatch(info, exchange)

    def _authenticate(self, request: web.BaseRequest, info: RequestInfo | None) -> User:
        transport = request.transport
        peer = transport.get_extra_info("peercert") if transport is not None else None
        user = self.authenticator.authenticate(request.headers.get("Authorization", ""), peer)
        if any(name in request.headers for name in ("Impersonate-User", "Impersonate-Group", "Impersonate-Uid")):
            return self._impersonate(request, user, info)
        return user

    def _impersonate(self, request: web.BaseRequest, user: User, info: RequestInfo | None) -> User:
        """The user that the headers ask for, if ``user`` may impersonate each of its parts."""
        groups = tuple(request.headers.getall("Impersonate-Group", []))
        wanted = self.authenticator.impersonated(request.headers, groups)
        if wanted is None:
            return user
        asked = [Attributes(user, "impersonate", resource="users", name=wanted.name)]
        if wanted.name.startswith("system:serviceaccount:"):
            _, _, namespace, name = wanted.name.split(":", 3)
            asked = [Attributes(user, "impersonate", resource="serviceaccounts", namespace=namespace, name=name)]
        asked += [Attributes(user, "impersonate", resource="groups", name=group) for group in groups]
        if wanted.uid:
            asked.append(Attributes(user, "impersonate", "authentication.k8s.io", "v1", "uids", name=wanted.uid))
        for key, values in wanted.extra.items():
            asked += [
                Attributes(user, "impersonate", "authentication.k8s.io", "v1", "userextras", key, name=value)
                for value in values
            ]
        if info is None:
            for attributes in asked:
                self._authorize(attributes)
        elif not all(self.authorizer.authorize(attributes).allowed for attributes in asked):
            # Upstream looks for the right to impersonate at this one request last, and tells of that.
            mode = "serviceaccount" if wanted.name.startswith("system:serviceaccount:") else "user-info"
            self._refuse(replace(_asked(user, info, request.query), verb=f"impersonate-on:{mode}:{info.verb}"), "")
        return wanted

    def _authorize(self, attributes: Attributes) -> None:
        decision = self.authorizer.authorize(attributes)
        if not decision.allowed:
            self._refuse(attributes, decision.reason)

    def _refuse(self, attributes: Attributes, reason: str) -> NoReturn:
        user = attributes.user.name
        if attributes.path:
            text = f'User "{user}" cannot {attributes.verb} path "{attributes.path}"'
            raise StatusError(403, "Forbidden", f"forbidden: {text}{reason and ': ' + reason}", {})
        resource = attributes.resource + (f"/{attributes.subresource}" if attributes.subresource else "")
        where = f' in the namespace "{attributes.namespace}"' if attributes.namespace else " at the cluster scope"
        text = f'User "{user}" cannot {attributes.verb} resource "{resource}" in API group "{attributes.group}"{where}'
        if reason:
            text += f": {reason}"
        raise forbidden(attributes.resource, attributes.group, attributes.name, text)

    async def _dispatch(self, info: RequestInfo, exchange: Exchange) -> web.StreamResponse:
        resource = self.catalog.find(info.group, info.version, info.resource)
        if resource is None:
            known = self.catalog.resources(info.group, info.version)
            if known and known[0].custom is None:
                raise no_such_path()
            return web.Response(status=404, text="404 page not found\n")
        warning = resource.custom.deprecation_warning if resource.custom else _DEPRECATED.get(resource.key, "")
        if warning:
            exchange.warnings.append(warning)
        if info.namespace and not resource.namespaced:
            return web.Response(status=404, text="404 page not found\n")
        if info.subresource:
            verbs = resource.subresources.get(info.subresource)
            if verbs is None:
                if resource.custom is not None:
                    raise not_found(resource.plural, resource.group, info.name)
                raise no_such_path()
            if info.verb not in verbs:
                raise method_not_supported()
            return await subresources.handle(self, resource, info, exchange)
        if info.name and reviews.is_review(resource):
            raise no_such_path()
        on_one = info.verb in ("get", "update", "patch", "delete")
        if info.verb not in resource.verbs or (info.verb == "create" and info.name) or (on_one and not info.name):
            raise method_not_supported()
        if reviews.is_review(resource):
            return await reviews.handle(self, resource, info, exchange)
        if resource.namespaced and not info.namespace and info.verb not in ("list", "watch", "deletecollection"):
            if info.verb != "create" or info.name:
                return web.Response(status=404, text="404 page not found\n")
            raise method_not_supported()
        if info.verb == "create" and resource.custom is not None and resource.custom.terminating:
            text = "create not allowed while custom resource definition is terminating"
            name = section(await exchange.document(), "metadata").get("name", "")
            raise forbidden(resource.plural, resource.group, name, text)
        handler = _HANDLERS[info.verb]
        if info.verb == "watch":
            return await handler(self.registry, resource, info, exchange)
        with self.pace:
            return await handler(self.registry, resource, info, exchange)


def _asked(user: User, info: RequestInfo, query: Any) -> Attributes:
    """What a request asks leave for, as kubernetes/apiserver ``pkg/endpoints/request`` tells its authorizers."""
    namespace, name = info.namespace, info.name
    if info.resource == "namespaces" and not info.group:
        # A namespace lies in itself: its own administrators may touch it.
        namespace = name
    if not name and info.verb in ("list", "watch", "deletecollection"):
        name = selected_name(query.get("fieldSelector", ""))
    return Attributes(user, info.verb, info.group, info.version, info.resource, info.subresource, namespace, name)
