"""The store of a watch cache: tables of what a reader is told."""

import pytest

from fluxkit.kube.store import CacheEvent, ObjectStore, version_number
from fluxkit.kube.watch import EventType, WatchEvent
from fluxkit.objects import Object

from .scripted import bookmark, config_map

A1, A2, B1 = config_map("a", 1), config_map("a", 2), config_map("b", 1)
A_AGAIN = {**config_map("a", 7), "metadata": {**config_map("a", 7)["metadata"], "uid": "another"}}


def told(events: list[CacheEvent]) -> list[tuple[str, str | None, str | None]]:
    def version(obj: Object | None) -> str | None:
        return None if obj is None else f"{obj['metadata']['name']}{obj['metadata']['resourceVersion']}"

    return [(event.type, version(event.old), version(event.new)) for event in events]


@pytest.mark.parametrize(
    ("held", "listed", "expected"),
    [
        ([], [A1, B1], [("ADDED", None, "a1"), ("ADDED", None, "b1")]),
        ([A1], [A1], []),
        ([A1], [A2], [("MODIFIED", "a1", "a2")]),
        ([A1, B1], [B1], [("DELETED", "a1", None)]),
        ([A1], [A_AGAIN], [("DELETED", "a1", None), ("ADDED", None, "a7")]),
        ([A1], [], [("DELETED", "a1", None)]),
    ],
)
def test_replacing_tells_the_difference(
    held: list[Object], listed: list[Object], expected: list[tuple[str, str | None, str | None]]
) -> None:
    store = ObjectStore()
    store.replace(held)
    assert told(store.replace(listed)) == expected
    assert store.list() == listed


@pytest.mark.parametrize(
    ("held", "kind", "obj", "expected"),
    [
        ([], "ADDED", A1, [("ADDED", None, "a1")]),
        ([], "MODIFIED", A1, [("ADDED", None, "a1")]),
        ([A1], "ADDED", A1, []),
        ([A1], "ADDED", A2, [("MODIFIED", "a1", "a2")]),
        ([A1], "MODIFIED", A_AGAIN, [("DELETED", "a1", None), ("ADDED", None, "a7")]),
        ([A1], "DELETED", A2, [("DELETED", "a2", None)]),
        ([], "DELETED", A1, []),
        ([A1], "BOOKMARK", {"metadata": {"resourceVersion": "9"}}, []),
    ],
)
def test_following_a_watch(
    held: list[Object], kind: EventType, obj: Object, expected: list[tuple[str, str | None, str | None]]
) -> None:
    store = ObjectStore()
    store.replace(held)
    assert told(store.apply(WatchEvent(kind, obj))) == expected


def test_indexes_follow_every_change() -> None:
    store = ObjectStore({"app": lambda obj: [obj["data"].get("app", "none")]})
    one = config_map("one", 1, app="web")
    store.replace([one, config_map("two", 1, app="web"), config_map("three", 1)])
    assert [obj["metadata"]["name"] for obj in store.index("app", "web")] == ["one", "two"]
    store.apply(WatchEvent("MODIFIED", config_map("one", 2, app="db")))
    assert [obj["metadata"]["name"] for obj in store.index("app", "web")] == ["two"]
    assert [obj["metadata"]["resourceVersion"] for obj in store.index("app", "db")] == ["2"]
    store.apply(WatchEvent("DELETED", config_map("one", 3, app="db")))
    assert store.index("app", "db") == []
    store.add_indexer("name", lambda obj: [obj["metadata"]["name"]])
    assert len(store.index("name", "two")) == 1
    with pytest.raises(KeyError):
        store.index("unheard-of", "x")


def test_an_index_that_fails_hides_the_object_from_itself_only(caplog: pytest.LogCaptureFixture) -> None:
    store = ObjectStore({"broken": lambda obj: obj["data"]["app"], "whole": lambda obj: ["all"]})
    store.replace([config_map("one", 1), config_map("two", 1, app="x")])
    assert len(store.list()) == 2
    assert len(store.index("whole", "all")) == 2
    assert [obj["metadata"]["name"] for obj in store.index("broken", "x")] == ["two"]
    assert "cannot index default/one" in caplog.text


def test_namespaces() -> None:
    store = ObjectStore()
    store.replace([config_map("a", 1, "one"), config_map("a", 1, "two"), {"metadata": {"name": "wide"}}])
    assert len(store) == 3
    assert store.get("one", "a") is not None
    assert store.get("three", "a") is None
    assert len(store.list("two")) == 1
    assert len(store.list("")) == 1
    store.apply(WatchEvent("DELETED", config_map("a", 2, "two")))
    assert store.list("two") == []


def test_versions() -> None:
    assert version_number("0012") == 12
    assert version_number("") is None
    assert version_number("x1") is None
    assert WatchEvent("BOOKMARK", {}).resource_version == ""
    assert bookmark(3).endswith(b"\n")
