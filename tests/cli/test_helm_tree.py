"""``flux tree`` into HelmReleases: Helm's own storage says what they consist of."""

import base64
import gzip
import json
from typing import Any

import pytest

from tests.cli.conftest import Flux
from tests.sandbox_fixture import SandboxServer, own_sandbox

__all__ = ["own_sandbox"]

GROUP = "helm.toolkit.fluxcd.io"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"helmreleases.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "HelmRelease", "plural": "helmreleases"},
        "versions": [
            {
                "name": "v2",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: web}
"""


def helm_release(server: SandboxServer, name: str, **spec: Any) -> None:
    status = {"storageNamespace": "default", "history": [{"name": name, "namespace": "prod", "version": 3}]}
    body = {
        "apiVersion": f"{GROUP}/v2",
        "kind": "HelmRelease",
        "metadata": {"name": name},
        "spec": spec,
        "status": status,
    }
    server.ok("POST", f"/apis/{GROUP}/v2/namespaces/default/helmreleases", body)


def storage(server: SandboxServer, name: str, packed: bytes) -> None:
    data = base64.b64encode(base64.b64encode(packed)).decode()
    secret = {"metadata": {"name": f"sh.helm.release.v1.{name}.v3"}, "data": {"release": data}}
    server.ok("POST", "/api/v1/namespaces/default/secrets", secret)


@pytest.mark.contract("CLI-204")
def test_releases_are_opened(flux: Flux, own_sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = own_sandbox
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    flux("install")
    server.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
    release = {"name": "web", "manifest": MANIFEST}
    helm_release(server, "web", install={"crds": "Create"})
    storage(server, "web", gzip.compress(json.dumps(release).encode()))
    labels = {f"{GROUP}/name": "web", f"{GROUP}/namespace": "default"}
    git_crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gitrepositories.source.toolkit.fluxcd.io"
    server.ok("PATCH", git_crd, {"metadata": {"labels": labels}}, content_type="application/merge-patch+json")
    helm_release(server, "remote", kubeConfig={"secretRef": {"name": "x"}})
    helm_release(server, "unstored")
    helm_release(server, "broken")
    storage(server, "broken", b"\x1f\x8b\x08 nothing that unpacks")
    entries = [{"id": f"default_{name}_{GROUP}_HelmRelease", "v": "v2"} for name in ("web", "remote", "unstored")]
    path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/default/kustomizations"
    spec = {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}}
    kustomization = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "spec": spec}
    server.ok("POST", path, {**kustomization, "metadata": {"name": "apps"}})

    def applied(*inventory: dict[str, str]) -> None:
        body = {"status": {"inventory": {"entries": inventory}}}
        server.ok("PATCH", f"{path}/apps/status", body, content_type="application/merge-patch+json")

    applied(*entries)
    tree = ("tree", "ks", "apps", "-n", "default")
    outcome = flux(*tree)
    assert outcome.out == (
        "Kustomization/default/apps\n"
        "├── HelmRelease/default/web\n"
        "│   ├── Service/prod/web\n"
        "│   ├── ClusterRole/web\n"
        "│   └── CustomResourceDefinition/gitrepositories.source.toolkit.fluxcd.io\n"
        "├── HelmRelease/default/remote\n"
        "└── HelmRelease/default/unstored\n"
        "\n"
    ), outcome.err
    assert "Service" not in flux(*tree, "--compact").out
    applied({"id": f"default_broken_{GROUP}_HelmRelease", "v": "v2"})
    outcome = flux(*tree)
    assert outcome.code == 1
    assert outcome.err.startswith("✗ failed to decode the Helm storage object for HelmRelease 'default/broken': ")
