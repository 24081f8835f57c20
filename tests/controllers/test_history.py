"""The history of a status keeps the last five distinct outcomes."""

from datetime import UTC, datetime

import pytest

from fluxkit.api.meta import Snapshot
from fluxkit.controllers.history import upsert_snapshot


def record(history: list[Snapshot], digest: str, status: str = "ReconciliationSucceeded", minute: int = 0) -> None:
    upsert_snapshot(
        history,
        digest=digest,
        status=status,
        moment=datetime(2026, 1, 1, 0, minute, tzinfo=UTC),
        seconds=1.5,
        metadata={"revision": f"main@sha1:{digest}"},
    )


@pytest.mark.contract("KUS-340", "KUS-342", "RUN-152")
def test_equal_outcomes_are_counted_and_moved_to_the_front() -> None:
    history: list[Snapshot] = []
    record(history, "a", minute=1)
    record(history, "b", minute=2)
    record(history, "a", minute=3)
    assert [(each.digest, each.total_reconciliations) for each in history] == [("a", 2), ("b", 1)]
    assert history[0].first_reconciled == "2026-01-01T00:01:00Z"
    assert history[0].last_reconciled == "2026-01-01T00:03:00Z"
    assert history[0].last_reconciled_duration == "1.5s"
    assert history[0].metadata == {"revision": "main@sha1:a"}


@pytest.mark.contract("KUS-339", "RUN-152")
def test_another_status_is_another_entry() -> None:
    history: list[Snapshot] = []
    record(history, "a")
    record(history, "a", status="HealthCheckFailed")
    assert [each.last_reconciled_status for each in history] == ["HealthCheckFailed", "ReconciliationSucceeded"]


@pytest.mark.contract("KUS-342", "RUN-152")
def test_five_are_kept() -> None:
    history: list[Snapshot] = []
    for digest in "abcdefg":
        record(history, digest)
    assert [each.digest for each in history] == list("gfedc")
