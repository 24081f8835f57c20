"""Flux's own controllers, where they have been built: the peer of benchmarks, and the other side of a migration."""

import os
import shutil
import socket
from pathlib import Path

from fluxkit import yaml
from fluxkit.kube import Client
from testbed.process import BackgroundProcess

__all__ = ["UpstreamControllers", "upstream_programs"]

_NAMESPACE = "flux-system"
_PROGRAMS = ("source-controller", "kustomize-controller")


def upstream_programs() -> Path | None:
    """Where ``tools/upstream.py`` put the programs: $FLUXKIT_UPSTREAM, or its default; None where it has not run."""
    directory = Path(os.environ.get("FLUXKIT_UPSTREAM") or Path(__file__).parents[1] / "tools" / "bin" / "flux")
    return directory if all((directory / name).exists() for name in _PROGRAMS) else None


class UpstreamControllers:
    """source-controller and kustomize-controller, as two processes on free ports."""

    def __init__(self, programs: Path, kubeconfig: Path, directory: Path, *, concurrent: int = 10) -> None:
        self._programs = programs
        self._kubeconfig = kubeconfig
        self._directory = directory
        self._concurrent = concurrent
        # Programs that cannot be asked for a free port are given one that was free a moment ago.
        self.storage_address = f"127.0.0.1:{_free_port()}"
        self._processes = {name: BackgroundProcess(directory, name) for name in _PROGRAMS}

    async def install(self, client: Client) -> None:
        """Applies the custom resource definitions that the programs were built with."""
        for file in sorted((self._programs / "crds").glob("*.yaml")):
            for definition in yaml.load_all(file.read_text(), source=file.name):
                await client.apply(definition, field_manager="flux")
        client.invalidate_discovery()

    async def run(self) -> None:
        """Starts both; what they do shows on the cluster."""
        storage = self._directory / "artifacts"
        scratch = self._directory / "tmp"
        for directory in (storage, scratch):
            directory.mkdir(parents=True, exist_ok=True)
        flags = {
            "source-controller": (
                f"--storage-path={storage}",
                f"--storage-addr={self.storage_address}",
                f"--storage-adv-addr={self.storage_address}",
            ),
            "kustomize-controller": ("--requeue-dependency=5s",),
        }
        for name, process in self._processes.items():
            process.start(
                [
                    str(self._programs / name),
                    *flags[name],
                    f"--concurrent={self._concurrent}",
                    # as in the figures that the Flux project publishes: the client must not throttle itself
                    "--kube-api-qps=1000",
                    "--kube-api-burst=2000",
                    f"--health-addr=127.0.0.1:{_free_port()}",
                    "--metrics-addr=0",
                    "--events-addr=",
                ],
                {"KUBECONFIG": str(self._kubeconfig), "RUNTIME_NAMESPACE": _NAMESPACE, "TMPDIR": str(scratch)},
            )

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes.values() if process.pid is not None]

    def check(self) -> None:
        """Raises :class:`ProcessFailed` if one of them has ended."""
        for process in self._processes.values():
            process.check()

    async def stop(self) -> None:
        for process in self._processes.values():
            await process.stop()
        shutil.rmtree(self._directory / "tmp", ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
