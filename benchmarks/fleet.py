"""The fleets that the scenarios push: small applications of four objects, of the shape that upstream's figures have."""

from pathlib import Path

from benchmarks.rig import NAMESPACE, SOURCE
from fluxkit import yaml
from testbed import kustomization

__all__ = ["write_application", "write_fleet", "write_kustomizations"]


def write_fleet(clone: Path, count: int) -> None:
    """``apps/app-N`` with four objects each."""
    for number in range(count):
        write_application(clone, number)


def write_application(clone: Path, number: int, *, image: str = "6.9.0") -> None:
    """Deployment scaled to zero, ServiceAccount, Service, Ingress."""
    name = f"app-{number:03}"
    labels = {"app.kubernetes.io/name": name}
    objects = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 9898, "targetPort": "http"}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "serviceAccountName": name,
                        "containers": [
                            {
                                "name": "podinfo",
                                "image": f"ghcr.io/stefanprodan/podinfo:{image}",
                                "ports": [{"name": "http", "containerPort": 9898}],
                            }
                        ],
                    },
                },
            },
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "rules": [
                    {
                        "host": f"{name}.example.com",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": name, "port": {"name": "http"}}},
                                }
                            ]
                        },
                    }
                ]
            },
        },
    ]
    directory = clone / "apps" / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "app.yaml").write_text(yaml.dump_all(objects))
    (directory / "kustomization.yaml").write_text(yaml.dump({"resources": ["app.yaml"]}))


def write_kustomizations(clone: Path, count: int) -> None:
    """``cluster/`` with one Kustomization for each application."""
    directory = clone / "cluster"
    directory.mkdir(exist_ok=True)
    for number in range(count):
        name = f"app-{number:03}"
        (directory / f"{name}.yaml").write_text(yaml.dump(kustomization(name, NAMESPACE, SOURCE, f"./apps/{name}")))
