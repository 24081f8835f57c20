"""The generated CustomResourceDefinitions carry upstream's names, fields, rules, defaults and columns."""

from typing import Any

import pytest

from fluxkit.api import crds


def definition(plural: str) -> dict[str, Any]:
    (found,) = [crd for crd in crds() if crd["spec"]["names"]["plural"] == plural]
    return found


def version(plural: str, name: str = "v1") -> dict[str, Any]:
    (found,) = [each for each in definition(plural)["spec"]["versions"] if each["name"] == name]
    return found


def schema(plural: str, *path: str) -> dict[str, Any]:
    node: dict[str, Any] = version(plural)["schema"]["openAPIV3Schema"]
    for part in path:
        node = node["items"] if part == "[]" else node["properties"][part]
    return node


@pytest.mark.contract("KUS-001")
def test_kustomization_names() -> None:
    spec = definition("kustomizations")["spec"]
    assert spec["group"] == "kustomize.toolkit.fluxcd.io"
    assert spec["scope"] == "Namespaced"
    assert spec["names"] == {
        "categories": ["all", "fluxcd", "fluxcd-appliers"],
        "kind": "Kustomization",
        "listKind": "KustomizationList",
        "plural": "kustomizations",
        "shortNames": ["ks"],
        "singular": "kustomization",
    }
    assert version("kustomizations")["subresources"] == {"status": {}}


@pytest.mark.contract("SRC-003", "SRC-004")
def test_gitrepository_names() -> None:
    names = definition("gitrepositories")["spec"]["names"]
    assert names["shortNames"] == ["gitrepo"]
    assert names["categories"] == ["all", "fluxcd", "fluxcd-sources"]


@pytest.mark.contract("KUS-003")
def test_kustomization_columns() -> None:
    columns = version("kustomizations")["additionalPrinterColumns"]
    assert [column["name"] for column in columns] == ["Age", "Ready", "Status"]
    assert columns[1]["jsonPath"] == '.status.conditions[?(@.type=="Ready")].status'


@pytest.mark.contract("SRC-005")
def test_gitrepository_columns() -> None:
    columns = version("gitrepositories")["additionalPrinterColumns"]
    assert [column["name"] for column in columns] == ["URL", "Age", "Ready", "Status"]


@pytest.mark.contract("KUS-004", "SRC-004")
@pytest.mark.parametrize("plural", ["kustomizations", "gitrepositories"])
def test_definitions_are_not_substituted(plural: str) -> None:
    annotations = definition(plural)["metadata"]["annotations"]
    assert annotations["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"


@pytest.mark.contract("KUS-005")
def test_kustomization_requires_interval_prune_and_source() -> None:
    assert schema("kustomizations", "spec")["required"] == ["interval", "prune", "sourceRef"]


@pytest.mark.contract("KUS-005", "KUS-007", "RUN-154")
@pytest.mark.parametrize("field", ["interval", "retryInterval", "timeout"])
def test_kustomization_durations(field: str) -> None:
    assert schema("kustomizations", "spec", field) | {"description": ""} == {
        "type": "string",
        "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$",
        "description": "",
    }


@pytest.mark.contract("SRC-007", "SRC-137")
def test_git_timeout_has_no_hours_and_a_default() -> None:
    timeout = schema("gitrepositories", "spec", "timeout")
    assert timeout["pattern"] == r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$"
    assert timeout["default"] == "60s"
    assert schema("gitrepositories", "spec", "url")["pattern"] == "^(http|https|ssh)://.*$"


@pytest.mark.contract("KUS-009", "KUS-011", "KUS-014", "KUS-018", "KUS-019", "KUS-020", "SRC-138", "SRC-140")
@pytest.mark.parametrize(
    ("plural", "path", "values"),
    [
        ("kustomizations", "sourceRef.kind", ["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"]),
        ("kustomizations", "deletionPolicy", ["MirrorPrune", "Delete", "WaitForTermination", "Orphan"]),
        ("kustomizations", "buildMetadata.[]", ["originAnnotations", "transformerAnnotations"]),
        ("kustomizations", "decryption.provider", ["sops"]),
        ("kustomizations", "postBuild.substituteStrategy", ["WithVariables", "Always"]),
        ("kustomizations", "postBuild.substituteFrom.[].kind", ["Secret", "ConfigMap"]),
        ("gitrepositories", "provider", ["generic", "aws", "azure", "github"]),
        ("gitrepositories", "verify.mode", ["head", "HEAD", "Tag", "TagAndHEAD"]),
    ],
)
def test_enumerations(plural: str, path: str, values: list[str]) -> None:
    assert schema(plural, "spec", *path.split("."))["enum"] == values


@pytest.mark.contract("KUS-012")
@pytest.mark.parametrize(("field", "limit"), [("targetNamespace", 63), ("namePrefix", 200), ("nameSuffix", 200)])
def test_lengths(field: str, limit: int) -> None:
    node = schema("kustomizations", "spec", field)
    assert (node["minLength"], node["maxLength"]) == (1, limit)


@pytest.mark.contract("KUS-010", "KUS-020")
def test_defaults_written_by_the_server() -> None:
    assert schema("kustomizations", "spec", "force")["default"] is False
    assert schema("kustomizations", "spec", "postBuild", "substituteFrom", "[]", "optional")["default"] is False
    assert "default" not in schema("kustomizations", "spec", "wait")


@pytest.mark.contract("KUS-024", "RUN-145", "SRC-138")
def test_cel_rules() -> None:
    rules = schema("kustomizations", "spec", "kubeConfig")["x-kubernetes-validations"]
    message = "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified"
    assert [rule["message"] for rule in rules] == [message, message]
    (rule,) = schema("gitrepositories", "spec")["x-kubernetes-validations"]
    assert rule["message"] == "serviceAccountName can only be set when provider is 'azure' or 'aws'"


@pytest.mark.contract("KUS-025", "SRC-006")
@pytest.mark.parametrize("plural", ["kustomizations", "gitrepositories"])
def test_new_objects_have_never_been_observed(plural: str) -> None:
    assert schema(plural, "status")["default"] == {"observedGeneration": -1}


@pytest.mark.parametrize("plural", ["kustomizations", "gitrepositories"])
def test_older_versions_are_served_but_never_stored(plural: str) -> None:
    versions = definition(plural)["spec"]["versions"]
    assert [each["name"] for each in versions if each["storage"]] == ["v1"]
    older = [each for each in versions if each["name"] != "v1"]
    assert {each["name"] for each in older} == {"v1beta2", "v1beta1"}
    assert all(each["deprecated"] and each["served"] for each in older)


@pytest.mark.contract("KUS-006", "KUS-010")
def test_there_is_no_shortest_interval() -> None:
    interval = schema("kustomizations", "spec", "interval")
    assert not {"minimum", "minLength", "x-kubernetes-validations"} & interval.keys()


_SELECTOR = {"group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"}


@pytest.mark.contract("KUS-015", "KUS-023")
@pytest.mark.parametrize(("field", "required"), [("patches", "patch"), ("ignore", "paths")])
def test_patches_and_ignore_rules_select_by_seven_fields(field: str, required: str) -> None:
    items = schema("kustomizations", "spec", field, "[]")
    assert items["properties"].keys() == {required, "target"}
    assert items["required"] == [required]
    assert items["properties"]["target"]["properties"].keys() == _SELECTOR


@pytest.mark.contract("KUS-013", "KUS-017")
def test_metadata_components_and_dependencies() -> None:
    spec = schema("kustomizations", "spec")["properties"]
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    for part in ("labels", "annotations"):
        assert spec["commonMetadata"]["properties"][part] | {"description": ""} == texts | {"description": ""}
    assert spec["components"]["items"] == {"type": "string"}
    assert spec["ignoreMissingComponents"]["type"] == "boolean"
    dependency = spec["dependsOn"]["items"]
    assert dependency["required"] == ["name"]
    # beyond upstream: another kind
    assert dependency["properties"].keys() == {"name", "namespace", "readyExpr", "kind"}
    assert dependency["properties"]["kind"]["enum"] == ["Kustomization", "HelmRelease"]
