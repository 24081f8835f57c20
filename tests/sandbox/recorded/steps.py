"""The words that cases are written in: requests, and sequences of them in a namespace of their own.

Texts of paths and bodies may contain ``{ns}``, the case's namespace, and ``{uid:N}``, ``{rv:N}`` or ``{continue:N}``,
taken from the metadata of the N-th answer (counted from 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

__all__ = ["Case", "Step", "apply", "case", "delete", "get", "json_patch", "merge", "post", "put", "strategic", "until"]


@dataclass(frozen=True)
class Step:
    """One request. With ``until`` it is repeated until it is answered with 200, and its answer is not compared."""

    method: str
    path: str
    body: Any = None
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    pick: str = ""
    """Only this part of the answer is compared: members and list indexes, separated by dots."""
    until: bool = False


@dataclass(frozen=True)
class Case:
    name: str
    steps: tuple[Step, ...]
    managed: bool = False
    """Whether managedFields are compared."""


def case(name: str, *steps: Step, managed: bool = False) -> Case:
    return Case(name, steps, managed)


def _path(path: str, query: Mapping[str, Any]) -> str:
    if not query:
        return path
    return f"{path}?{urlencode(query, safe='{}:')}"


def get(path: str, *, accept: str = "", pick: str = "", **query: Any) -> Step:
    headers = {"Accept": accept} if accept else {}
    return Step("GET", _path(path, query), headers=headers, pick=pick)


def until(path: str) -> Step:
    return Step("GET", path, until=True)


def post(path: str, body: Any, *, pick: str = "", headers: Mapping[str, str] | None = None, **query: Any) -> Step:
    return Step("POST", _path(path, query), body, headers=headers or {}, pick=pick)


def put(path: str, body: Any, **query: Any) -> Step:
    return Step("PUT", _path(path, query), body)


def delete(path: str, body: Any = None, *, pick: str = "", **query: Any) -> Step:
    return Step("DELETE", _path(path, query), body, pick=pick)


def apply(path: str, body: Any, manager: str = "one", *, pick: str = "", **query: Any) -> Step:
    query = {"fieldManager": manager, **query} if manager else query
    return Step("PATCH", _path(path, query), body, "application/apply-patch+yaml", pick=pick)


def merge(path: str, body: Any, **query: Any) -> Step:
    return Step("PATCH", _path(path, query), body, "application/merge-patch+json")


def strategic(path: str, body: Any, **query: Any) -> Step:
    return Step("PATCH", _path(path, query), body, "application/strategic-merge-patch+json")


def json_patch(path: str, body: Any, **query: Any) -> Step:
    return Step("PATCH", _path(path, query), body, "application/json-patch+json")
