"""Measuring fluxkit beside Flux's own controllers, and counting what the API server was asked."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any

from benchmarks.report import Figure
from benchmarks.rig import Bench
from testbed import upstream_programs

__all__ = ["OWN", "Measure", "beside_upstream", "dry_runs", "total", "writes"]

Measure = Callable[[Bench], Awaitable[list[Figure]]]
Stats = dict[str, Any]

OWN = ("kustomizations.kustomize.toolkit.fluxcd.io", "gitrepositories.source.toolkit.fluxcd.io", "events")
"""Resources that the controllers write for themselves."""


async def beside_upstream(measure: Measure, *controller_arguments: str) -> list[Figure]:
    """Measure fluxkit and, where its programs are at hand, Flux itself on the same cluster; figures side by side."""
    async with Bench.open(*controller_arguments) as bench:
        ours = await measure(bench)
    programs = upstream_programs()
    if programs is None:
        return ours
    async with Bench.upstream(programs) as bench:
        theirs = await measure(bench)
    return [replace(own, peer="Flux here", peer_value=its.value) for own, its in zip(ours, theirs, strict=True)]


def total(before: Stats, after: Stats) -> float:
    """All requests between two looks at the counters."""
    return float(after["requests"] - before["requests"])


def dry_runs(before: Stats, after: Stats) -> float:
    return float(after["dryRuns"] - before["dryRuns"])


def writes(before: Stats, after: Stats, *, only: Collection[str] = (), without: Collection[str] = ()) -> float:
    """Requests that change something, or ask what a change would do; resources by name, subresources included."""
    count = 0
    for resource, verbs in after["resources"].items():
        name = resource.partition("/")[0]
        if (only and name not in only) or name in without:
            continue
        for verb, number in verbs.items():
            if verb in ("create", "update", "patch", "delete", "apply"):
                count += number - before["resources"].get(resource, {}).get(verb, 0)
    return float(count)
