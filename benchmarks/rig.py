"""What the scenarios measure on: the testbed with one repository, counters of the API server, and memory."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson

from fluxkit.api import GitRepository
from fluxkit.kube import WatchCache
from testbed import Controllers, Repository, Rig, UpstreamControllers, git_repository, kustomization

__all__ = ["NAMESPACE", "SOURCE", "Bench"]

NAMESPACE = "flux-system"
SOURCE = "fleet"
_DEADLINE = 600.0


class Bench:
    """An empty cluster, controllers that run, and a repository that nothing follows yet."""

    def __init__(self, rig: Rig, controllers: Controllers | UpstreamControllers, repository: Repository) -> None:
        self.rig = rig
        self.repository = repository
        self._controllers = controllers

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, *controller_arguments: str) -> AsyncIterator["Bench"]:
        """Everything of fluxkit."""
        with tempfile.TemporaryDirectory(prefix="fluxkit-bench-") as directory:
            async with Rig.open(Path(directory), *controller_arguments) as rig:
                await rig.create_credentials(NAMESPACE)
                yield cls(rig, rig.controllers, await rig.create_repository(SOURCE))

    @classmethod
    @contextlib.asynccontextmanager
    async def upstream(cls, programs: Path) -> AsyncIterator["Bench"]:
        """The same cluster and repository, with Flux's own controllers at work."""
        with tempfile.TemporaryDirectory(prefix="fluxkit-bench-") as directory:
            async with Rig.prepared(Path(directory)) as rig:
                controllers = UpstreamControllers(programs, rig.cluster.kubeconfig, Path(directory) / "upstream")
                await controllers.install(rig.client)
                await controllers.run()
                try:
                    await rig.create_credentials(NAMESPACE)
                    yield cls(rig, controllers, await rig.create_repository(SOURCE))
                finally:
                    await controllers.stop()

    async def start(self) -> None:
        """Lets the cluster follow the repository: a source, and a Kustomization on its folder ``cluster``."""
        await self.rig.client.create(git_repository(SOURCE, NAMESPACE, self.rig.url(self.repository)))
        await self.rig.client.create(kustomization("cluster", NAMESPACE, SOURCE, "./cluster"))

    async def reconcile_source(self) -> None:
        await self.rig.reconcile(GitRepository.GVK, SOURCE, NAMESPACE)

    async def wait_applied(self, revision: str, count: int) -> None:
        """Until that many Kustomizations are ready at the revision."""

        def applied(cache: WatchCache) -> bool:
            return sum(_is_ready_at(obj, revision) for obj in cache.list()) >= count

        try:
            await self.rig.kustomizations.wait_for(applied, _DEADLINE)
        except TimeoutError:
            self._controllers.check()
            raise

    async def requests(self) -> dict[str, Any]:
        """The counters of the API server."""
        answer: dict[str, Any] = orjson.loads(await self.rig.client.raw("GET", "/sandbox/stats"))
        return answer

    def peak_memory(self) -> float:
        """MiB at their highest, of the controllers and their workers together."""
        pids = self._controllers.pids
        workers = [child for pid in pids for child in _children(pid)]
        return sum(_high_water(each) for each in [*pids, *workers]) / 1024


def _is_ready_at(obj: dict[str, Any], revision: str) -> bool:
    status = obj.get("status") or {}
    return status.get("lastAppliedRevision") == revision and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in status.get("conditions") or ()
    )


def _high_water(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
