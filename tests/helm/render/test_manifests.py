"""From rendered files to manifests and hooks: splitting, heads, order."""

import pytest

from fluxkit.helm.chart import File
from fluxkit.helm.render import (
    INSTALL_ORDER,
    UNINSTALL_ORDER,
    Capabilities,
    Hook,
    IncompatibleCluster,
    KubeVersion,
    ManifestError,
    ReleaseOptions,
    RenderError,
    failed_files,
    printed,
    sorted_by_kind,
    split_documents,
    without_tests,
)
from tests.helm.render.building import chart, rendered


@pytest.mark.contract("TPL-146", "HLM-589")
@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("", []),
        (" \n---\n--- \n\t", []),
        ("a: 1", ["a: 1"]),
        ("---\na: 1\n---   \n\n  b: 2\n", ["a: 1\n", "b: 2\n"]),
        ("a: 1\n---b: 2\n", ["a: 1\n", "b: 2\n"]),
        ("a: 1\n---# why\nb: 2", ["a: 1\n", "# why\nb: 2"]),
        ("# only a comment\n---\na: |\n  --- no separator\n\n", ["# only a comment\n", "a: |\n  --- no separator\n\n"]),
        ("a: 1\r\n---\r\nb: 2\r\n", ["a: 1\r\n", "b: 2\r\n"]),
        ("a: 1\n----\nb: 2", ["a: 1\n", "-\nb: 2"]),
    ],
)
def test_documents(text: str, documents: list[str]) -> None:
    assert split_documents(text) == documents


@pytest.mark.contract("TPL-147", "HLM-591")
def test_manifests_by_kind_then_path() -> None:
    def document(kind: str, name: str) -> str:
        return f"kind: {kind}\nmetadata: {{name: {name}}}\n"

    of = chart(
        {
            "a.yaml": document("Zebra", "z") + "---\n" + document("Deployment", "d"),
            "b.yaml": document("Ant", "a") + "---\n" + document("Namespace", "ns") + "---\n# nothing\n",
            "c.yaml": document("Deployment", "e"),
            "d.txt": "  \n",
        }
    )
    result = rendered(of)
    assert [(each.head.kind, each.head.name) for each in result.manifests] == [
        ("Namespace", "ns"), ("Deployment", "d"), ("Deployment", "e"), ("", ""), ("Ant", "a"), ("Zebra", "z"),
    ]  # fmt: skip
    assert result.manifest().startswith(
        "---\n# Source: demo/templates/b.yaml\nkind: Namespace\nmetadata: {name: ns}\n\n"
        "---\n# Source: demo/templates/a.yaml\nkind: Deployment\n"
    )


@pytest.mark.contract("HLM-488")
def test_orders_of_kinds() -> None:
    kinds = ["Zoo", "Ingress", "Service", "Secret", "Apple", "ValidatingWebhookConfiguration", "Job"]
    assert sorted_by_kind(kinds, str) == [
        "Secret", "Service", "Job", "Ingress", "ValidatingWebhookConfiguration", "Apple", "Zoo",
    ]  # fmt: skip
    assert sorted_by_kind(kinds, str, UNINSTALL_ORDER) == [
        "ValidatingWebhookConfiguration", "Ingress", "Service", "Job", "Secret", "Apple", "Zoo",
    ]  # fmt: skip
    assert set(INSTALL_ORDER) == set(UNINSTALL_ORDER)


def _hooks(*annotations: str) -> list[Hook]:
    documents = [
        f"kind: Job\nmetadata:\n  name: j{number}\n  annotations: {{{text}}}\n"
        for number, text in enumerate(annotations)
    ]
    return rendered(chart({"h.yaml": "---\n".join(documents)})).hooks


@pytest.mark.contract("HLM-500", "HLM-501", "HLM-502", "HLM-503", "HLM-505")
def test_hooks() -> None:
    first, second, third = _hooks(
        'helm.sh/hook: "Pre-Install, post-upgrade", helm.sh/hook-weight: "-5", '
        "helm.sh/hook-delete-policy: 'before-hook-creation, Hook-Failed', helm.sh/hook-output-log-policy: hook-failed",
        "helm.sh/hook: test-success, helm.sh/hook-weight: 7",
        "helm.sh/hook: 'pre-install, crd-install'",
        "helm.sh/hook: test, helm.sh/hook-weight: heavy",
        "helm.sh/hook: ''",
    )
    assert first == Hook(
        "j0", "Job", "demo/templates/h.yaml", first.manifest, ["pre-install", "post-upgrade"], -5,
        ["before-hook-creation", "hook-failed"], ["hook-failed"],
    )  # fmt: skip
    assert (second.name, second.events, second.weight, second.delete_policies) == ("j1", ["test"], 7, [])
    assert (third.name, third.weight) == ("j3", 0)
    assert without_tests([first, second, third]) == [first]


@pytest.mark.contract("TPL-148", "HLM-590")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: b\n c: d\n",
            "error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context",
        ),
        ("null: b\n", 'error converting YAML to JSON: unsupported map key of type: %!s(<nil>), key: <nil>, value: "b"'),
        ("# \udcff\na: b\n", "error converting YAML to JSON: yaml: invalid leading UTF-8 octet"),
        ("a: .nan\n", "error converting YAML to JSON: json: unsupported value: NaN"),
        (
            "kind: [a]\n",
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field "
            "SimpleHead.kind of type string",
        ),
        (
            "metadata:\n  name: {}\n",
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal object into Go struct field "
            ".metadata.name of type string",
        ),
        (
            "metadata: x\n",
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go struct field "
            'SimpleHead.metadata of type struct { Name string "json:\\"name\\""; '
            'Annotations map[string]string "json:\\"annotations\\"" }',
        ),
        (
            "just text\n",
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type "
            "util.SimpleHead",
        ),
    ],
)
def test_what_is_no_manifest(text: str, problem: str) -> None:
    hook = "kind: Pod\nmetadata: {name: h, annotations: {helm.sh/hook: test}}\n"
    with pytest.raises(ManifestError) as caught:
        rendered(chart({"a.yaml": hook, "b.yaml": text, "c.yaml": " "}))
    assert str(caught.value) == f"YAML parse error on demo/templates/b.yaml: {problem}"
    assert [each.name for each in caught.value.hooks] == ["h"]
    assert failed_files(caught.value) == (
        f"---\n# Source: demo/templates/a.yaml\n{hook}\n---\n# Source: demo/templates/b.yaml\n{text}\n"
    )


def test_heads_take_scalars_for_texts_and_any_letter_case() -> None:
    text = "Kind: 1\nMetadata:\n  name: 1.5\n  annotations: {helm.sh/resource-policy: keep, b: true, c: null}\n"
    (manifest,) = rendered(chart({"a.yaml": text})).manifests
    assert (manifest.head.kind, manifest.head.name) == ("1", "1.5")
    assert manifest.head.annotations == {"helm.sh/resource-policy": "keep", "b": "true", "c": ""}


@pytest.mark.contract("HLM-523", "HLM-586")
def test_notes_and_definitions_are_no_manifests() -> None:
    crd = b"kind: CustomResourceDefinition\nspec: {{ not a template }}\n"
    subchart = chart({"NOTES.txt": "sub's notes"}, name="sub", files={"crds/b.yaml": crd})
    of = chart(
        {"NOTES.txt": "notes for {{ .Release.Name }}", "a.yaml": "kind: A"},
        files={"crds/a.yaml": crd, "crds/readme.md": b"", "other/crds/x.yaml": b""},
        subcharts=[subchart],
    )
    result = rendered(of, release=ReleaseOptions("rel"))
    assert result.notes == "notes for rel"
    assert rendered(of, release=ReleaseOptions("rel"), subchart_notes=True).notes == "sub's notes\nnotes for rel"
    assert [each.filename for each in result.crds] == ["demo/crds/a.yaml", "demo/charts/sub/crds/b.yaml"]
    assert [each.path for each in result.manifests] == ["demo/templates/a.yaml"]
    assert "CustomResourceDefinition" not in result.manifest()
    assert result.manifest(include_crds=True).startswith(f"---\n# Source: demo/crds/a.yaml\n{crd.decode()}\n---\n")


@pytest.mark.contract("HLM-539", "HLM-540")
def test_charts_are_made_for_versions_of_clusters() -> None:
    of = chart({"a.yaml": "kind: A"}, kube_version=">=1.25.0")
    given = Capabilities().at(KubeVersion.parse("1.33.4-gke.1"))
    assert rendered(of, capabilities=given).manifests
    discovered = Capabilities().at(KubeVersion("v1.33.4-gke.1", "1", "33"))
    with pytest.raises(IncompatibleCluster) as caught:
        rendered(of, capabilities=discovered)
    assert str(caught.value) == (
        "chart requires kubeVersion: >=1.25.0 which is incompatible with Kubernetes v1.33.4-gke.1"
    )


@pytest.mark.parametrize("name", ["", "Upper", "a" * 54, "-a", "a..b", "a_b"])
def test_release_names(name: str) -> None:
    with pytest.raises(RenderError, match="release name check failed: release name "):
        rendered(chart(), release=ReleaseOptions(name))


def test_what_is_printed() -> None:
    hook = "kind: Pod\nmetadata: {name: h, annotations: {helm.sh/hook: test}}"
    result = rendered(chart({"a.yaml": "kind: A", "sub/b.yaml": "kind: B\n---\nkind: C", "h.yaml": hook}))
    text = printed(result.manifest(), result.hooks)
    assert text.startswith("---\n# Source: demo/templates/a.yaml\nkind: A\n---\n")
    assert text.endswith(f"---\n# Source: demo/templates/h.yaml\n{hook}\n")
    assert printed(result.manifest(), result.hooks, ["templates/h*", "templates/sub/?.yaml"]) == (
        f"---\n# Source: demo/templates/h.yaml\n{hook}\n\n---\n# Source: demo/templates/sub/b.yaml\nkind: B\n\n\n"
        "---\n# Source: demo/templates/sub/b.yaml\nkind: C\n\n"
    )
    for pattern in ("templates/*/a.yaml", "templates/[", "*"):
        with pytest.raises(RenderError, match="could not find template"):
            printed(result.manifest(), result.hooks, [pattern])
    assert printed("", []) == "\n"


def test_neither_chart_nor_values_are_changed_and_results_repeat() -> None:
    values = {"a": {"b": 1.0}}
    of = chart(
        {"a.yaml": '{{ $_ := set .Values.a "b" 2 }}{{ $_ := set .Values.d "e" 3 }}x: {{ .Values.a.b }}'},
        {"d": {"e": 1.0}},
    )
    assert rendered(of, values).manifest() == rendered(of, values).manifest()
    assert values == {"a": {"b": 1.0}}
    assert of.values == {"d": {"e": 1.0}}


def test_results_and_errors_can_be_carried_between_processes() -> None:
    import pickle

    hook = "kind: Pod\nmetadata: {name: h, annotations: {helm.sh/hook: test}}\n"
    of = chart({"a.yaml": hook, "b.yaml": "kind: B"}, {"a": 1.0}, files={"crds/x.yaml": b"kind: X"})
    result = rendered(pickle.loads(pickle.dumps(of)), capabilities=pickle.loads(pickle.dumps(Capabilities())))
    copied = pickle.loads(pickle.dumps(result))
    assert copied.manifests == result.manifests
    assert copied.hooks == result.hooks
    error = pickle.loads(pickle.dumps(ManifestError("bad", {"a": "b"}, result.hooks)))
    assert (str(error), error.files, error.hooks) == ("bad", {"a": "b"}, result.hooks)
    assert File("a", b"") == pickle.loads(pickle.dumps(File("a", b"")))
