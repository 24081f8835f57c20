"""``flux sandbox``, and the flags of ``flux controllers`` that fail before anything starts."""

from pathlib import Path

import pytest

from fluxkit.sandbox import Sandbox
from tests.cli.conftest import Flux


def test_a_sandbox_from_start_to_stop(flux: Flux, tmp_path: Path) -> None:
    assert flux("sandbox", "kubeconfig").err.startswith("✗ the sandbox was never started\n")
    outcome = flux("sandbox", "status")
    assert outcome.code == 1
    assert "To start it: flux sandbox start" in outcome.err
    box = Sandbox(tmp_path / "state" / "fluxkit" / "sandbox")
    try:
        outcome = flux("sandbox", "start")
        assert outcome.code == 0, outcome.err
        assert outcome.out == f"export KUBECONFIG={box.kubeconfig_path}\n"
        assert flux("sandbox", "kubeconfig").out == f"{box.kubeconfig_path}\n"
        assert flux("sandbox", "status").code == 0
        assert flux("check", "--pre", f"--kubeconfig={box.kubeconfig_path}").code == 0
        assert flux("sandbox", "reset", "--silent").err == "✔ sandbox reset\n"
        assert box.pid()
        assert flux("sandbox", "stop").err == "✔ sandbox stopped\n"
        assert not box.pid()
        assert flux("sandbox", "stop").err == "✔ the sandbox is not running\n"
    finally:
        box.stop()


def test_sandboxes_of_their_own_directory(flux: Flux, tmp_path: Path) -> None:
    for args in (("sandbox", "--dir", str(tmp_path / "x"), "status"), ("sandbox", "status", f"--dir={tmp_path / 'x'}")):
        assert str(tmp_path / "x") in flux(*args).err


SERVER = """
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
"""


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--controllers=flagger", "--controllers: unknown controller 'flagger'"),
        ("--feature-gates=Nope=true", "feature-gate 'Nope' not supported"),
        ("--feature-gates=Nope", "--feature-gates: 'Nope' must be Name=true or Name=false"),
        ("--interval-jitter-percentage=100", "--interval-jitter-percentage must be at least 0 and less than 100"),
        ("--log-level=loud", 'invalid argument "loud" for "--log-level" flag'),
        ("--concurrent=many", 'invalid argument "many" for "--concurrent" flag'),
        ("--server=http://x", "the controllers take their connection from --kubeconfig and --context, not from "
         "--server"),
    ],
)  # fmt: skip
@pytest.mark.contract("RUN-083", "RUN-087", "RUN-095")
def test_flags_that_end_the_controllers_before_they_start(flux: Flux, tmp_path: Path, flag: str, message: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(SERVER)
    outcome = flux("controllers", f"--kubeconfig={path}", flag)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"✗ {message}")


@pytest.mark.contract("RUN-077", "RUN-078", "RUN-081")
def test_the_defaults_of_the_controllers_are_upstreams(flux: Flux) -> None:
    text = flux("controllers", "--help").out
    for name, default in (
        ("--requeue-dependency", "30s"), ("--min-retry-delay", "750ms"), ("--max-retry-delay", "15m0s"),
        ("--interval-jitter-percentage", "5"), ("--artifact-retention-ttl", "1m0s"), ("--concurrent", "4"),
        ("--artifact-retention-records", "2"), ("--concurrent-ssa", "4"), ("--http-retry", "9"),
        ("--log-level", '"info"'), ("--log-encoding", '"json"'), ("--artifact-digest-algo", '"sha256"'),
    ):  # fmt: skip
        (line,) = [each for each in text.splitlines() if f" {name} " in each]
        assert line.endswith(f"(default {default})")
