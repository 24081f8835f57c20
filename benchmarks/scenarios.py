"""The scenarios, each from its own empty cluster."""

import asyncio
import statistics
import time
from functools import partial

from benchmarks.apply import memory, objects
from benchmarks.derived import upstream_writes
from benchmarks.fleet import write_application, write_fleet, write_kustomizations
from benchmarks.health import health
from benchmarks.helm import helm
from benchmarks.kustomize import kustomize
from benchmarks.peer import OWN, beside_upstream, total, writes
from benchmarks.report import Figure, announce, show
from benchmarks.rig import Bench
from benchmarks.sandbox import sandbox

__all__ = ["SCENARIOS"]

_PUSHES = 10
_IDLE_SECONDS = 60.0
_PUBLISHED = {100: (26.0, 134.0), 500: (120.0, 183.0)}
"""Flux v2.9 for the same shape: seconds and MiB (published by the Flux project)."""

_SHARED = 200


async def _settle(bench: Bench, count: int) -> None:
    """A fleet of that many applications, all applied."""
    write_fleet(bench.repository.clone, count)
    write_kustomizations(bench.repository.clone, count)
    revision = await bench.repository.push("start")
    await bench.start()
    await bench.wait_applied(revision, count + 1)


async def push() -> None:
    """(a) From push to applied, for one change, when the source is reconciled at once."""
    announce("push to applied: one image tag in a repository of 10 applications (target: 1 s)")
    show(*await beside_upstream(_push))


async def _push(bench: Bench) -> list[Figure]:
    await _settle(bench, 10)
    times = []
    for turn in range(_PUSHES):
        write_application(bench.repository.clone, 3, image=f"6.9.{turn + 1}")
        revision = await bench.repository.push(f"change {turn}")
        started = time.perf_counter()
        await bench.reconcile_source()
        await bench.wait_applied(revision, 11)
        times.append((time.perf_counter() - started) * 1000)
    return [Figure("median of ten", statistics.median(times), "ms"), Figure("slowest of ten", max(times), "ms")]


async def scale() -> None:
    """(b) From nothing to all ready."""
    for count, (seconds, mebibytes) in _PUBLISHED.items():
        announce(
            f"{count} Kustomizations of 4 objects each, from nothing to all ready "
            f"(published for Flux v2.9, on other hardware: {seconds:.0f} s, {mebibytes:.0f} MiB)"
        )
        show(*await beside_upstream(partial(_scale, count=count), "--concurrent=10"))


async def _scale(bench: Bench, *, count: int) -> list[Figure]:
    write_fleet(bench.repository.clone, count)
    write_kustomizations(bench.repository.clone, count)
    revision = await bench.repository.push("start")
    before = await bench.requests()
    started = time.perf_counter()
    await bench.start()
    await bench.wait_applied(revision, count + 1)
    elapsed = time.perf_counter() - started
    after = await bench.requests()
    return [
        Figure("time to ready", elapsed, "s"),
        Figure("peak memory, controllers and workers", bench.peak_memory(), "MiB"),
        Figure("API requests for each Kustomization", total(before, after) / count, ""),
    ]


async def shared() -> None:
    """(c) One file changes in a repository that 200 Kustomizations share."""
    announce(f"one file changed in a repository that {_SHARED} Kustomizations share")
    show(*await beside_upstream(_shared, "--concurrent=10"))
    # the root Kustomization has one object for each of the others
    derived = upstream_writes(kustomizations=_SHARED + 1, objects=5 * _SHARED, changed=1)
    announce("  the same event by Flux's source code (benchmarks/derived.py)")
    show(
        Figure("writes to managed objects, dry runs included", derived.managed, ""),
        Figure("writes of own status", derived.status, ""),
        Figure("events", derived.events, ""),
    )


async def _shared(bench: Bench) -> list[Figure]:
    await _settle(bench, _SHARED)
    write_application(bench.repository.clone, 7, image="6.9.1")
    revision = await bench.repository.push("change one")
    before = await bench.requests()
    started = time.perf_counter()
    await bench.reconcile_source()
    await bench.wait_applied(revision, _SHARED + 1)
    elapsed = (time.perf_counter() - started) * 1000
    after = await bench.requests()
    return [
        Figure("until all have recorded the revision", elapsed, "ms"),
        Figure("writes to managed objects, dry runs included", writes(before, after, without=OWN), ""),
        Figure("writes of own status", writes(before, after, only=OWN[:2]), ""),
        Figure("events", writes(before, after, only=OWN[2:]), ""),
    ]


async def idle() -> None:
    """(d) What a fleet that does not change costs the API server."""
    announce(f"{_SHARED} Kustomizations ready, nothing changes, for {_IDLE_SECONDS:.0f} s")
    show(*await beside_upstream(_idle, "--concurrent=10"))


async def _idle(bench: Bench) -> list[Figure]:
    await _settle(bench, _SHARED)
    before = await bench.requests()
    await asyncio.sleep(_IDLE_SECONDS)
    after = await bench.requests()
    return [Figure("API requests per minute", total(before, after) * 60 / _IDLE_SECONDS, "")]


async def command_line() -> None:
    """(e) The flux command as a whole process."""
    announce("the flux command, whole processes, median of ten")
    async with Bench.open() as bench:
        await _settle(bench, 10)
        show(
            Figure("flux --version", await _median(bench, "--version"), "ms", "target", 150.0),
            Figure("flux get kustomizations", await _median(bench, "get", "kustomizations"), "ms", "target", 400.0),
        )


async def _median(bench: Bench, *arguments: str) -> float:
    times = []
    for _ in range(10):
        started = time.perf_counter()
        await bench.rig.flux(*arguments)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


SCENARIOS = {
    "push": push,
    "scale": scale,
    "shared": shared,
    "idle": idle,
    "objects": objects,
    "health": health,
    "memory": memory,
    "cli": command_line,
    "kustomize": kustomize,
    "helm": helm,
    "sandbox": sandbox,
}
