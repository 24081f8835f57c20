"""Answers without what differs from server to server: identities, times, versions, addresses, generated names."""

import json
import re
from typing import Any

__all__ = ["Normal", "without_ages"]

_UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_ADDRESS = re.compile(r"\b10\.\d+\.\d+\.\d+\b")
_VERSIONS = re.compile(
    r"(ResourceVersion in (?:the )?(?:precondition|object meta|record)(?:: | \()|[Tt]oo old resource version: \d+ \(|"
    r"current: )\d+"
)
_AGE = re.compile(r"^(\d+[smh])+$|^<invalid>$")
_PATCHED = re.compile(r'(Invalid value: )"(?:\{|map\[).*?(?<!\\)": ')
_UNORDERED = re.compile(r'unknown field "[^"]*"(?:, unknown field "[^"]*")+|(?<=RBAC: \[)[^]]*')
"""Lists that Go tells in the random order of its maps, or of its caches."""
_PROBLEMS = "errors:\n"
_TOKEN = re.compile(r"\beyJ[\w.-]{40,}")


class Normal:
    """The names that one case's identities and versions get, in order of appearance."""

    def __init__(self, namespace: str, *, managed: bool) -> None:
        self._namespace = namespace
        self._managed = managed
        self._uids: dict[str, str] = {}
        self._versions: dict[str, str] = {}

    def answer(self, value: Any) -> Any:
        """One decoded answer, normalised."""
        value = self._walk(value, "")
        text = json.dumps(value, sort_keys=True)
        text = _UID.sub(lambda match: self._uids.setdefault(match[0], f"<uid{len(self._uids) + 1}>"), text)
        return json.loads(text)

    def _walk(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return [self._walk(each, key) for each in value]
        if isinstance(value, str):
            return self._text(value)
        if key in ("nodePort", "healthCheckNodePort") and value:
            return "<port>"
        return value

    def _text(self, text: str) -> str:
        text = text.replace(self._namespace, "<ns>")
        text = _TIME.sub("<time>", text)
        text = _ADDRESS.sub("<address>", text)
        text = _TOKEN.sub("<token>", text)
        text = _UNORDERED.sub(lambda match: ", ".join(sorted(match[0].split(", "))), text)
        head, found, problems = text.partition(_PROBLEMS)
        if found:
            text = head + found + "\n".join(sorted(problems.split("\n")))
        text = _PATCHED.sub(r"\1<patched object>: ", text)
        return _VERSIONS.sub(r"\1<rv>", text)

    def _object(self, given: dict[str, Any]) -> dict[str, Any]:
        made = {self._text(key): self._walk(value, key) for key, value in given.items()}
        if given.get("kind") == "Status":
            _sort_causes(made)
        metadata = given.get("metadata")
        if isinstance(metadata, dict):
            made["metadata"] = self._metadata(metadata, made["metadata"], given)
        if given.get("kind") == "Table":
            for column in made.get("columnDefinitions") or ():
                # The sandbox does not carry upstream's documentation.
                column.pop("description", None)
        if "storageVersionHash" in made:
            made["storageVersionHash"] = "<hash>"
        return made

    def _metadata(self, given: dict[str, Any], made: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
        version = given.get("resourceVersion")
        if version:
            listed = "uid" not in given
            made["resourceVersion"] = (
                "<rv>" if listed else self._versions.setdefault(version, f"<rv{len(self._versions) + 1}>")
            )
        if given.get("continue"):
            made["continue"] = "<continue>"
        prefix = given.get("generateName")
        if prefix and given.get("name", "").startswith(prefix):
            made["name"] = self._text(prefix) + "<suffix>"
        managed = made.pop("managedFields", None)
        if self._managed and managed is not None:
            made["managedFields"] = sorted(managed, key=lambda entry: json.dumps(entry, sort_keys=True))
        return made


def _sort_causes(status: dict[str, Any]) -> None:
    """Go tells some causes in the random order of its maps."""
    causes = (status.get("details") or {}).get("causes") or []
    if len(causes) > 1:
        causes.sort(key=lambda cause: json.dumps(cause, sort_keys=True))
        # The message repeats the causes.
        head, found, _ = status["message"].partition(" is invalid: ")
        status["message"] = head + found


def without_ages(answer: Any) -> Any:
    """An answer whose tables do not tell how old things are."""
    if isinstance(answer, list):
        return [without_ages(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    if answer.get("kind") != "Table":
        return {key: without_ages(value) for key, value in answer.items()}
    rows = [{**row, "cells": [_ageless(cell) for cell in row["cells"]]} for row in answer.get("rows") or ()]
    return {**answer, "rows": rows}


def _ageless(cell: Any) -> Any:
    return "<age>" if isinstance(cell, str) and _AGE.match(cell) else cell
