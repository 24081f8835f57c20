"""A process that outlives the one that started it, and can be found again by a file with its id."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["BackgroundProcess", "ProcessFailed"]

_STOP_SECONDS = 40.0


class ProcessFailed(RuntimeError):
    """A process ended by itself or did not start; the text has the end of its log."""


class BackgroundProcess:
    """One process with its log, ``<directory>/<name>.log``, and its id, ``<directory>/<name>.pid``."""

    def __init__(self, directory: Path, name: str) -> None:
        self.log_file = directory / f"{name}.log"
        self._name = name
        self._pid_file = directory / f"{name}.pid"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._process.pid} {_birth(self._process.pid)}")

    @property
    def pid(self) -> int | None:
        """The id of the running process, also of one that an earlier run started."""
        try:
            pid, birth = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _birth(int(pid)) == birth else None

    def check(self) -> None:
        """Raises :class:`ProcessFailed` if the process has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise ProcessFailed(f"{self._name} ended with status {self._process.returncode}:\n{self._tail()}")

    async def stop(self) -> None:
        """Asks the process to end, and waits for it; kills what does not listen."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """``kill -9``."""
        await self._end(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal and does not wait for what it does."""
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    async def ended(self, seconds: float) -> int:
        """Waits until a process that was started here ends by itself; returns its status."""
        assert self._process is not None
        descriptor = os.pidfd_open(self._process.pid)
        try:
            await _readable(descriptor, seconds)
        finally:
            os.close(descriptor)
        return self._process.wait()

    async def _end(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is None:
            return
        descriptor = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(descriptor, number)
            try:
                await _readable(descriptor, _STOP_SECONDS)
            except TimeoutError:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                await _readable(descriptor, _STOP_SECONDS)
        finally:
            os.close(descriptor)
        if self._process is not None:
            self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    def _tail(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-20:])


async def _readable(descriptor: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(descriptor, event.set)
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    finally:
        loop.remove_reader(descriptor)


def _birth(pid: int) -> str:
    """When the process started: an id may be used again."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return "gone"
    return "gone" if fields[0] in ("Z", "X") else fields[19]
