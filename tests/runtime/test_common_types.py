"""What all kinds have in common: conditions, references, artifacts, history, as the installed definitions say it."""

from typing import Any

import pytest

from fluxkit.api import crds
from fluxkit.api.resource import encode_part
from fluxkit.runtime import Metrics, conditions, status
from tests.runtime.objects import git_repository

CONDITION = {"type", "status", "observedGeneration", "lastTransitionTime", "reason", "message"}


def schema(plural: str, *path: str) -> dict[str, Any]:
    (crd,) = [each for each in crds() if each["spec"]["names"]["plural"] == plural]
    (version,) = [each for each in crd["spec"]["versions"] if each["name"] == "v1"]
    node: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    for part in path:
        node = node["items"] if part == "[]" else node["properties"][part]
    return node


def shape(node: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Names of required and of other members."""
    required = set(node.get("required", ()))
    return required, set(node["properties"]) - required


@pytest.mark.contract("RUN-001")
def test_conditions() -> None:
    types = (conditions.READY, conditions.RECONCILING, conditions.STALLED, conditions.HEALTHY, conditions.ACCESS_DENIED)
    assert types == ("Ready", "Reconciling", "Stalled", "Healthy", "AccessDenied")
    obj = git_repository(generation=3)
    conditions.mark_true(obj, conditions.READY, "Succeeded", "all is well")
    (encoded,) = encode_part(obj.status.conditions)
    assert set(encoded) == CONDITION
    for plural in ("kustomizations", "gitrepositories"):
        node = schema(plural, "status", "conditions", "[]")
        assert shape(node) == (CONDITION - {"observedGeneration"}, {"observedGeneration"})
        assert node["properties"]["status"]["enum"] == ["True", "False", "Unknown"]


@pytest.mark.contract("RUN-005")
def test_both_generations_are_needed_to_judge() -> None:
    """A failure at a new generation leaves the object's own at the last that ended in a final state."""
    obj = git_repository(generation=1)
    conditions.mark_true(obj, conditions.READY, "Succeeded", "first")
    assert status.finalize_progress(obj)
    assert obj.status.observed_generation == 1
    obj.metadata.generation = 2
    conditions.mark_reconciling(obj, "Progressing", "second")
    conditions.mark_false(obj, conditions.READY, "BuildFailed", "second")
    status.finalize_progress(obj)
    assert obj.status.observed_generation == 1
    assert {each.type: each.observed_generation for each in obj.status.conditions} == {"Ready": 2, "Reconciling": 2}
    conditions.mark_true(obj, conditions.READY, "Succeeded", "second")
    status.finalize_progress(obj)
    assert obj.status.observed_generation == 2


@pytest.mark.contract("RUN-148")
@pytest.mark.parametrize(
    ("plural", "path", "required", "optional"),
    [
        ("kustomizations", ("decryption", "secretRef"), {"name"}, set()),
        ("gitrepositories", ("secretRef",), {"name"}, set()),
        ("kustomizations", ("kubeConfig", "secretRef"), {"name"}, {"key"}),
        ("kustomizations", ("kubeConfig",), set(), {"configMapRef", "secretRef"}),
        ("kustomizations", ("dependsOn", "[]"), {"name"}, {"namespace", "readyExpr"}),
        ("kustomizations", ("healthChecks", "[]"), {"kind", "name"}, {"apiVersion", "namespace"}),
    ],
)
def test_references(plural: str, path: tuple[str, ...], required: set[str], optional: set[str]) -> None:
    needed, others = shape(schema(plural, "spec", *path))
    assert needed == required
    assert others - {"kind"} == optional - {"kind"}  # a dependency may have a kind here


@pytest.mark.contract("RUN-145")
def test_a_kubeconfig_comes_from_one_place() -> None:
    (rule,) = schema("kustomizations", "spec", "kubeConfig")["x-kubernetes-validations"][:1]
    assert (
        rule["message"] == "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified"
    )


@pytest.mark.contract("RUN-150")
def test_artifacts() -> None:
    node = schema("gitrepositories", "status", "artifact")
    assert shape(node) == (
        {"path", "url", "revision", "lastUpdateTime", "digest"},
        {"size", "metadata"},
    )
    assert node["properties"]["digest"]["pattern"] == "^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"
    assert node["properties"]["metadata"]["additionalProperties"] == {"type": "string"}


@pytest.mark.contract("RUN-151")
@pytest.mark.parametrize("plural", ["kustomizations", "gitrepositories"])
def test_reconcile_requests(plural: str) -> None:
    assert schema(plural, "status", "lastHandledReconcileAt")["type"] == "string"


@pytest.mark.contract("RUN-153")
@pytest.mark.parametrize(
    ("path", "required", "optional"),
    [
        (("images", "[]"), {"name"}, {"newName", "newTag", "digest"}),
        (("patches", "[]"), {"patch"}, {"target"}),
        (
            ("patches", "[]", "target"),
            set(),
            {"group", "version", "kind", "namespace", "name", "annotationSelector", "labelSelector"},
        ),
        (("healthCheckExprs", "[]"), {"apiVersion", "current"}, {"kind", "inProgress", "failed"}),
    ],
)
def test_types_of_kustomize(path: tuple[str, ...], required: set[str], optional: set[str]) -> None:
    assert shape(schema("kustomizations", "spec", *path)) == (required, optional)


@pytest.mark.contract("RUN-071")
def test_resource_info_is_left_to_kube_state_metrics() -> None:
    text = Metrics().render().decode()
    assert "controller_runtime_active_workers" in text
    assert "gotk_resource_info" not in text
