"""ClusterConfig: everything needed to reach one API server, from whichever place it was configured."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import fluxkit
from fluxkit.kube import kubeconfig as files
from fluxkit.kube.credentials import ANONYMOUS, Credentials, TokenFile
from fluxkit.kube.errors import ConfigError
from fluxkit.kube.tls import TLSConfig

__all__ = ["SERVICE_ACCOUNT_DIR", "ClusterConfig", "Impersonation"]

SERVICE_ACCOUNT_DIR: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Impersonation:
    """Act as somebody else (RUN-140): sent as Impersonate-* headers, which the server must allow."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def build(
        cls,
        user: str,
        groups: Sequence[str] = (),
        uid: str = "",
        extra: Mapping[str, Sequence[str]] | None = None,
    ) -> Self:
        return cls(user, tuple(groups), uid, tuple((key, tuple(values)) for key, values in (extra or {}).items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """The address of an API server and how to talk to it; immutable, and safe to print.

    ``server`` is a URL without a trailing slash (a path prefix is kept). ``namespace`` is the context's default.
    ``timeout`` is in seconds and bounds one attempt of one request that is not a watch. ``proxy_url`` may carry
    credentials; empty means: as the environment says (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
    """

    server: str
    namespace: str = "default"
    context: str = ""
    tls: TLSConfig = field(default_factory=TLSConfig)
    credentials: Credentials = ANONYMOUS
    impersonate: Impersonation | None = None
    proxy_url: str = field(default="", repr=False)
    compression: bool = True
    timeout: float = 30.0
    user_agent: str = f"fluxkit/{fluxkit.__version__}"

    def __post_init__(self) -> None:
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f'server "{_address(self.server)}": expected a URL such as https://host:6443')
        if parts.username is not None or parts.query or parts.fragment:
            raise ConfigError(
                f'server "{_address(self.server)}": must hold no user, password, query or fragment; '
                "give credentials in the user entry"
            )
        object.__setattr__(self, "server", self.server.rstrip("/"))

    @classmethod
    def load(
        cls,
        kubeconfig: str | None = None,
        context: str | None = None,
        *,
        cluster: str | None = None,
        user: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> "ClusterConfig":
        """The configuration that kubectl would use.

        ``kubeconfig`` (a path, or several joined by ``:``) if given; else $KUBECONFIG; else ~/.kube/config; else the
        service account of the pod. Raises :class:`ConfigError` naming everything that was tried.
        """
        env = os.environ if environ is None else environ
        tried: list[str] = []
        if kubeconfig:
            # kubectl's --kubeconfig must exist, while the entries of $KUBECONFIG may be absent.
            paths, must_exist = [Path(part).expanduser() for part in kubeconfig.split(os.pathsep) if part], True
        elif env.get("KUBECONFIG", "").strip(os.pathsep):
            paths, must_exist = [Path(part) for part in env["KUBECONFIG"].split(os.pathsep) if part], False
            tried.append(f"$KUBECONFIG ({env['KUBECONFIG']})")
        else:
            paths, must_exist = [Path(env.get("HOME") or Path.home()) / ".kube" / "config"], False
            tried.append(str(paths[0]))
        merged = files.read_files(paths, must_exist=must_exist)
        if merged is not None:
            return cls._resolved(merged.resolve(context, cluster, user))
        if env.get("KUBERNETES_SERVICE_HOST") and env.get("KUBERNETES_SERVICE_PORT"):
            return cls.in_cluster(environ=env)
        raise ConfigError(
            f"no Kubernetes configuration: {', '.join(tried)} does not exist and this is not a pod of a cluster; "
            "give --kubeconfig or set KUBECONFIG"
        )

    @classmethod
    def from_kubeconfig(
        cls, doc: Mapping[str, Any], context: str | None = None, base_dir: str | Path | None = None
    ) -> "ClusterConfig":
        """A kubeconfig document that its reader trusts; relative paths in it start at ``base_dir``."""
        parsed = files.Kubeconfig.from_document(doc, "kubeconfig", Path(base_dir) if base_dir else None)
        return cls._resolved(parsed.resolve(context))

    @classmethod
    def from_untrusted_kubeconfig(
        cls, doc: Mapping[str, Any], *, allow_exec: bool = False, allow_insecure_tls: bool = False
    ) -> "ClusterConfig":
        """A kubeconfig from a tenant's Secret (``spec.kubeConfig``), reduced to what cannot reach into this process.

        An allow list is copied: server, TLS server name, inline authority, certificate and key, proxy, user name and
        password, token. File paths, auth providers and impersonation are dropped without being read; an exec plugin
        and skipping TLS verification survive only with their switch (RUN-144, fluxcd/pkg runtime/client/kubeconfig.go).
        """
        parsed = files.Kubeconfig.from_document(doc, "kubeconfig", None)
        trust = files.Trust(files=False, execute=allow_exec, insecure_tls=allow_insecure_tls)
        return cls._resolved(parsed.resolve(), trust)

    @classmethod
    def in_cluster(
        cls, *, environ: Mapping[str, str] | None = None, service_account_dir: Path = SERVICE_ACCOUNT_DIR
    ) -> "ClusterConfig":
        """The service account that the kubelet mounted into this pod; its token is read again as it rotates."""
        env = os.environ if environ is None else environ
        host, port = env.get("KUBERNETES_SERVICE_HOST", ""), env.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port:
            raise ConfigError("not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
        token = service_account_dir / "token"
        if not token.is_file():
            raise ConfigError(f"not in a cluster: {token} does not exist (automountServiceAccountToken is off?)")
        ca = service_account_dir / "ca.crt"
        namespace = service_account_dir / "namespace"
        return cls(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            namespace=(namespace.read_text(encoding="utf-8").strip() if namespace.is_file() else "") or "default",
            tls=TLSConfig(ca_file=str(ca) if ca.is_file() else ""),
            credentials=TokenFile(token),
        )

    def impersonating(
        self,
        user: str,
        groups: Sequence[str] = (),
        uid: str = "",
        extra: Mapping[str, Sequence[str]] | None = None,
    ) -> "ClusterConfig":
        """The same access, acting as somebody else; replaces an impersonation that was configured."""
        return replace(self, impersonate=Impersonation.build(user, groups, uid, extra))

    @classmethod
    def _resolved(cls, found: files.ResolvedContext, trust: files.Trust = files.TRUSTED) -> "ClusterConfig":
        cluster, user = found.cluster, found.user
        certified = cluster.data("certificate-authority-data")
        impersonate: Impersonation | None = None
        if trust.files and user.text("as"):
            impersonate = Impersonation.build(
                user.text("as"), user.texts("as-groups"), user.text("as-uid"), user.text_lists("as-user-extra")
            )
        server = cluster.text("server")
        if not server:
            raise cluster.error("server", "is required")
        return cls(
            server=server,
            namespace=found.context.text("namespace") or "default",
            context=found.name,
            tls=TLSConfig(
                ca=certified,
                ca_file=cluster.path("certificate-authority") if trust.files and not certified else "",
                server_name=cluster.text("tls-server-name"),
                insecure=trust.insecure_tls and cluster.flag("insecure-skip-tls-verify"),
            ),
            credentials=files.credentials_of(found, trust),
            impersonate=impersonate,
            proxy_url=cluster.text("proxy-url"),
            compression=not cluster.flag("disable-compression"),
        )


def _address(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme and host else url.rpartition("@")[2]
