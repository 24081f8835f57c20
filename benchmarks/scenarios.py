"""The scenarios, each from its own empty cluster."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from benchmarks.fleet import write_application, write_fleet, write_kustomizations
from benchmarks.kustomize import kustomize
from benchmarks.report import Figure, announce, show
from benchmarks.rig import Bench
from benchmarks.sandbox import sandbox
from testbed import upstream_programs

__all__ = ["SCENARIOS"]

Measure = Callable[[Bench], Awaitable[list[Figure]]]

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


async def _beside_upstream(measure: Measure, *controller_arguments: str) -> list[Figure]:
    """Measure fluxkit and, where its programs are at hand, Flux itself on the same cluster; figures side by side."""
    async with Bench.open(*controller_arguments) as bench:
        ours = await measure(bench)
    programs = upstream_programs()
    if programs is None:
        return ours
    async with Bench.upstream(programs) as bench:
        theirs = await measure(bench)
    return [replace(own, peer="Flux here", peer_value=its.value) for own, its in zip(ours, theirs, strict=True)]


async def push() -> None:
    """(a) From push to applied, for one change, when the source is reconciled at once."""
    announce("push to applied: one image tag in a repository of 10 applications (target: 1 s)")
    show(*await _beside_upstream(_push))


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
    for count, (seconds, memory) in _PUBLISHED.items():
        announce(
            f"{count} Kustomizations of 4 objects each, from nothing to all ready "
            f"(published for Flux v2.9, on other hardware: {seconds:.0f} s, {memory:.0f} MiB)"
        )
        show(*await _beside_upstream(partial(_scale, count=count), "--concurrent=10"))


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
        Figure("API requests for each Kustomization", (_total(after) - _total(before)) / count, ""),
    ]


async def shared() -> None:
    """(c) One file changes in a repository that 200 Kustomizations share."""
    announce(f"one file changed in a repository that {_SHARED} Kustomizations share")
    show(*await _beside_upstream(_shared, "--concurrent=10"))


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
        Figure("writes to managed objects, dry runs included", _writes(before, after, without=_OWN), ""),
        Figure("writes of own status and events", _writes(before, after, only=_OWN), ""),
    ]


async def idle() -> None:
    """(d) What a fleet that does not change costs the API server."""
    announce(f"{_SHARED} Kustomizations ready, nothing changes, for {_IDLE_SECONDS:.0f} s")
    show(*await _beside_upstream(_idle, "--concurrent=10"))


async def _idle(bench: Bench) -> list[Figure]:
    await _settle(bench, _SHARED)
    before = await bench.requests()
    await asyncio.sleep(_IDLE_SECONDS)
    after = await bench.requests()
    return [Figure("API requests per minute", (_total(after) - _total(before)) * 60 / _IDLE_SECONDS, "")]


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
    "sandbox": sandbox,
}
