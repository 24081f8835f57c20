import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fluxkit.runtime import (
    WorkerCrashed,
    WorkerError,
    WorkerFailure,
    WorkerMemory,
    WorkerOutput,
    WorkerPool,
    WorkerTimeout,
)
from tests.runtime import jobs

MIB = 1 << 20
LONG = 30.0


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(1, memory_limit_bytes=64 * MIB, output_limit_bytes=MIB) as one:
        yield one


async def gone(pid: int) -> None:
    """Returns once a process no longer exists (or is only waiting to be reaped)."""
    async with asyncio.timeout(LONG):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, ended.set)
        await ended.wait()
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def test_jobs_run_in_one_process_that_is_not_this_one(pool: WorkerPool) -> None:
    pids = {await pool.run(os.getpid, timeout=LONG) for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert await pool.run(jobs.add, 1, 2, timeout=LONG) == 3


async def test_modules_are_imported_once_at_the_start() -> None:
    async with WorkerPool(1, preload=["tests.runtime.jobs"]) as pool:
        await pool.start()
        assert await pool.run(jobs.imported, "tests.runtime.jobs", timeout=LONG)
        assert not await pool.run(jobs.imported, "aiohttp", timeout=LONG), "a worker holds what its jobs need"


async def test_a_job_that_takes_too_long_is_killed_and_replaced(pool: WorkerPool) -> None:
    pid = await pool.run(os.getpid, timeout=LONG)
    with pytest.raises(WorkerTimeout, match=r"spin did not end within 0\.05s"):
        await pool.run(jobs.spin, timeout=0.05)
    await gone(pid)
    assert await pool.run(os.getpid, timeout=LONG) != pid


async def test_a_job_that_needs_too_much_memory_fails_alone(pool: WorkerPool) -> None:
    with pytest.raises(WorkerMemory, match="more than 64 MiB"):
        await pool.run(jobs.allocate, 100 * MIB, timeout=LONG)
    assert await pool.run(jobs.allocate, 20 * MIB, timeout=LONG) == 20 * MIB
    with pytest.raises(WorkerMemory):
        await pool.run(jobs.allocate, 100 * MIB, timeout=LONG)


async def test_a_result_that_is_too_large_is_refused(pool: WorkerPool) -> None:
    with pytest.raises(WorkerOutput, match="larger than 1 MiB"):
        await pool.run(jobs.blob, 2 * MIB, timeout=LONG)
    assert len(await pool.run(jobs.blob, MIB - 1000, timeout=LONG)) == MIB - 1000


async def test_a_crash_fails_its_own_job_only() -> None:
    async with WorkerPool(2) as pool:
        bystander = asyncio.create_task(pool.run(jobs.wait_for_line, timeout=LONG))
        with pytest.raises(WorkerCrashed, match="killed by signal 9"):
            await pool.run(jobs.kill_myself, timeout=LONG)
        with pytest.raises(WorkerCrashed, match="exit status 7"):
            await pool.run(jobs.leave, 7, timeout=LONG)
        assert await bystander == "", "standard input is empty"
        assert await pool.run(jobs.add, 1, 2, timeout=LONG) == 3


async def test_exceptions_come_back_with_their_stack(pool: WorkerPool) -> None:
    with pytest.raises(jobs.Refused, match="apps/podinfo: no such base") as caught:
        await pool.run(jobs.refuse, "apps/podinfo", timeout=LONG)
    assert "in refuse" in str(caught.value.__cause__)
    with pytest.raises(WorkerFailure, match="Unpicklable: cannot travel") as failure:
        await pool.run(jobs.fail_unpicklably, timeout=LONG)
    assert failure.value.kind == "Unpicklable"
    assert "in fail_unpicklably" in failure.value.stack


async def test_cancelling_ends_the_job(pool: WorkerPool) -> None:
    pid = await pool.run(os.getpid, timeout=LONG)
    job = asyncio.create_task(pool.run(jobs.spin, timeout=LONG))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(pool.run(jobs.add, 1, 2, timeout=LONG))
    await asyncio.sleep(0)
    job.cancel()
    await gone(pid)
    assert await waiting == 3
    assert job.cancelled()


async def test_waiting_for_a_process_does_not_count_against_the_time_limit(tmp_path: Path) -> None:
    async with WorkerPool(1) as pool:
        await pool.start()
        fifo = tmp_path / "gate"
        os.mkfifo(fifo)
        blocked = asyncio.create_task(pool.run(jobs.read, str(fifo), timeout=LONG))
        await asyncio.sleep(0)
        queued = [asyncio.create_task(pool.run(jobs.add, n, 1, timeout=5)) for n in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(fifo.write_text, "open")
        assert await blocked == "open"
        assert await asyncio.gather(*queued) == list(range(1, 21))


async def test_closing_kills_the_processes() -> None:
    pool = WorkerPool(2)
    await pool.start()
    pids = set(await asyncio.gather(*(pool.run(os.getpid, timeout=LONG) for _ in range(2))))
    running = asyncio.create_task(pool.run(jobs.spin, timeout=LONG))
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(WorkerCrashed):
        await running
    for pid in pids:
        await gone(pid)
    with pytest.raises(WorkerError, match="closed"):
        await pool.run(jobs.add, 1, 2, timeout=LONG)


async def test_a_module_that_cannot_be_imported_is_told() -> None:
    async with WorkerPool(1, preload=["no_such_module"]) as pool:
        with pytest.raises(WorkerCrashed, match="could not start"):
            await pool.run(jobs.add, 1, 2, timeout=LONG)


PARENT = """
import asyncio, os, sys
from fluxkit.runtime import WorkerPool
from tests.runtime import jobs

async def main():
    pool = WorkerPool(2)
    await pool.start()
    idle = await pool.run(os.getpid, timeout=30)
    busy = asyncio.create_task(pool.run(jobs.spin, timeout=600))
    await asyncio.sleep(0)
    second = await pool.run(os.getpid, timeout=30)
    print(idle, second, flush=True)
    await busy

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
async def test_workers_die_with_a_killed_parent_even_in_a_job(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    async with asyncio.timeout(LONG):
        pids = [int(text) for text in (await parent.stdout.readline()).split()]
    assert len(set(pids)) == 2, "one process is busy, so the other one answers"
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    for pid in pids:
        await gone(pid)
