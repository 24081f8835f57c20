"""What every answer carries beside its body: the request's audit id, who was fair to it, and compression.

Follows kubernetes/apiserver ``pkg/endpoints/filters`` (request_received_time, with_auditid), ``pkg/server/filters``
(priority-and-fairness.go) and ``pkg/endpoints/handlers/responsewriters``. There is no flow control here: every request
belongs to one schema and one level, whose ids are told because clients look for them.
"""

import asyncio
import gzip
from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from fluxkit.sandbox import names

__all__ = ["headers", "sealed"]

COMPRESSED_FROM = 128 * 1024
"""Bytes of a body below which compressing costs more than it saves."""

_LEVEL = 1
_SCHEMA = str(uuid5(NAMESPACE_URL, "https://fluxkit.dev/sandbox/flowschema"))
_PRIORITY = str(uuid5(NAMESPACE_URL, "https://fluxkit.dev/sandbox/prioritylevel"))


def headers(request: web.BaseRequest) -> Mapping[str, str]:
    """Headers of the answer to a request; a client's own audit id is kept."""
    return {
        "Audit-Id": request.headers.get("Audit-Id", "")[:64] or names.new_uid(),
        "X-Kubernetes-PF-FlowSchema-UID": _SCHEMA,
        "X-Kubernetes-PF-PriorityLevel-UID": _PRIORITY,
    }


async def sealed(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """The answer as it leaves; one that is under way already is left alone."""
    if response.prepared:
        return response
    response.headers.update(headers(request))
    if request.method == "GET" and isinstance(response, web.Response) and isinstance(response.body, bytes):
        body = response.body
        if len(body) >= COMPRESSED_FROM and _takes_gzip(request.headers.get("Accept-Encoding", "")):
            response.body = await asyncio.to_thread(gzip.compress, body, _LEVEL)
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Vary"] = "Accept-Encoding"
    return response


def _takes_gzip(accepted: str) -> bool:
    return any(each.partition(";")[0].strip() == "gzip" for each in accepted.split(","))
