"""Paths and bodies that many cases use."""

from typing import Any

__all__ = [
    "CM",
    "DEPLOY",
    "INGRESS",
    "JOB",
    "NS",
    "POD",
    "SECRET",
    "SVC",
    "cm",
    "deployment",
    "job",
    "obj",
    "pod",
    "service",
]

NS = "/api/v1/namespaces/{ns}"
CM = f"{NS}/configmaps"
SECRET = f"{NS}/secrets"
SVC = f"{NS}/services"
POD = f"{NS}/pods"
DEPLOY = "/apis/apps/v1/namespaces/{ns}/deployments"
JOB = "/apis/batch/v1/namespaces/{ns}/jobs"
INGRESS = "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses"


def obj(api_version: str, kind: str, name: str, meta: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **(meta or {})}, **more}


def cm(name: str, data: Any = None, **meta: Any) -> dict[str, Any]:
    made = obj("v1", "ConfigMap", name, meta)
    if data is not None:
        made["data"] = data
    return made


def container(**more: Any) -> dict[str, Any]:
    return {"name": "app", "image": "example.com/app:1", **more}


def deployment(name: str = "web", containers: Any = None, template: Any = None, **spec: Any) -> dict[str, Any]:
    inner = {"containers": [container()] if containers is None else containers, **(template or {})}
    return obj(
        "apps/v1",
        "Deployment",
        name,
        spec={
            "replicas": 0,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": inner},
            **spec,
        },
    )


def pod(name: str = "p", containers: Any = None, meta: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    inner = {"containers": [container()] if containers is None else containers, "serviceAccountName": "default", **spec}
    return obj("v1", "Pod", name, meta, spec=inner)


def service(name: str = "web", ports: Any = None, **spec: Any) -> dict[str, Any]:
    listed = [{"port": 80}] if ports is None else ports
    return obj("v1", "Service", name, spec={"selector": {"app": "web"}, "ports": listed, **spec})


def job(name: str = "j", template: Any = None, **spec: Any) -> dict[str, Any]:
    inner = {"containers": [container()], "restartPolicy": "Never", **(template or {})}
    return obj("batch/v1", "Job", name, spec={"suspend": True, "template": {"spec": inner}, **spec})
