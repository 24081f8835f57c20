"""The sandbox's own endpoints, below ``/sandbox/``: faults, request counters, the event log. Administrators only.

===========================  ======================================================================================
``GET /sandbox/stats``        requests by verb and resource since start or reset; objects; revision; commits
``DELETE /sandbox/stats``     sets the request counters to zero
``GET /sandbox/faults``       the faults in force
``POST /sandbox/faults``      adds one: ``{"code": 404|409|429|500|503|504, "count": 1, "verb", "resource", "namespace",
                              "name", "subresource", "retryAfter", "message"}``; empty members match every request
``DELETE /sandbox/faults``    removes all
``POST /sandbox/watches/drop``  cuts the connections of open watches (``?resource=<plural[.group]>`` for some)
``POST /sandbox/compact``     forgets the event log: watches and continued lists from before get 410
===========================  ======================================================================================
"""

from typing import TYPE_CHECKING

from aiohttp import web

from fluxkit.sandbox.faults import Fault
from fluxkit.sandbox.http.exchange import Exchange, respond
from fluxkit.sandbox.identity import MASTERS
from fluxkit.sandbox.status import StatusError

if TYPE_CHECKING:
    from fluxkit.sandbox.http.server import APIServer

__all__ = ["handle", "metrics"]


async def handle(server: "APIServer", exchange: Exchange) -> web.StreamResponse:
    if MASTERS not in exchange.user.groups:
        raise StatusError(403, "Forbidden", "forbidden: the sandbox's own endpoints are for its administrator")
    store = server.registry.store
    match exchange.request.method, exchange.request.path.rstrip("/"):
        case "GET", "/sandbox/stats":
            objects = {name: store.count(name) for name in sorted(store.resources())}
            return respond(
                {
                    **server.stats.as_object(),
                    "objects": objects,
                    "watches": len(store.watchers()),
                    "revision": store.revision,
                    "commits": store.commits,
                }
            )
        case "DELETE", "/sandbox/stats":
            server.stats.reset()
            return respond({})
        case "GET", "/sandbox/faults":
            return respond({"items": [fault.as_object() for fault in server.faults.active]})
        case "POST", "/sandbox/faults":
            server.faults.active.append(Fault.from_object(await exchange.document()))
            return respond({}, status=201)
        case "DELETE", "/sandbox/faults":
            server.faults.active.clear()
            return respond({})
        case "POST", "/sandbox/watches/drop":
            wanted = exchange.query.get("resource", "")
            dropped = [watcher for watcher in store.watchers() if wanted in ("", watcher.resource)]
            for watcher in dropped:
                watcher.close("dropped")
            return respond({"dropped": len(dropped)})
        case "POST", "/sandbox/compact":
            await store.durable(store.revision)
            return respond({"revision": store.compact()})
    raise StatusError(404, "NotFound", "the sandbox has no such endpoint")


def metrics(server: "APIServer") -> bytes:
    """Prometheus text with the names that a real server uses for the same facts."""
    lines = ["# TYPE apiserver_request_total counter"]
    for (verb, resource), count in sorted(server.stats.requests.items()):
        named, _, subresource = resource.partition("/")
        plural, _, group = named.partition(".")
        labels = f'group="{group}",resource="{plural}",subresource="{subresource}",verb="{verb.upper()}"'
        lines.append(f"apiserver_request_total{{{labels}}} {count}")
    store = server.registry.store
    lines.append("# TYPE apiserver_resource_objects gauge")
    for name in sorted(store.resources()):
        plural, _, group = name.partition(".")
        lines.append(f'apiserver_resource_objects{{group="{group}",resource="{plural}"}} {store.count(name)}')
    lines.append("# TYPE apiserver_longrunning_requests gauge")
    lines.append(f'apiserver_longrunning_requests{{verb="WATCH"}} {len(store.watchers())}')
    return ("\n".join(lines) + "\n").encode()
