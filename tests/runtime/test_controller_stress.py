"""A controller under random load keeps its guarantees: one run per object, bounded work, no lost wake-up."""

import asyncio
import random
from collections import Counter

import pytest

from fluxkit.kube import Client
from fluxkit.objects import ObjectKey
from fluxkit.runtime import Result, Run, Superseded, TerminalError, Trigger
from tests.runtime.running import DEADLINE, Recorder, controller, managed

OBJECTS = 12
CONCURRENCY = 3


class Load:
    """Reconciles at random: works, waits, is interrupted, fails, asks for more."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.wanted: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.active: Counter[str] = Counter()
        self.working = 0
        self.most_working = 0
        self.problems: list[str] = []
        self.settled = asyncio.Event()

    async def work(self) -> None:
        self.working += 1
        self.most_working = max(self.most_working, self.working)
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        self.working -= 1

    async def pause(self) -> None:
        for _ in range(self.random.randrange(6)):
            await asyncio.sleep(0)

    async def reconcile(self, run: Run) -> Result:
        name = run.key.name
        self.active[name] += 1
        if self.active[name] > 1:
            self.problems.append(f"two runs of {name}")
        # level-based: what is wanted is read when the run begins
        self.seen[name] = self.wanted[name]
        try:
            return await self._steps(run)
        finally:
            self.active[name] -= 1
            if self.seen == self.wanted:
                self.settled.set()

    async def _steps(self, run: Run) -> Result:
        await self.work()
        for _ in range(self.random.randrange(3)):
            if self.random.random() < 0.5:
                await run.waiting(self.pause())
            else:
                try:
                    await run.waiting(self.pause(), interruptible=True)
                except Superseded as superseded:
                    if self.seen[run.key.name] == self.wanted[run.key.name]:
                        self.problems.append(f"superseded by {superseded.trigger} without anything new")
                    return Result()
            await self.work()
        match self.random.randrange(8):
            case 0:
                raise OSError("at random")
            case 1:
                raise TerminalError("at random")
            case 2:
                return Result(immediately=True)
            case 3:
                return Result(requeue_after=0.001)
            case _:
                return Result()


@pytest.mark.contract("RUN-118", "RUN-119")
@pytest.mark.parametrize("seed", range(6))
async def test_guarantees_under_random_load(client: Client, namespace: str, seed: int) -> None:
    load = Load(seed)
    subject = controller(Recorder(load.reconcile), namespace, concurrency=CONCURRENCY)
    async with managed(client, subject):
        subject.enqueue(ObjectKey(namespace, "first"))
        async with asyncio.timeout(DEADLINE):
            await subject.wait_for_runs(1)
        for _ in range(400):
            name = f"object-{load.random.randrange(OBJECTS)}"
            load.wanted[name] += 1
            load.settled.clear()
            subject.enqueue(ObjectKey(namespace, name), trigger=Trigger("GitRepository", namespace, name))
            if load.random.random() < 0.5:
                await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE):
            await load.settled.wait()
    assert load.problems == []
    assert load.seen == load.wanted
    assert load.most_working == CONCURRENCY, "the bound was reached and kept"
    assert subject.counters.active == 0
