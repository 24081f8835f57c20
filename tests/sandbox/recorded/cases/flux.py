"""fluxkit's own kinds on a server that judges them by their definitions."""

from typing import Any

from fluxkit.api import GitRepository, Kustomization, crds
from tests.sandbox.recorded.cases.reading import TABLE
from tests.sandbox.recorded.steps import Case, apply, case, delete, get, merge, post, until

__all__ = ["CASES", "SETUP"]

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SOURCES = f"/apis/{GitRepository.GVK.api_version}/namespaces/{{ns}}/gitrepositories"
KUSTOMIZATIONS = f"/apis/{Kustomization.GVK.api_version}/namespaces/{{ns}}/kustomizations"

SETUP = (
    *(apply(f"{CRDS}/{crd['metadata']['name']}", crd, "flux", force="true") for crd in crds()),
    until(f"/apis/{GitRepository.GVK.api_version}/gitrepositories"),
    until(f"/apis/{Kustomization.GVK.api_version}/kustomizations"),
)


def source(name: str = "g", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": GitRepository.GVK.api_version,
        "kind": "GitRepository",
        "metadata": {"name": name},
        "spec": {"url": "https://example.com/a.git", "interval": "1m", **spec},
    }


def kustomization(name: str = "k", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": Kustomization.GVK.api_version,
        "kind": "Kustomization",
        "metadata": {"name": name},
        "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "g"}, **spec},
    }


def _sources(name: str, *specs: dict[str, Any]) -> Case:
    return case(
        f"GitRepository: {name}", *(post(SOURCES, source(f"g{number}", **spec)) for number, spec in enumerate(specs))
    )


def _kustomizations(name: str, *specs: dict[str, Any]) -> Case:
    return case(
        f"Kustomization: {name}",
        *(post(KUSTOMIZATIONS, kustomization(f"k{number}", **spec)) for number, spec in enumerate(specs)),
    )


CASES = (
    _sources(
        "valid",
        {},
        {"ref": {"branch": "main"}, "secretRef": {"name": "s"}, "timeout": "20s", "ignore": "*"},
        {"ref": {"semver": ">=1"}, "suspend": True},
        {"url": "ssh://git@example.com/a"},
    ),
    _sources(
        "invalid",
        {"url": "ftp://x"},
        {"url": None},
        {"interval": "often"},
        {"interval": None},
        {"timeout": "1d"},
        {"provider": "x"},
        {"secretRef": {}},
        {"verify": {"mode": "x"}},
        {"ref": "main"},
        {"include": [{}]},
        {"url": 1, "interval": 1},
    ),
    _kustomizations(
        "valid",
        {},
        {
            "path": "./a",
            "targetNamespace": "x",
            "wait": True,
            "postBuild": {"substitute": {"a": "b"}},
            "dependsOn": [{"name": "x"}],
        },
        {"patches": [{"patch": "x", "target": {"kind": "x"}}], "images": [{"name": "a", "newTag": "b"}]},
    ),
    _kustomizations(
        "invalid",
        {"interval": None},
        {"prune": None},
        {"prune": "yes"},
        {"sourceRef": None},
        {"sourceRef": {"kind": "Thing", "name": "x"}},
        {"sourceRef": {"kind": "GitRepository"}},
        {"targetNamespace": ""},
        {"targetNamespace": "x" * 64},
        {"deletionPolicy": "x"},
        {"timeout": "x"},
        {"decryption": {"provider": "x"}},
        {"healthChecks": [{"kind": "x"}]},
        {"dependsOn": [{}]},
        {"postBuild": {"substitute": {"a": 1}}},
        {"postBuild": {"substituteFrom": [{"kind": "x", "name": ""}]}},
        {"patches": [{}]},
        {"images": [{}]},
    ),
    case(
        "GitRepository: unknown fields",
        post(SOURCES, source(nonsense=1)),
        post(SOURCES, source("h", nonsense=1), fieldValidation="Strict"),
    ),
    case("GitRepository: columns", post(SOURCES, source()), get(SOURCES, accept=TABLE)),
    case("Kustomization: columns", post(KUSTOMIZATIONS, kustomization()), get(KUSTOMIZATIONS, accept=TABLE)),
    Case(
        "GitRepository: status",
        (
            apply(f"{SOURCES}/g", source(), "flux"),
            merge(
                f"{SOURCES}/g/status",
                {
                    "status": {
                        "conditions": [
                            {
                                "type": "Ready",
                                "status": "True",
                                "reason": "Succeeded",
                                "message": "m",
                                "lastTransitionTime": "2001-01-01T00:00:00Z",
                            }
                        ],
                        "observedGeneration": 1,
                    }
                },
                fieldManager="controller",
            ),
            merge(
                f"{SOURCES}/g/status",
                {"status": {"conditions": [{"type": "Ready", "status": "Maybe", "reason": "", "message": "m"}]}},
            ),
            apply(
                f"{SOURCES}/g/status",
                {k: v for k, v in source().items() if k != "spec"} | {"status": {"artifact": {"url": "x"}}},
                "controller",
            ),
            apply(f"{SOURCES}/g", source(interval="2m"), "flux"),
            get(SOURCES, accept=TABLE, includeObject="None"),
            delete(f"{SOURCES}/g"),
        ),
        managed=True,
    ),
    Case(
        "Kustomization: applied by two",
        (
            apply(f"{KUSTOMIZATIONS}/k", kustomization(), "flux"),
            apply(
                f"{KUSTOMIZATIONS}/k",
                {k: v for k, v in kustomization().items() if k != "spec"} | {"spec": {"suspend": True}},
                "kubectl",
            ),
            apply(f"{KUSTOMIZATIONS}/k", kustomization(interval="5m"), "kubectl"),
            apply(f"{KUSTOMIZATIONS}/k", kustomization(dependsOn=[{"name": "a"}]), "flux"),
            merge(
                f"{KUSTOMIZATIONS}/k", {"metadata": {"finalizers": ["finalizers.fluxcd.io"]}}, fieldManager="controller"
            ),
            delete(f"{KUSTOMIZATIONS}/k"),
            merge(f"{KUSTOMIZATIONS}/k", {"metadata": {"finalizers": []}}),
            get(f"{KUSTOMIZATIONS}/k"),
        ),
        managed=True,
    ),
    case(
        "definitions of fluxkit",
        *(
            get(f"/apis/{version}")
            for version in sorted({GitRepository.GVK.api_version, Kustomization.GVK.api_version})
        ),
    ),
)
