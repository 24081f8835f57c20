"""What answers carry beside their bodies, and the encodings that clients ask for."""

import gzip
import http.client
from urllib.parse import urlsplit

import orjson
import pytest

from tests.sandbox.watching import Watch
from tests.sandbox_fixture import SandboxServer

_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


def _get(sandbox: SandboxServer, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    address = urlsplit(sandbox.url)
    connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=sandbox.ssl_context())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers={"Authorization": f"Bearer {sandbox.token}", **named})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize("path", ["/api/v1/namespaces/default", "/api/v1/namespaces/missing", "/version"])
def test_every_answer_has_an_audit_id_of_its_own(sandbox: SandboxServer, path: str) -> None:
    (first, _), (second, _) = _get(sandbox, path), _get(sandbox, path)
    assert len(first.headers["Audit-Id"]) == 36
    assert first.headers["Audit-Id"] != second.headers["Audit-Id"]
    for name in ("X-Kubernetes-PF-FlowSchema-UID", "X-Kubernetes-PF-PriorityLevel-UID"):
        assert first.headers[name] == second.headers[name] != ""


def test_a_clients_audit_id_is_kept(sandbox: SandboxServer) -> None:
    answer, _ = _get(sandbox, "/version", Audit_Id="mine")
    assert answer.headers["Audit-Id"] == "mine"


def test_watches_have_them_too(sandbox: SandboxServer, namespace: str) -> None:
    with Watch(sandbox, f"/api/v1/namespaces/{namespace}/configmaps?watch=true") as watch:
        assert watch.header("Audit-Id")


def test_large_answers_are_compressed_for_those_who_ask(sandbox: SandboxServer) -> None:
    plain, body = _get(sandbox, "/openapi/v3/apis/apps/v1")
    packed, data = _get(sandbox, "/openapi/v3/apis/apps/v1", Accept_Encoding="gzip")
    assert plain.headers["Content-Encoding"] is None
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(data) < len(body) / 4
    assert gzip.decompress(data) == body


def test_small_answers_are_not_compressed(sandbox: SandboxServer) -> None:
    answer, _ = _get(sandbox, "/api/v1/namespaces", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] is None


# OpenAPI v2


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    """The length-delimited fields of a protobuf message; numbers are skipped."""
    found: list[tuple[int, bytes]] = []
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            number()
            continue
        size = number()
        found.append((key >> 3, data[at : at + size]))
        at += size
    return found


def _entries(data: bytes) -> dict[str, bytes]:
    """A list of named values."""
    out = {}
    for _, entry in _fields(data):
        parts = dict(_fields(entry))
        out[parts[1].decode()] = parts.get(2, b"")
    return out


def test_the_v2_document_in_protobuf_says_what_the_json_says(sandbox: SandboxServer) -> None:
    answer, data = _get(sandbox, "/openapi/v2", Accept=_PROTOBUF)
    assert answer.headers["Content-Type"] == _PROTOBUF.replace("@", ".")
    json_answer, body = _get(sandbox, "/openapi/v2")
    assert json_answer.headers["Content-Type"] == "application/json"
    document = orjson.loads(body)
    top = dict(_fields(data))
    assert top[1] == b"2.0"
    assert set(_entries(top[8])) == set(document["paths"])
    definitions = _entries(top[9])
    assert set(definitions) == set(document["definitions"])
    spec = document["definitions"]["io.k8s.api.apps.v1.DeploymentSpec"]
    fields = _fields(definitions["io.k8s.api.apps.v1.DeploymentSpec"])
    assert [value.decode() for number, value in fields if number == 19] == spec["required"]
    assert set(_entries(dict(fields)[25])) == set(spec["properties"])
