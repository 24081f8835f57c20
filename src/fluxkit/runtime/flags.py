"""Options that every controller has, with upstream's names and defaults (fluxcd/pkg ``runtime``, ``main.go`` files)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from fluxkit.runtime.jitter import DEFAULT_PERCENTAGE
from fluxkit.runtime.logging import Encoding, Level

__all__ = ["FEATURE_GATES", "CommonOptions", "FeatureGateError", "FeatureGates", "WatchOptions"]


class FeatureGateError(ValueError):
    """A feature gate is unknown or has no boolean value."""


FEATURE_GATES: Mapping[str, Mapping[str, bool]] = {
    "source-controller": {"CacheSecretsAndConfigMaps": False, "ObjectLevelWorkloadIdentity": False},
    "kustomize-controller": {
        "AdditiveCELDependencyCheck": False,
        "CacheSecretsAndConfigMaps": False,
        "CancelHealthCheckOnNewRevision": False,
        "DirectSourceFetch": False,
        "DisableConfigWatchers": False,
        "DisableFailFastBehavior": False,
        "DisableStatusPollerCache": True,
        "ExternalArtifact": False,
        "GroupChangeLog": False,
        "MigrateAPIVersion": False,
        "ObjectLevelWorkloadIdentity": False,
        "StrictPostBuildSubstitutions": True,
    },
}
"""The gates of each controller and whether they are on by default."""


class FeatureGates:
    """The gates of one controller, switched by ``--feature-gates``.

    ``known`` gives all gates with their defaults; ``text`` is a comma list of ``Name=true|false``. Raises
    :class:`FeatureGateError` for anything else.
    """

    def __init__(self, known: Mapping[str, bool], text: str = "") -> None:
        self._gates = dict(known)
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, equals, value = part.partition("=")
            if name not in self._gates:
                raise FeatureGateError(f"feature-gate '{name}' not supported")
            if not equals or value.lower() not in ("true", "false"):
                raise FeatureGateError(f"feature-gate '{name}' needs a value, true or false, got {part!r}")
            self._gates[name] = value.lower() == "true"

    def enabled(self, name: str) -> bool:
        """Whether a gate is on; ``KeyError`` for a gate that this controller does not have."""
        return self._gates[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """Which objects a controller looks at."""

    all_namespaces: bool = True
    label_selector: str = ""
    configs_label_selector: str = "reconcile.fluxcd.io/watch=Enabled"

    def namespace(self, environment: Mapping[str, str] = os.environ) -> str:
        """The namespace to watch, empty for all (``RUNTIME_NAMESPACE`` unless all are watched)."""
        return "" if self.all_namespaces else environment.get("RUNTIME_NAMESPACE", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """Common flags; durations are seconds. ``concurrent`` differs per controller."""

    metrics_addr: str = ":8080"
    health_addr: str = ":9440"
    events_addr: str = ""
    concurrent: int = 4
    requeue_dependency: float = 30.0
    log_level: Level = "info"
    log_encoding: Encoding = "json"
    kube_api_qps: float = 50.0
    kube_api_burst: int = 300
    enable_leader_election: bool = False
    leader_election_release_on_cancel: bool = True
    leader_election_lease_duration: float = 35.0
    leader_election_renew_deadline: float = 30.0
    leader_election_retry_period: float = 5.0
    min_retry_delay: float = 0.75
    max_retry_delay: float = 900.0
    watch: WatchOptions = field(default_factory=WatchOptions)
    interval_jitter_percentage: int = DEFAULT_PERCENTAGE
    no_cross_namespace_refs: bool = False
    insecure_kubeconfig_exec: bool = False
    insecure_kubeconfig_tls: bool = False
    token_cache_max_size: int = 100
    token_cache_max_duration: float = 3600.0
    default_service_account: str = ""
    default_decryption_service_account: str = ""
    default_kubeconfig_service_account: str = ""
    feature_gates: str = ""
    graceful_shutdown_timeout: float = 30.0
