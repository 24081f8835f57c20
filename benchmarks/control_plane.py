"""The servers that are measured side by side: the sandbox, and a kube-apiserver with its etcd.

The peer's binaries are taken from the environment, ``KUBE_APISERVER`` and ``ETCD``, or from ``tools/bin``, where
``tools/control_plane.py`` builds them. Each server gets one core of its own: what the load generator costs is not its.
"""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Address
from fluxkit.sandbox import Sandbox

__all__ = ["Server", "peer", "peer_binaries", "sandbox"]

_TOOLS = Path(__file__).parent.parent / "tools" / "bin"
_TOKEN = "benchmark"
_START_SECONDS = 60.0
_HZ = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``pids`` are those of all its processes."""

    name: str
    address: Address
    pids: tuple[int, ...]

    def cpu_seconds(self) -> float:
        """User and system time since the processes started."""
        return sum(_ticks(pid) for pid in self.pids) / _HZ

    def memory(self) -> float:
        """MiB resident now."""
        return sum(_resident(pid) for pid in self.pids) / 1024


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _pin(pid: int) -> None:
    """Gives a process and its threads the last core; generator and everything else keep the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores[-1:])


@contextlib.contextmanager
def sandbox(directory: Path) -> Iterator[Server]:
    """The sandbox as ``flux sandbox`` starts it, simulated workloads included."""
    made = Sandbox(directory)
    status = made.start()
    try:
        _pin(status.pid)
        yield Server("sandbox", Address("127.0.0.1", status.port, made.token), (status.pid,))
    finally:
        made.stop()


def peer_binaries() -> tuple[Path, Path] | None:
    """kube-apiserver and etcd, where they are given."""
    found = []
    for variable, name in (("KUBE_APISERVER", "kube-apiserver"), ("ETCD", "etcd")):
        path = Path(os.environ.get(variable) or shutil.which(name) or _TOOLS / name)
        if not path.is_file():
            return None
        found.append(path)
    return found[0], found[1]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def peer(apiserver: Path, etcd: Path) -> Iterator[Server]:
    """A kube-apiserver and an etcd with their default flags, without controllers."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fluxkit-bench-")))
        log = stack.enter_context((directory / "log").open("wb"))

        def start(*command: str) -> subprocess.Popen[bytes]:
            # One core, as the sandbox has: Go would otherwise start a thread for each that it sees.
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "GOMAXPROCS": "1"})
            stack.callback(process.wait)
            stack.callback(process.send_signal, signal.SIGTERM)
            _pin(process.pid)
            return process

        client, other, secure = _free_port(), _free_port(), _free_port()
        store = start(
            str(etcd),
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}",
            f"--listen-peer-urls=http://127.0.0.1:{other}",
            "--log-level=error",
        )
        key = directory / "account.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        tokens = directory / "tokens.csv"
        tokens.write_text(f"{_TOKEN},benchmark,benchmark,system:masters\n")
        server = start(
            str(apiserver),
            f"--etcd-servers=http://127.0.0.1:{client}",
            f"--secure-port={secure}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={directory / 'pki'}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
        )
        _await_ready(secure, server)
        yield Server("kube-apiserver", Address("127.0.0.1", secure, _TOKEN), (server.pid, store.pid))


def _await_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = urllib.request.Request(f"https://127.0.0.1:{port}/readyz", headers={"Authorization": f"Bearer {_TOKEN}"})
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5, context=context):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
