"""The flags of ``flux controllers``: upstream's names and defaults, and what stops the start."""

import dataclasses
from pathlib import Path

import click
import pytest

from fluxkit import yaml
from fluxkit.cli.controllers import controllers
from fluxkit.controllers.options import ControllersOptions
from tests.cli.conftest import Flux

# what a machine outside of a cluster, or this installation, decides
_ELSEWHERE = {
    "build_memory", "build_timeout", "build_workers", "context", "kube_api_burst", "kube_api_qps", "kubeconfig",
    "runtime_namespace", "source_localhost", "watcher_localhost",
}  # fmt: skip


def options() -> dict[str, click.Option]:
    found = {str(param.name): param for param in controllers.params}
    return {name: param for name, param in found.items() if isinstance(param, click.Option)}


def test_every_option_has_a_flag() -> None:
    fields = {field.name for field in dataclasses.fields(ControllersOptions)}
    assert set(options()) == fields - _ELSEWHERE


@pytest.mark.contract("KUS-349", "KUS-350", "KUS-351", "KUS-352", "KUS-353", "KUS-354", "KUS-355")
@pytest.mark.contract("RUN-077", "RUN-078", "RUN-080", "RUN-081", "RUN-082", "RUN-083", "RUN-084", "RUN-086", "RUN-091")
@pytest.mark.parametrize(
    ("flag", "default"),
    [
        ("--artifact-digest-algo", "sha256"),
        ("--artifact-retention-records", 2),
        ("--artifact-retention-ttl", 60.0),
        ("--concurrent", 4),
        ("--concurrent-ssa", 4),
        ("--custom-apply-stage-kinds", ""),
        ("--default-kubeconfig-service-account", ""),
        ("--default-service-account", ""),
        ("--enable-leader-election", False),
        ("--events-addr", ""),
        ("--http-retry", 9),
        ("--insecure-kubeconfig-exec", False),
        ("--insecure-kubeconfig-tls", False),
        ("--interval-jitter-percentage", 5),
        ("--leader-election-lease-duration", 35.0),
        ("--leader-election-release-on-cancel", True),
        ("--leader-election-renew-deadline", 30.0),
        ("--leader-election-retry-period", 5.0),
        ("--log-encoding", "json"),
        ("--log-level", "info"),
        ("--max-retry-delay", 900.0),
        ("--min-retry-delay", 0.75),
        ("--no-cross-namespace-refs", False),
        ("--no-remote-bases", False),
        ("--override-manager", []),
        ("--requeue-dependency", 30.0),
        ("--sops-age-secret", ""),
        ("--storage-adv-addr", ""),
        ("--watch-all-namespaces", True),
        ("--watch-configs-label-selector", "reconcile.fluxcd.io/watch=Enabled"),
        ("--watch-label-selector", ""),
    ],
)
def test_defaults_are_upstreams(flag: str, default: object) -> None:
    (option,) = [option for option in options().values() if flag in option.opts]
    assert option.default == default


@pytest.mark.contract("RUN-079")
def test_the_rate_of_requests_is_upstreams() -> None:
    given = ControllersOptions()
    assert (given.kube_api_qps, given.kube_api_burst) == (50.0, 300)


@pytest.mark.contract("RUN-083", "RUN-087", "RUN-095", "RUN-108")
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--nonsense"], "unknown flag: --nonsense"),
        (["--concurrent=many"], 'invalid argument "many" for "--concurrent" flag'),
        (["--concurrent=0"], "--concurrent and --concurrent-ssa must be at least 1"),
        (["--interval-jitter-percentage=100"], "--interval-jitter-percentage must be at least 0 and less than 100"),
        (["--feature-gates=Nonsense=true"], "feature-gate 'Nonsense' not supported"),
        (["--feature-gates=ExternalArtifact"], "'ExternalArtifact' must be Name=true or Name=false"),
        (
            ["--watch-label-selector=a in"],
            "--watch-label-selector: unable to parse requirement: found '' expected: '('",
        ),
        (["--watch-configs-label-selector==x"], "--watch-configs-label-selector: found '=', expected: !, identifier"),
        (["--leader-election-renew-deadline=40s"], "--leader-election-lease-duration must be longer than"),
        (["--leader-election-retry-period=29s"], "longer than 1.2 times --leader-election-retry-period"),
        (["--kube-api-qps=0"], "--kube-api-qps must be more than 0"),
        (["--log-level=loud"], "unsupported log level 'loud'"),
    ],
)
def test_what_stops_the_start(flux: Flux, tmp_path: Path, flags: list[str], told: str) -> None:
    """Before anything is asked of the server that is named, where nothing listens."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.dump(config))
    outcome = flux("controllers", f"--kubeconfig={kubeconfig}", *flags)
    assert outcome.code == 1
    assert told in outcome.err
