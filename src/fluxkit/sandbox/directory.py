"""The directory of a sandbox: what lies where, and the credentials that are made once and kept.

======================  ==========================================================
``state.db``            objects (SQLite)
``pki/``                authority, server and client certificates, signing key
``token``               the administrator's bearer token
``port``                the port, chosen at first start and kept
``kubeconfig``          for kubectl, flux and every other client
``pid``, ``server.log``,  of the running server
``lock``
======================  ==========================================================

Everything is readable by its owner only.
"""

import fcntl
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fluxkit.sandbox.certificates import KeyPair, issue, load_or_create, new_authority, write_private

__all__ = ["Credentials", "Layout"]

SERVER_HOSTS = ("localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True, slots=True)
class Credentials:
    authority: KeyPair
    server: KeyPair
    admin: KeyPair
    token: str
    signing_key: bytes


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

    def credentials(self) -> Credentials:
        """Keys and tokens, made at first start."""
        authority = load_or_create(self.pki, "ca", lambda: new_authority("fluxkit-sandbox"))
        server = load_or_create(self.pki, "server", lambda: issue(authority, "kube-apiserver", hosts=SERVER_HOSTS))
        admin = load_or_create(
            self.pki, "admin", lambda: issue(authority, "kubernetes-admin", organizations=("system:masters",))
        )
        return Credentials(
            authority,
            server,
            admin,
            _secret(self.token, lambda: secrets.token_urlsafe(32).encode()).decode(),
            _secret(self.pki / "sa.key", lambda: secrets.token_bytes(32)),
        )


def _secret(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        write_private(path, make())
    return path.read_bytes()
