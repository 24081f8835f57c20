"""Finding and parsing the kustomization file."""

from pathlib import Path

import pytest

from fluxkit.kustomize import KustomizeError
from tests.kustomize.trees import CONFIG_MAP, built, one


@pytest.mark.contract("KZB-010")
@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_names(tmp_path: Path, name: str) -> None:
    assert len(built(tmp_path, {name: "resources: [a.yaml]", "a.yaml": CONFIG_MAP})) == 1


@pytest.mark.contract("KZB-010")
def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, {"other.yaml": CONFIG_MAP})
    assert str(caught.value) == (
        f"unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{tmp_path}'"
    )


@pytest.mark.contract("KZB-011")
def test_two_files(tmp_path: Path) -> None:
    with pytest.raises(KustomizeError, match="Found multiple kustomization files under: "):
        built(tmp_path, {"kustomization.yaml": "namespace: a", "Kustomization": "namespace: a"})


@pytest.mark.contract("KZB-013", "KZB-014", "KZB-017", "KZB-018", "KZB-019")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Other\nnamespace: x", "kind should be Kustomization or Component"),
        ("apiVersion: v1\nnamespace: x", "apiVersion for Kustomization should be kustomize.config.k8s.io/v1beta1"),
        ("resource: [a]", 'invalid Kustomization: json: unknown field "resource"'),
        ("images: [{names: a}]", 'invalid Kustomization: json: unknown field "names"'),
        (
            "namePrefix: 1",
            "invalid Kustomization: json: cannot unmarshal number into Go struct field Kustomization.namePrefix of "
            "type string",
        ),
        (
            "commonLabels: {a: yes}",
            "cannot unmarshal bool into Go struct field Kustomization.commonLabels.a of type string",
        ),
        ("images: [{name: a, newTag: 1.5}]", "cannot unmarshal number"),
        ("resources: a.yaml", "cannot unmarshal string into Go struct field Kustomization.resources of type []string"),
        ("kind: Kustomization", "kustomization.yaml is empty"),
        ("", "kustomization.yaml is empty"),
        ("namePrefix: ''", "kustomization.yaml is empty"),
        ("namespace: x\n\tnamePrefix: y", "found a tab character that violates indentation"),
        ("resources: [", "invalid Kustomization: yaml: "),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, {"kustomization.yaml": text})
    assert message in str(caught.value)
    assert caught.value.file == "kustomization.yaml"


@pytest.mark.contract("KZB-012", "KZB-015", "KZB-016", "KZB-018", "KZB-022", "KZB-037")
@pytest.mark.parametrize(
    "text",
    [
        "Resources: [a.yaml]",
        "namePREFIX: x-\nresources: [a.yaml]",
        "resources: [b.yaml]\nresources: [a.yaml]",
        "metadata: {name: x}\nresources: [a.yaml]",
        "kind: Component\nresources: [a.yaml]",
        "bases: []\nresources: [a.yaml, empty.yaml]",
        "buildMetadata: [unheardOf]\nresources: [a.yaml]",
    ],
)
def test_what_is_accepted(tmp_path: Path, text: str) -> None:
    assert len(built(tmp_path, {"kustomization.yaml": text, "a.yaml": CONFIG_MAP, "empty.yaml": "# nothing\n"})) == 1


@pytest.mark.contract("KZB-018", "KZB-037")
def test_no_resources_print_nothing(tmp_path: Path) -> None:
    assert built(tmp_path, {"kustomization.yaml": "metadata: {name: x}"}).text == ""


@pytest.mark.contract("KZB-020", "KZB-021")
def test_deprecated_fields_work_and_warn(tmp_path: Path) -> None:
    result = built(
        tmp_path,
        {
            "kustomization.yaml": """\
                bases: [base]
                imageTags: [{name: nginx, newTag: '2'}]
                commonLabels: {a: b}
                vars: []
                configMapGenerator: [{name: g, env: e.env}]
                """,
            "e.env": "A=1\n",
            "base/kustomization.yaml": "resources: [a.yaml]",
            "base/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{image: nginx}]}\n",
        },
    )
    assert result[0]["spec"]["containers"] == [{"image": "nginx:2"}]
    assert result[1]["data"] == {"A": "1"}
    assert [line.split("'")[1] for line in result.warnings] == ["bases", "commonLabels", "imageTags", "vars"]
    assert result.warnings[0] == (
        "# Warning: 'bases' is deprecated. Please use 'resources' instead. Run 'kustomize edit fix' to update your "
        "Kustomization automatically."
    )
    assert "[EXPERIMENTAL] Run" in result.warnings[3]


@pytest.mark.contract("KZB-176", "KZB-177")
@pytest.mark.parametrize("field", ["helmCharts: [{name: a}]", "helmChartInflationGenerator: [{chartName: a}]"])
def test_helm_charts_are_refused(tmp_path: Path, field: str) -> None:
    with pytest.raises(
        KustomizeError, match=r"(?s)trouble configuring builtin HelmChartInflationGenerator .*--enable-helm"
    ):
        built(tmp_path, {"kustomization.yaml": field})


def test_the_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    found = one(tmp_path, "nameSuffix: -s\nnamePrefix: p-\nnamespace: ns1\n")
    assert found["metadata"] == {"name": "p-cm-s", "namespace": "ns1"}
