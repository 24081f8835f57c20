"""Who this client says it is: bearer tokens, basic auth and client certificates, and where they come from.

Every source answers one question, :meth:`Credentials.identity`, before each request, so that a rotated token or
certificate is used without a new connection object. A source never prints what it holds: the ``repr`` of every class
here shows the kind of credential and nothing of its value.
"""

import base64
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from fluxkit.kube.errors import ConfigError

__all__ = [
    "ANONYMOUS",
    "CertificateFiles",
    "CertificatePair",
    "Combined",
    "Credentials",
    "Identity",
    "StaticCredentials",
    "TokenFile",
    "basic",
    "bearer",
]

_REREAD_AFTER: Final = 60.0
"""Seconds after which a credential file is read again, as client-go's cachingTokenSource."""


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """A client certificate (chain) and its private key, both PEM."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """What to send: the value of the Authorization header ("" for none) and the certificate of the TLS handshake."""

    authorization: str = field(default="", repr=False)
    certificate: CertificatePair | None = None

    def __repr__(self) -> str:
        return f"Identity(authorization={'set' if self.authorization else 'none'}, certificate={self.certificate!r})"


NOBODY: Final = Identity()


class Credentials(Protocol):
    """A source of identities."""

    async def identity(self) -> Identity:
        """The identity to use now; raises :class:`ConfigError` when it cannot be had."""

    def reject(self, identity: Identity) -> bool:
        """The server answered 401 to this identity: forget it. True if asking again may give another one."""


@dataclass(frozen=True, slots=True)
class StaticCredentials:
    """An identity that never changes; the default is nobody (anonymous)."""

    fixed: Identity = NOBODY

    async def identity(self) -> Identity:
        return self.fixed

    def reject(self, identity: Identity) -> bool:
        return False


ANONYMOUS: Final = StaticCredentials()


def bearer(token: str) -> Identity:
    return Identity(authorization=f"Bearer {token}")


def basic(username: str, password: str) -> Identity:
    joined = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    return Identity(authorization=f"Basic {joined}")


class TokenFile:
    """A bearer token kept in a file that somebody rotates (a projected service account token)."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._identity: Identity | None = None
        self._read_at = 0.0

    async def identity(self) -> Identity:
        now = time.monotonic()
        if self._identity is None or now - self._read_at >= _REREAD_AFTER:
            try:
                fresh = self._read()
            except ConfigError:
                # A rotation in progress must not fail requests while the token that we have may still be valid.
                if self._identity is None:
                    raise
                return self._identity
            self._identity, self._read_at = fresh, now
        return self._identity

    def reject(self, identity: Identity) -> bool:
        if self._identity is None or identity.authorization != self._identity.authorization:
            return True
        try:
            fresh = self._read()
        except ConfigError:
            return False
        if fresh.authorization == identity.authorization:
            return False
        self._identity, self._read_at = fresh, time.monotonic()
        return True

    def _read(self) -> Identity:
        try:
            token = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"token file {self._path}: {_why(error)}") from None
        if not token:
            raise ConfigError(f"token file {self._path}: is empty")
        return bearer(token)

    def __repr__(self) -> str:
        return f"TokenFile({str(self._path)!r})"


class CertificateFiles:
    """A client certificate and key in files (or one of them inline), read again when somebody rotates them."""

    def __init__(self, certificate: Path | bytes, key: Path | bytes) -> None:
        self._certificate = certificate
        self._key = key
        self._identity: Identity | None = None
        self._read_at = 0.0

    async def identity(self) -> Identity:
        now = time.monotonic()
        if self._identity is None or now - self._read_at >= _REREAD_AFTER:
            pair = CertificatePair(_read(self._certificate, "client certificate"), _read(self._key, "client key"))
            self._identity, self._read_at = Identity(certificate=pair), now
        return self._identity

    def reject(self, identity: Identity) -> bool:
        self._read_at = 0.0
        return False

    def __repr__(self) -> str:
        shown = [str(part) if isinstance(part, Path) else "inline" for part in (self._certificate, self._key)]
        return f"CertificateFiles({shown[0]!r}, {shown[1]!r})"


@dataclass(frozen=True, slots=True)
class Combined:
    """The Authorization header of one source with the client certificate of another; the first that has one wins."""

    sources: tuple[Credentials, ...]

    async def identity(self) -> Identity:
        identities = [await source.identity() for source in self.sources]
        return Identity(
            next((i.authorization for i in identities if i.authorization), ""),
            next((i.certificate for i in identities if i.certificate), None),
        )

    def reject(self, identity: Identity) -> bool:
        # Every source is told, not only up to the first that has something new.
        answers = [source.reject(identity) for source in self.sources]
        return any(answers)


def _read(source: Path | bytes, what: str) -> bytes:
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError as error:
        raise ConfigError(f"{what} {source}: {_why(error)}") from None


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "is not UTF-8 text"
