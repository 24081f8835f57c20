"""Healthy Kustomizations next to others that fail their health checks for ever."""

import asyncio
import time
from pathlib import Path

from benchmarks.peer import beside_upstream
from benchmarks.report import Figure, announce, show
from benchmarks.rig import NAMESPACE, SOURCE, Bench
from fluxkit import yaml
from fluxkit.api import Kustomization
from fluxkit.kube import CacheEvent, PatchKind, WatchCache
from testbed import git_repository, kustomization

__all__ = ["health"]

_HEALTHY = 200
_FAILING = 100
_PUSHES = 3
_WORKERS = 10
_TIMEOUT = "30s"  # the shortest that upstream takes
_RETRY = "5s"
_DEADLINE = 900.0


def _write(clone: Path, name: str, image: str, *, fails: bool = False) -> None:
    """A Deployment that is ready at once, or never."""
    labels = {"app": name}
    annotations = {"sandbox.fluxkit.dev/ready-after": "24h"} if fails else {}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
        "spec": {"replicas": 1 if fails else 0, "selector": {"matchLabels": labels}, "template": template},
    }
    directory = clone / "apps" / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "app.yaml").write_text(yaml.dump(deployment))


def _good() -> list[str]:
    return [f"good-{number:03}" for number in range(_HEALTHY)]


def _bad() -> list[str]:
    return [f"bad-{number:03}" for number in range(_FAILING)]


class _Latencies:
    """When each healthy Kustomization was seen ready at a revision, in seconds from the start of the measurement."""

    def __init__(self, bench: Bench, revision: str) -> None:
        self.seen: dict[str, float] = {}
        self._revision = revision
        self._started = time.perf_counter()
        self._complete = asyncio.Event()
        self.stop = bench.rig.kustomizations.subscribe(self._heard)

    def _heard(self, event: CacheEvent) -> None:
        obj = event.new or {}
        name, status = obj.get("metadata", {}).get("name", ""), obj.get("status") or {}
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
        if name.startswith("good-") and ready and status.get("lastAppliedRevision") == self._revision:
            self.seen.setdefault(name, time.perf_counter() - self._started)
            if len(self.seen) == _HEALTHY:
                self._complete.set()

    async def all(self) -> list[float]:
        async with asyncio.timeout(_DEADLINE):
            await self._complete.wait()
        self.stop()
        return list(self.seen.values())


async def health() -> None:
    """(h) p99 from a push that changes all healthy Kustomizations to each being ready, with and without the others."""
    announce(
        f"{_HEALTHY} healthy Kustomizations, without and with {_FAILING} that fail their health checks for ever "
        f"(timeout {_TIMEOUT}, retry after {_RETRY})"
    )
    figures = await beside_upstream(_health, f"--concurrent={_WORKERS}")
    show(*figures)
    alone, beside = figures[:2]
    ratio = beside.value / alone.value
    peer = beside.peer_value / alone.peer_value if alone.peer_value and beside.peer_value else None
    show(Figure("p99 with by p99 without (target: at most 1.2)", ratio, "", alone.peer, peer))


async def _health(bench: Bench) -> list[Figure]:
    """Pushes with and without the failing ones take turns, so that a machine that gets busier is busier for both."""
    clone, client = bench.repository.clone, bench.rig.client
    for name in _good():
        _write(clone, name, "example.com/app:0")
    await client.create(git_repository(SOURCE, NAMESPACE, bench.rig.url(bench.repository)))
    revision = await bench.repository.push("start")
    first = _Latencies(bench, revision)
    for name in _good():
        await client.create(kustomization(name, NAMESPACE, SOURCE, f"./apps/{name}", wait=True))
    await first.all()

    # a source of their own, so that a push is no event for those that fail
    other = await bench.rig.create_repository("failing")
    for name in _bad():
        _write(other.clone, name, "example.com/app:0", fails=True)
    await other.push("start")
    await client.create(git_repository("failing", NAMESPACE, bench.rig.url(other)))
    spec = {"wait": True, "timeout": _TIMEOUT, "retryInterval": _RETRY}
    for name in _bad():
        await client.create(kustomization(name, NAMESPACE, "failing", f"./apps/{name}", **spec))
    beside: list[float] = []
    without: list[float] = []
    for turn in range(_PUSHES):
        await _let_fail(bench, True)
        beside += await _push(bench, f"with-{turn}")
        await _let_fail(bench, False)
        without += await _push(bench, f"without-{turn}")
    return [
        Figure("p99 without", _p99(without) * 1000, "ms"),
        Figure("p99 with", _p99(beside) * 1000, "ms"),
        Figure("median without", sorted(without)[len(without) // 2] * 1000, "ms"),
        Figure("median with", sorted(beside)[len(beside) // 2] * 1000, "ms"),
    ]


async def _let_fail(bench: Bench, fail: bool) -> None:
    """Resumes or suspends the failing ones, and waits until as many are, or none is, in the middle of an attempt."""
    patch = {"spec": {"suspend": not fail}}
    for name in _bad():
        await bench.rig.client.patch(Kustomization.GVK, name, NAMESPACE, patch=patch, kind=PatchKind.MERGE)

    def busy(cache: WatchCache) -> int:
        found = (cache.get(NAMESPACE, name) or {} for name in _bad())
        conditions = [(obj.get("status") or {}).get("conditions") or () for obj in found]
        return sum(any(c["type"] == "Ready" and c["status"] == "Unknown" for c in each) for each in conditions)

    # programs that hold a worker for each attempt never have more of them under way than workers
    await bench.rig.kustomizations.wait_for(
        lambda cache: busy(cache) >= _WORKERS if fail else not busy(cache), _DEADLINE
    )


async def _push(bench: Bench, what: str) -> list[float]:
    """One push that changes all healthy ones; seconds until each is ready."""
    for name in _good():
        _write(bench.repository.clone, name, f"example.com/app:{what}")
    revision = await bench.repository.push(what)
    latencies = _Latencies(bench, revision)
    await bench.reconcile_source()
    return await latencies.all()


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
