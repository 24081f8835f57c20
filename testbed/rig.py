"""Everything at once: an empty cluster with the custom resources installed, a Git server, and controllers."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fluxkit.api import GitRepository, Kustomization
from fluxkit.cli.install import install_objects
from fluxkit.cli.installation import COMPONENTS
from fluxkit.kube import Client, ClusterConfig, PatchKind, WatchCache
from fluxkit.objects import GroupVersionKind, Object
from testbed.cluster import Cluster
from testbed.controllers import Controllers
from testbed.git_server import GitServer
from testbed.repository import Repository

__all__ = ["Rig", "git_repository", "kustomization"]

_USER, _PASSWORD = "flux", "correct horse battery staple"


class Rig:
    """One installation of fluxkit, below one directory."""

    def __init__(self, directory: Path, *controller_arguments: str) -> None:
        self._directory = directory
        self.cluster = Cluster(directory / "cluster")
        self.server = GitServer(directory / "git", username=_USER, password=_PASSWORD)
        self.controllers = Controllers(self.cluster.kubeconfig, directory / "controllers", *controller_arguments)
        self.client: Client
        self.kustomizations: WatchCache
        self.sources: WatchCache

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, directory: Path, *controller_arguments: str) -> AsyncIterator["Rig"]:
        """A rig whose parts run, the controllers included; ended at the end."""
        async with cls.prepared(directory, *controller_arguments) as rig:
            await rig.controllers.run()
            try:
                yield rig
            finally:
                await rig.controllers.stop()

    @classmethod
    @contextlib.asynccontextmanager
    async def prepared(cls, directory: Path, *controller_arguments: str) -> AsyncIterator["Rig"]:
        """A rig whose parts run, but for the controllers."""
        rig = cls(directory, *controller_arguments)
        async with contextlib.AsyncExitStack() as stack:
            await rig.cluster.start()
            stack.push_async_callback(rig.cluster.stop)
            await rig.server.run()
            stack.push_async_callback(rig.server.stop)
            async with rig.connected():
                yield rig

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """A client and synced caches for the calling event loop; installs the custom resources if need be."""
        config = ClusterConfig.load(str(self.cluster.kubeconfig))
        async with Client(config, field_manager="testbed") as self.client:
            await self._install()
            self.kustomizations = WatchCache(self.client, Kustomization.GVK)
            self.sources = WatchCache(self.client, GitRepository.GVK)
            tasks = [asyncio.create_task(cache.run()) for cache in (self.kustomizations, self.sources)]
            try:
                for cache in (self.kustomizations, self.sources):
                    await cache.wait_synced()
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _install(self) -> None:
        """What ``flux install`` does."""
        for obj in install_objects("flux-system", list(COMPONENTS)):
            await self.client.apply(obj, field_manager="flux")
        self.client.invalidate_discovery()

    async def create_repository(self, name: str) -> Repository:
        """An empty repository that the Git server serves as ``<name>.git``."""
        repository = Repository(self._directory / "git" / f"{name}.git", self._directory / "clones" / name)
        await repository.create()
        return repository

    def url(self, repository: Repository) -> str:
        return self.server.url(repository.bare.name)

    async def create_credentials(self, namespace: str) -> None:
        """The Secret ``git`` with what the Git server asks for."""
        await self.client.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "git", "namespace": namespace},
                "stringData": {"username": _USER, "password": _PASSWORD},
            }
        )

    async def reconcile(self, gvk: GroupVersionKind, name: str, namespace: str) -> None:
        """Asks for a reconcile at once, as a webhook or ``flux reconcile`` does."""
        patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": datetime.now(UTC).isoformat()}}}
        await self.client.patch(gvk, name, namespace, patch=patch, kind=PatchKind.MERGE)

    async def flux(self, *arguments: str) -> str:
        """Runs the ``flux`` command; returns its output, raises if it fails."""
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("flux")),
            *arguments,
            env={
                **os.environ,
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "XDG_STATE_HOME": str(self._directory / "state"),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        if process.returncode:
            raise RuntimeError(f"flux {' '.join(arguments)} ended with status {process.returncode}:\n{output}")
        return output


def git_repository(name: str, namespace: str, url: str, **spec: Any) -> Object:
    """A GitRepository that follows main with the credentials of the testbed."""
    return {
        "apiVersion": GitRepository.GVK.api_version,
        "kind": GitRepository.GVK.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"url": url, "interval": "1m", "ref": {"branch": "main"}, "secretRef": {"name": "git"}, **spec},
    }


def kustomization(name: str, namespace: str, source: str, path: str, **spec: Any) -> Object:
    """A pruning Kustomization on a GitRepository of the same namespace."""
    return {
        "apiVersion": Kustomization.GVK.api_version,
        "kind": Kustomization.GVK.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "interval": "10m",
            "retryInterval": "5s",
            "path": path,
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": source},
            **spec,
        },
    }
