import pytest

from fluxkit.runtime import IntervalJitter, finalizers
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
