"""Command lines run in this process: against nothing, or over HTTP against a sandbox server."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fluxkit.cli.root import run
from tests.cli.cluster import Cluster
from tests.sandbox_fixture import SandboxServer, namespace, sandbox

__all__ = ["namespace", "sandbox"]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Flux = Callable[..., Outcome]


@pytest.fixture
def flux(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Flux:
    """``flux("get", "ks")`` in an environment without any cluster."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("KUBECONFIG", "FLUX_SYSTEM_NAMESPACE", "FLUX_NS_FOLLOWS_KUBE_CONTEXT", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    def call(*args: str) -> Outcome:
        capsys.readouterr()
        code = run(args)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def installed(sandbox: SandboxServer) -> SandboxServer:
    """The sandbox with the definitions and the namespace of ``flux install``."""
    assert run(["install", f"--kubeconfig={sandbox.kubeconfig}"]) == 0
    return sandbox


@pytest.fixture
def cluster(installed: SandboxServer, namespace: str, flux: Flux, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """An empty namespace of the sandbox, to which ``flux`` is pointed."""
    monkeypatch.setenv("KUBECONFIG", str(installed.kubeconfig))
    monkeypatch.setenv("FLUX_SYSTEM_NAMESPACE", namespace)
    return Cluster(installed, namespace)
