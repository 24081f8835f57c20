"""One Kustomization with many objects, and what memory they and their artifact take."""

import random
import time
from pathlib import Path

from benchmarks.fleet import write_application
from benchmarks.peer import beside_upstream, total, writes
from benchmarks.report import Figure, announce, show
from benchmarks.rig import NAMESPACE, SOURCE, Bench
from fluxkit import yaml
from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind, WatchCache
from fluxkit.objects import Object
from testbed import git_repository, kustomization

__all__ = ["memory", "objects"]

_OBJECTS = 1000
_EACH = 4
_NAME = "all"
_DEADLINE = 600.0
_SIZES = (100, 1000, 3000)
_ARTIFACTS = (1, 20, 100)
_MB = 1 << 20


def _write_objects(clone: Path, count: int) -> None:
    """``apps/`` with that many objects, below one kustomization file."""
    names = []
    for number in range(count // _EACH):
        write_application(clone, number)
        names.append(f"app-{number:03}")
    (clone / "apps" / "kustomization.yaml").write_text(yaml.dump({"resources": names}))


async def _applied(bench: Bench, revision: str, token: str = "") -> None:
    """Until the Kustomization is ready at the revision, and has answered the request."""

    def done(cache: WatchCache) -> bool:
        obj = cache.get(NAMESPACE, _NAME) or {}
        status = obj.get("status") or {}
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
        return (
            ready
            and status.get("lastAppliedRevision") == revision
            and status.get("lastHandledReconcileAt", "") == token
            and status.get("observedGeneration") == obj["metadata"]["generation"]
        )

    await bench.rig.kustomizations.wait_for(done, _DEADLINE)


async def _first(bench: Bench) -> tuple[str, Object]:
    """The Kustomization on ``apps``, applied for the first time; its revision, and the counters from before."""
    revision = await bench.repository.push("start")
    await bench.rig.client.create(git_repository(SOURCE, NAMESPACE, bench.rig.url(bench.repository)))
    before = await bench.requests()
    await bench.rig.client.create(kustomization(_NAME, NAMESPACE, SOURCE, "./apps"))
    await _applied(bench, revision)
    return revision, before


async def objects() -> None:
    """(f) 1,000 objects in one Kustomization."""
    announce(f"{_OBJECTS} objects in one Kustomization (users of Flux report minutes for 3,000)")
    show(*await beside_upstream(_objects, "--concurrent=10"))


async def _objects(bench: Bench) -> list[Figure]:
    clone, client = bench.repository.clone, bench.rig.client
    _write_objects(clone, _OBJECTS)
    started = time.perf_counter()
    revision, before = await _first(bench)
    figures = [Figure("first apply", time.perf_counter() - started, "s")]
    after = await bench.requests()
    figures.append(Figure("first apply: API requests for each object", total(before, after) / _OBJECTS, ""))

    before, started = after, time.perf_counter()
    token = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
    await client.patch(Kustomization.GVK, _NAME, NAMESPACE, patch=token, kind=PatchKind.MERGE)
    await _applied(bench, revision, "now")
    figures.append(Figure("reconcile on request, no change", time.perf_counter() - started, "s"))
    after = await bench.requests()
    figures.append(Figure("reconcile on request: API requests for each object", total(before, after) / _OBJECTS, ""))

    write_application(clone, 7, image="6.9.1")
    revision = await bench.repository.push("change one")
    before, started = await bench.requests(), time.perf_counter()
    await bench.reconcile_source()
    await _applied(bench, revision, "now")
    after = await bench.requests()
    return [
        *figures,
        Figure("one object changed", (time.perf_counter() - started) * 1000, "ms"),
        Figure("one object changed: API requests", total(before, after), ""),
        Figure("one object changed: writes, dry runs included", writes(before, after), ""),
        Figure("peak memory, controllers and workers", bench.peak_memory(), "MiB"),
    ]


async def memory() -> None:
    """(g) Peak memory by number of objects, and by size of the artifact."""
    announce("peak memory of controllers and workers, by objects in one Kustomization")
    for count in _SIZES:

        async def by_objects(bench: Bench, count: int = count) -> list[Figure]:
            _write_objects(bench.repository.clone, count)
            await _first(bench)
            return [Figure(f"{count} objects", bench.peak_memory(), "MiB")]

        show(*await beside_upstream(by_objects))
    announce("peak memory of controllers and workers, by size of the artifact, 100 objects")
    for megabytes in _ARTIFACTS:

        async def by_artifact(bench: Bench, megabytes: int = megabytes) -> list[Figure]:
            _write_objects(bench.repository.clone, 100)
            # does not compress, and is in no file that the build reads
            generator = random.Random(megabytes)
            for number in range(megabytes):
                bench.repository.write_bytes(f"data/{number}.bin", generator.randbytes(_MB))
            await _first(bench)
            return [Figure(f"artifact of {megabytes} MiB", bench.peak_memory(), "MiB")]

        show(*await beside_upstream(by_artifact))
