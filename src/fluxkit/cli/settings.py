"""What the persistent flags of ``flux`` say, for every command (fluxcd/flux2 cmd/flux/main.go)."""

import os
import re
from dataclasses import dataclass, field

from fluxkit.cli import progress
from fluxkit.cli.errors import CommandError

__all__ = ["DEFAULT_NAMESPACE", "Settings", "is_dns_label"]

DEFAULT_NAMESPACE = "flux-system"

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_dns_label(text: str) -> bool:
    """RFC 1123: at most 63 lower-case letters, digits and hyphens, none of the latter at an end."""
    return _DNS_LABEL.fullmatch(text) is not None


@dataclass(slots=True)
class Settings:
    """The values of the persistent flags; ``given`` holds the names of those that the user set."""

    namespace: str = ""
    timeout: float = 300.0
    verbose: bool = False
    ns_follows_kube_context: bool = False
    kube_api_qps: float = 50.0
    kube_api_burst: int = 300
    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    token: str = ""
    as_user: str = ""
    as_group: tuple[str, ...] = ()
    as_uid: str = ""
    as_user_extra: tuple[str, ...] = ()
    cache_dir: str = ""
    disable_compression: bool = False
    given: set[str] = field(default_factory=set)

    def settle_namespace(self, *, checked: bool = True) -> None:
        """Decide on the namespace once all flags are read: flag, kubeconfig context, environment, default.

        ``create`` does neither follow the context nor check the name (``checked=False``), as upstream.
        """
        if "namespace" not in self.given:
            self.namespace = _default_namespace()
            follow = self.ns_follows_kube_context or bool(os.environ.get("FLUX_NS_FOLLOWS_KUBE_CONTEXT"))
            if checked and follow:
                from fluxkit.cli.cluster import context_namespace

                self.namespace = context_namespace(self) or self.namespace
        if checked and not is_dns_label(self.namespace):
            raise CommandError(f'namespace must be a valid DNS label: "{self.namespace}"')


def _default_namespace() -> str:
    named = os.environ.get("FLUX_SYSTEM_NAMESPACE", "")
    if named and not is_dns_label(named):
        progress.warning(f' ignoring invalid FLUX_SYSTEM_NAMESPACE: "{named}"')
        return DEFAULT_NAMESPACE
    return named or DEFAULT_NAMESPACE
