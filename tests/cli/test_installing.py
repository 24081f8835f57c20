"""install, check, version and uninstall on a server of their own."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fluxkit.cli.localstate import RunningControllers, announced
from tests.cli.conftest import Flux
from tests.sandbox_fixture import SandboxServer, own_sandbox

__all__ = ["own_sandbox"]

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GIT_CRD = f"{CRDS}/gitrepositories.source.toolkit.fluxcd.io"
MERGE = "application/merge-patch+json"


@pytest.fixture
def server(own_sandbox: SandboxServer, flux: Flux, monkeypatch: pytest.MonkeyPatch) -> SandboxServer:
    monkeypatch.setenv("KUBECONFIG", str(own_sandbox.kubeconfig))
    return own_sandbox


def result_of(*args: str, kubeconfig: Path, state: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, as a process of its own."""
    env = {**os.environ, "KUBECONFIG": str(kubeconfig), "XDG_STATE_HOME": str(state), "LC_ALL": "C"}
    command = Path(sys.executable).with_name("flux")
    return subprocess.run([command, *args], env=env, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.contract("CLI-013", "CLI-085", "CLI-087")
def test_install_as_a_process(own_sandbox: SandboxServer, tmp_path: Path) -> None:
    def flux(*args: str) -> subprocess.CompletedProcess[str]:
        return result_of(*args, kubeconfig=own_sandbox.kubeconfig, state=tmp_path)

    names = ("gitrepositories.source.toolkit.fluxcd.io", "kustomizations.kustomize.toolkit.fluxcd.io")
    objects = ["Namespace/flux-system", *(f"CustomResourceDefinition/{name}" for name in names)]
    first = flux("install")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [f"{name} created" for name in objects]
    assert first.stderr.splitlines()[:4] == [
        "✚ generating manifests",
        "✔ manifests build completed",
        "► installing components in flux-system namespace",
        "◎ verifying installation",
    ]
    assert "✔ install finished" in first.stderr.splitlines()
    assert flux("install").stdout.splitlines() == [f"{name} unchanged" for name in objects]
    own_sandbox.ok("PATCH", GIT_CRD, {"metadata": {"labels": {"app.kubernetes.io/version": "v0"}}}, content_type=MERGE)
    assert f"{objects[1]} configured" in flux("install").stdout.splitlines()
    managers = {entry["manager"] for entry in own_sandbox.ok("GET", GIT_CRD)["metadata"]["managedFields"]}
    assert "flux" in managers
    assert flux("get", "kustomizations").stderr == ('✗ no Kustomization objects found in "flux-system" namespace\n')


@pytest.mark.contract("CLI-032", "CLI-033", "CLI-083")
def test_install_leaves_what_others_manage(flux: Flux, server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    assert flux("install").code == 0
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    server.ok("PATCH", GIT_CRD, {"metadata": {"labels": labels}}, content_type=MERGE)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    outcome = flux("install")
    assert outcome.code == 1
    assert "Flux v0.1.0 has been installed on this cluster with Helm!\n" in outcome.err
    assert "Are you sure you want to override the Helm installation? Y/N" in outcome.err
    assert outcome.err.endswith("✗ installation cancelled\n")
    assert flux("install", "--force").code == 0
    labels = {"kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    server.ok("PATCH", GIT_CRD, {"metadata": {"labels": labels}}, content_type=MERGE)
    assert flux("install", "--force").err.endswith(
        "✗ this cluster has already been bootstrapped with Flux v0.1.0! Please use 'flux bootstrap' to upgrade\n"
    )


class _Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the base class calls it so
        self.send_response(self.server.answer)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def probe() -> Iterator[http.server.ThreadingHTTPServer]:
    """A readiness endpoint that answers with its attribute ``answer``."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ready) as endpoint:
        endpoint.answer = 200  # type: ignore[attr-defined]
        threading.Thread(target=endpoint.serve_forever, daemon=True).start()
        yield endpoint
        endpoint.shutdown()


@pytest.mark.contract("CLI-095", "CLI-096", "CLI-097")
def test_check(flux: Flux, server: SandboxServer, probe: http.server.ThreadingHTTPServer) -> None:
    version = server.ok("GET", "/version")["gitVersion"].removeprefix("v")
    prerequisites = f"► checking prerequisites\n✔ Kubernetes {version} >=1.33.0-0\n"
    outcome = flux("check", "--pre")
    assert (outcome.code, outcome.err) == (0, prerequisites + "✔ prerequisites checks passed\n")

    outcome = flux("check")
    assert outcome.code == 1
    assert "✗ checking failed: customresourcedefinitions" in outcome.err
    selector = "app.kubernetes.io/part-of=flux"
    assert (
        f"✗ no controllers found in the 'flux-system' namespace with the label selector '{selector}'\n" in outcome.err
    )
    assert f"✗ no crds found with the label selector '{selector}'\n" in outcome.err
    assert outcome.err.endswith("✗ check failed\n")

    flux("install")
    port = probe.server_address[1]
    note = RunningControllers(os.getpid(), server.url, "0.1.0", ["source-controller"], f"127.0.0.1:{port}", "")
    with announced(note):
        outcome = flux("check")
        assert (outcome.code, outcome.err) == (
            0,
            prerequisites + "► checking version in cluster\n✔ distribution: flux-v0.1.0\n✔ bootstrapped: false\n"
            f"► checking controllers\n✔ source-controller: process {os.getpid()} on this machine ready\n"
            "► checking crds\n✔ gitrepositories.source.toolkit.fluxcd.io/v1\n"
            "✔ kustomizations.kustomize.toolkit.fluxcd.io/v1\n✔ all checks passed\n",
        )  # fmt: skip
        probe.answer = 500  # type: ignore[attr-defined]
        outcome = flux("check")
        assert outcome.code == 1
        assert "is not ready: " in outcome.err


@pytest.mark.contract("CLI-095")
def test_check_without_an_api(flux: Flux) -> None:
    outcome = flux("check", "--pre", "--server=http://127.0.0.1:1")
    assert outcome.code == 1
    assert outcome.err.startswith("► checking prerequisites\n✗ Kubernetes API call failed: ")
    assert "check passed" not in outcome.err


@pytest.mark.contract("CLI-029", "CLI-030", "CLI-031")
def test_version(flux: Flux, server: SandboxServer) -> None:
    assert flux("version", "--client").out == "flux: v0.1.0\n"
    assert flux("version", "--client", "-o", "json").out == '{\n  "flux": "v0.1.0"\n}\n'
    flux("install")
    outcome = flux("version")
    assert outcome.err.startswith("✗ no deployments found in flux-system namespace\n")
    deployment(server, "source-controller", "registry.example:5000/fluxcd/source-controller:v1.2.3@sha256:abc")
    assert flux("version").out == "flux: v0.1.0\ndistribution: flux-v0.1.0\nsource-controller: v1.2.3@sha256:abc\n"
    deployment(server, "helm-controller", "fluxcd/helm-controller")
    assert flux("version").err == "✗ missing image tag in image fluxcd/helm-controller\n"


def deployment(server: SandboxServer, name: str, image: str) -> None:
    labels = {"app.kubernetes.io/part-of": "flux"}
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "manager", "image": image}]},
        },
    }
    body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    server.ok("POST", "/apis/apps/v1/namespaces/flux-system/deployments", body)


@pytest.mark.contract("CLI-088", "CLI-089", "CLI-091", "CLI-092")
def test_uninstall(flux: Flux, server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    flux("install")
    deployment(server, "source-controller", "x/source-controller:v1")
    part_of_flux = {"name": "gotk", "labels": {"app.kubernetes.io/part-of": "flux"}}
    server.ok("POST", "/api/v1/namespaces/flux-system/services", {
        "metadata": part_of_flux, "spec": {"ports": [{"port": 80}]},
    })  # fmt: skip
    server.ok("POST", "/api/v1/namespaces/flux-system/serviceaccounts", {"metadata": part_of_flux})
    server.ok("POST", "/api/v1/namespaces/flux-system/serviceaccounts", {"metadata": {"name": "not-ours"}})
    server.ok("POST", "/apis/networking.k8s.io/v1/namespaces/flux-system/networkpolicies", {
        "metadata": part_of_flux, "spec": {"podSelector": {}},
    })  # fmt: skip
    server.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": part_of_flux, "rules": []})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "gotk"}
    server.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
        "metadata": part_of_flux, "roleRef": role,
    })  # fmt: skip
    path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/default/kustomizations"
    spec = {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}}
    server.ok("POST", path, {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "apps", "finalizers": ["finalizers.fluxcd.io"]}, "spec": spec,
    })  # fmt: skip
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    outcome = flux("uninstall")
    assert outcome.err == (
        "Are you sure you want to delete Flux and its custom resource definitions? [y/N] ✗ aborting\n"
    )
    lines = [
        "► deleting components in flux-system namespace",
        "✔ Deployment/flux-system/source-controller deleted {}",
        "✔ Service/flux-system/gotk deleted {}",
        "✔ NetworkPolicy/flux-system/gotk deleted {}",
        "✔ ServiceAccount/flux-system/gotk deleted {}",
        "✔ ClusterRole/gotk deleted {}",
        "✔ ClusterRoleBinding/gotk deleted {}",
        "► deleting toolkit.fluxcd.io finalizers in all namespaces",
        "✔ Kustomization/default/apps finalizers deleted {}",
        "► deleting toolkit.fluxcd.io custom resource definitions",
        "✔ CustomResourceDefinition/gitrepositories.source.toolkit.fluxcd.io deleted {}",
        "✔ CustomResourceDefinition/kustomizations.kustomize.toolkit.fluxcd.io deleted {}",
        "✔ Namespace/flux-system deleted {}",
        "✔ uninstall finished",
    ]
    outcome = flux("uninstall", "--dry-run")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [line.format("(dry run)") for line in lines]
    assert server.ok("GET", f"{path}/apps")["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    outcome = flux("uninstall", "--silent")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [line.format("") for line in lines]
    assert server.request("GET", GIT_CRD)[0] == 404
    assert server.request("GET", f"{path}/apps")[0] == 404


@pytest.mark.contract("CLI-092")
def test_uninstall_reports_failures_and_goes_on(flux: Flux, server: SandboxServer) -> None:
    flux("install")
    server.fault(409, verb="delete", resource="customresourcedefinitions", count=1)
    outcome = flux("uninstall", "--silent", "--keep-namespace")
    assert outcome.code == 0
    assert "✗ CustomResourceDefinition/gitrepositories.source.toolkit.fluxcd.io deletion failed: " in outcome.err
    assert "✔ CustomResourceDefinition/kustomizations.kustomize.toolkit.fluxcd.io deleted " in outcome.err
    assert outcome.err.endswith("✔ uninstall finished\n")
    assert server.request("GET", "/api/v1/namespaces/flux-system")[0] == 200
