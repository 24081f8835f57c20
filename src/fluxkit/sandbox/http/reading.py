"""GET of one object and of lists: selectors, limits, continuation, resource versions."""

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
from aiohttp import web

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.conversion import convert
from fluxkit.sandbox.http.exchange import Exchange, respond
from fluxkit.sandbox.http.negotiation import negotiate
from fluxkit.sandbox.http.rendering import Rendering
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.registry import Registry
from fluxkit.sandbox.selectors import FieldSelector, parse_field_selector, parse_label_selector
from fluxkit.sandbox.status import Cause, StatusError, bad_request, expired, invalid
from fluxkit.sandbox.store import Key, Record

__all__ = ["Selection", "get", "list_objects"]

_FIELDS: dict[str, frozenset[str]] = {
    "pods": frozenset(
        [
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ]
    ),
    "events": frozenset(
        [
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ]
    ),
    "secrets": frozenset(["type"]),
    "namespaces": frozenset(["status.phase"]),
    "nodes": frozenset(["spec.unschedulable"]),
    "replicasets.apps": frozenset(["status.replicas"]),
    "replicationcontrollers": frozenset(["status.replicas"]),
    "jobs.batch": frozenset(["status.successful"]),
    "services": frozenset(["spec.clusterIP", "spec.type"]),
    "certificatesigningrequests.certificates.k8s.io": frozenset(["spec.signerName"]),
}


def lookup(obj: Object, path: str) -> str:
    """The value of a selectable field as text; absent is empty, booleans are Go's."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Selection:
    """A label and a field selector, as one filter of records."""

    def __init__(self, resource: Resource, info: RequestInfo, query: Any) -> None:
        self.resource = resource
        self.labels = parse_label_selector(query.get("labelSelector", ""))
        self.fields: FieldSelector = parse_field_selector(
            query.get("fieldSelector", ""),
            self._supported,
            own_fields=resource.custom is not None or resource.key in _FIELDS,
        )
        self.name = info.name or self.fields.exact("metadata.name") or ""

    def _supported(self, path: str) -> bool:
        if path == "metadata.name" or (path == "metadata.namespace" and self.resource.namespaced):
            return True
        custom = self.resource.custom
        if custom is not None:
            return path in custom.selectable_fields
        return path in _FIELDS.get(self.resource.key, ())

    def __bool__(self) -> bool:
        return bool(self.labels) or bool(self.fields) or bool(self.name)

    def matches(self, record: Record) -> bool:
        namespace, name = record.key
        if self.name and name != self.name:
            return False
        if self.labels and not self.labels.matches(record.labels):
            return False
        if not self.fields:
            return True
        if self.fields.metadata_only:
            return self.fields.matches(lambda path: name if path == "metadata.name" else namespace)
        obj = convert(record.decode(), self.resource)
        return self.fields.matches(lambda path: _field(obj, path))

    def filter(self, records: Iterable[Record]) -> Iterator[Record]:
        return filter(self.matches, records) if self else iter(records)


def _field(obj: Object, path: str) -> str:
    if path == "spec.unschedulable":
        return lookup(obj, path) or "false"
    if path == "source":
        return lookup(obj, "source.component") or lookup(obj, "reportingComponent")
    if path == "status.successful":
        return lookup(obj, "status.succeeded") or "0"
    if path == "status.replicas":
        return lookup(obj, path) or "0"
    return lookup(obj, path)


async def get(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    accepted = negotiate(exchange.request.headers.get("Accept", ""))
    asked = exchange.query.get("resourceVersion", "")
    if asked and not asked.isdigit():
        problem = f'Invalid value: "{asked}": strconv.ParseUint: parsing "{asked}": invalid syntax'
        raise StatusError(500, "", f"resourceVersion: {problem}")
    if asked:
        _not_in_future(int(asked), registry.store.revision)
    record = registry.find(resource, info.namespace, info.name)
    if record is None:
        await registry.store.durable(registry.store.revision)
        registry.get(resource, info.namespace, info.name)
    record = registry.get(resource, info.namespace, info.name)
    await registry.store.durable(record.revision)
    rendering = Rendering(resource, accepted, exchange.query.get("includeObject", ""))
    return respond(rendering.one(record), content_type=accepted.content_type, warnings=exchange.warnings)


def parse_revision(text: str) -> int:
    """A resourceVersion of a query; raises BadRequest."""
    if not text.isdigit():
        problem = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f"invalid resource version: resourceVersion: {problem}")
    return int(text)


def check_match(query: Any, *, watch: bool) -> str:
    """``resourceVersionMatch``, checked as ``ValidateListOptions`` does."""
    match: str = query.get("resourceVersionMatch", "")
    found = _match_problems(query, match, watch=watch)
    if found:
        raise invalid("ListOptions", "meta.k8s.io", "", found)
    return match


def _match_problems(query: Any, match: str, *, watch: bool) -> list[Cause]:
    """Follows kubernetes/apimachinery ``pkg/apis/meta/internalversion/validation``."""
    where = "resourceVersionMatch"
    if "sendInitialEvents" in query:
        if not watch:
            return [Cause.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")]
        found: list[Cause] = []
        if match != "NotOlderThan":
            text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            found.append(Cause.forbidden(where, text))
        if match and match != "NotOlderThan":
            found.append(Cause.not_supported(where, match, ["NotOlderThan"]))
        return found
    if not match:
        return []
    if watch:
        text = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        return [Cause.forbidden(where, text)]
    if not query.get("resourceVersion"):
        return [Cause.forbidden(where, "resourceVersionMatch is forbidden unless resourceVersion is provided")]
    if query.get("continue"):
        return [Cause.forbidden(where, "resourceVersionMatch is forbidden when continue is provided")]
    if match not in ("Exact", "NotOlderThan"):
        return [Cause.not_supported(where, match, ["Exact", "NotOlderThan", ""])]
    if match == "Exact" and query.get("resourceVersion") == "0":
        return [Cause.forbidden(where, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')]
    return []


_INCONSISTENT = -1
"""The revision in a token that continues a list whatever has changed since."""
_TOO_OLD_TO_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


def _continue_token(revision: int, key: Key) -> str:
    start = "/".join(key) if key[0] else key[1]
    document = orjson.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": start + "\u0000"})
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def _parse_continue(token: str) -> tuple[int, Key]:
    try:
        document = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        start = document["start"].rstrip("\u0000")
        namespace, _, name = start.rpartition("/")
        return int(document["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error


async def list_objects(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.Response:
    query = exchange.query
    accepted = negotiate(exchange.request.headers.get("Accept", ""))
    selection = Selection(resource, info, query)
    match = check_match(query, watch=False)
    store = registry.store
    asked = query.get("resourceVersion", "")
    # Upstream answers requests for any version from its watch cache, which knows no pages.
    limit = 0 if asked == "0" else _limit(query.get("limit", ""))
    revision = store.revision
    start: Key | None = None
    token = query.get("continue", "")
    source: Callable[[], Iterator[Record]]
    if token:
        if asked and asked != "0":
            raise bad_request("specifying resource version is not allowed when using continue")
        revision, start = _parse_continue(token)
        if revision == _INCONSISTENT:
            revision = store.revision
        source = lambda: store.records_at(resource.key, revision, info.namespace, start)  # noqa: E731
    elif match == "Exact" or (not match and limit and asked not in ("", "0")):
        revision = parse_revision(asked)
        _not_in_future(revision, store.revision)
        source = lambda: store.records_at(resource.key, revision, info.namespace)  # noqa: E731
    else:
        if asked:
            _not_in_future(parse_revision(asked), store.revision)
        if selection.name and info.namespace + selection.name and (info.namespace or not resource.namespaced):
            found = store.get(resource.key, (info.namespace, selection.name))
            source = lambda: iter([found] if found else [])  # noqa: E731
        else:
            source = lambda: store.records(resource.key, info.namespace)  # noqa: E731
    try:
        records, more, remaining = _page(selection, source(), limit)
    except StatusError as error:
        if error.code != 410:
            raise
        if start is None:
            raise expired("The resourceVersion for the provided list is too old.") from error
        raise expired(_TOO_OLD_TO_CONTINUE, {"continue": _continue_token(_INCONSISTENT, start)}) from error
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if resource.custom is not None and not accepted.kind:
        metadata["continue"] = ""
    if more:
        metadata["continue"] = _continue_token(revision, records[-1].key)
        if remaining is not None:
            metadata["remainingItemCount"] = remaining
    await store.durable(min(revision, store.revision))
    rendering = Rendering(resource, accepted, query.get("includeObject", ""))
    body = rendering.many(records, metadata)
    return respond(body, content_type=accepted.content_type, warnings=exchange.warnings)


def _limit(text: str) -> int:
    if not text:
        return 0
    try:
        limit = int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
    return max(limit, 0)


def _not_in_future(asked: int, current: int) -> None:
    if asked > current:
        raise StatusError(
            504,
            "Timeout",
            f"Timeout: Too large resource version: {asked}, current: {current}",
            {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]},
            retry_after=1,
        )


def _page(selection: Selection, source: Iterator[Record], limit: int) -> tuple[list[Record], bool, int | None]:
    """One page, whether more follow, and how many (known only without selectors)."""
    if not limit:
        return list(selection.filter(source)), False, None
    records: list[Record] = []
    for record in source:
        if len(records) == limit:
            rest: Iterator[Record] = source
            if selection:
                more = selection.matches(record) or any(selection.matches(item) for item in rest)
                return records, more, None
            return records, True, 1 + sum(1 for _ in rest)
        if selection.matches(record):
            records.append(record)
    return records, False, None
