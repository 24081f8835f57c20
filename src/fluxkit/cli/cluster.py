"""From the persistent flags to a connection, and from the connection's failures to advice.

Every verb that needs the API server runs as one coroutine below :func:`run`: one event loop, one client, one deadline
(``--timeout``).
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fluxkit.cli.errors import CommandError
from fluxkit.cli.settings import Settings
from fluxkit.durations import format_duration

if TYPE_CHECKING:
    from fluxkit.kube import Client, ClusterConfig
    from fluxkit.kube.kubeconfig import Kubeconfig

__all__ = ["Session", "cluster_config", "context_namespace", "kubeconfig_of", "run"]

NO_CLUSTER = (
    "To use a cluster, point --kubeconfig, --context or $KUBECONFIG at it.",
    "To try Flux without one, run: flux sandbox start",
)
NOT_INSTALLED = ("The custom resource definitions of Flux may be missing; to install them, run: flux install",)


@dataclass(slots=True)
class Session:
    """What a verb works with.

    ``awaiting`` says what the verb waits for, should the deadline pass meanwhile; ``endless`` verbs follow something
    until then, and their deadline is no error.
    """

    client: "Client"
    settings: Settings
    awaiting: str = ""
    endless: bool = False

    @property
    def namespace(self) -> str:
        return self.settings.namespace


def run(settings: Settings, verb: Callable[[Session], Awaitable[None]]) -> None:
    """Run a verb against the cluster that the flags select; raises :class:`CommandError` for whatever the user can fix.

    Interrupting the process cancels the verb.
    """
    from fluxkit.kube import Client, errors

    async def connected() -> None:
        async with Client(cluster_config(settings), field_manager="flux") as client:
            session = Session(client, settings)
            try:
                async with asyncio.timeout(settings.timeout):
                    await verb(session)
            except TimeoutError:
                if session.endless:
                    return
                awaiting = session.awaiting or "waiting for the API server"
                raise CommandError(
                    f"context deadline exceeded: {awaiting} took longer than {format_duration(settings.timeout)}"
                ) from None

    try:
        asyncio.run(connected())
    except errors.ConfigError as error:
        raise CommandError(str(error), advice=NO_CLUSTER) from error
    except errors.ConnectionFailed as error:
        raise CommandError(str(error), advice=NO_CLUSTER) from error
    except errors.NoMatch as error:
        raise CommandError(str(error), advice=NOT_INSTALLED) from error
    except errors.Unauthorized as error:
        raise CommandError(f"{error}: the API server does not accept these credentials") from error
    except errors.KubeError as error:
        raise CommandError(str(error)) from error


def cluster_config(settings: Settings) -> "ClusterConfig":
    """kubeconfig, context and overrides, as the flags say (CLI-004); raises ``kube.errors.ConfigError``."""
    from fluxkit.kube import ClusterConfig, errors

    try:
        config = ClusterConfig.load(
            settings.kubeconfig or None,
            settings.context or None,
            cluster=settings.cluster or None,
            user=settings.user or None,
        )
    except errors.ConfigError:
        if not settings.server or {"kubeconfig", "context", "cluster", "user"} & settings.given:
            raise
        config = ClusterConfig(server=settings.server)
    if settings.server:
        config = replace(config, server=settings.server)
    if settings.disable_compression:
        config = replace(config, compression=False)
    return _impersonating(_authenticated(_secured(config, settings), settings), settings)


def _secured(config: "ClusterConfig", settings: Settings) -> "ClusterConfig":
    tls = config.tls
    if settings.certificate_authority:
        tls = replace(tls, ca=b"", ca_file=settings.certificate_authority)
    if settings.tls_server_name:
        tls = replace(tls, server_name=settings.tls_server_name)
    if settings.insecure_skip_tls_verify:
        tls = replace(tls, insecure=True)
    return replace(config, tls=tls)


def _authenticated(config: "ClusterConfig", settings: Settings) -> "ClusterConfig":
    from fluxkit.kube import errors
    from fluxkit.kube.credentials import CertificateFiles, StaticCredentials, bearer

    if bool(settings.client_certificate) != bool(settings.client_key):
        raise errors.ConfigError("--client-certificate and --client-key must be given together")
    if settings.client_certificate:
        return replace(
            config, credentials=CertificateFiles(Path(settings.client_certificate), Path(settings.client_key))
        )
    if settings.token:
        return replace(config, credentials=StaticCredentials(bearer(settings.token)))
    return config


def _impersonating(config: "ClusterConfig", settings: Settings) -> "ClusterConfig":
    if not settings.as_user:
        if settings.as_group or settings.as_uid or settings.as_user_extra:
            raise CommandError("requesting uid, groups or user-extra without impersonating a user: --as is missing")
        return config
    extra: dict[str, list[str]] = {}
    for item in settings.as_user_extra:
        key, given, value = item.partition("=")
        if not given:
            raise CommandError(f"invalid --as-user-extra '{item}', must be key=value")
        extra.setdefault(key, []).append(value)
    return config.impersonating(settings.as_user, settings.as_group, settings.as_uid, extra)


def kubeconfig_of(settings: Settings) -> "Kubeconfig | None":
    """The merged kubeconfig files that the flags and the environment select, None if there is none to read."""
    from fluxkit.kube import errors
    from fluxkit.kube.kubeconfig import read_files

    listed = settings.kubeconfig or os.environ.get("KUBECONFIG", "")
    paths = [Path(part).expanduser() for part in listed.split(os.pathsep) if part]
    try:
        return read_files(paths or [Path.home() / ".kube" / "config"], must_exist=False)
    except errors.ConfigError:
        return None


def context_namespace(settings: Settings) -> str:
    """The namespace of the selected kubeconfig context, empty if it names none."""
    from fluxkit.kube import errors

    found = kubeconfig_of(settings)
    context = found.contexts.get(settings.context or found.current_context) if found else None
    try:
        return context.text("namespace") if context else ""
    except errors.ConfigError:
        return ""
