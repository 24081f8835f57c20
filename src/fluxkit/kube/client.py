"""Client: the verbs of the Kubernetes API on unstructured objects."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

import orjson

from fluxkit.kube.config import ClusterConfig, Impersonation
from fluxkit.kube.discovery import Discovery
from fluxkit.kube.errors import BadResponse, Expired, InvalidRequest, NotFound
from fluxkit.kube.paths import ResourceMapping, collection_path, object_path
from fluxkit.kube.requests import Request
from fluxkit.kube.stats import RequestStats
from fluxkit.kube.throttle import RequestRate
from fluxkit.kube.watch import WatchEvent, decode_events
from fluxkit.objects import GroupKind, GroupVersionKind, Object, gvk_of, key_of, metadata_of

if TYPE_CHECKING:
    # aiohttp takes 130 to 170 ms to import, so that it is loaded when a client is opened and not before.
    from fluxkit.kube.transport import Transport

__all__ = ["Client", "ObjectList", "PatchKind", "Propagation"]

_PARTIAL: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_PARTIAL_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_APPLY: Final = "application/apply-patch+yaml"
_DEFINITIONS: Final = frozenset(
    {
        GroupKind("apiextensions.k8s.io", "CustomResourceDefinition"),
        GroupKind("apiregistration.k8s.io", "APIService"),
    }
)
_WATCH_SECONDS: Final = (300, 600)
_WATCH_GRACE: Final = 30.0


class PatchKind(StrEnum):
    """The media type of a patch."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


class Propagation(StrEnum):
    """What a deletion does to dependents."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(slots=True)
class ObjectList:
    """All objects of a list, and the resourceVersion from which a watch continues it."""

    items: list[Object] = field(default_factory=list)
    resource_version: str = ""


class Client:
    """An open connection to one API server; an async context manager.

    Objects are plain dicts, never copied or validated on the way. Every method raises the typed errors of
    :mod:`fluxkit.kube.errors`: :class:`NoMatch` for a kind that is not served, an :class:`APIError` for a refusal,
    :class:`ConnectionFailed` for no answer. Reads are repeated on transient failures; writes only where the server
    certainly did not act (:mod:`fluxkit.kube.transport`).
    """

    def __init__(
        self, config: ClusterConfig, *, field_manager: str = "fluxkit", rate: RequestRate | None = None
    ) -> None:
        self.config = config
        self.field_manager = field_manager
        self.stats = RequestStats()
        self._rate = rate
        self._owner: Client | None = None
        self._opened: Transport | None = None
        self._discovery = Discovery(self._read)
        self._impersonation = _impersonation_headers(config.impersonate)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Prepare the session; sends nothing. Raises :class:`ConfigError` for a proxy that cannot be used."""
        if self._owner is None and self._opened is None:
            from fluxkit.kube.transport import Transport

            transport = Transport(self.config, self.stats, rate=self._rate)
            await transport.open()
            self._opened = transport

    async def close(self) -> None:
        """End the session and every watch on it; an impersonating client leaves its owner's session alone."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.close()

    def impersonate(
        self,
        user: str,
        groups: Sequence[str] = (),
        uid: str = "",
        extra: Mapping[str, Sequence[str]] | None = None,
    ) -> "Client":
        """A client that acts as somebody else over this one's session, discovery and counters (RUN-140, RUN-141)."""
        other = Client(self.config.impersonating(user, groups, uid, extra), field_manager=self.field_manager)
        other._owner = self._owner or self
        other._discovery = self._discovery
        other.stats = self.stats
        return other

    # Reading

    async def get(
        self, gvk: GroupVersionKind, name: str, namespace: str = "", *, metadata_only: bool = False
    ) -> Object:
        """One object; raises :class:`NotFound`."""
        mapping = await self.mapping(gvk)
        obj = await self._object(
            Request(
                verb="get",
                method="GET",
                path=object_path(mapping, name, namespace),
                resource=_resource(mapping),
                accept=_PARTIAL if metadata_only else "application/json",
            ),
            gvk,
        )
        return _only_metadata(obj, gvk) if metadata_only else obj

    async def list(
        self,
        gvk: GroupVersionKind,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = 500,
        metadata_only: bool = False,
    ) -> ObjectList:
        """All objects of a kind (of one namespace, if named), read in pages of one consistent state."""
        try:
            return await self._list(gvk, namespace, label_selector, field_selector, page_size, metadata_only)
        except Expired:
            # The state that the pages belong to was compacted away while they were read: take it in one piece.
            return await self._list(gvk, namespace, label_selector, field_selector, 0, metadata_only)

    async def watch(
        self,
        gvk: GroupVersionKind,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        seconds: float | None = None,
        opened: Callable[[], None] | None = None,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Changes since ``resource_version``, until the server ends the watch (after 5 to 10 minutes, by request).

        ``opened`` is called when the server has accepted the watch, which may be long before the first event.

        Raises :class:`Expired` when the version is too old: list again. A connection on which nothing arrives for
        longer than the server was asked to watch is given up as :class:`ConnectionFailed`. Who leaves the iteration
        early closes it (``contextlib.aclosing``), which ends the request.
        """
        mapping = await self.mapping(gvk)
        seconds = random.uniform(*_WATCH_SECONDS) if seconds is None else seconds
        request = Request(
            verb="watch",
            method="GET",
            path=collection_path(mapping, namespace),
            resource=_resource(mapping),
            query={
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": resource_version,
                "timeoutSeconds": str(max(1, round(seconds))),
                "labelSelector": label_selector,
                "fieldSelector": field_selector,
            },
            accept=_PARTIAL if metadata_only else "application/json",
        )
        what = f"watch of {_resource(mapping)}"
        async with self._transport.stream(self._as_me(request), idle_timeout=seconds + _WATCH_GRACE) as chunks:
            if opened is not None:
                opened()
            async with aclosing(decode_events(chunks, what=what)) as events:
                async for event in events:
                    if metadata_only and event.type != "BOOKMARK":
                        event = WatchEvent(event.type, _only_metadata(event.object, gvk))
                    yield event

    # Writing

    async def create(self, obj: Object, *, dry_run: bool = False, field_manager: str | None = None) -> Object:
        """Raises :class:`AlreadyExists`. With ``metadata.generateName`` the server chooses the name."""
        gvk, namespace = gvk_of(obj), key_of(obj).namespace
        mapping = await self.mapping(gvk)
        if mapping.namespaced and not namespace:
            raise InvalidRequest(f"{gvk.kind}/{key_of(obj).name}: metadata.namespace is required")
        return await self._write(
            "create", "POST", mapping, collection_path(mapping, namespace), obj, dry_run, field_manager
        )

    async def replace(
        self, obj: Object, *, subresource: str = "", dry_run: bool = False, field_manager: str | None = None
    ) -> Object:
        """Raises :class:`Conflict` when ``metadata.resourceVersion`` is set and not the current one."""
        mapping, path = await self._address(obj, subresource)
        return await self._write("update", "PUT", mapping, path, obj, dry_run, field_manager)

    async def apply(
        self,
        obj: Object,
        *,
        field_manager: str | None = None,
        force: bool = True,
        dry_run: bool = False,
        subresource: str = "",
    ) -> Object:
        """Server-side apply; without ``force`` raises :class:`Conflict` for fields that others own."""
        mapping, path = await self._address(obj, subresource)
        if metadata_of(obj).get("managedFields"):
            raise InvalidRequest(f"{gvk_of(obj).kind}/{key_of(obj)}: metadata.managedFields must be absent in an apply")
        query = {"force": "true" if force else "false"}
        return await self._write("apply", "PATCH", mapping, path, obj, dry_run, field_manager, _APPLY, query)

    async def patch(
        self,
        gvk: GroupVersionKind,
        name: str,
        namespace: str = "",
        *,
        patch: Any,
        kind: PatchKind = PatchKind.MERGE,
        subresource: str = "",
        field_manager: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """``patch`` is a mapping (merge, strategic) or a list of operations (JSON)."""
        mapping = await self.mapping(gvk)
        path = object_path(mapping, name, namespace, subresource)
        return await self._write("patch", "PATCH", mapping, path, patch, dry_run, field_manager, kind.value)

    async def delete(
        self,
        gvk: GroupVersionKind,
        name: str,
        namespace: str = "",
        *,
        propagation: Propagation | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_period: int | None = None,
        dry_run: bool = False,
    ) -> Object | None:
        """The object if it still exists (finalizers, foreground deletion), else None; raises :class:`NotFound`.

        ``uid`` and ``resource_version`` are preconditions: :class:`Conflict` if they do not hold.
        """
        mapping = await self.mapping(gvk)
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if propagation is not None:
            options["propagationPolicy"] = propagation.value
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if held := {key: value for key, value in preconditions.items() if value is not None}:
            options["preconditions"] = held
        if dry_run:
            options["dryRun"] = ["All"]
        answer = await self._object(
            Request(
                verb="delete",
                method="DELETE",
                path=object_path(mapping, name, namespace),
                resource=_resource(mapping),
                body=orjson.dumps(options),
            ),
            gvk,
        )
        self._defined(gvk)
        return None if answer.get("kind") == "Status" and gvk.kind != "Status" else answer

    # Discovery and the rest of the API

    async def mapping(self, kind: GroupVersionKind | GroupKind) -> ResourceMapping:
        """How the server serves a kind (in its preferred version, if none is named); raises :class:`NoMatch`."""
        return await self._discovery.mapping(kind)

    def knows(self, kind: GroupVersionKind) -> bool:
        """Whether the server was seen to serve a kind; asks nobody."""
        return self._discovery.knows(kind)

    async def resolve(self, text: str) -> ResourceMapping:
        """The resource that a person means: ``deploy``, ``ks``, ``gitrepositories.source.toolkit.fluxcd.io`` ..."""
        return await self._discovery.resolve(text)

    async def mappings(self) -> Sequence[ResourceMapping]:
        """Every resource of every served version."""
        return await self._discovery.all()

    def invalidate_discovery(self) -> None:
        """Look kinds up again: something was installed or removed by other means than this client."""
        self._discovery.invalidate()

    @property
    def discovery_changed(self) -> asyncio.Event:
        """Set when this client installs or removes a kind, from now on: a reason to look for a missing kind at once."""
        return self._discovery.changed

    async def server_version(self) -> Object:
        """The answer of ``/version``: gitVersion, major, minor ..."""
        return _decode(await self.raw("GET", "/version"), "GET /version")

    async def raw(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Any request (``/readyz``, logs ...); ``path`` starts with ``/`` and is sent as it is."""
        return await self._read(self._raw_request(method, path, params, body, headers))

    async def stream(
        self, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The body of a GET in chunks, as it arrives, for as long as it lasts (``log?follow=true``)."""
        request = self._raw_request("GET", path, params, None, {"Accept": "*/*", **(headers or {})})
        async with self._transport.stream(self._as_me(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    # Internals

    @property
    def _transport(self) -> "Transport":
        opened = (self._owner or self)._opened
        if opened is None:
            raise RuntimeError("the client is not open: use it as an async context manager")
        return opened

    def _as_me(self, request: Request) -> Request:
        if not self._impersonation:
            return request
        return replace(request, headers=(*request.headers, *self._impersonation))

    async def _read(self, request: Request) -> bytes:
        return (await self._transport.send(self._as_me(request))).body

    @staticmethod
    def _raw_request(
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Request:
        return Request(
            verb="raw",
            method=method,
            path=path,
            query=params or {},
            body=body,
            headers=tuple((headers or {}).items()),
        )

    async def _address(self, obj: Object, subresource: str) -> tuple[ResourceMapping, str]:
        mapping, key = await self.mapping(gvk_of(obj)), key_of(obj)
        return mapping, object_path(mapping, key.name, key.namespace, subresource)

    async def _write(
        self,
        verb: str,
        method: str,
        mapping: ResourceMapping,
        path: str,
        document: Any,
        dry_run: bool,
        field_manager: str | None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        answer = await self._object(
            Request(
                verb=verb,
                method=method,
                path=path,
                resource=_resource(mapping),
                query={
                    **(query or {}),
                    "fieldManager": field_manager or self.field_manager,
                    "dryRun": "All" if dry_run else "",
                },
                body=_encode(document, path),
                content_type=content_type,
            ),
            mapping.gvk,
        )
        self._defined(mapping.gvk)
        return answer

    async def _object(self, request: Request, gvk: GroupVersionKind) -> Object:
        try:
            body = await self._read(request)
        except NotFound as error:
            # A NotFound that names no object is about the path: the kind is no longer served as we knew it.
            if not error.details.get("name"):
                self._discovery.forget(gvk.group)
            raise
        return _decode(body, str(request))

    async def _list(
        self,
        gvk: GroupVersionKind,
        namespace: str,
        label_selector: str,
        field_selector: str,
        page_size: int,
        metadata_only: bool,
    ) -> ObjectList:
        mapping = await self.mapping(gvk)
        found = ObjectList()
        position = ""
        while True:
            page = await self._object(
                Request(
                    verb="list",
                    method="GET",
                    path=collection_path(mapping, namespace),
                    resource=_resource(mapping),
                    query={
                        "limit": str(page_size) if page_size else "",
                        "continue": position,
                        "labelSelector": label_selector,
                        "fieldSelector": field_selector,
                    },
                    accept=_PARTIAL_LIST if metadata_only else "application/json",
                    compress=True,
                ),
                gvk,
            )
            items = page.get("items")
            for item in items if isinstance(items, list) else ():
                if metadata_only:
                    item = _only_metadata(item, gvk)
                elif "kind" not in item:  # items of built-in kinds do not repeat what the list says
                    item = {"apiVersion": gvk.api_version, "kind": gvk.kind, **item}
                found.items.append(item)
            metadata = metadata_of(page)
            found.resource_version = metadata.get("resourceVersion") or ""
            position = metadata.get("continue") or ""
            if not position:
                return found

    def _defined(self, gvk: GroupVersionKind) -> None:
        if gvk.group_kind in _DEFINITIONS:
            self._discovery.announce()


def _resource(mapping: ResourceMapping) -> str:
    return f"{mapping.plural}.{mapping.gvk.group}" if mapping.gvk.group else mapping.plural


def _encode(document: Any, path: str) -> bytes:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise InvalidRequest(f"{path}: the object cannot be written as JSON: {error}") from None


def _decode(body: bytes, what: str) -> Object:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadResponse(f"{what}: the answer is not JSON") from None
    if not isinstance(decoded, dict):
        raise BadResponse(f"{what}: the answer is not an object")
    return decoded


def _only_metadata(obj: Object, gvk: GroupVersionKind) -> Object:
    """The metadata under the kind that was asked for: a server may have sent PartialObjectMetadata or all of it."""
    return {"apiVersion": gvk.api_version, "kind": gvk.kind, "metadata": metadata_of(obj)}


def _impersonation_headers(who: Impersonation | None) -> tuple[tuple[str, str], ...]:
    if who is None:
        return ()
    headers = [("Impersonate-User", who.user)]
    headers += [("Impersonate-Group", group) for group in who.groups]
    if who.uid:
        headers.append(("Impersonate-Uid", who.uid))
    for key, values in who.extra:
        headers += [(f"Impersonate-Extra-{quote(key, safe='')}", value) for value in values]
    return tuple(headers)
