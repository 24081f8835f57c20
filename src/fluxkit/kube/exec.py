"""Credential plugins: programs named by a kubeconfig's ``users[].user.exec`` that print an ExecCredential.

Follows client-go ``plugin/pkg/client/auth/exec``: what a plugin gave is kept until it expires or the server refuses
it, for all connections of this process that name the same plugin; the plugin's stderr is the user's. What a plugin
prints on stdout is a secret and appears in no error.
"""

import asyncio
import os
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from fluxkit.kube.credentials import NOBODY, CertificatePair, Identity
from fluxkit.kube.errors import ConfigError
from fluxkit.kube.section import Section

__all__ = ["ExecCredentials", "ExecPlugin", "plugin_of"]

_API_VERSIONS: Final = (
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
    "client.authentication.k8s.io/v1alpha1",
)
_TIMEOUT: Final = 60.0
_LIMIT: Final = 1 << 20
_KEPT: Final = 64


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """How to run a plugin; equal plugins share what they were given."""

    where: str
    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str = _API_VERSIONS[0]
    install_hint: str = ""
    interactive: str = "IfAvailable"
    cluster: bytes = field(default=b"", repr=False)
    """The JSON for ``spec.cluster`` of the plugin's input, empty unless the kubeconfig asks to provide it."""

    def error(self, problem: str) -> ConfigError:
        return ConfigError(f'{self.where}: credential plugin "{self.command}": {problem}')


def plugin_of(section: Section, cluster: Section) -> ExecPlugin:
    """The plugin of an ``exec`` mapping; raises :class:`ConfigError` naming the field."""
    command, api_version = section.text("command"), section.text("apiVersion")
    if not command:
        raise section.error("command", "is required")
    if api_version not in _API_VERSIONS:
        raise section.error("apiVersion", f'"{api_version}" is not one of {", ".join(_API_VERSIONS)}')
    interactive = section.text("interactiveMode") or "IfAvailable"
    if interactive not in ("Never", "IfAvailable", "Always"):
        raise section.error("interactiveMode", f'"{interactive}" is not one of Never, IfAvailable, Always')
    if os.sep in command and section.base_dir is not None:
        command = str(section.base_dir / command)
    env: list[tuple[str, str]] = []
    for number, entry in enumerate(section.body.get("env") or []):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise section.error(f"env[{number}]", "expected a mapping with name and value")
        env.append((entry["name"], str(entry.get("value") or "")))
    return ExecPlugin(
        where=section.where,
        command=command,
        args=tuple(section.texts("args")),
        env=tuple(env),
        api_version=api_version,
        install_hint=section.text("installHint"),
        interactive=interactive,
        cluster=_cluster_info(cluster) if section.flag("provideClusterInfo") else b"",
    )


def _cluster_info(cluster: Section) -> bytes:
    info: dict[str, Any] = {"server": cluster.text("server")}
    for key in ("tls-server-name", "certificate-authority-data", "proxy-url"):
        if value := cluster.text(key):
            info[key] = value
    for key in ("insecure-skip-tls-verify", "disable-compression"):
        if cluster.flag(key):
            info[key] = True
    for extension in cluster.body.get("extensions") or []:
        if isinstance(extension, dict) and extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return orjson.dumps(info)


@dataclass(frozen=True, slots=True)
class _Issued:
    identity: Identity
    expires: datetime | None


_issued: "OrderedDict[ExecPlugin, _Issued]" = OrderedDict()
"""Shared because clients for remote clusters are built per reconcile, and a plugin call may cost seconds and money."""


class ExecCredentials:
    """The identity that a plugin gives, asked for again when it has expired or was refused."""

    def __init__(self, plugin: ExecPlugin) -> None:
        self._plugin = plugin
        self._running = asyncio.Lock()

    async def identity(self) -> Identity:
        if (valid := self._valid()) is not None:
            return valid
        async with self._running:
            if (valid := self._valid()) is not None:
                return valid
            issued = _parse(self._plugin, await _run(self._plugin))
            _issued[self._plugin] = issued
            _issued.move_to_end(self._plugin)
            while len(_issued) > _KEPT:
                _issued.popitem(last=False)
            return issued.identity

    def reject(self, identity: Identity) -> bool:
        held = _issued.get(self._plugin)
        if held is not None and _shares(held.identity, identity):
            del _issued[self._plugin]
        return True

    def _valid(self) -> Identity | None:
        held = _issued.get(self._plugin)
        if held is None or (held.expires is not None and held.expires <= datetime.now(UTC)):
            return None
        return held.identity

    def __repr__(self) -> str:
        return f"ExecCredentials({self._plugin.command!r})"


def _shares(held: Identity, refused: Identity) -> bool:
    """Whether the refused identity was (partly) the held one, and not one given out before it."""
    if held.authorization:
        return held.authorization == refused.authorization
    return held.certificate == refused.certificate


async def _run(plugin: ExecPlugin) -> bytes:
    interactive = plugin.interactive != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive == "Always" and not interactive:
        raise plugin.error("needs a terminal (interactiveMode: Always), and there is none")
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.cluster:
        spec["cluster"] = orjson.Fragment(plugin.cluster)
    info = orjson.dumps({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec})
    environment = {**os.environ, **dict(plugin.env), "KUBERNETES_EXEC_INFO": info.decode()}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.args,
            env=environment,
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=_LIMIT,
        )
    except FileNotFoundError:
        hint = f". {plugin.install_hint.strip()}" if plugin.install_hint.strip() else ""
        place = "" if Path(plugin.command).is_absolute() else " on PATH"
        raise plugin.error(f"executable not found{place}{hint}") from None
    except OSError as error:
        raise plugin.error(f"cannot be run: {error.strerror}") from None
    try:
        # A person at a terminal may take their time to log in; a program may not.
        async with asyncio.timeout(None if interactive else _TIMEOUT):
            output, _ = await process.communicate()
    except TimeoutError:
        raise plugin.error(f"did not answer within {_TIMEOUT:.0f} seconds") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise plugin.error(f"failed with exit code {process.returncode}; its own message is on stderr")
    return output


def _parse(plugin: ExecPlugin, output: bytes) -> _Issued:
    try:
        credential = orjson.loads(output)
    except orjson.JSONDecodeError:
        raise plugin.error("printed something that is not JSON") from None
    if not isinstance(credential, dict) or credential.get("kind") != "ExecCredential":
        raise plugin.error("printed something that is not an ExecCredential")
    if credential.get("apiVersion") != plugin.api_version:
        raise plugin.error(f"is configured for {plugin.api_version} but answered with another apiVersion")
    status = credential.get("status")
    if not isinstance(status, dict):
        raise plugin.error("gave no status")
    text = {key: status.get(key) or "" for key in ("token", "clientCertificateData", "clientKeyData")}
    if not all(isinstance(value, str) for value in text.values()):
        raise plugin.error("gave a status whose token or certificate is not a string")
    certificate, key = text["clientCertificateData"], text["clientKeyData"]
    if bool(certificate) != bool(key):
        raise plugin.error("gave only one of clientCertificateData and clientKeyData")
    pair = CertificatePair(certificate.encode(), key.encode()) if certificate else None
    identity = Identity(f"Bearer {text['token']}" if text["token"] else "", pair)
    if identity == NOBODY:
        raise plugin.error("gave neither a token nor a client certificate")
    return _Issued(identity, _expiry(plugin, status.get("expirationTimestamp")))


def _expiry(plugin: ExecPlugin, value: object) -> datetime | None:
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(str(value))
    except ValueError:
        raise plugin.error("gave an expirationTimestamp that is not an RFC 3339 time") from None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
