"""The directory of a sandbox: what lies where.

==================  ==========================================================
``state.db``        objects (SQLite)
``pki/``            authority, server and client certificates, signing key
``token``           the administrator's bearer token
``port``            the port, chosen at first start and kept
``kubeconfig``      for kubectl, flux and every other client
``pid``, ``lock``   of the running server
``server.log``      what it logged since its start
==================  ==========================================================

Everything is readable by its owner only.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of a sandbox directory."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "state.db"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def token(self) -> Path:
        return self.root / "token"

    @property
    def port(self) -> Path:
        return self.root / "port"

    @property
    def pid(self) -> Path:
        return self.root / "pid"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    def create(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.pki.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the directory for one server; raises ``BlockingIOError`` when another one has it."""
        with (self.root / "lock").open("wb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BlockingIOError(error.errno, "another server uses this directory", str(self.root)) from error
            yield

    def saved_port(self) -> int:
        """The port of the last start; 0 before the first."""
        try:
            return int(self.port.read_text())
        except (FileNotFoundError, ValueError):
            return 0
