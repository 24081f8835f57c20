"""Watch streams: initial events, changes through selectors, bookmarks, expiry.

One buffer write per wake-up, whatever the number of changes; a change is encoded once per rendering.
"""

import asyncio
import random
from typing import Any

import orjson
from aiohttp import web

from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.http.envelope import headers
from fluxkit.sandbox.http.exchange import Exchange, flag
from fluxkit.sandbox.http.negotiation import negotiate
from fluxkit.sandbox.http.reading import Selection, check_match, parse_revision
from fluxkit.sandbox.http.rendering import Rendering
from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.registry import Registry
from fluxkit.sandbox.status import StatusError
from fluxkit.sandbox.store import Change, Record, Watcher

__all__ = ["watch"]

BOOKMARK_SECONDS = 60.0
_MIN_TIMEOUT = 1800.0


def _event(kind: str, body: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"


def _error(error: StatusError) -> bytes:
    return _event("ERROR", orjson.dumps(error.as_object()))


async def watch(registry: Registry, resource: Resource, info: RequestInfo, exchange: Exchange) -> web.StreamResponse:
    query = exchange.query
    accepted = negotiate(exchange.request.headers.get("Accept", ""))
    selection = Selection(resource, info, query)
    rendering = Rendering(resource, accepted, query.get("includeObject", ""))
    bookmarks = flag(query, "allowWatchBookmarks")
    store = registry.store
    initial, from_state = _initial(query)
    response = web.StreamResponse(
        headers={
            "Content-Type": accepted.content_type,
            "Cache-Control": "no-cache, private",
            **headers(exchange.request),
        }
    )
    response.enable_chunked_encoding()
    timeout = _timeout(query.get("timeoutSeconds", ""))
    deadline = asyncio.get_running_loop().time() + timeout
    # The state below is taken at one moment: records as they are, and every later change.
    start = store.revision if from_state else parse_revision(query.get("resourceVersion", ""))
    records: list[Record] = []
    watcher: Watcher | None = None
    failure = b""
    try:
        if from_state:
            records = list(selection.filter(store.records(resource.key, info.namespace))) if initial != "skip" else []
        watcher = store.watch(resource.key, info.namespace, start)
    except StatusError as error:
        failure = _error(error)
    try:
        await store.durable(min(start, store.revision))
        await response.prepare(exchange.request)
        if watcher is None:
            await response.write(failure)
            return response
        first = b"".join(_event("ADDED", rendering.event(record)) for record in records)
        if initial == "bookmark" and bookmarks:
            first += _event("BOOKMARK", rendering.bookmark(start, {"k8s.io/initial-events-end": "true"}))
        if first:
            await response.write(first)
        await _stream(response, watcher, selection, rendering, start, deadline, bookmarks, store)
    except (ConnectionResetError, ConnectionAbortedError):
        return response
    except Exception:
        # A stream that broke must end for its client, too: silence would be taken for peace.
        if response.prepared and exchange.request.transport is not None:
            exchange.request.transport.abort()
        raise
    finally:
        if watcher is not None:
            store.unwatch(watcher)
    if watcher.closed == "dropped" and exchange.request.transport is not None:
        exchange.request.transport.abort()
    return response


def _initial(query: Any) -> tuple[str, bool]:
    """How to begin: (events | bookmark | skip, whether from current state rather than from a given revision)."""
    check_match(query, watch=True)
    asked = query.get("resourceVersion", "")
    if "sendInitialEvents" in query:
        if flag(query, "sendInitialEvents"):
            return "bookmark", True
        return "skip", asked in ("", "0")
    return "events", asked in ("", "0")


def _timeout(text: str) -> float:
    try:
        seconds = int(text) if text else 0
    except ValueError:
        seconds = 0
    return float(seconds) if seconds > 0 else _MIN_TIMEOUT * (1 + random.random())


async def _stream(
    response: web.StreamResponse,
    watcher: Watcher,
    selection: Selection,
    rendering: Rendering,
    start: int,
    deadline: float,
    bookmarks: bool,
    store: Any,
) -> None:
    loop = asyncio.get_running_loop()
    next_bookmark = loop.time() + BOOKMARK_SECONDS
    while True:
        if not await watcher.wait(min(deadline, next_bookmark) if bookmarks else deadline):
            if bookmarks:
                await response.write(_event("BOOKMARK", rendering.bookmark(store.committed)))
            if loop.time() >= deadline:
                return
            next_bookmark = loop.time() + BOOKMARK_SECONDS
            continue
        chunks: list[bytes] = []
        while watcher.changes:
            change = watcher.changes.popleft()
            if change.revision > start:
                line = _line(change, selection, rendering)
                if line:
                    chunks.append(line)
        if chunks:
            await response.write(b"".join(chunks))
        if watcher.closed:
            return


def _line(change: Change, selection: Selection, rendering: Rendering) -> bytes:
    """The watch event that a change means to a selection; empty when it means nothing."""
    if not selection:
        kind = "DELETED" if change.deleted else "ADDED" if change.previous is None else "MODIFIED"
        key = rendering.event_key
        line = change.rendered.get(key)
        if line is None:
            line = change.rendered[key] = _event(kind, rendering.event(change.record))
        return line
    before = change.previous is not None and selection.matches(change.previous)
    after = not change.deleted and selection.matches(change.record)
    if before and after:
        return _event("MODIFIED", rendering.event(change.record))
    if after:
        return _event("ADDED", rendering.event(change.record))
    if before and change.previous is not None:
        # What leaves a selection is shown as it was last seen in it, under the version of the change.
        return _event("DELETED", rendering.event(_renumbered(change.previous, change.revision)))
    return b""


def _renumbered(record: Record, revision: int) -> Record:
    obj = record.decode()
    obj["metadata"]["resourceVersion"] = str(revision)
    return Record.of(record.key, revision, obj, orjson.dumps(obj))
