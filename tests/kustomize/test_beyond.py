"""What upstream has not yet, or never: newer code, options of our own, bounds, and crashes."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.kustomize import BuildLimits, BuildOptions, KustomizeError, build
from tests.kustomize.trees import CONFIG_MAP, built, one, write


@pytest.mark.contract("KZB-199")
def test_two_list_entries_that_ran_together(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "top/kustomization.yaml": "resources: ['../base ../other']\n",
        "base ../other/kustomization.yaml": "resources: [cm.yaml]\n",
        "base ../other/cm.yaml": CONFIG_MAP,
    }
    assert len(built(tmp_path, files, "top")) == 1
    with pytest.raises(KustomizeError, match=r'path "\.\./base \.\./other" is ambiguous: resolves to ".*" after norm'):
        built(tmp_path, files, "top", level="next")


CUSTOM = {
    "kustomization.yaml": "namespace: one\nresources: [foo.yaml, crd.yaml]\n",
    "foo.yaml": "apiVersion: x.io/v1\nkind: Foo\nmetadata:\n  name: foo\n",
    "crd.yaml": """\
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata:
          name: foos.x.io
        spec:
          group: x.io
          names: {kind: Foo, plural: foos}
          scope: Cluster
          versions: [{name: v1}]
        """,
}


@pytest.mark.contract("KZB-056", "KZB-202")
def test_scopes_from_definitions_in_the_build(tmp_path: Path) -> None:
    files: dict[str, Any] = dict(CUSTOM)
    assert built(tmp_path, files)[0]["metadata"]["namespace"] == "one"
    assert "namespace" not in built(tmp_path, files, learn_scopes=True)[0]["metadata"]
    files["crd.yaml"] = files["crd.yaml"].replace("Cluster", "Namespaced")
    assert built(tmp_path, files, learn_scopes=True)[0]["metadata"]["namespace"] == "one"


@pytest.mark.contract("KZB-203")
@pytest.mark.parametrize("field", ["patches", "patchesJson6902"])
def test_json_patches_of_several_documents(tmp_path: Path, field: str) -> None:
    text = f"""\
        {field}:
        - target: {{version: v1, kind: ConfigMap, name: cm}}
          patch: |-
            - {{op: add, path: /data, value: {{a: b}}}}
            ---
            - {{op: add, path: /data/c, value: d}}
        """
    assert one(tmp_path, text)["data"] == {"a": "b"}
    with pytest.raises(KustomizeError, match="a JSON patch must be one YAML document"):
        one(tmp_path, text, strict_patches=True)


@pytest.mark.contract("KZB-081")
def test_namespaces_are_scalars(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "namespace: one\nresources: [cm.yaml]\nconfigurations: [c.yaml]\n",
        "cm.yaml": CONFIG_MAP + "spec:\n  namespace: {a: b}\n",
        "c.yaml": "namespace: [{path: spec/namespace, kind: ConfigMap}]\n",
    }
    with pytest.raises(KustomizeError, match=r"namespace field specs must target scalar nodes: .* expected ScalarNode"):
        built(tmp_path, files)


def doubling(kind: str, times: int) -> str:
    """A kustomization that doubles the data of its ConfigMap."""
    if kind == "scalars":
        options, field = "delimiter: '/', index: 1", "data.a"
    elif kind == "maps":
        options, field = "create: true", "data"
    else:
        copies = [f'{{"op": "copy", "from": "/data", "path": "/data/k{number}"}}' for number in range(times)]
        return f"patches: [{{target: {{name: cm}}, patch: '[{', '.join(copies)}]'}}]"
    entries = []
    for number in range(times):
        path = field if kind == "scalars" else f"data.k{number}"
        target = f"{{select: {{name: cm}}, fieldPaths: [{path}], options: {{{options}}}}}"
        entries.append(f"{{source: {{name: cm, fieldPath: {field}}}, targets: [{target}]}}")
    return f"replacements: [{', '.join(entries)}]"


@pytest.mark.parametrize("kind", ["scalars", "maps", "copies"])
def test_what_doubles_again_and_again_is_stopped(tmp_path: Path, kind: str) -> None:
    resource = CONFIG_MAP + "data:\n  a: some text\n"
    assert one(tmp_path / "few", doubling(kind, 3), resource)["data"] != {"a": "some text"}
    with pytest.raises(KustomizeError, match="the build makes more than the limit of 1000000 bytes"):
        one(tmp_path / "many", doubling(kind, 60), resource, limits=BuildLimits(output_bytes=1_000_000))


def test_the_output_as_a_whole_is_bounded(tmp_path: Path) -> None:
    """Each base is small, and each overlay reads it again."""
    files: dict[str, str | bytes] = {"kustomization.yaml": f"resources: {[f'o{n}' for n in range(20)]}\n"}
    files["base/kustomization.yaml"] = "configMapGenerator: [{name: cm, files: [text]}]\n"
    files["base/text"] = "x" * 10_000
    for number in range(20):
        files[f"o{number}/kustomization.yaml"] = f"resources: [../base]\nnameSuffix: -n{number}\n"
    assert len(built(tmp_path, files)) == 20
    with pytest.raises(KustomizeError, match="makes more than the limit of 100000 bytes"):
        built(tmp_path, files, limits=BuildLimits(output_bytes=100_000))


class BrokenFetcher:
    """A part of the caller that crashes instead of raising what was agreed."""

    def fetch_file(self, url: str) -> bytes:
        raise ValueError(f"unexpected: {url}")

    def clone(self, url: str, ref: str, submodules: bool, timeout: float) -> Path:
        raise TypeError(url)


@pytest.mark.contract("KZB-005")
def test_a_crash_is_an_error_of_the_build(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write(tmp_path, {"kustomization.yaml": "resources: ['https://example.com/a.yaml']\n"})
    with pytest.raises(KustomizeError, match=r"recovered from kustomize build panic: unexpected: https://example.com"):
        build(root, BuildOptions(allow_remote=True, fetcher=BrokenFetcher()))
    assert "Traceback" in caplog.text
    # Names with commas break upstream's lists of them: fully encrypted manifests get here.
    encrypted = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ENC[AES256_GCM,data:x,iv:y]\n"
    with pytest.raises(KustomizeError, match="recovered from kustomize build panic: number of previous names"):
        one(tmp_path / "encrypted", "namespace: one", encrypted)


@pytest.mark.contract("KZB-194")
def test_the_objects_are_the_text(tmp_path: Path) -> None:
    """Objects come in the order of the text and say the same, types included."""
    from fluxkit import yaml

    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: g, literals: ['n=1', 'b=true']}]\n",
        "a.yaml": CONFIG_MAP + "data:\n  n: 1\n  f: 1.50\n  t: true\n  e:\n  s: '1'\n  d: 2001-01-01\n",
    }
    result = built(tmp_path, files)
    assert list(result) == yaml.load_all(result.text)
    assert result[0]["data"] == {"n": 1, "f": 1.5, "t": True, "e": None, "s": "1", "d": "2001-01-01T00:00:00Z"}


@pytest.mark.contract("KZB-204")
def test_sorting_is_not_a_transformer(tmp_path: Path) -> None:
    text = "transformers: ['{apiVersion: builtin, kind: SortOrderTransformer, metadata: {name: s}}']"
    with pytest.raises(KustomizeError, match="unable to load builtin SortOrderTransformer"):
        one(tmp_path, text)
