"""An embedded cluster with controllers and a Git server, made for one scenario and removed after it."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from fluxkit.api import GitRepository, Kustomization
from fluxkit.kube import Client, ClusterConfig, PatchKind, WatchCache
from testbed import Cluster, Controllers, GitServer

__all__ = ["Rig"]

NAMESPACE = "flux-system"
_GIT = ("git", "-c", "user.name=Bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false")
_DEADLINE = 600.0


class Rig:
    """The processes, a clone to push from, and a view of the Kustomizations."""

    def __init__(
        self, directory: Path, kubeconfig: Path, client: Client, controllers: Controllers, kustomizations: WatchCache
    ) -> None:
        self._kubeconfig = kubeconfig
        self.clone = directory / "clone"
        self.client = client
        self.controllers = controllers
        self.kustomizations = kustomizations

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, *arguments: str) -> AsyncIterator["Rig"]:
        """``arguments`` go to ``flux controllers``."""
        async with contextlib.AsyncExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fluxkit-bench-")))
            cluster = Cluster(directory / "cluster")
            await cluster.start()
            stack.push_async_callback(cluster.stop)
            server = GitServer(directory / "git", username="flux", password="bench")
            await server.run()
            stack.push_async_callback(server.stop)
            await _run(sys.executable, "-m", "fluxkit.cli", f"--kubeconfig={cluster.kubeconfig}", "install")
            client = await stack.enter_async_context(Client(ClusterConfig.load(str(cluster.kubeconfig))))
            cache = WatchCache(client, Kustomization.GVK)
            following = asyncio.create_task(cache.run())
            stack.callback(following.cancel)
            await cache.wait_synced()
            controllers = Controllers(cluster.kubeconfig, directory / "controllers", *arguments)
            await controllers.run()
            stack.push_async_callback(controllers.stop)
            rig = cls(directory, cluster.kubeconfig, client, controllers, cache)
            await rig._create_repository(directory / "git" / "fleet.git", server.url("fleet.git"))
            yield rig

    async def _create_repository(self, bare: Path, url: str) -> None:
        await _run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        await _run("git", "clone", "--quiet", str(bare), str(self.clone))
        await self.client.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "git", "namespace": NAMESPACE},
                "stringData": {"username": "flux", "password": "bench"},
            }
        )
        self._source = {
            "apiVersion": GitRepository.GVK.api_version,
            "kind": "GitRepository",
            "metadata": {"name": "fleet", "namespace": NAMESPACE},
            "spec": {"url": url, "interval": "1m", "ref": {"branch": "main"}, "secretRef": {"name": "git"}},
        }

    async def push(self, message: str) -> str:
        """Commits and pushes the clone; returns the revision."""
        await _run(*_GIT, "-C", str(self.clone), "checkout", "--quiet", "-B", "main")
        await _run(*_GIT, "-C", str(self.clone), "add", "--all")
        await _run(*_GIT, "-C", str(self.clone), "commit", "--quiet", "--message", message)
        await _run(*_GIT, "-C", str(self.clone), "push", "--quiet", "origin", "main")
        return "main@sha1:" + (await _run(*_GIT, "-C", str(self.clone), "rev-parse", "HEAD")).strip()

    async def create_source(self) -> None:
        await self.client.create(self._source)

    async def create_kustomization(self, name: str, path: str, **spec: Any) -> None:
        await self.client.create(kustomization(name, path, **spec))

    async def reconcile_source(self) -> None:
        """What a webhook does."""
        patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": datetime.now(UTC).isoformat()}}}
        await self.client.patch(GitRepository.GVK, "fleet", NAMESPACE, patch=patch, kind=PatchKind.MERGE)

    async def wait_applied(self, revision: str, count: int) -> None:
        """Until that many Kustomizations are ready at the revision."""

        def applied(cache: WatchCache) -> bool:
            return sum(_is_ready_at(obj, revision) for obj in cache.list()) >= count

        await self._wait(applied)

    async def _wait(self, predicate: Callable[[WatchCache], bool]) -> None:
        waiting = asyncio.ensure_future(self.kustomizations.wait_for(predicate, _DEADLINE))
        try:
            await waiting
        except TimeoutError:
            self.controllers.check()
            raise

    async def requests(self) -> dict[str, Any]:
        """The counters of the API server."""
        answer: dict[str, Any] = orjson.loads(await self.client.raw("GET", "/sandbox/stats"))
        return answer

    async def flux(self, *arguments: str) -> str:
        """Runs the installed ``flux`` command."""
        return await _run(str(Path(sys.executable).with_name("flux")), *arguments, f"--kubeconfig={self._kubeconfig}")

    def peak_memory(self) -> float:
        """MiB at their highest of the controllers' process and its workers."""
        pid = self.controllers.pid
        assert pid is not None
        return sum(_high_water(each) for each in [pid, *_children(pid)]) / 1024


def kustomization(name: str, path: str, **spec: Any) -> dict[str, Any]:
    """A Kustomization of the rig's repository."""
    return {
        "apiVersion": Kustomization.GVK.api_version,
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "interval": "10m",
            "path": path,
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            **spec,
        },
    }


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
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}:\n{output.decode()}")
    return output.decode()
