"""``flux controllers`` as a process, and what the other verbs make of it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxkit.cli.localstate import running_controllers
from tests.cli.cluster import GIT, Cluster
from tests.cli.conftest import Flux


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def controllers(cluster: Cluster, tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """The controllers of one namespace, logging to a file that they were not told about."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [
        str(Path(sys.executable).with_name("flux")), "controllers", f"--namespace={cluster.namespace}",
        "--watch-all-namespaces=false", "--storage-addr=127.0.0.1:0", "--metrics-addr=0",
        f"--health-addr=127.0.0.1:{free_port()}",
    ]  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=env, stderr=log, text=True)
    yield process
    process.kill()
    process.wait()


def test_controllers_are_found_while_they_run(
    flux: Flux, cluster: Cluster, controllers: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    cluster.create(GIT, "fleet", spec={"url": "https://127.0.0.1:1/fleet", "interval": "1h"})
    outcome = flux("reconcile", "source", "git", "fleet", "--timeout=30s")  # waits until they have started
    assert outcome.code == 1
    assert "✗ GitRepository reconciliation failed: 'failed to checkout" in outcome.err
    running = running_controllers(cluster.server.url)
    assert running is not None
    assert (running.pid, running.log_file) == (controllers.pid, str(tmp_path / "log"))
    assert f"✔ source-controller: process {controllers.pid} on this machine ready\n" in flux("check").err
    assert f"error GitRepository/fleet.{cluster.namespace} - " in flux("logs", "--kind=GitRepository").out
    controllers.send_signal(signal.SIGTERM)
    assert controllers.wait(timeout=30) == 0
    assert running_controllers(cluster.server.url) is None
    assert "✗ no controllers found" in flux("check").err
