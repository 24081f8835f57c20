"""``flux logs`` against a cluster: pods if there are any, else controllers that run on this machine."""

import json
import os
from pathlib import Path

import pytest

from fluxkit.cli.localstate import RunningControllers, announced
from tests.cli.cluster import Cluster
from tests.cli.conftest import Flux


def note(cluster: Cluster, log_file: str) -> RunningControllers:
    return RunningControllers(os.getpid(), cluster.server.url, "0.1.0", ["source-controller"], "", log_file)


@pytest.mark.contract("CLI-193")
def test_nobody_runs_controllers(flux: Flux, cluster: Cluster) -> None:
    outcome = flux("logs")
    assert outcome.code == 1
    assert outcome.err.startswith('✗ no Flux pods found in namespace "flux-system"\n')
    assert "flux controllers" in outcome.err
    assert 'namespace "elsewhere"' in flux("logs", "--flux-namespace=elsewhere").err


def test_controllers_on_this_machine(flux: Flux, cluster: Cluster, tmp_path: Path) -> None:
    log = tmp_path / "controllers.log"
    entry = {"level": "info", "ts": "2026-01-01T00:00:00Z", "msg": "done", "controllerKind": "GitRepository",
             "name": "fleet", "namespace": cluster.namespace}  # fmt: skip
    log.write_text(json.dumps(entry) + "\n")
    line = f"2026-01-01T00:00:00Z info GitRepository/fleet.{cluster.namespace} - done \n"
    with announced(note(cluster, str(log))):
        assert flux("logs").out == line
        outcome = flux("logs", "--follow", "--timeout=2s")
        assert (outcome.code, outcome.out, outcome.err) == (0, line, "")
        assert flux("logs", "--kind=Kustomization").out == ""


def test_controllers_that_log_to_a_terminal(flux: Flux, cluster: Cluster) -> None:
    with announced(note(cluster, "")):
        outcome = flux("logs")
    assert outcome.code == 1
    assert "log to a terminal" in outcome.err
    assert "--log-file" in outcome.err


def test_the_version_of_controllers_on_this_machine(flux: Flux, cluster: Cluster) -> None:
    with announced(note(cluster, "")):
        assert flux("version").out == "flux: v0.1.0\ndistribution: flux-v0.1.0\nsource-controller: v0.1.0\n"


@pytest.mark.contract("CLI-194")
def test_pods_of_deployments_are_preferred(flux: Flux, cluster: Cluster, tmp_path: Path) -> None:
    """One pod of each labelled Deployment is asked; lines that are no JSON objects are left out."""
    labels = {"app": "source-controller"}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "manager", "image": "x:v1"}]}},
    }
    body = {"metadata": {"name": "source-controller", "labels": {"app.kubernetes.io/part-of": "flux"}}, "spec": spec}
    cluster.server.ok("POST", f"/apis/apps/v1/namespaces/{cluster.namespace}/deployments", body)
    waited = flux("check")  # waits until the Deployment is ready, hence until its pods exist
    assert "✔ source-controller: deployment ready\n► x:v1\n" in waited.err
    with announced(note(cluster, str(tmp_path / "never-read"))):
        outcome = flux("logs", f"--flux-namespace={cluster.namespace}", "-A")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
