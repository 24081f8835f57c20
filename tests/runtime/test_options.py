import pytest

from fluxkit.runtime import CommonOptions, FeatureGates, IntervalJitter, WatchOptions, finalizers
from fluxkit.runtime.flags import FEATURE_GATES, FeatureGateError
from fluxkit.runtime.metrics import DURATION_BUCKETS, Metrics
from tests.runtime.objects import git_repository


@pytest.mark.contract("RUN-117")
@pytest.mark.parametrize(
    ("percentage", "draw", "expected"),
    [(5, 0.0, 57.0), (5, 0.5, 60.0), (5, 1.0, 63.0), (0, 0.9, 60.0), (99, 0.0, 0.6)],
)
def test_jitter(percentage: float, draw: float, expected: float) -> None:
    jitter = IntervalJitter(percentage, uniform=lambda: draw)
    assert jitter(60.0) == pytest.approx(expected)
    assert jitter(0.0) == 0.0


@pytest.mark.contract("RUN-083")
def test_jitter_limits_and_default() -> None:
    for percentage in (-1, 100):
        with pytest.raises(ValueError, match="less than 100"):
            IntervalJitter(percentage)
    assert IntervalJitter(uniform=lambda: 1.0)(100.0) == pytest.approx(105.0)
    assert all(95 <= IntervalJitter()(100.0) <= 105 for _ in range(200))


@pytest.mark.contract("RUN-051")
def test_finalizers() -> None:
    obj = git_repository(finalizers=["example.com/other"])
    assert finalizers.add(obj)
    assert not finalizers.add(obj)
    assert obj.metadata.finalizers == ["example.com/other", "finalizers.fluxcd.io"]
    assert finalizers.has(obj)
    assert finalizers.remove(obj)
    assert not finalizers.remove(obj)
    assert obj.metadata.finalizers == ["example.com/other"]


@pytest.mark.contract("RUN-076", "RUN-077", "RUN-078", "RUN-080", "RUN-081", "RUN-082", "RUN-083", "RUN-084", "RUN-085")
def test_defaults_of_common_options() -> None:
    options = CommonOptions()
    assert (options.metrics_addr, options.health_addr, options.events_addr) == (":8080", ":9440", "")
    assert (options.concurrent, options.requeue_dependency) == (4, 30.0)
    assert (options.log_level, options.log_encoding) == ("info", "json")
    assert not options.enable_leader_election
    assert options.leader_election_release_on_cancel
    assert options.leader_election_lease_duration == 35.0
    assert options.leader_election_renew_deadline == 30.0
    assert options.leader_election_retry_period == 5.0
    assert (options.min_retry_delay, options.max_retry_delay) == (0.75, 900.0)
    assert options.interval_jitter_percentage == 5
    assert not options.no_cross_namespace_refs
    assert not options.insecure_kubeconfig_exec
    assert not options.insecure_kubeconfig_tls
    assert (options.token_cache_max_size, options.token_cache_max_duration) == (100, 3600.0)
    assert options.watch.configs_label_selector == "reconcile.fluxcd.io/watch=Enabled"
    assert options.watch.label_selector == ""


@pytest.mark.contract("RUN-082", "RUN-088")
def test_the_watched_namespace() -> None:
    environment = {"RUNTIME_NAMESPACE": "flux-system"}
    assert WatchOptions().namespace(environment) == ""
    assert WatchOptions(all_namespaces=False).namespace(environment) == "flux-system"


@pytest.mark.contract("RUN-087", "RUN-096", "RUN-097")
def test_feature_gates() -> None:
    known = FEATURE_GATES["kustomize-controller"]
    gates = FeatureGates(known, "GroupChangeLog=true, StrictPostBuildSubstitutions=False")
    assert gates.enabled("GroupChangeLog")
    assert not gates.enabled("StrictPostBuildSubstitutions")
    assert gates.enabled("DisableStatusPollerCache")
    assert not gates.enabled("ExternalArtifact")
    with pytest.raises(FeatureGateError, match=r"^feature-gate 'NoSuchGate' not supported$"):
        FeatureGates(known, "NoSuchGate=true")
    for text in ("GroupChangeLog", "GroupChangeLog=maybe"):
        with pytest.raises(FeatureGateError, match="true or false"):
            FeatureGates(known, text)


@pytest.mark.contract("RUN-068")
def test_duration_buckets() -> None:
    assert len(DURATION_BUCKETS) == 10
    assert DURATION_BUCKETS[0] == 0.01
    assert DURATION_BUCKETS[-1] == pytest.approx(1800)
    assert DURATION_BUCKETS[1] / DURATION_BUCKETS[0] == pytest.approx(DURATION_BUCKETS[9] / DURATION_BUCKETS[8])


@pytest.mark.contract("RUN-069")
def test_legacy_gauges_are_registered_and_never_recorded() -> None:
    text = Metrics().render().decode()
    for name in ("gotk_reconcile_condition", "gotk_suspend_status"):
        assert f"# TYPE {name} gauge" in text
        assert f"{name}{{" not in text
