"""The store by itself: a watch replays to what a list shows, durability order, failure of the disk."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fluxkit.sandbox.status import StatusError
from fluxkit.sandbox.storage import Storage
from fluxkit.sandbox.store import Record, Store

KEYS = [("a", "x"), ("a", "y"), ("b", "x"), ("", "z")]
OPERATIONS = st.lists(st.tuples(st.sampled_from(["put", "put", "remove", "wait"]), st.sampled_from(KEYS)), max_size=40)


def obj(key: tuple[str, str], number: int) -> Any:
    return {"metadata": {"name": key[1], "namespace": key[0], "uid": f"{key}"}, "number": number}


def unexpected(error: BaseException) -> None:
    raise AssertionError(error)


def state(records: list[Record]) -> dict[tuple[str, str], bytes]:
    return {record.key: record.body for record in records}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=OPERATIONS, after=OPERATIONS, namespace=st.sampled_from(["", "a"]))
def test_a_watch_replays_to_the_same_state_as_a_list(
    tmp_path_factory: pytest.TempPathFactory, before: Any, after: Any, namespace: str
) -> None:
    path = tmp_path_factory.mktemp("store") / "state.db"

    async def play(store: Store, operations: Any) -> None:
        for number, (operation, key) in enumerate(operations):
            if operation == "put":
                store.put("things", key, obj(key, number))
            elif operation == "wait":
                await store.durable(store.revision)
            elif store.get("things", key) is not None:
                store.remove("things", key)
        await store.durable(store.revision)

    async def scenario() -> None:
        store = Store(Storage(path), unexpected)
        await play(store, before)
        start = store.revision
        seen = state(list(store.records("things", namespace)))
        await play(store, after)
        watcher = store.watch("things", namespace, start)
        revisions = []
        for change in watcher.changes:
            revisions.append(change.revision)
            if change.deleted:
                del seen[change.record.key]
            else:
                assert (change.record.key in seen) is (change.previous is not None)
                seen[change.record.key] = change.record.body
        now = list(store.records("things", namespace))
        assert seen == state(now)
        assert revisions == sorted(set(revisions))
        # History: what the list was at the start can still be told.
        assert state(list(store.records_at("things", store.revision, namespace))) == state(now)
        await store.close()
        again = Store(Storage(path), unexpected)
        assert state(list(again.records("things", namespace))) == state(now)
        assert again.revision == store.revision
        await again.close()

    asyncio.run(scenario())


async def test_the_past_can_be_listed_until_it_is_compacted(tmp_path: Path) -> None:
    store = Store(Storage(tmp_path / "state.db"), unexpected)
    first = store.put("things", ("", "a"), obj(("", "a"), 1))
    store.put("things", ("", "b"), obj(("", "b"), 2))
    store.remove("things", ("", "a"))
    assert [record.key[1] for record in store.records_at("things", first.revision)] == ["a"]
    await store.durable(store.revision)
    store.compact()
    with pytest.raises(StatusError, match="too old resource version") as caught:
        list(store.records_at("things", first.revision))
    assert caught.value.code == 410
    await store.close()


async def test_nothing_is_shown_before_it_is_on_disk(tmp_path: Path) -> None:
    store = Store(Storage(tmp_path / "state.db"), unexpected)
    watcher = store.watch("things", "", 0)
    record = store.put("things", ("", "a"), obj(("", "a"), 1))
    assert not watcher.changes
    assert store.committed < record.revision
    await store.durable(record.revision)
    assert [change.revision for change in watcher.changes] == [record.revision]
    other = Storage(tmp_path / "state.db")
    assert [row[2] for row in other.rows()] == ["a"]
    other.close()
    await store.close()


async def test_writes_while_a_commit_is_under_way_share_the_next_one(tmp_path: Path) -> None:
    store = Store(Storage(tmp_path / "state.db"), unexpected)
    for number in range(100):
        store.put("things", ("", f"n{number}"), obj(("", "n"), number))
    await store.durable(store.revision)
    assert store.commits == 1
    await store.close()


async def test_a_full_disk_refuses_writes_and_says_so(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    storage = Storage(tmp_path / "state.db")
    store = Store(storage, failures.append)
    kept = store.put("things", ("", "kept"), obj(("", "kept"), 0))
    await store.durable(kept.revision)
    storage._connection.execute("PRAGMA max_page_count = 1")
    lost = store.put("things", ("", "lost"), {**obj(("", "lost"), 1), "data": "x" * 100_000})
    with pytest.raises(StatusError, match="full") as caught:
        await store.durable(lost.revision)
    assert caught.value.code == 500
    assert len(failures) == 1
    with pytest.raises(StatusError, match="storage failed"):
        store.put("things", ("", "more"), obj(("", "more"), 2))
    await store.close()
    reopened = Storage(tmp_path / "state.db")
    assert [row[2] for row in reopened.rows()] == ["kept"]
    reopened.close()


async def test_owners_and_uids_are_indexed(tmp_path: Path) -> None:
    store = Store(Storage(tmp_path / "state.db"), unexpected)
    child = obj(("a", "x"), 1)
    child["metadata"]["ownerReferences"] = [{"uid": "parent"}]
    store.put("things", ("a", "x"), child)
    assert store.dependents("parent") == [("things", ("a", "x"))]
    assert store.by_uid("('a', 'x')") == ("things", ("a", "x"))
    store.remove("things", ("a", "x"))
    assert store.dependents("parent") == []
    assert store.by_uid("('a', 'x')") is None
    await store.close()
