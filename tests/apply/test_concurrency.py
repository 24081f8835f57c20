"""Doing the same to many objects, a few at a time."""

import asyncio

import pytest

from fluxkit.apply import ApplySet, Owner
from fluxkit.apply.concurrency import map_bounded
from fluxkit.kube import Client
from fluxkit.objects import Object
from tests.apply.conftest import Objects


class Meter:
    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.started: list[int] = []

    async def work(self, number: int) -> int:
        self.started.append(number)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0)
            if number == 13:
                raise ValueError("thirteen")
        finally:
            self.now -= 1
        return number * 2


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_results_keep_their_order_and_the_bound_holds(limit: int) -> None:
    meter = Meter()
    assert await map_bounded(meter.work, range(10), limit) == [number * 2 for number in range(10)]
    assert meter.most == min(limit, 10)


async def test_the_first_error_is_raised_as_it_is_and_keeps_the_rest_from_starting() -> None:
    meter = Meter()
    with pytest.raises(ValueError, match=r"^thirteen$"):
        await map_bounded(meter.work, range(100), 2)
    assert max(meter.started) < 16
    assert meter.now == 0


async def test_nothing_to_do_is_nothing() -> None:
    assert await map_bounded(Meter().work, [], 4) == []


class Counting(Client):
    """Counts how many applies are under way at once, and which kinds are written side by side."""

    now = 0
    most = 0
    writing: dict[str, int]
    mixed = False

    async def apply(self, obj: Object, **arguments: object) -> Object:
        self.now += 1
        self.most = max(self.most, self.now)
        kind = str(obj["kind"]) if not arguments.get("dry_run") else ""
        self.writing[kind] = self.writing.get(kind, 0) + 1
        self.mixed |= sum(1 for name, count in self.writing.items() if name and count) > 1
        try:
            return await super().apply(obj, **arguments)  # type: ignore[arg-type]
        finally:
            self.now -= 1
            self.writing[kind] -= 1


@pytest.mark.contract("KUS-191")
async def test_a_set_stays_within_its_bound_and_never_writes_two_kinds_at_once(
    client: Client, owner: Owner, objects: Objects
) -> None:
    given = [objects.config_map(f"c{number}") for number in range(8)]
    given += [objects.service_account(f"s{number}") for number in range(8)]
    async with Counting(client.config) as counting:
        counting.writing = {}
        await ApplySet(counting, owner, concurrency=3).apply(given)
    assert counting.most == 3
    assert not counting.mixed
