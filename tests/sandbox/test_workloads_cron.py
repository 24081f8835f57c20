"""Cron schedules and CronJobs."""

from datetime import UTC, datetime

import pytest

from fluxkit.sandbox.validation.schedule import ScheduleError, parse_schedule
from tests.sandbox.world import World, obj, world

__all__ = ["world"]

FRIDAY = datetime(2026, 1, 2, 10, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("* * * * *", "2026-01-02T10:18"),
        ("*/5 * * * *", "2026-01-02T10:20"),
        ("15,45 9-11 * * *", "2026-01-02T10:45"),
        ("0 0 * * *", "2026-01-03T00:00"),
        ("0 12 * * MON-WED", "2026-01-05T12:00"),
        ("0 12 * * 7", "2026-01-04T12:00"),
        ("30 4 1,15 * 5", "2026-01-09T04:30"),
        ("0 0 29 feb ?", "2028-02-29T00:00"),
        ("5/20 10 * * *", "2026-01-02T10:25"),
        ("@hourly", "2026-01-02T11:00"),
        ("@yearly", "2027-01-01T00:00"),
    ],
)
def test_the_next_due_time(text: str, wanted: str) -> None:
    due = parse_schedule(text).after(FRIDAY)
    assert due is not None
    assert due.strftime("%Y-%m-%dT%H:%M") == wanted


def test_every_is_counted_from_the_moment() -> None:
    assert parse_schedule("@every 90s").after(FRIDAY) == datetime(2026, 1, 2, 10, 19, tzinfo=UTC)


def test_a_day_that_never_comes() -> None:
    assert parse_schedule("0 0 31 2 *").after(FRIDAY) is None


@pytest.mark.parametrize("text", ["", "* * *", "61 * * * *", "x * * * *", "5-1 * * * *", "*/0 * * * *", "@every x"])
def test_texts_that_are_no_schedule(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(text)


async def test_a_cron_job_starts_jobs_and_keeps_its_history_short(world: World) -> None:
    template = {
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "web:1"}]}}}
    }
    spec = {"schedule": "@every 1s", "successfulJobsHistoryLimit": 1, "jobTemplate": template}
    world.apply(obj("batch/v1", "CronJob", "c", spec=spec))
    made = await world.when("cronjobs.batch", "c", lambda each: each.get("status", {}).get("lastSuccessfulTime"))
    assert "lastScheduleTime" in made["status"]
    (job,) = world.objects("jobs.batch")
    assert job["metadata"]["ownerReferences"][0]["kind"] == "CronJob"
    first = job["metadata"]["name"]
    await world.until(lambda: [each["metadata"]["name"] for each in world.objects("jobs.batch")] not in ([], [first]))
    await world.until(lambda: first not in [each["metadata"]["name"] for each in world.objects("jobs.batch")])


async def test_a_suspended_cron_job_starts_nothing(world: World) -> None:
    template = {
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "web:1"}]}}}
    }
    spec = {"schedule": "@every 1s", "suspend": True, "jobTemplate": template}
    world.apply(obj("batch/v1", "CronJob", "c", spec=spec))
    await world.settled()
    assert world.objects("jobs.batch") == []
