"""ConfigMap and Secret generators, and hash suffixes."""

import base64
from pathlib import Path
from typing import Any

import pytest

from fluxkit.kustomize import KustomizeError
from tests.kustomize.trees import CONFIG_MAP, built


def _generated(root: Path, text: str, files: dict[str, str | bytes] | None = None) -> dict[str, Any]:
    return built(root, {"kustomization.yaml": text, **(files or {})})[-1]


@pytest.mark.contract("KZB-062", "KZB-063", "KZB-064", "KZB-065", "KZB-066")
def test_sources(tmp_path: Path) -> None:
    text = "configMapGenerator:\n- {name: g, literals: ['a=1', 'b=\"q\"', 'c=x=y', 'd='], files: [f.txt, k=g.bin], envs: [e.env]}\n"  # noqa: E501
    found = _generated(
        tmp_path,
        text,
        {"f.txt": b"x\r\n", "g.bin": b"\xff\xfe", "e.env": b"\xef\xbb\xbfE=1 \n# no\n\n  F='q'\nG\nH=a=b\n"},
    )
    assert found["data"] == {
        "a": "1",
        "b": "q",
        "c": "x=y",
        "d": "",
        "f.txt": "x\r\n",
        "E": "1 ",
        "F": "'q'",
        "G": "",
        "H": "a=b",
    }
    assert found["binaryData"] == {"k": "//4="}


@pytest.mark.contract("KZB-061", "KZB-066", "KZB-068", "KZB-073", "KZB-074")
def test_hashes(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "kustomization.yaml": """\
                configMapGenerator:
                - {name: empty}
                - {name: plain, literals: [a=1], options: {disableNameSuffixHash: true, labels: {x: '2'}, immutable: true}}
                - {name: html, literals: ['a=<&>', "b=é\\u2028"]}
                secretGenerator:
                - {name: s, literals: [a=1]}
                - {name: none, type: kubernetes.io/tls}
                generatorOptions: {labels: {x: '1', w: '1'}, annotations: {k: m}}
                """  # noqa: E501
        },
    )
    names = [item["metadata"]["name"] for item in found]
    assert names == ["empty-6ct58987ht", "plain", "html-4b4942289f", "s-25khgmg44c", "none-694464d966"]
    assert "data" not in found[0]
    assert found[1]["metadata"] == {"name": "plain", "labels": {"x": "2", "w": "1"}, "annotations": {"k": "m"}}
    assert found[1]["immutable"] is True
    assert found[3]["type"] == "Opaque"
    assert found[4]["data"] == {}


@pytest.mark.contract("KZB-067")
def test_long_base64_is_wrapped(tmp_path: Path) -> None:
    content = b"x" * 100
    found = _generated(tmp_path, "secretGenerator: [{name: s, files: [f]}]", {"f": content})
    lines = found["data"]["f"].split("\n")
    assert [len(line) for line in lines] == [70, 66, 0]
    assert base64.b64decode("".join(lines)) == content


@pytest.mark.contract("KZB-061", "KZB-062", "KZB-063", "KZB-064", "KZB-065", "KZB-069", "KZB-070")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("configMapGenerator: [{literals: [a=1]}]", "a configmap must have a name"),
        ("secretGenerator: [{name: g, literals: [a=1, a=2]}]", "configmap g illegally repeats the key `a`"),
        ("configMapGenerator: [{name: g, literals: [a]}]", "invalid literal source a, expected key=value"),
        ("configMapGenerator: [{name: g, literals: ['=a']}]", "invalid literal source =a, expected key=value"),
        ("configMapGenerator: [{name: g, files: ['a=b=c']}]", "key name or file path contains '='"),
        ("configMapGenerator: [{name: g, files: ['=b']}]", "missing key name for file path"),
        ("configMapGenerator: [{name: g, files: ['a=']}]", "missing file path for key name"),
        ("configMapGenerator: [{name: g, files: [nope]}]", "no such file or directory"),
        ("configMapGenerator: [{name: g, envs: [bin]}]", "has invalid utf8 bytes"),
        ("configMapGenerator: [{name: g, behavior: merge}]", "does not exist; cannot merge or replace"),
        ("resources: [a.yaml]\nconfigMapGenerator: [{name: cm}]", "exists; can not use behavior: 'unspecified'"),
        ("resources: [a.yaml]\nconfigMapGenerator: [{name: cm, behavior: create}]", "can not use behavior: 'create'"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, {"kustomization.yaml": text, "a.yaml": CONFIG_MAP, "bin": b"A=\xff\n"})
    assert message in str(caught.value)


@pytest.mark.contract("KZB-070", "KZB-071", "KZB-072")
@pytest.mark.parametrize(
    ("base", "behavior", "hashed", "data"),
    [
        ("configMapGenerator: [{name: cm, literals: [a=1, b=1]}]", "merge", True, {"a": "2", "b": "1"}),
        ("configMapGenerator: [{name: cm, literals: [a=1, b=1]}]", "replace", True, {"a": "2"}),
        ("resources: [a.yaml]", "merge", False, {"a": "2", "k": "v"}),
        (
            "configMapGenerator: [{name: cm, options: {disableNameSuffixHash: true}}]",
            "merge",
            False,
            {"a": "2"},
        ),
    ],
)
def test_merging_over_bases(tmp_path: Path, base: str, behavior: str, hashed: bool, data: dict[str, str]) -> None:
    found = built(
        tmp_path,
        {
            "base/kustomization.yaml": base + "\nnamePrefix: p-",
            "base/a.yaml": CONFIG_MAP + "data: {k: v}\n",
            "kustomization.yaml": f"resources: [base]\nconfigMapGenerator: [{{name: cm, behavior: {behavior}, literals: [a=2]}}]",  # noqa: E501
        },
    )
    assert found[0]["data"] == data
    assert (found[0]["metadata"]["name"] != "p-cm") == hashed
    assert found[0]["metadata"]["name"].startswith("p-cm")


@pytest.mark.contract("KZB-026", "KZB-027", "KZB-075")
def test_the_hash_covers_what_patches_changed(tmp_path: Path) -> None:
    patch = "patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: g}, data: {b: x}}'}]\n"
    direct = _generated(tmp_path, "configMapGenerator: [{name: g, literals: [a=1, b=x]}]")
    patched = _generated(tmp_path, patch + "configMapGenerator: [{name: g, literals: [a=1]}]")
    labelled = _generated(tmp_path, patch + "commonLabels: {x: w}\nconfigMapGenerator: [{name: g, literals: [a=1]}]")
    names = {found["metadata"]["name"] for found in (direct, patched, labelled)}
    assert len(names) == 1
    assert names.pop().startswith("g-")
