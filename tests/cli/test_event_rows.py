from datetime import UTC, datetime
from typing import Any

import pytest

from fluxkit.cli.events import human_duration, last_seen

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"),
        (601, "10m"), (10799, "179m"), (10800, "3h"), (10860, "3h1m"), (28800, "8h"), (172799, "47h"),
        (172800, "2d"), (176400, "2d1h"), (691200, "8d"), (63071999, "729d"), (63072000, "2y"), (63158400, "2y1d"),
        (252288000, "8y"),
    ],
)  # fmt: skip
def test_durations_for_people(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"firstTimestamp": "2026-01-01T11:55:00Z", "lastTimestamp": "2026-01-01T11:55:00Z", "count": 1}, "5m"),
        ({"firstTimestamp": "2026-01-01T11:50:00Z", "lastTimestamp": "2026-01-01T11:55:00Z", "count": 3},
         "5m (x3 over 10m)"),
        ({"eventTime": "2026-01-01T11:50:00.000000Z",
          "series": {"count": 4, "lastObservedTime": "2026-01-01T11:59:30.000000Z"}}, "30s (x4 over 10m)"),
        ({}, "<unknown>"),
    ],
)  # fmt: skip
@pytest.mark.contract("CLI-196")
def test_last_seen(event: dict[str, Any], text: str) -> None:
    assert last_seen(event, NOW) == text
