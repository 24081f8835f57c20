"""Durations, timestamps, identities and JSON patches."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from fluxkit.durations import DurationError, format_duration, parse_duration
from fluxkit.jsonpatch import (
    PatchError,
    apply_json_patch,
    apply_merge_patch,
    create_merge_patch,
    parse_pointer,
    to_pointer,
)
from fluxkit.objects import GroupVersionKind, ObjectKey, gvk_of, key_of, labels_of, subject
from fluxkit.timestamps import format_micro_time, format_time, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h30m", 5400.0),
        ("750ms", 0.75),
        ("0", 0.0),
        ("1.5h", 5400.0),
        ("-2s", -2.0),
        ("1h0m0.5s", 3600.5),
        (".5s", 0.5),
    ],
)
def test_parse_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "1d", "s", "1m 2s", "-"])
def test_parse_duration_refuses(text: str) -> None:
    with pytest.raises(DurationError, match="invalid duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (300, "5m0s"),
        (90, "1m30s"),
        (0.25, "250ms"),
        (1.5, "1.5s"),
        (3600, "1h0m0s"),
        (0.0000015, "1.5µs"),
        (-2, "-2s"),
        (86400, "24h0m0s"),
    ],
)
def test_format_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_times() -> None:
    moment = datetime(2026, 1, 2, 4, 4, 5, 678900, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(moment) == "2026-01-02T03:04:05Z"
    assert format_micro_time(moment) == "2026-01-02T03:04:05.678900Z"
    assert parse_time("2026-01-02T03:04:05.6789Z") == moment
    assert parse_time("2026-01-02T03:04:05.123456789Z").microsecond == 123456
    assert parse_time("2026-01-02T03:04:05Z").tzinfo == UTC
    with pytest.raises(ValueError, match="no time zone"):
        parse_time("2026-01-02T03:04:05")


def test_identities() -> None:
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    assert gvk_of(obj) == GroupVersionKind("apps", "v1", "Deployment")
    assert gvk_of({"apiVersion": "v1", "kind": "Service"}).api_version == "v1"
    assert key_of(obj) == ObjectKey("shop", "web")
    assert subject(obj) == "Deployment/shop/web"
    assert subject({"kind": "Namespace", "metadata": {"name": "shop"}}) == "Namespace/shop"
    assert labels_of({"metadata": None}) == {}


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [
        ({"a": [1, 2]}, [{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": {"b~/": 1}}, [{"op": "remove", "path": "/a/b~0~1"}], {"a": {}}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": None}], {"a": None}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/a"}], {}),
    ],
)
def test_json_patch(document: Any, operations: list[dict[str, Any]], expected: Any) -> None:
    assert apply_json_patch(document, operations) == expected


@pytest.mark.parametrize(
    ("operations", "problem"),
    [
        ([{"op": "remove", "path": "/x"}], "does not exist"),
        ([{"op": "replace", "path": "/a/7", "value": 1}], "out of bounds"),
        ([{"op": "add", "path": "a", "value": 1}], "must start with"),
        ([{"op": "test", "path": "/b", "value": 1}], "test failed"),
        ([{"op": "test", "path": "/one", "value": True}], "test failed"),
        ([{"op": "spin", "path": "/a"}], "unknown operation"),
        ([{"op": "add", "path": "/c"}], "missing member 'value'"),
        ([{"op": "add", "path": "/a/01", "value": 1}], "not an array index"),
        ([{"op": "move", "from": "/a", "path": "/a/0"}], "into itself"),
    ],
)
def test_json_patch_errors_name_the_operation(operations: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(PatchError, match=rf"operation 0 .*{problem}"):
        apply_json_patch({"a": [0], "b": 2, "one": 1}, operations)


def test_inputs_are_left_alone() -> None:
    document = {"a": {"b": 1}}
    apply_json_patch(document, [{"op": "remove", "path": "/a/b"}])
    apply_merge_patch(document, {"a": {"b": 2}})
    assert document == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1}, {}),
        ({"a": {"b": 1, "c": [1]}}, {"a": {"c": [1, 2]}, "d": {"e": 0}}),
        ({"a": True}, {"a": 1}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_merge_patch_turns_one_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    result = apply_merge_patch(before, create_merge_patch(before, after))
    assert result == after
    assert (create_merge_patch(before, after) == {}) is (repr(before) == repr(after))


def test_pointers() -> None:
    assert parse_pointer("") == []
    assert parse_pointer("/a~1b/0/~0") == ["a/b", "0", "~"]
    assert to_pointer(["a/b", 0, "~"]) == "/a~1b/0/~0"
