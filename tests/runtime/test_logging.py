import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from fluxkit.objects import GroupVersionKind
from fluxkit.runtime import get_logger
from fluxkit.runtime.logging import Encoding, Level, mask, mask_credentials, setup


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logs(level: Level = "info", encoding: Encoding = "json") -> io.StringIO:
    stream = io.StringIO()
    setup(level, encoding, stream)
    return stream


def parsed(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.contract("RUN-101", "RUN-104")
def test_a_line_is_json_with_upstreams_fields() -> None:
    stream = logs()
    log = get_logger(controller="kustomization", controllerGroup="kustomize.toolkit.fluxcd.io")
    log.bind({"Kustomization": {"name": "a", "namespace": "b"}}, reconcileID="1").info("done", {"reconciler kind": "K"})
    text = stream.getvalue()
    assert re.match(r'\{"level":"info","ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","msg":"done","controller":', text)
    (line,) = parsed(stream)
    del line["ts"]
    assert line == {
        "level": "info",
        "msg": "done",
        "controller": "kustomization",
        "controllerGroup": "kustomize.toolkit.fluxcd.io",
        "Kustomization": {"name": "a", "namespace": "b"},
        "reconcileID": "1",
        "reconciler kind": "K",
    }


def test_binding_leaves_the_original_alone() -> None:
    stream = logs()
    log = get_logger("setup", a=1)
    log.bind(b=2).info("x")
    log.info("y")
    first, second = parsed(stream)
    assert (first["logger"], first["a"], first["b"]) == ("setup", 1, 2)
    assert "b" not in second


@pytest.mark.contract("RUN-078", "RUN-101")
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("trace", ["trace", "debug", "info", "error"]),
        ("debug", ["debug", "info", "error"]),
        ("info", ["info", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(level: Level, expected: list[str]) -> None:
    stream = logs(level)
    log = get_logger()
    log.trace("m")
    log.debug("m")
    log.info("m")
    log.error("m")
    assert [line["level"] for line in parsed(stream)] == expected
    assert [name for name in ("trace", "debug", "info", "error") if log.enabled(name)] == expected


def fail() -> Exception:
    try:
        raise ValueError("no route")
    except ValueError as error:
        return error


@pytest.mark.contract("RUN-103")
@pytest.mark.parametrize(("level", "stack"), [("trace", True), ("debug", True), ("info", False), ("error", False)])
def test_stacks_appear_only_at_debug_and_trace(level: Level, stack: bool) -> None:
    stream = logs(level)
    get_logger().error("Reconciler error", error=fail())
    (line,) = parsed(stream)
    assert line["error"] == "no route"
    assert ("stacktrace" in line) == stack
    if stack:
        assert "in fail" in line["stacktrace"]


def test_an_error_without_text_is_named() -> None:
    stream = logs()
    get_logger().error("Reconciler error", error=TimeoutError())
    assert parsed(stream)[0]["error"] == "TimeoutError"


@pytest.mark.contract("RUN-102")
def test_console_lines_are_tab_separated() -> None:
    stream = logs("trace", "console")
    get_logger("setup").trace("hello", answer=42)
    get_logger().info("bye")
    first, second = stream.getvalue().splitlines()
    assert first.split("\t")[1:] == ["TRACE", "setup", "hello", '{"answer":42}']
    assert second.split("\t")[1:] == ["INFO", "bye"]


@pytest.mark.contract("RUN-105")
def test_libraries_log_under_the_name_runtime() -> None:
    stream = logs("debug")
    logging.getLogger("fluxkit.kube.cache").warning("cannot follow %s: %s", "ConfigMap", "gone")
    logging.getLogger("aiohttp.access").debug("chatter")
    try:
        raise ValueError("no route")
    except ValueError:
        logging.getLogger("asyncio").exception("task failed")
    first, second = parsed(stream)
    assert (first["logger"], first["level"], first["msg"]) == ("runtime", "info", "cannot follow ConfigMap: gone")
    assert (second["logger"], second["level"], second["error"]) == ("runtime", "error", "no route")
    assert "stacktrace" in second


def test_values_that_json_does_not_know_are_written_as_text() -> None:
    stream = logs()
    get_logger().info("x", gvk=GroupVersionKind("", "v1", "Pod"), keys={("a", "b")}, odd={1: 2})
    (line,) = parsed(stream)
    assert (line["keys"], line["odd"]) == ("{('a', 'b')}", {"1": 2})


def test_setting_up_again_replaces_the_output() -> None:
    first = logs()
    second = logs("error")
    get_logger().error("x")
    assert first.getvalue() == ""
    assert len(parsed(second)) == 1


@pytest.mark.parametrize(("level", "encoding"), [("warn", "json"), ("info", "yaml")])
def test_unknown_settings_are_refused(level: Any, encoding: Any) -> None:
    with pytest.raises(ValueError, match="is not one of"):
        setup(level, encoding)


@pytest.mark.contract("RUN-106")
@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        ("token abc123 used", ["abc123"], "token ***** used"),
        ("abc123 and abc123", ["abc123"], "***** and *****"),
        ("a.c matches abc only literally", ["a.c"], "***** matches abc only literally"),
        ("nothing", ["", "xyz"], "nothing"),
        ("longest first: password1", ["password", "password1"], "longest first: *****"),
    ],
)
def test_masking_known_secrets(text: str, secrets: list[str], expected: str) -> None:
    assert mask(text, secrets) == expected


@pytest.mark.contract("RUN-106")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://bob:hunter2@example.com/a.git", "https://*****@example.com/a.git"),
        ("https://ghp_token@example.com", "https://*****@example.com"),
        ("https://example.com/a@b", "https://example.com/a@b"),
        ("HTTPS://ghp_token@example.com", "HTTPS://*****@example.com"),
        ("ssh://git@example.com", "ssh://git@example.com"),
        ("socks5://bob:hunter2@proxy:1080", "socks5://bob:*****@proxy:1080"),
        ("Authorization: Bearer eyJhbGciOi.x-y_z==", "Authorization: Bearer *****"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic *****"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', '{"authorization": "Basic *****"}'),
        ("sent bearer eyJhbGciOi.x-y_z012345678901", "sent bearer *****"),
        ("secret 'a/b': malformed basic authentication", "secret 'a/b': malformed basic authentication"),
        ("a bearer of news", "a bearer of news"),
    ],
)
def test_masking_credentials(text: str, expected: str) -> None:
    assert mask_credentials(text) == expected


@pytest.mark.contract("RUN-106")
def test_credentials_do_not_reach_the_log() -> None:
    stream = logs()
    get_logger().info("cloning https://bob:hunter2@example.com", url="https://bob:hunter2@example.com")
    get_logger().error("failed", error="GET https://bob:hunter2@example.com: 401")
    assert "hunter2" not in stream.getvalue()
    assert len(parsed(stream)) == 2
