"""The ways to name a cluster, each against a real server."""

import base64
import shutil
from pathlib import Path

import pytest

from fluxkit import yaml
from tests.cli.conftest import Flux
from tests.sandbox_fixture import SandboxServer

CHECK = ("check", "--pre")


@pytest.mark.contract("CLI-004")
def test_where_the_kubeconfig_is_found(
    flux: Flux, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert flux(*CHECK).code == 1
    home = tmp_path / "home" / ".kube" / "config"
    home.parent.mkdir(parents=True)
    shutil.copy(sandbox.kubeconfig, home)
    assert flux(*CHECK).code == 0
    dead = tmp_path / "dead"
    dead.write_text(home.read_text().replace(sandbox.url, "https://127.0.0.1:1"))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{dead}")
    assert "127.0.0.1:1" in flux(*CHECK).err
    assert flux(*CHECK, f"--kubeconfig={sandbox.kubeconfig}").code == 0
    outcome = flux(*CHECK, f"--kubeconfig={sandbox.kubeconfig}", "--context=nope")
    assert outcome.code == 1
    assert 'context "nope" does not exist' in outcome.err


@pytest.mark.contract("CLI-002", "CLI-004")
def test_flags_instead_of_a_kubeconfig(flux: Flux, sandbox: SandboxServer, tmp_path: Path) -> None:
    server, token = f"--server={sandbox.url}", f"--token={sandbox.token}"
    trusted = f"--certificate-authority={sandbox.ca_path}"
    get = ("get", "all", "-A")
    assert flux(*get, server, token, trusted).code == 0
    assert flux(*get, server, token, "--insecure-skip-tls-verify").code == 0
    assert flux(*get, server, token, trusted, "--tls-server-name=localhost", "--disable-compression").code == 0
    assert flux(*get, server, token).code == 1  # nobody vouches for the certificate
    wrong = flux("get", "ks", server, trusted, "--token=wrong")
    assert wrong.code == 1
    assert "does not accept these credentials" in wrong.err
    assert "wrong" not in wrong.err

    document = yaml.load(sandbox.kubeconfig.read_text())
    user = document["users"][0]["user"]
    for name in ("certificate", "key"):
        (tmp_path / name).write_bytes(base64.b64decode(user[f"client-{name}-data"]))
    certificate = f"--client-certificate={tmp_path / 'certificate'}"
    assert flux(*get, server, trusted, certificate, f"--client-key={tmp_path / 'key'}").code == 0
    assert flux(*get, server, trusted, certificate).err.startswith("✗ --client-certificate and --client-key must be")


@pytest.mark.contract("CLI-002")
def test_impersonation(flux: Flux, installed: SandboxServer) -> None:
    config = f"--kubeconfig={installed.kubeconfig}"
    create = ("create", "source", "git", "x1", "--url=https://x.y/z", "--branch=b", "-n", "default", "--timeout=5s")
    outcome = flux(*create, config, "--as=nobody", "--as-group=nothing", "--as-user-extra=a=b")
    assert outcome.code == 1
    assert 'User "nobody" cannot' in outcome.err
    assert flux(*create, config, "--as=nobody", "--as-user-extra=a").err.startswith("✗ invalid --as-user-extra 'a'")
