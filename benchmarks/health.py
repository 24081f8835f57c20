"""Healthy Kustomizations next to others that fail their health checks for ever."""

import asyncio
import time
from pathlib import Path

from benchmarks.peer import beside_upstream
from benchmarks.report import Figure, announce, show
from benchmarks.rig import NAMESPACE, SOURCE, Bench
from fluxkit import yaml
from fluxkit.kube.cache import CacheEvent
from testbed import git_repository, kustomization

__all__ = ["health"]

_HEALTHY = 200
_FAILING = 100
_PUSHES = 3
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


def _names() -> list[str]:
    return [f"good-{number:03}" for number in range(_HEALTHY)]


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
    figures = await beside_upstream(_health, "--concurrent=10")
    show(*figures)
    alone, beside = figures[:2]
    ratio = beside.value / alone.value
    peer = beside.peer_value / alone.peer_value if alone.peer_value and beside.peer_value else None
    show(Figure("p99 with by p99 without (target: at most 1.2)", ratio, "", alone.peer, peer))


async def _health(bench: Bench) -> list[Figure]:
    clone, client = bench.repository.clone, bench.rig.client
    for name in _names():
        _write(clone, name, "example.com/app:0")
    for number in range(_FAILING):
        _write(clone, f"bad-{number:03}", "example.com/app:0", fails=True)
    await client.create(git_repository(SOURCE, NAMESPACE, bench.rig.url(bench.repository)))
    revision = await bench.repository.push("start")
    first = _Latencies(bench, revision)
    for name in _names():
        await client.create(kustomization(name, NAMESPACE, SOURCE, f"./apps/{name}", wait=True))
    await first.all()
    without = await _pushes(bench, "without")

    # a source of their own, so that a push is no event for those that fail
    other = await bench.rig.create_repository("failing")
    for number in range(_FAILING):
        _write(other.clone, f"bad-{number:03}", "example.com/app:0", fails=True)
    await other.push("start")
    await client.create(git_repository("failing", NAMESPACE, bench.rig.url(other)))
    waiting = asyncio.create_task(_until_failing(bench))
    for number in range(_FAILING):
        name = f"bad-{number:03}"
        spec = {"wait": True, "timeout": _TIMEOUT, "retryInterval": _RETRY}
        await client.create(kustomization(name, NAMESPACE, "failing", f"./apps/{name}", **spec))
    await waiting
    beside = await _pushes(bench, "with")
    return [
        Figure("p99 without", _p99(without) * 1000, "ms"),
        Figure("p99 with", _p99(beside) * 1000, "ms"),
        Figure("median without", sorted(without)[len(without) // 2] * 1000, "ms"),
        Figure("median with", sorted(beside)[len(beside) // 2] * 1000, "ms"),
    ]


async def _until_failing(bench: Bench) -> None:
    """Until the failing ones are in the middle of it."""

    def busy(obj: dict[str, object]) -> bool:
        metadata, status = obj["metadata"], obj.get("status") or {}
        assert isinstance(metadata, dict)
        assert isinstance(status, dict)
        return metadata["name"].startswith("bad-") and bool(status.get("inventory"))

    await bench.rig.kustomizations.wait_for(
        lambda cache: sum(busy(obj) for obj in cache.list(NAMESPACE)) >= _FAILING, _DEADLINE
    )


async def _pushes(bench: Bench, what: str) -> list[float]:
    found: list[float] = []
    for turn in range(_PUSHES):
        for name in _names():
            _write(bench.repository.clone, name, f"example.com/app:{what}-{turn}")
        revision = await bench.repository.push(f"{what} {turn}")
        latencies = _Latencies(bench, revision)
        await bench.reconcile_source()
        found += await latencies.all()
    return found


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
