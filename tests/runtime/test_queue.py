import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fluxkit.runtime.queue import QueueClosed, WorkQueue
from tests.runtime.clock import ManualClock


def make() -> tuple[WorkQueue[str], ManualClock]:
    clock = ManualClock()
    return WorkQueue(clock=clock), clock


def drain(queue: WorkQueue[str]) -> list[str]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
        queue.done(item)
    return taken


def test_items_come_in_the_order_they_were_added_and_once() -> None:
    queue, _ = make()
    for item in ["a", "b", "a", "c", "b"]:
        queue.add(item)
    assert len(queue) == 3
    assert drain(queue) == ["a", "b", "c"]


def test_what_is_asked_for_goes_before_what_only_its_time_has_come_for() -> None:
    queue, clock = make()
    retries = [f"retry-{number}" for number in range(3)]
    for item in retries:
        queue.add_after(item, 1)
    clock.advance(1)
    asked = [f"asked-{number}" for number in range(9)]
    for item in asked:
        queue.add(item)
    assert len(queue) == 12
    # every fifth turn is a retry's, so that nothing waits for ever
    assert drain(queue) == [*asked[:4], "retry-0", *asked[4:8], "retry-1", "asked-8", "retry-2"]


def test_what_is_asked_for_while_its_time_has_come_is_asked_for() -> None:
    queue, clock = make()
    for item in ("a", "b"):
        queue.add_after(item, 1)
    clock.advance(1)
    queue.add("b")
    assert len(queue) == 2
    assert drain(queue) == ["b", "a"]
    queue.add("c")
    queue.add_after("c", 1)
    clock.advance(1)
    assert drain(queue) == ["c"], "one run, although its time came while it waited"


@pytest.mark.contract("RUN-118")
def test_events_during_a_run_lead_to_one_further_run() -> None:
    queue, _ = make()
    queue.add("a")
    assert queue.take() == "a"
    for _ in range(3):
        queue.add("a")
    assert queue.take() is None, "an item is handed out to one run at a time"
    queue.done("a")
    assert drain(queue) == ["a"]


@pytest.mark.contract("RUN-118")
def test_of_several_due_times_the_soonest_counts() -> None:
    queue, clock = make()
    queue.add_after("a", 60)
    queue.add_after("a", 10)
    queue.add_after("a", 30)
    assert queue.due_in("a") == 10
    clock.advance(9.9)
    assert queue.take() is None
    clock.advance(0.2)
    assert drain(queue) == ["a"]
    clock.advance(1000)
    assert drain(queue) == [], "the later due times are gone"


@pytest.mark.contract("RUN-118")
def test_a_run_by_an_event_keeps_the_pending_timer() -> None:
    queue, clock = make()
    queue.add_after("a", 60)
    clock.advance(50)
    queue.add("a")
    assert queue.take() == "a"
    queue.add_after("a", 60)
    queue.done("a")
    clock.advance(10)
    assert drain(queue) == ["a"], "the object runs 10 s after its last run although its interval is 60 s"


@pytest.mark.contract("RUN-081")
def test_failures_back_off_per_item_up_to_the_maximum() -> None:
    queue, _ = make()
    delays = [queue.add_rate_limited("a") for _ in range(13)]
    assert delays[:4] == [0.75, 1.5, 3.0, 6.0]
    assert delays[-2:] == [900.0, 900.0]
    assert queue.add_rate_limited("b") == 0.75, "another item is not affected"
    for _ in range(2000):
        queue.add_rate_limited("a")
    assert queue.add_rate_limited("a") == 900.0


@pytest.mark.contract("RUN-118")
def test_forgetting_resets_the_backoff() -> None:
    queue, _ = make()
    for _ in range(5):
        queue.add_rate_limited("a")
    queue.forget("a")
    assert queue.failures("a") == 0
    assert queue.add_rate_limited("a") == 0.75


def test_a_delay_of_nothing_is_an_add() -> None:
    queue, _ = make()
    queue.add_after("a", 0)
    queue.add_after("b", -5)
    assert drain(queue) == ["a", "b"]


def test_discarding_an_item_drops_its_timer_and_failures() -> None:
    queue, clock = make()
    queue.add_rate_limited("a")
    queue.discard("a")
    clock.advance(10)
    assert drain(queue) == []
    assert queue.failures("a") == 0


async def test_waiting_getters_are_woken_one_per_item() -> None:
    queue: WorkQueue[str] = WorkQueue()
    getters = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add("a")
    queue.add("b")
    async with asyncio.timeout(5):
        done, pending = await asyncio.wait(getters[:2])
    assert {task.result() for task in done} == {"a", "b"}
    assert not pending
    assert not getters[2].done()
    queue.close()
    with pytest.raises(QueueClosed):
        await getters[2]


async def test_a_cancelled_getter_does_not_swallow_an_item() -> None:
    queue: WorkQueue[str] = WorkQueue()
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    async with asyncio.timeout(5):
        assert await second == "a"
    assert first.cancelled()


async def test_the_event_loop_is_the_default_clock() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0.001)
    async with asyncio.timeout(5):
        assert await queue.get() == "a"


async def test_a_closed_queue_takes_nothing_more() -> None:
    queue, clock = make()
    queue.add("a")
    assert queue.take() == "a"
    queue.add("a")
    queue.add_after("b", 1)
    queue.close()
    queue.add("c")
    queue.add_after("d", 1)
    queue.done("a")
    clock.advance(10)
    assert queue.take() is None
    with pytest.raises(QueueClosed):
        await queue.get()


class Counting:
    def __init__(self) -> None:
        self.log: list[tuple[str, float]] = []

    def added(self) -> None:
        self.log.append(("added", 0))

    def depth(self, ready: int) -> None:
        self.log.append(("depth", ready))

    def started(self, queued_for: float) -> None:
        self.log.append(("started", queued_for))

    def finished(self, worked_for: float) -> None:
        self.log.append(("finished", worked_for))

    def retried(self) -> None:
        self.log.append(("retried", 0))


def test_an_observer_sees_depth_and_durations() -> None:
    clock, seen = ManualClock(), Counting()
    queue: WorkQueue[str] = WorkQueue(clock=clock, observer=seen)
    queue.add("a")
    clock.advance(2)
    queue.take()
    clock.advance(3)
    assert [clock.time() - started for started in queue.started_at()] == [3]
    queue.add_rate_limited("a")
    queue.done("a")
    assert seen.log == [("added", 0), ("depth", 1), ("depth", 0), ("started", 2), ("retried", 0), ("finished", 3)]


ITEMS = st.sampled_from("abc")


class QueueModel(RuleBasedStateMachine):
    """The queue against the plainest description of its guarantees: who needs a run, who runs, who is due when."""

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.clock = make()
        self.needs: list[str] = []
        self.running: set[str] = set()
        self.due: dict[str, float] = {}

    def need(self, item: str) -> None:
        if item not in self.needs:
            self.needs.append(item)

    @rule(item=ITEMS)
    def add(self, item: str) -> None:
        self.queue.add(item)
        self.need(item)

    @rule(item=ITEMS, delay=st.integers(1, 20))
    def add_after(self, item: str, delay: int) -> None:
        self.queue.add_after(item, delay)
        self.due[item] = min(self.due.get(item, float("inf")), self.clock.now + delay)

    @rule(seconds=st.integers(1, 15))
    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)
        for item, due in sorted(self.due.items(), key=lambda entry: entry[1]):
            if due <= self.clock.now:
                del self.due[item]
                self.need(item)

    @rule()
    def take(self) -> None:
        item = self.queue.take()
        waiting = [wanted for wanted in self.needs if wanted not in self.running]
        assert (item is None) == (not waiting)
        if item is not None:
            assert item in waiting
            self.needs.remove(item)
            self.running.add(item)

    @precondition(lambda self: bool(self.running))
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(sorted(self.running)))
        self.queue.done(item)
        self.running.remove(item)

    @invariant()
    def agrees(self) -> None:
        assert self.queue.processing == self.running
        assert len(self.queue) == len([item for item in self.needs if item not in self.running])


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
