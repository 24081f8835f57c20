"""Sends cases to a server and returns what it answered, normalised."""

import http.client
import json
import re
import secrets
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.sandbox.recorded.normal import Normal
from tests.sandbox.recorded.steps import Case, Step

__all__ = ["Player"]

_REFERENCE = re.compile(r"\{(uid|rv|continue):(\d+)\}")
_MEMBERS = {"uid": "uid", "rv": "resourceVersion", "continue": "continue"}
_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')
_DEADLINE = 30.0
_PAUSE = 0.05


class Player:
    """One kept connection; ``headers`` carry the credentials."""

    def __init__(self, server: str, headers: Mapping[str, str], context: ssl.SSLContext | None = None) -> None:
        address = urlsplit(server)
        assert address.hostname
        self._connection: http.client.HTTPConnection
        if address.scheme == "https":
            self._connection = http.client.HTTPSConnection(address.hostname, address.port, context=context, timeout=30)
        else:
            self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        self._headers = {**headers, "User-Agent": "recorder/1"}
        self._run = secrets.token_hex(3)
        self._count = 0

    def close(self) -> None:
        self._connection.close()

    def prepare(self, steps: Iterable[Step]) -> None:
        """Sends requests that must succeed."""
        for step in steps:
            status, _, answer = self._until(step) if step.until else self._send(step, "", [])
            if status >= 300:
                raise RuntimeError(f"{step.method} {step.path}: {status} {answer}")

    def play(self, case: Case) -> list[Any]:
        """For each step that counts: status code, body, and warnings if there are any."""
        self._count += 1
        namespace = f"r{self._run}-{self._count:03}"
        namespaces = "/api/v1/namespaces"
        self.prepare([Step("POST", namespaces, {"metadata": {"name": namespace}})])
        normal = Normal(namespace, managed=case.managed)
        raw: list[Any] = []
        answers: list[Any] = []
        for step in case.steps:
            status, warnings, answer = self._until(step, namespace) if step.until else self._send(step, namespace, raw)
            raw.append(answer)
            if step.until:
                continue
            entry = [status, normal.answer(_picked(answer, step.pick))]
            if warnings:
                entry.append(sorted(normal.answer(warnings)))
            answers.append(entry)
        self._send(Step("DELETE", f"{namespaces}/{namespace}"), "", [])
        return answers

    def _until(self, step: Step, namespace: str = "") -> tuple[int, list[str], Any]:
        deadline = time.monotonic() + _DEADLINE
        while True:
            answer = self._send(step, namespace, [])
            if answer[0] == 200 or time.monotonic() > deadline:
                return answer
            time.sleep(_PAUSE)

    def _send(self, step: Step, namespace: str, raw: list[Any]) -> tuple[int, list[str], Any]:
        path = _filled(step.path, namespace, raw)
        body = None
        if step.body is not None:
            text = step.body if isinstance(step.body, str) else json.dumps(step.body)
            body = _filled(text, namespace, raw).encode()
        headers = {**self._headers, "Content-Type": step.type, "Accept": "application/json", **step.headers}
        if body is None:
            del headers["Content-Type"]
        headers = {name: _filled(value, namespace, raw) for name, value in headers.items()}
        self._connection.request(step.method, path, body, headers)
        response = self._connection.getresponse()
        data = response.read()
        joined = ", ".join(response.headers.get_all("Warning") or ())
        warnings = [re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(joined)]
        try:
            return response.status, warnings, json.loads(data)
        except ValueError:
            return response.status, warnings, data.decode()


def _filled(text: str, namespace: str, raw: list[Any]) -> str:
    text = text.replace("{ns}", namespace)
    return _REFERENCE.sub(lambda match: str(raw[int(match[2])]["metadata"][_MEMBERS[match[1]]]), text)


def _picked(value: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError):
            return value
    return value
