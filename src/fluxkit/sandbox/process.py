"""The sandbox as a background process: started, asked, stopped and reset by whoever holds its directory."""

import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fluxkit.sandbox.directory import Layout

__all__ = ["Sandbox", "SandboxError", "SandboxStatus"]

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_KEPT_ON_RESET = ("pki", "token", "port", "kubeconfig")


class SandboxError(RuntimeError):
    """The sandbox did not start or stop; the message says where its log is."""


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """``ready`` means that it answers requests."""

    running: bool
    ready: bool = False
    pid: int = 0
    port: int = 0
    url: str = ""
    version: str = ""


class Sandbox:
    """One sandbox directory and the server process that belongs to it. Data, port, certificates and tokens survive."""

    def __init__(self, directory: Path | str) -> None:
        self.layout = Layout(Path(directory).absolute())

    @property
    def directory(self) -> Path:
        return self.layout.root

    @property
    def kubeconfig_path(self) -> Path:
        return self.layout.kubeconfig

    @property
    def token(self) -> str:
        """The administrator's bearer token; raises ``FileNotFoundError`` before the first start."""
        return self.layout.token.read_text()

    @property
    def ca_path(self) -> Path:
        return self.layout.pki / "ca.crt"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.layout.saved_port()}"

    def pid(self) -> int:
        """Process id of the running server; 0 when none runs."""
        try:
            pid = int(self.layout.pid.read_text())
        except (FileNotFoundError, ValueError):
            return 0
        return pid if _is_ours(pid, self.layout.root) else 0

    def start(self, port: int = 0, *, wait: bool = True, timeout: float = _START_SECONDS) -> SandboxStatus:
        """Starts the server in the background, unless it runs; with ``wait`` returns once it answers requests.

        Raises :class:`SandboxError` when it exits or does not answer in time.
        """
        if self.pid():
            return self.status()
        self.layout.create()
        reader, writer = os.pipe()
        try:
            with self._open_log() as log:
                process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "fluxkit.sandbox",
                        "--dir",
                        str(self.layout.root),
                        "--port",
                        str(port),
                        "--ready-fd",
                        str(writer),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(writer,),
                    start_new_session=True,
                    cwd=self.layout.root,
                )
        finally:
            os.close(writer)
        try:
            self.layout.pid.write_text(str(process.pid))
            if wait:
                self._await_ready(process, reader, timeout)
        finally:
            os.close(reader)
        return self.status()

    def _open_log(self) -> BinaryIO:
        descriptor = os.open(self.layout.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        return os.fdopen(descriptor, "wb")

    def _await_ready(self, process: "subprocess.Popen[bytes]", reader: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                process.kill()
                process.wait()
                raise SandboxError(f"the sandbox did not answer within {timeout:g} s; see {self.layout.log}")
            if select.select([reader], [], [], left)[0]:
                if os.read(reader, 64):
                    return
                code = process.wait()
                raise SandboxError(f"the sandbox exited with status {code}; see {self.layout.log}\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join(self.layout.log.read_text(errors="replace").splitlines()[-5:])

    def stop(self, timeout: float = _STOP_SECONDS) -> bool:
        """Stops the server; False when none ran. Open watches are cut, what was acknowledged is kept."""
        pid = self.pid()
        if not pid:
            self.layout.pid.unlink(missing_ok=True)
            return False
        _end(pid, signal.SIGTERM, timeout)
        self.layout.pid.unlink(missing_ok=True)
        return True

    def kill(self) -> None:
        """SIGKILL, as a crash would: for tests of durability."""
        pid = self.pid()
        if pid:
            _end(pid, signal.SIGKILL, _STOP_SECONDS)
        self.layout.pid.unlink(missing_ok=True)

    def status(self) -> SandboxStatus:
        pid = self.pid()
        if not pid:
            return SandboxStatus(False, port=self.layout.saved_port())
        port = self.layout.saved_port()
        version = self._version() if port else ""
        return SandboxStatus(True, bool(version), pid, port, self.url if port else "", version)

    def _version(self) -> str:
        if not self.ca_path.exists():
            return ""
        context = ssl.create_default_context(cafile=str(self.ca_path))
        try:
            with urllib.request.urlopen(f"{self.url}/version", timeout=5, context=context) as answer:
                return str(json.load(answer)["gitVersion"])
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return ""

    def reset(self) -> SandboxStatus:
        """Deletes all objects; credentials, port and kubeconfig stay. A running server is restarted."""
        running = self.stop()
        if self.layout.root.exists():
            for entry in self.layout.root.iterdir():
                if entry.name not in _KEPT_ON_RESET:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        return self.start() if running else self.status()


def _is_ours(pid: int, root: Path) -> bool:
    """Whether a process id still names the sandbox server of a directory, not a later process with the same number."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    return b"fluxkit.sandbox" in command and str(root).encode() in command


def _end(pid: int, number: int, timeout: float) -> None:
    """Signals a process and waits until it is gone; kills it when it takes too long."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, number)
        if not select.select([descriptor], [], [], timeout)[0]:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], timeout)
    finally:
        os.close(descriptor)
    _reap(pid)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # started by another process: init collects it
