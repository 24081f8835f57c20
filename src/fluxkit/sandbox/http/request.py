"""What a request asks for, read from its path and method.

Follows kubernetes/apiserver ``pkg/endpoints/request/requestinfo.go``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["RequestInfo", "parse_path"]

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A resource request; ``verb``: get, list, watch, create, update, patch, delete, deletecollection."""

    verb: str
    group: str
    version: str
    namespace: str
    resource: str
    name: str
    subresource: str
    path: str


def parse_path(method: str, path: str, query: Mapping[str, str]) -> RequestInfo | None:
    """The resource request that a path names, or None for other paths (discovery, health, ...)."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    verb = _VERBS.get(method, "")
    if rest[0] == "watch" and len(rest) > 1:
        verb, rest = "watch", rest[1:]
    namespace = name = subresource = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1] if group == "" else ""
    resource = rest[0]
    if len(rest) > 1:
        name = rest[1]
    if len(rest) > 2:
        subresource = "/".join(rest[2:])
    if resource == "namespaces" and group == "":
        namespace = ""
    if verb == "get" and not name:
        verb = "watch" if query.get("watch", "").lower() in ("true", "1") else "list"
    elif verb == "delete" and not name:
        verb = "deletecollection"
    return RequestInfo(verb, group, version, namespace, resource, name, subresource, path)
