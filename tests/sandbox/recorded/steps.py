"""The words that cases are written in: requests, and sequences of them in a namespace of their own.

Texts of paths, bodies and headers may contain ``{ns}``, the case's namespace, and ``{uid:N}``, ``{rv:N}`` or
``{continue:N}``, taken from the metadata of the N-th answer (counted from 0); of a watch, from that of its last event.
``{token:N}`` is the token of a TokenRequest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

__all__ = [
    "COMPACT",
    "Case",
    "Step",
    "apply",
    "as_user",
    "case",
    "compact",
    "delete",
    "get",
    "json_patch",
    "merge",
    "post",
    "put",
    "strategic",
    "until",
    "watch",
]

COMPACT = "COMPACT"
"""The method of a step that makes the server forget the past; its answer is not compared."""

_WATCH_SECONDS = 5
"""How long a watch waits for events that do not come."""


@dataclass(frozen=True)
class Step:
    """One request. With ``until`` it is repeated until that status code is answered, and its answer is not compared."""

    method: str
    path: str
    body: Any = None
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    pick: str = ""
    """Only this part of the answer is compared: members and list indexes, separated by dots."""
    until: int = 0
    finds: str = ""
    """With ``until``: the answer must also contain this text, once white space is taken out."""
    events: int = 0
    """A watch: this many events are read, then the connection is closed. The answer is their list."""
    shows: tuple[str, ...] = ()
    """Headers of the answer that are compared too."""


@dataclass(frozen=True)
class Case:
    name: str
    steps: tuple[Step, ...]
    managed: bool = False
    """Whether managedFields are compared."""

    @property
    def compacts(self) -> bool:
        return any(step.method == COMPACT for step in self.steps)


def case(name: str, *steps: Step, managed: bool = False) -> Case:
    return Case(name, steps, managed)


def _path(path: str, query: Mapping[str, Any]) -> str:
    if not query:
        return path
    return f"{path}?{urlencode(query, safe='{}:')}"


def get(path: str, *, accept: str = "", pick: str = "", shows: tuple[str, ...] = (), **query: Any) -> Step:
    headers = {"Accept": accept} if accept else {}
    return Step("GET", _path(path, query), headers=headers, pick=pick, shows=shows)


def watch(path: str, events: int, *, accept: str = "", **query: Any) -> Step:
    headers = {"Accept": accept} if accept else {}
    query = {"watch": "true", "timeoutSeconds": _WATCH_SECONDS, **query}
    return Step("GET", _path(path, query), headers=headers, events=events)


def until(path: str, status: int = 200, finds: str = "") -> Step:
    return Step("GET", path, until=status, finds=finds)


def compact() -> Step:
    return Step(COMPACT, "")


def as_user(step: Step, name: str, group: str = "") -> Step:
    """The request as another user, who is authenticated and in at most one more group."""
    headers = {**step.headers, "Impersonate-User": name}
    if group:
        headers["Impersonate-Group"] = group
    return replace(step, headers=headers)


def post(path: str, body: Any, *, pick: str = "", headers: Mapping[str, str] | None = None, **query: Any) -> Step:
    return Step("POST", _path(path, query), body, headers=headers or {}, pick=pick)


def put(path: str, body: Any, **query: Any) -> Step:
    return Step("PUT", _path(path, query), body)


def delete(path: str, body: Any = None, *, pick: str = "", **query: Any) -> Step:
    return Step("DELETE", _path(path, query), body, pick=pick)


def apply(path: str, body: Any, manager: str = "one", *, pick: str = "", **query: Any) -> Step:
    query = {"fieldManager": manager, **query} if manager else query
    return Step("PATCH", _path(path, query), body, "application/apply-patch+yaml", pick=pick)


def merge(path: str, body: Any, *, pick: str = "", **query: Any) -> Step:
    return Step("PATCH", _path(path, query), body, "application/merge-patch+json", pick=pick)


def strategic(path: str, body: Any, **query: Any) -> Step:
    return Step("PATCH", _path(path, query), body, "application/strategic-merge-patch+json")


def json_patch(path: str, body: Any, **query: Any) -> Step:
    return Step("PATCH", _path(path, query), body, "application/json-patch+json")
