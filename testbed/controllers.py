"""The controllers, run by the ``flux`` command as users run them."""

import sys
from pathlib import Path

from testbed.process import BackgroundProcess

__all__ = ["Controllers"]


class Controllers(BackgroundProcess):
    """``flux controllers`` against a cluster, on free ports."""

    def __init__(self, kubeconfig: Path, directory: Path, *arguments: str) -> None:
        super().__init__(directory, "controllers")
        self._kubeconfig = kubeconfig
        self._directory = directory
        self._arguments = arguments

    @property
    def pids(self) -> list[int]:
        return [] if self.pid is None else [self.pid]

    async def run(self) -> None:
        """Starts the process; what it does shows on the cluster."""
        storage = self._directory / "artifacts"
        scratch = self._directory / "tmp"
        for directory in (storage, scratch):
            directory.mkdir(parents=True, exist_ok=True)
        self.start(
            [
                sys.executable, "-m", "fluxkit.cli", "controllers",
                f"--kubeconfig={self._kubeconfig}",
                f"--storage-path={storage}",
                "--storage-addr=127.0.0.1:0",
                "--metrics-addr=0",
                "--health-addr=127.0.0.1:0",
                f"--log-file={self.log_file}",
                *self._arguments,
            ],
            {"TMPDIR": str(scratch), "XDG_STATE_HOME": str(self._directory.parent / "state")},
        )  # fmt: skip
