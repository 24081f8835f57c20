"""Sends cases to a server and returns what it answered, normalised."""

import http.client
import json
import re
import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from tests.sandbox.recorded.normal import Normal, without_ages
from tests.sandbox.recorded.steps import COMPACT, Case, Step

__all__ = ["Player"]

_REFERENCE = re.compile(r"\{(uid|rv|continue|token):(\d+)\}")
_MEMBERS = {"uid": "uid", "rv": "resourceVersion", "continue": "continue"}
_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')
_DEADLINE = 30.0
_PAUSE = 0.05


class Player:
    """One kept connection; ``headers`` carry the credentials. ``compact`` makes the server forget its history."""

    def __init__(
        self,
        server: str,
        headers: Mapping[str, str],
        context: ssl.SSLContext | None = None,
        compact: Callable[[], None] | None = None,
    ) -> None:
        self._server = server
        self._context = context
        self._connection = self._connect()
        self._compact = compact
        self._headers = {**headers, "User-Agent": "recorder/1"}
        self._run = secrets.token_hex(3)
        self._count = 0

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self._server)
        assert address.hostname
        if address.scheme == "https":
            return http.client.HTTPSConnection(address.hostname, address.port, context=self._context, timeout=30)
        return http.client.HTTPConnection(address.hostname, address.port, timeout=30)

    def close(self) -> None:
        self._connection.close()

    def plays(self, case: Case) -> bool:
        """Whether this server can be asked all of a case."""
        return self._compact is not None or not case.compacts

    def prepare(self, steps: Iterable[Step]) -> None:
        """Sends requests that must succeed."""
        for step in steps:
            status, _, answer = self._until(step) if step.until else self._send(step, "", ())
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
            if step.method == COMPACT:
                assert self._compact, "this server cannot be made to forget"
                self._compact()
                raw.append(None)
                continue
            if step.until:
                raw.append(self._until(step, namespace, raw)[2])
                continue
            status, headers, answer = (self._watch if step.events else self._send)(step, namespace, raw)
            raw.append(answer)
            entry = [status, normal.answer(_picked(without_ages(answer), step.pick))]
            warnings = _warnings(headers)
            if warnings:
                entry.append(sorted(normal.answer(warnings)))
            if step.shows:
                entry.append({name: normal.answer(headers.get(name)) for name in step.shows})
            answers.append(entry)
        self._send(Step("DELETE", f"{namespaces}/{namespace}"), "", [])
        return answers

    def _until(self, step: Step, namespace: str = "", raw: Sequence[Any] = ()) -> tuple[int, Message, Any]:
        deadline = time.monotonic() + _DEADLINE
        while True:
            answer = self._send(step, namespace, raw)
            found = not step.finds or _filled(step.finds, namespace, raw) in json.dumps(
                answer[2], separators=(",", ":")
            )
            if answer[0] == step.until and found:
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"{step.method} {step.path} never answered {step.until} {step.finds}: {answer}")
            time.sleep(_PAUSE)

    def _send(self, step: Step, namespace: str, raw: Sequence[Any]) -> tuple[int, Message, Any]:
        response = self._request(self._connection, step, namespace, raw)
        data = response.read()
        try:
            return response.status, response.headers, json.loads(data)
        except ValueError:
            return response.status, response.headers, data.decode()

    def _watch(self, step: Step, namespace: str, raw: Sequence[Any]) -> tuple[int, Message, Any]:
        connection = self._connect()
        try:
            response = self._request(connection, step, namespace, raw)
            if response.status != 200:
                return response.status, response.headers, json.loads(response.read())
            events: list[Any] = []
            while len(events) < step.events:
                try:
                    line = response.readline()
                except TimeoutError:
                    line = b""
                if not line:
                    events.append("end of the stream")
                    break
                events.append(json.loads(line))
            return response.status, response.headers, events
        finally:
            connection.close()

    def _request(
        self, connection: http.client.HTTPConnection, step: Step, namespace: str, raw: Sequence[Any]
    ) -> http.client.HTTPResponse:
        path = _filled(step.path, namespace, raw)
        body = None
        if step.body is not None:
            text = step.body if isinstance(step.body, str) else json.dumps(step.body)
            body = _filled(text, namespace, raw).encode()
        headers = {**self._headers, "Content-Type": step.type, "Accept": "application/json", **step.headers}
        if body is None:
            del headers["Content-Type"]
        headers = {name: _filled(value, namespace, raw) for name, value in headers.items() if value}
        connection.request(step.method, path, body, headers)
        return connection.getresponse()


def _warnings(headers: Message) -> list[str]:
    joined = ", ".join(headers.get_all("Warning") or ())
    return [re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(joined)]


def _filled(text: str, namespace: str, raw: Sequence[Any]) -> str:
    text = text.replace("{ns}", namespace)
    return _REFERENCE.sub(lambda match: _referred(raw[int(match[2])], match[1]), text)


def _picked(value: Any, path: str) -> Any:
    for part in path.split(".") if path else ():
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError):
            return value
    return value


def _referred(answer: Any, what: str) -> str:
    """A fact of an object, or of the object of the last event of a watch; "none" if the answer has no such."""
    found = answer[-1]["object"] if isinstance(answer, list) else answer
    section, member = ("status", "token") if what == "token" else ("metadata", _MEMBERS[what])
    return str(found.get(section, {}).get(member, "none"))
