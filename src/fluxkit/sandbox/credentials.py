"""The credentials of a sandbox: made at first start, kept in its directory, readable by its owner only."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fluxkit.sandbox.certificates import KeyPair, issue, load_or_create, new_authority, write_private
from fluxkit.sandbox.directory import Layout

__all__ = ["Credentials", "load_credentials"]

SERVER_HOSTS = ("localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Key pairs of authority, server and administrator; the administrator's token; the key that signs tokens."""

    authority: KeyPair
    server: KeyPair
    admin: KeyPair
    token: str
    signing_key: bytes


def load_credentials(layout: Layout) -> Credentials:
    """What the directory holds, completed by what is missing."""
    authority = load_or_create(layout.pki, "ca", lambda: new_authority("fluxkit-sandbox"))
    server = load_or_create(layout.pki, "server", lambda: issue(authority, "kube-apiserver", hosts=SERVER_HOSTS))
    admin = load_or_create(
        layout.pki, "admin", lambda: issue(authority, "kubernetes-admin", organizations=("system:masters",))
    )
    return Credentials(
        authority,
        server,
        admin,
        _secret(layout.token, lambda: secrets.token_urlsafe(32).encode()).decode(),
        _secret(layout.pki / "sa.key", lambda: secrets.token_bytes(32)),
    )


def _secret(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        write_private(path, make())
    return path.read_bytes()
