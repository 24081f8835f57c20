"""What ``flux`` keeps on this machine: the default sandbox, and a note about controllers that run here.

Everything lies below ``$XDG_STATE_HOME/fluxkit`` (``~/.local/state/fluxkit``). While ``flux controllers`` runs it keeps
one note for its cluster, so that ``flux check`` can find the process and ``flux logs`` its log. The note is written by
the command itself and removed when it ends; after a crash it names a process that no longer exists, which counts as no
note.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["RunningControllers", "announced", "artifact_dir", "running_controllers", "sandbox_dir", "state_dir"]


def state_dir() -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "fluxkit"


def sandbox_dir() -> Path:
    """Where the sandbox lives unless ``--dir`` says otherwise."""
    return state_dir() / "sandbox"


def artifact_dir(server: str) -> Path:
    """Where controllers of a cluster store artifacts unless ``--storage-path`` says otherwise."""
    return state_dir() / "artifacts" / _cluster_id(server)


@dataclass(frozen=True, slots=True)
class RunningControllers:
    """A process that runs controllers on this machine. ``log_file`` is empty if its log goes to a terminal."""

    pid: int
    server: str
    version: str
    controllers: list[str]
    health_addr: str
    log_file: str

    def health_url(self) -> str:
        """The address of the readiness probe; empty if the endpoint is disabled or its port unknown."""
        host, _, port = self.health_addr.rpartition(":")
        if not port.isdigit() or port == "0":
            return ""
        host = host if host not in ("", "0.0.0.0", "[::]") else "127.0.0.1"
        return f"http://{host}:{port}/readyz"


@contextmanager
def announced(note: RunningControllers) -> Iterator[None]:
    """Keep the note for as long as the block runs."""
    path = _note_path(note.server)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(f".{note.pid}")
    unfinished.write_text(json.dumps({**asdict(note), "started": _start_time(note.pid)}), encoding="utf-8")
    unfinished.replace(path)
    try:
        yield
    finally:
        if _read(path).get("pid") == note.pid:
            path.unlink(missing_ok=True)


def running_controllers(server: str) -> RunningControllers | None:
    """The controllers of this cluster that run on this machine."""
    document = _read(_note_path(server))
    started = document.pop("started", None)
    try:
        note = RunningControllers(**document)
    except TypeError:  # no note, or one of another version of fluxkit
        return None
    alive = _start_time(note.pid)
    return note if alive is not None and alive == started else None


def _note_path(server: str) -> Path:
    return state_dir() / "controllers" / f"{_cluster_id(server)}.json"


def _cluster_id(server: str) -> str:
    return hashlib.sha256(server.encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _start_time(pid: int) -> str | None:
    """What tells a process from a later one with the same id: its start time; None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        state, *_rest = fields = stat.rpartition(")")[2].split()
        return None if state in ("Z", "X") else fields[19]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return None
    try:
        os.kill(pid, 0)  # a system without /proc: the id alone has to do
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""
