"""What can be set on the controllers: upstream's flags, with upstream's defaults where they make sense in one process.

Durations are seconds. Addresses are ``[host]:port``; ``0`` or the empty text disables an endpoint, port 0 picks a free
one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fluxkit.runtime.election import RETRY_JITTER
from fluxkit.runtime.logging import Encoding, Level
from fluxkit.selectors import SelectorError, parse_selector

__all__ = ["CONTROLLERS", "FEATURE_GATES", "ControllersOptions", "OptionsError"]

CONTROLLERS = ("source-controller", "kustomize-controller")
"""The names that ``--controllers`` takes: upstream's processes, which are parts of one process here."""

FEATURE_GATES: Mapping[str, bool] = {
    "AdditiveCELDependencyCheck": False,
    "CacheSecretsAndConfigMaps": False,
    "CancelHealthCheckOnNewRevision": True,
    "DirectSourceFetch": False,
    "DisableConfigWatchers": False,
    "DisableFailFastBehavior": False,
    "DisableStatusPollerCache": True,
    "ExternalArtifact": False,
    "GroupChangeLog": False,
    "MigrateAPIVersion": False,
    "ObjectLevelWorkloadIdentity": False,
    "StrictPostBuildSubstitutions": True,
}
"""The gates that exist, with their defaults, which are upstream's but for ``CancelHealthCheckOnNewRevision``.

``CacheSecretsAndConfigMaps`` and ``DisableStatusPollerCache`` change nothing: what is read once needs no cache, and
health is watched.
"""


class OptionsError(ValueError):
    """A flag has a value that cannot be used; the text names the flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllersOptions:
    """Options of ``flux controllers``; raises :class:`OptionsError`."""

    kubeconfig: str | None = None
    context: str | None = None
    controllers: tuple[str, ...] = CONTROLLERS
    runtime_namespace: str = "flux-system"
    watch_all_namespaces: bool = True
    watch_label_selector: str = ""
    watch_configs_label_selector: str = "reconcile.fluxcd.io/watch=Enabled"

    metrics_addr: str = ":8080"
    health_addr: str = ":9440"
    events_addr: str = ""
    log_level: Level = "info"
    log_encoding: Encoding = "json"
    log_file: Path | None = None

    kube_api_qps: float = 50.0
    kube_api_burst: int = 300
    """How fast to ask an API server that has no priority and fairness of its own."""
    concurrent: int = 4
    min_retry_delay: float = 0.75
    max_retry_delay: float = 900.0
    requeue_dependency: float = 30.0
    interval_jitter_percentage: int = 5
    graceful_shutdown_timeout: float = 30.0
    enable_leader_election: bool = False
    leader_election_release_on_cancel: bool = True
    leader_election_lease_duration: float = 35.0
    leader_election_renew_deadline: float = 30.0
    leader_election_retry_period: float = 5.0
    no_cross_namespace_refs: bool = False
    default_service_account: str = ""
    default_kubeconfig_service_account: str = ""
    feature_gates: Mapping[str, bool] = field(default_factory=dict)

    storage_path: Path = Path("/data")
    storage_addr: str = ":9090"
    storage_adv_addr: str = ""
    artifact_retention_ttl: float = 60.0
    artifact_retention_records: int = 2
    artifact_digest_algo: str = "sha256"

    concurrent_ssa: int = 4
    http_retry: int = 9
    no_remote_bases: bool = False
    override_managers: tuple[str, ...] = ()
    custom_apply_stage_kinds: str = ""
    insecure_kubeconfig_exec: bool = False
    insecure_kubeconfig_tls: bool = False
    source_localhost: str = ""
    watcher_localhost: str = ""
    default_decryption_service_account: str = ""
    sops_vault_configmap: str = ""
    """ConfigMap in the runtime namespace with the Vault servers that are trusted, and where to log in to each."""
    sops_age_secret: str = ""
    """Secret in the runtime namespace whose age keys serve Kustomizations that name no keys of their own."""

    build_timeout: float = 60.0
    build_memory: int = 1 << 30
    """Limits of one build in a worker process: seconds and bytes."""
    build_workers: int = 2

    def __post_init__(self) -> None:
        for name in self.controllers:
            if name not in CONTROLLERS:
                raise OptionsError(
                    f"--controllers: unknown controller '{name}', expected some of {', '.join(CONTROLLERS)}"
                )
        for gate in self.feature_gates:
            if gate not in FEATURE_GATES:
                raise OptionsError(f"feature-gate '{gate}' not supported")
        if self.default_kubeconfig_service_account and not self.gate("ObjectLevelWorkloadIdentity"):
            raise OptionsError(
                "--default-kubeconfig-service-account needs the feature gate ObjectLevelWorkloadIdentity: "
                "add --feature-gates=ObjectLevelWorkloadIdentity=true"
            )
        if self.default_decryption_service_account and not self.gate("ObjectLevelWorkloadIdentity"):
            raise OptionsError(
                "--default-decryption-service-account needs the feature gate ObjectLevelWorkloadIdentity: "
                "add --feature-gates=ObjectLevelWorkloadIdentity=true"
            )
        if not 0 <= self.interval_jitter_percentage < 100:
            raise OptionsError("--interval-jitter-percentage must be at least 0 and less than 100")
        if self.concurrent < 1 or self.concurrent_ssa < 1:
            raise OptionsError("--concurrent and --concurrent-ssa must be at least 1")
        if self.kube_api_qps <= 0 or self.kube_api_burst < 1:
            raise OptionsError("--kube-api-qps must be more than 0 and --kube-api-burst at least 1")
        for flag, selector in (
            ("--watch-label-selector", self.watch_label_selector),
            ("--watch-configs-label-selector", self.watch_configs_label_selector),
        ):
            try:
                parse_selector(selector)
            except SelectorError as error:
                raise OptionsError(f"{flag}: {error}") from None
        duration, deadline = self.leader_election_lease_duration, self.leader_election_renew_deadline
        if not self.leader_election_retry_period * RETRY_JITTER < deadline < duration:
            raise OptionsError(
                f"--leader-election-lease-duration must be longer than --leader-election-renew-deadline, and that "
                f"longer than {RETRY_JITTER:g} times --leader-election-retry-period"
            )

    def gate(self, name: str) -> bool:
        """Whether a feature gate is on."""
        return self.feature_gates.get(name, FEATURE_GATES[name])
