"""Which namespace a command works in (fluxcd/flux2 cmd/flux/main.go)."""

import os
import re

from fluxkit.cli import progress
from fluxkit.cli.errors import CommandError
from fluxkit.cli.settings import Settings

__all__ = ["DEFAULT_NAMESPACE", "settle_namespace"]

DEFAULT_NAMESPACE = "flux-system"

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _is_dns_label(text: str) -> bool:
    """RFC 1123: at most 63 lower-case letters, digits and hyphens, none of the latter at an end."""
    return _DNS_LABEL.fullmatch(text) is not None


def settle_namespace(settings: Settings, *, checked: bool = True) -> None:
    """Decide on the namespace once all flags are read: flag, kubeconfig context, environment, default.

    ``create`` does neither follow the context nor check the name (``checked=False``), as upstream. Raises
    :class:`CommandError` for a name that no namespace can have.
    """
    if "namespace" not in settings.given:
        settings.namespace = _default_namespace()
        follow = settings.ns_follows_kube_context or bool(os.environ.get("FLUX_NS_FOLLOWS_KUBE_CONTEXT"))
        if checked and follow:
            from fluxkit.cli.cluster import context_namespace

            settings.namespace = context_namespace(settings) or settings.namespace
    if checked and not _is_dns_label(settings.namespace):
        raise CommandError(f'namespace must be a valid DNS label: "{settings.namespace}"')


def _default_namespace() -> str:
    named = os.environ.get("FLUX_SYSTEM_NAMESPACE", "")
    if named and not _is_dns_label(named):
        progress.warning(f' ignoring invalid FLUX_SYSTEM_NAMESPACE: "{named}"')
        return DEFAULT_NAMESPACE
    return named or DEFAULT_NAMESPACE
