"""The scenarios, each from its own empty cluster."""

import asyncio
import statistics
import time

from benchmarks.fleet import write_application, write_fleet, write_kustomizations
from benchmarks.kustomize import kustomize
from benchmarks.report import Figure, announce, show
from benchmarks.rig import Bench

__all__ = ["SCENARIOS"]

_PUSHES = 10
_IDLE_SECONDS = 60.0
_PUBLISHED = {100: (26.0, 134.0), 500: (120.0, 183.0)}
"""Flux v2.9 for the same shape: seconds and MiB (published by the Flux project)."""


_SHARED = 200
_OWN = ("kustomizations.kustomize.toolkit.fluxcd.io", "gitrepositories.source.toolkit.fluxcd.io", "events")


async def _settle(bench: Bench, count: int) -> None:
    """A fleet of that many applications, all applied."""
    write_fleet(bench.repository.clone, count)
    write_kustomizations(bench.repository.clone, count)
    revision = await bench.repository.push("start")
    await bench.start()
    await bench.wait_applied(revision, count + 1)


async def push() -> None:
    """(a) From push to applied, for one change, when the source is reconciled at once."""
    announce("push to applied: one image tag in a repository of 10 applications")
    async with Bench.open() as bench:
        await _settle(bench, 10)
        times = []
        for turn in range(_PUSHES):
            write_application(bench.repository.clone, 3, image=f"6.9.{turn + 1}")
            revision = await bench.repository.push(f"change {turn}")
            started = time.perf_counter()
            await bench.reconcile_source()
            await bench.wait_applied(revision, 11)
            times.append((time.perf_counter() - started) * 1000)
    show(
        Figure("median of ten", statistics.median(times), "ms", "target", 1000.0),
        Figure("slowest of ten", max(times), "ms", "target", 1000.0),
    )


async def scale() -> None:
    """(b) From nothing to all ready."""
    for count, (seconds, memory) in _PUBLISHED.items():
        announce(f"{count} Kustomizations of 4 objects each, from nothing to all ready")
        async with Bench.open("--concurrent=10") as bench:
            write_fleet(bench.repository.clone, count)
            write_kustomizations(bench.repository.clone, count)
            revision = await bench.repository.push("start")
            before = await bench.requests()
            started = time.perf_counter()
            await bench.start()
            await bench.wait_applied(revision, count + 1)
            elapsed = time.perf_counter() - started
            after = await bench.requests()
            show(
                Figure("time to ready", elapsed, "s", "Flux v2.9", seconds),
                Figure("peak memory, controllers and workers", bench.peak_memory(), "MiB", "Flux v2.9", memory),
                Figure("API requests for each Kustomization", (_total(after) - _total(before)) / count, ""),
            )


async def shared() -> None:
    """(c) One file changes in a repository that 200 Kustomizations share."""
    announce(f"one file changed in a repository that {_SHARED} Kustomizations share")
    async with Bench.open("--concurrent=10") as bench:
        await _settle(bench, _SHARED)
        write_application(bench.repository.clone, 7, image="6.9.1")
        revision = await bench.repository.push("change one")
        before = await bench.requests()
        started = time.perf_counter()
        await bench.reconcile_source()
        await bench.wait_applied(revision, _SHARED + 1)
        elapsed = (time.perf_counter() - started) * 1000
        after = await bench.requests()
        objects, own = _writes(before, after, without=_OWN), _writes(before, after, only=_OWN)
        show(
            Figure("until all have recorded the revision", elapsed, "ms"),
            Figure("writes to managed objects, dry runs included", objects, "", "objects changed", 1.0),
            Figure("writes of own status and events", own, "", "Kustomizations", float(_SHARED)),
        )


async def idle() -> None:
    """(d) What a fleet that does not change costs the API server."""
    announce(f"{_SHARED} Kustomizations ready, nothing changes, for {_IDLE_SECONDS:.0f} s")
    async with Bench.open("--concurrent=10") as bench:
        await _settle(bench, _SHARED)
        before = await bench.requests()
        await asyncio.sleep(_IDLE_SECONDS)
        after = await bench.requests()
        per_minute = (_total(after) - _total(before)) * 60 / _IDLE_SECONDS
        show(Figure("API requests per minute", per_minute, "", "Kustomizations", float(_SHARED)))


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


def _total(stats: dict[str, object]) -> int:
    requests = stats["requests"]
    assert isinstance(requests, int)
    return requests


def _writes(
    before: dict[str, dict[str, dict[str, int]]],
    after: dict[str, dict[str, dict[str, int]]],
    *,
    only: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
) -> float:
    total = 0
    for resource, verbs in after["resources"].items():
        name = resource.removesuffix("/status")
        if (only and name not in only) or name in without:
            continue
        for verb, count in verbs.items():
            if verb in ("create", "update", "patch", "delete", "apply"):
                total += count - before["resources"].get(resource, {}).get(verb, 0)
    return float(total)


SCENARIOS = {
    "push": push,
    "scale": scale,
    "shared": shared,
    "idle": idle,
    "cli": command_line,
    "kustomize": kustomize,
}
