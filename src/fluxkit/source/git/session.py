"""Credentials as files that only git and ssh of one operation see: a private directory, removed at its end.

Arguments and environments are visible in process lists, so they only ever name the directory. It holds a Git
configuration (authorization header, CA, client certificate, proxy) or an SSH key with its known hosts. A killed process
leaves its directory behind; the next start removes it (:class:`fluxkit.source.git.mirror.MirrorCache`).
"""

import math
import os
import shlex
import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fluxkit.source.errors import GitAuthError
from fluxkit.source.git.auth import GitAuth
from fluxkit.source.git.process import git_environment

__all__ = ["git_session"]

_SSH_OPTIONS: Final = (
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "GlobalKnownHostsFile=/dev/null",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "NumberOfPasswordPrompts=1",
    "LogLevel=ERROR",
    "SendEnv=GIT_PROTOCOL",
)


@contextmanager
def git_session(
    parent: Path, url: str, auth: GitAuth, *, timeout: float, proxy: str = "", allow_file: bool = False
) -> Iterator[dict[str, str]]:
    """The environment for git commands that talk to ``url``; its files live in a new directory below ``parent``.

    ``url`` has no user information. ``timeout`` (seconds) also ends transfers that stall while nobody is left to kill
    them, because this process was killed first. Blocks only for tiny writes. Raises GitAuthError.
    """
    home = Path(tempfile.mkdtemp(prefix="session-", dir=parent))
    try:
        extra: dict[str, str] = {}
        scheme = urlsplit(url).scheme
        if scheme == "ssh":
            extra = _ssh_environment(home, auth, proxy, _whole(timeout))
        elif scheme == "file":
            # The switch that permits file URLs vouches for the directory, whoever owns it.
            _write(home / ".gitconfig", '[safe]\n\tdirectory = "*"\n')
        else:
            _write(home / ".gitconfig", _http_config(home, auth, proxy, _whole(timeout)))
        yield git_environment(home, allow_file=allow_file, extra=extra)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _write(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
    return path


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))


def _http_config(home: Path, auth: GitAuth, proxy: str, stall: int) -> str:
    # Redirects were followed, with care for the credentials, when the references were listed.
    lines = ["[http]", "\tfollowRedirects = false", "\temptyAuth = false"]
    lines += ["\tlowSpeedLimit = 1", f"\tlowSpeedTime = {stall}"]
    if auth.authorization:
        lines.append(f"\textraHeader = {_quoted(f'Authorization: {auth.authorization}')}")
    if auth.ca:
        lines.append(f"\tsslCAInfo = {_quoted(str(_write(home / 'ca.pem', _system_authorities() + auth.ca)))}")
    if auth.client_certificate:
        lines.append(f"\tsslCert = {_quoted(str(_write(home / 'client.crt', auth.client_certificate)))}")
        lines.append(f"\tsslKey = {_quoted(str(_write(home / 'client.key', auth.client_key)))}")
    if proxy:
        lines.append(f"\tproxy = {_quoted(proxy)}")
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise GitAuthError("credentials contain a line break")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _system_authorities() -> bytes:
    """A given CA extends the system's trust store, as go-git does; git's own option would replace it."""
    found = ssl.get_default_verify_paths().cafile
    return Path(found).read_bytes() + b"\n" if found else b""


def _ssh_environment(home: Path, auth: GitAuth, proxy: str, stall: int) -> dict[str, str]:
    key = auth.identity if auth.identity.endswith(b"\n") else auth.identity + b"\n"
    identity = _write(home / "identity", key.replace(b"\r\n", b"\n"))
    known_hosts = _write(home / "known_hosts", auth.known_hosts)
    options = [
        *_SSH_OPTIONS,
        f"UserKnownHostsFile={known_hosts}",
        f"IdentityFile={identity}",
        f"ConnectTimeout={stall}",
        f"ServerAliveInterval={stall}",
        "ServerAliveCountMax=1",
        f"BatchMode={'no' if auth.password else 'yes'}",
    ]
    environment = {"GIT_SSH_VARIANT": "ssh"}
    if auth.password:
        passphrase = _write(home / "passphrase", auth.password + "\n")
        ask = _write(home / "askpass", f"#!/bin/sh\nexec cat {shlex.quote(str(passphrase))}\n", 0o700)
        environment |= {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    if proxy:
        address = _write(home / "proxy", proxy)
        script = Path(__file__).with_name("tunnel.py")
        command = shlex.join([sys.executable, "-I", "-S", str(script), str(address)])
        options.append(f"ProxyCommand={command.replace('%', '%%')} %h %p")
    command_line = ["ssh", "-F", "none", *(part for option in options for part in ("-o", option))]
    environment["GIT_SSH_COMMAND"] = shlex.join(command_line)
    return environment
