"""The API server: the sandbox, started and stopped without blocking."""

import asyncio
from pathlib import Path

from fluxkit.sandbox import Sandbox

__all__ = ["Cluster"]


class Cluster:
    """An embedded cluster in a directory."""

    def __init__(self, directory: Path) -> None:
        self._sandbox = Sandbox(directory)

    @property
    def kubeconfig(self) -> Path:
        return self._sandbox.kubeconfig_path

    @property
    def server(self) -> str:
        return self._sandbox.url

    async def start(self) -> None:
        await asyncio.to_thread(self._sandbox.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self._sandbox.stop)

    async def kill(self) -> None:
        """``kill -9``."""
        await asyncio.to_thread(self._sandbox.kill)
