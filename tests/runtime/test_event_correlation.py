from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fluxkit.runtime.event_correlation import EventCorrelator, event_name
from fluxkit.timestamps import format_time

START = datetime(2024, 1, 1, tzinfo=UTC)


def event(message: str, *, at: datetime = START, reason: str = "Reason", name: str = "a", type: str = "Normal") -> Any:
    return {
        "metadata": {"name": event_name(name, at), "namespace": "apps"},
        "involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": name, "uid": "1"},
        "type": type,
        "reason": reason,
        "message": message,
        "source": {"component": "kustomize-controller"},
        "firstTimestamp": format_time(at),
        "lastTimestamp": format_time(at),
        "count": 1,
    }


class Feed:
    """Events about an object, each a second after the other."""

    def __init__(self) -> None:
        self.correlator = EventCorrelator()
        self.at = START

    def __call__(self, message: str, *, after: float = 1.0, **options: Any) -> Any:
        self.at += timedelta(seconds=after)
        return self.correlator.correlate(event(message, at=self.at, **options), self.at)


def test_names_end_in_the_time_in_hex() -> None:
    assert event_name("podinfo", START) == f"podinfo.{1704067200 * 10**9:x}"


def test_an_identical_event_is_counted() -> None:
    feed = Feed()
    first = feed("applied")
    second, third = feed("applied"), feed("applied")
    assert first.patch is None
    assert second.event["metadata"]["name"] == third.event["metadata"]["name"] == first.event["metadata"]["name"]
    assert third.event["firstTimestamp"] == first.event["firstTimestamp"]
    assert third.patch == {"count": 3, "lastTimestamp": "2024-01-01T00:00:03Z", "message": "applied"}
    assert feed("applied", reason="Other").patch is None
    assert feed("applied", type="Warning").patch is None
    assert feed("pruned").patch is None


def test_the_servers_name_and_count_are_taken_over() -> None:
    feed = Feed()
    first = feed("applied")
    feed.correlator.written(first, {**first.event, "metadata": {"name": "elsewhere"}, "count": 7})
    again = feed("applied")
    assert (again.event["metadata"]["name"], again.patch["count"]) == ("elsewhere", 8)


def test_many_similar_events_are_combined() -> None:
    feed = Feed()
    singles = [feed(f"attempt {number}") for number in range(9)]
    assert all(each.patch is None and each.event["message"].startswith("attempt") for each in singles)
    tenth, eleventh = feed("attempt 9"), feed("attempt 10")
    assert (tenth.event["message"], tenth.patch) == ("(combined from similar events): attempt 9", None)
    assert eleventh.event["metadata"]["name"] == tenth.event["metadata"]["name"]
    assert eleventh.patch["message"] == "(combined from similar events): attempt 10"
    assert eleventh.patch["count"] == 2
    assert feed("attempt 11", reason="Other").event["message"] == "attempt 11"
    assert feed("attempt 12", after=601).event["message"] == "attempt 12", "ten minutes of silence end a series"


def test_one_object_cannot_flood_the_server() -> None:
    feed = Feed()
    accepted = [feed("applied", after=0) for _ in range(40)]
    assert len([each for each in accepted if each is not None]) == 25
    assert feed("applied", after=0, name="b") is not None, "another object is not affected"
    assert feed("applied", after=299) is None
    assert feed("applied", after=2) is not None, "one event per five minutes passes"
    assert feed("applied", after=0) is None


def test_memory_is_bounded() -> None:
    feed = Feed()
    first = feed("applied", name="first")
    for number in range(4096):
        feed("applied", name=f"other-{number}", after=0.001)
    again = feed("applied", name="first")
    assert again.patch is None, "the first object was forgotten"
    assert again.event["metadata"]["name"] != first.event["metadata"]["name"]


@pytest.mark.parametrize("count", [1, 3])
def test_dropped_events_still_count(count: int) -> None:
    feed = Feed()
    for _ in range(25 + count):
        feed("applied", after=0)
    passed = feed("applied", after=301)
    assert passed.patch["count"] == 26 + count
