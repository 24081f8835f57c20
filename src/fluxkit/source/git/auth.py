"""Credentials for a Git remote, read from a Secret's data by upstream's keys (fluxcd/pkg ``git/options.go``)."""

import base64
import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from fluxkit.source.errors import GitAuthError, GitError

__all__ = ["GitAuth", "is_encrypted", "parse_url", "without_userinfo"]

_DEFAULT_SSH_USER: Final = "git"


def parse_url(url: str) -> SplitResult:
    """A remote's URL in parts. Raises GitError (reason ``URLInvalid``) when it is not one."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as problem:
        raise GitError(f"failed to parse url: {problem}", reason="URLInvalid") from None
    if parts.scheme not in ("http", "https", "ssh", "file") or (parts.scheme != "file" and not parts.hostname):
        raise GitError("failed to parse url: expected http://, https:// or ssh:// with a host", reason="URLInvalid")
    if any(ord(character) < 33 for character in url) or (parts.hostname or "").startswith("-"):
        raise GitError("failed to parse url: invalid character", reason="URLInvalid")
    return parts


def without_userinfo(url: str) -> str:
    """The URL without user name and password: for messages, and for what credentials are sent separately to."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@dataclass(frozen=True, slots=True, repr=False)
class GitAuth:
    """How to authenticate. Immutable; its ``repr`` shows nothing."""

    username: str = ""
    password: str = ""
    """For HTTP the password, for SSH the passphrase of the key."""
    bearer_token: str = ""
    ca: bytes = b""
    """PEM certificates that are trusted besides the system's."""
    client_certificate: bytes = b""
    client_key: bytes = b""
    identity: bytes = b""
    """SSH private key."""
    known_hosts: bytes = b""
    cache_identity: str = ""
    """Names the identity behind a short-lived token, so that its successors share the token's local mirror."""

    @classmethod
    def basic(cls, username: str, password: str, *, ca: bytes = b"", cache_identity: str = "") -> "GitAuth":
        return cls(username=username, password=password, ca=ca, cache_identity=cache_identity)

    @classmethod
    def bearer(cls, token: str, *, ca: bytes = b"", cache_identity: str = "") -> "GitAuth":
        return cls(bearer_token=token, ca=ca, cache_identity=cache_identity)

    @classmethod
    def ssh(cls, identity: bytes, known_hosts: bytes, *, password: str = "", username: str = "") -> "GitAuth":
        """``password`` is the passphrase of the key; the user defaults to ``git``."""
        return cls(
            username=username or _DEFAULT_SSH_USER, password=password, identity=identity, known_hosts=known_hosts
        )

    @classmethod
    def from_secret(cls, url: str, data: Mapping[str, bytes] | None = None, secret_name: str = "") -> "GitAuth":
        """Credentials for a URL from a Secret's decoded data and the URL's own user information.

        ``data`` is None or empty without a Secret; ``secret_name`` is ``namespace/name``, for messages. Raises
        GitAuthError when the Secret does not fit the URL.
        """
        parts = parse_url(url)
        data = data or {}
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "ssh":
            auth = cls.ssh(
                data.get("identity", b""),
                data.get("known_hosts", b""),
                password=_text(data, "password"),
                username=user,
            )
            auth._check_ssh(secret_name)
            return auth
        base = cls(
            ca=data.get("ca.crt") or data.get("caFile", b""),
            client_certificate=data.get("tls.crt", b""),
            client_key=data.get("tls.key", b""),
        )
        if bool(base.client_certificate) != bool(base.client_key):
            has, misses = ("tls.crt", "tls.key") if base.client_certificate else ("tls.key", "tls.crt")
            raise GitAuthError(f"secret '{secret_name}' contains '{has}' but missing '{misses}'")
        if "bearerToken" in data:
            if user or password:
                raise GitAuthError("basic auth and bearer token cannot be set at the same time")
            return replace(base, bearer_token=_text(data, "bearerToken"))
        username = _text(data, "username") or user
        password = _text(data, "password") or password
        if password and not username:
            raise GitAuthError(f"invalid '{parts.scheme}' auth option: 'password' requires 'username' to be set")
        return replace(base, username=username, password=password)

    def _check_ssh(self, secret_name: str) -> None:
        for key, value in (("identity", self.identity), ("known_hosts", self.known_hosts)):
            if not value:
                raise GitAuthError(f"invalid 'ssh' auth option: '{key}' is required")
        if not self.password and is_encrypted(self.identity):
            raise GitAuthError(
                f"SSH identity key is encrypted but no 'password' field was provided in the secret '{secret_name}'"
            )

    @property
    def authorization(self) -> str:
        """The value of the HTTP Authorization header, or nothing."""
        if self.bearer_token:
            return f"Bearer {self.bearer_token}"
        if self.username or self.password:
            pair = f"{self.username}:{self.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return ""

    @property
    def cache_key(self) -> str:
        """Equal for credentials that may share a local mirror; reveals nothing."""
        digest = hashlib.sha256()
        if self.cache_identity:
            parts = [self.cache_identity.encode()]
        else:
            parts = [
                self.username.encode(),
                self.password.encode(),
                self.bearer_token.encode(),
                self.client_certificate,
                self.identity,
            ]
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def mask(self, text: str) -> str:
        """The text with every form of the credentials replaced by asterisks."""
        for secret in self._secrets():
            text = text.replace(secret, "*****")
        return text

    def _secrets(self) -> Iterator[str]:
        for secret in (self.password, self.bearer_token):
            if secret:
                yield secret
                yield quote(secret, safe="")
        if self.authorization:
            yield self.authorization.split(" ", 1)[1]

    def __repr__(self) -> str:
        return "GitAuth(...)"


def _text(data: Mapping[str, bytes], key: str) -> str:
    try:
        value = data.get(key, b"").decode()
    except UnicodeDecodeError:
        raise GitAuthError(f"secret key '{key}' is not UTF-8 text") from None
    if any(character in value for character in "\r\n\0"):
        raise GitAuthError(f"secret key '{key}' contains a line break; store the value without one")
    return value


def is_encrypted(key: bytes) -> bool:
    """Whether a private key in PEM or OpenSSH form needs a passphrase."""
    if b"ENCRYPTED" in key:
        return True
    start, end = b"-----BEGIN OPENSSH PRIVATE KEY-----", b"-----END"
    if start not in key:
        return False
    try:
        body = base64.b64decode(key.split(start, 1)[1].split(end, 1)[0])
        magic = b"openssh-key-v1\0"
        (length,) = struct.unpack_from(">I", body, len(magic))
        return body.startswith(magic) and body[len(magic) + 4 : len(magic) + 4 + length] != b"none"
    except (ValueError, struct.error):
        return False
