"""Small rules of a Kustomization's spec and of the flags, as tables."""

from typing import Any

import pytest

from fluxkit.api import Kustomization
from fluxkit.controllers.kustomization.health import health_refs
from fluxkit.controllers.options import ControllersOptions, OptionsError
from fluxkit.controllers.timing import effective_timeout, interval, retry_interval
from fluxkit.objects import GroupVersionKind, ObjectRef


def kustomization(**spec: Any) -> Kustomization:
    needed = {"interval": "10m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}}
    return Kustomization.decode(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "ns"},
            "spec": needed | spec,
        }
    )


@pytest.mark.contract("KUS-007", "KUS-008")
@pytest.mark.parametrize(
    ("spec", "retry", "timeout"),
    [
        ({}, 600, 570),
        ({"retryInterval": "1m"}, 60, 570),
        ({"interval": "40s"}, 40, 30),
        ({"timeout": "10s"}, 600, 30),
        ({"timeout": "2m30s"}, 600, 150),
        ({"interval": "500ms", "timeout": "1.5h"}, 0.5, 5400),
    ],
)
def test_times(spec: dict[str, str], retry: float, timeout: float) -> None:
    given = kustomization(**spec)
    assert retry_interval(given) == retry
    assert effective_timeout(given) == timeout
    assert interval(given) == (600 if "interval" not in spec else retry)


OWN = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "name": "app"}
APPLIED = [ObjectRef(GroupVersionKind("", "v1", "ConfigMap"), "ns", "a")]


@pytest.mark.contract("KUS-021", "KUS-243", "KUS-244", "KUS-366")
@pytest.mark.parametrize(
    ("spec", "checked"),
    [
        ({}, []),
        ({"wait": True}, ["ConfigMap/ns/a"]),
        ({"healthChecks": [{"kind": "Deployment", "name": "b", "namespace": "other"}]}, ["Deployment/other/b"]),
        ({"wait": True, "healthChecks": [{"kind": "Deployment", "name": "b"}]}, ["ConfigMap/ns/a"]),
        ({"healthChecks": [OWN | {"namespace": "ns"}]}, []),
        ({"healthChecks": [OWN | {"namespace": "other"}]}, ["Kustomization/other/app"]),
    ],
)
def test_whose_health_decides(spec: dict[str, Any], checked: list[str]) -> None:
    refs = health_refs(kustomization(**spec), APPLIED)
    assert [str(ref) for ref in refs] == checked
    assert all(ref.gvk.api_version == "apps/v1" for ref in refs if ref.gvk.kind == "Deployment")


@pytest.mark.contract("KUS-358", "SRC-023")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"feature_gates": {"Nonsense": True}}, "feature-gate 'Nonsense' not supported"),
        ({"interval_jitter_percentage": 100}, "--interval-jitter-percentage"),
        ({"concurrent": 0}, "--concurrent"),
        ({"controllers": ("helm",)}, "unknown controller 'helm'"),
    ],
)
def test_options_that_stop_the_start(options: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionsError, match=told):
        ControllersOptions(**options)


@pytest.mark.contract("KUS-349")
def test_defaults_are_upstreams() -> None:
    options = ControllersOptions()
    assert (options.metrics_addr, options.health_addr, options.events_addr) == (":8080", ":9440", "")
    assert (options.concurrent, options.concurrent_ssa, options.requeue_dependency) == (4, 4, 30)
    assert (options.http_retry, options.no_remote_bases) == (9, False)
    assert (options.min_retry_delay, options.max_retry_delay) == (0.75, 900)
    assert options.watch_configs_label_selector == "reconcile.fluxcd.io/watch=Enabled"
    assert options.gate("StrictPostBuildSubstitutions")
    assert not options.gate("ExternalArtifact")
    assert ControllersOptions(feature_gates={"ExternalArtifact": True}).gate("ExternalArtifact")
