import asyncio

import pytest

from fluxkit.runtime.slots import Slots


async def settle() -> None:
    """Lets everything that can run without outside help run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_size_slots_are_held() -> None:
    slots = Slots(2)
    first, second = await slots.acquire(), await slots.acquire()
    third = asyncio.create_task(slots.acquire())
    await settle()
    assert not third.done()
    first.release()
    first.release()
    await settle()
    assert third.done()
    assert slots.held == 2
    second.release()
    (await third).release()
    assert slots.held == 0


async def test_a_waiting_run_lends_its_slot_and_gets_one_back() -> None:
    slots = Slots(1)
    slot = await slots.acquire()
    gate = asyncio.Event()
    waiting = asyncio.create_task(slot.waiting(gate.wait()))
    await settle()
    assert slots.held == 0
    other = await slots.acquire()
    gate.set()
    await settle()
    assert not waiting.done(), "the wait is over but the slot is taken"
    other.release()
    async with asyncio.timeout(5):
        assert await waiting is True
    assert slot.holding


async def test_slots_go_to_who_asked_first() -> None:
    slots = Slots(1)
    holder = await slots.acquire()
    order: list[str] = []

    async def ask(name: str) -> None:
        slot = await slots.acquire()
        order.append(name)
        slot.release()

    tasks = [asyncio.create_task(ask(name)) for name in "abc"]
    await settle()
    holder.release()
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"]


async def test_a_new_request_does_not_overtake_those_in_line() -> None:
    slots = Slots(1)
    holder = await slots.acquire()
    first = asyncio.create_task(slots.acquire())
    await settle()
    holder.release()
    second = asyncio.create_task(slots.acquire())
    await settle()
    assert first.done()
    assert not second.done()
    second.cancel()


async def test_overlapping_waits_of_one_run_take_one_slot_back() -> None:
    slots = Slots(1)
    slot = await slots.acquire()
    gates = [asyncio.Event(), asyncio.Event()]
    waits = [asyncio.create_task(slot.waiting(gate.wait())) for gate in gates]
    await settle()
    gates[0].set()
    await settle()
    assert waits[0].done()
    assert slots.held == 0, "the run is still waiting"
    gates[1].set()
    await asyncio.gather(*waits)
    assert slots.held == 1
    slot.release()
    assert slots.held == 0


async def test_a_timeout_around_a_wait_ends_with_the_slot_held() -> None:
    slots = Slots(1)
    slot = await slots.acquire()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await slot.waiting(asyncio.Event().wait())
    assert slot.holding
    assert slots.held == 1


async def test_a_cancelled_request_leaves_no_trace() -> None:
    slots = Slots(1)
    holder = await slots.acquire()
    queued, granted = (asyncio.create_task(slots.acquire()) for _ in range(2))
    await settle()
    queued.cancel()
    await settle()
    holder.release()
    # the slot is handed over here, before the task has a chance to run
    granted.cancel()
    await settle()
    assert granted.cancelled()
    assert slots.held == 0
    (await slots.acquire()).release()


async def test_lifting_the_bound_lets_everybody_through() -> None:
    slots = Slots(1)
    await slots.acquire()
    queued = [asyncio.create_task(slots.acquire()) for _ in range(3)]
    await settle()
    slots.lift()
    async with asyncio.timeout(5):
        await asyncio.gather(*queued)
        await slots.acquire()


def test_a_bound_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Slots(0)
