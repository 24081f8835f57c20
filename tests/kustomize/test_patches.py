"""The three patch fields."""

from pathlib import Path

import pytest

from fluxkit.kustomize import KustomizeError
from tests.kustomize.trees import CONFIG_MAP, DEPLOYMENT, built, one

PATCH = "{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {a: '1'}}"


@pytest.mark.contract("KZB-106", "KZB-107", "KZB-108", "KZB-109", "KZB-111", "KZB-115", "KZB-116")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patches: [{target: {kind: A}}]", "must specify one of patch and path in"),
        ("patches: [{path: a, patch: b}]", "patch and path can't be set at the same time"),
        ("patches: [{path: nope}]", "failed to get the patch file from path(nope): "),
        ("patches: [{path: bad.txt}]", 'unable to parse SM or JSON patch from [path: "bad.txt"]'),
        ("patches: [{patch: '- {op: test, path: /a}'}]", "must specify a target for JSON patch"),
        (
            "patches: [{patch: '{apiVersion: v1, kind: B, metadata: {name: x}}'}]",
            'no resource matches strategic merge patch "B.v1.[noGrp]/x.[noNs]": no matches for Id B.v1.[noGrp]/x.[noNs]; '  # noqa: E501
            "failed to find unique target for patch B.v1.[noGrp]/x.[noNs]",
        ),
        (
            "patches: [{path: two.yaml, target: {kind: ConfigMap}}]",
            "Multiple Strategic-Merge Patches in one `patches` entry",
        ),
        ("patches: [{path: p.yaml, target: {name: '('}}]", "error parsing regexp"),
        ("patches: [{path: p.yaml, target: {labelSelector: 'a in'}}]", "unable to parse requirement"),
        ("patchesStrategicMerge: [empty.yaml]", "patch appears to be empty"),
        ("patchesStrategicMerge: ['{kind: B, metadata: {name: x}}']", "no matches for Id B.[noVer].[noGrp]/x.[noNs]"),
        ("patchesJson6902: [{target: {kind: A}, patch: '[]'}]", "must specify the target name"),
        ("patchesJson6902: [{target: {name: a}}]", "empty file path and empty jsonOp"),
        ("patchesJson6902: [{target: {name: a}, path: a, patch: b}]", "must specify a file path or jsonOp, not both"),
        ("patchesJson6902: [{target: {name: a}, patch: '[]'}]", "patch appears to be empty"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    files: dict[str, str | bytes] = {
        "kustomization.yaml": "resources: [a.yaml]\n" + text,
        "a.yaml": CONFIG_MAP,
        "bad.txt": "just text",
        "two.yaml": f"{PATCH}\n---\n{PATCH}\n",
        "p.yaml": PATCH,
        "empty.yaml": "# nothing\n",
    }
    with pytest.raises(KustomizeError) as caught:
        built(tmp_path, files)
    assert message in str(caught.value)


@pytest.mark.contract("KZB-107", "KZB-108", "KZB-109", "KZB-110", "KZB-111", "KZB-112", "KZB-114")
@pytest.mark.parametrize(
    ("text", "data"),
    [
        (f"patches: [{{patch: \"{PATCH}\"}}]", {"a": "1"}),
        (f"patches: [{{patch: \"{PATCH}\", target: {{kind: 'Config.*'}}}}]", {"a": "1"}),
        (f"patches: [{{patch: \"{PATCH}\", target: {{kind: Config}}}}]", None),
        (f"patches: [{{patch: \"{PATCH}\", target: {{name: 'x|c.', version: v1}}}}]", {"a": "1"}),
        (f"patches: [{{patch: \"{PATCH}\", target: {{labelSelector: 'app in (x, y),!no'}}}}]", {"a": "1"}),
        (f"patches: [{{patch: \"{PATCH}\", target: {{labelSelector: 'app!=x'}}}}]", None),
        (f"patches: [{{patch: \"{PATCH}\", target: {{annotationSelector: 'n>5'}}}}]", {"a": "1"}),
        (f"patches: [{{patch: \"{PATCH}\", target: {{namespace: default}}}}]", {"a": "1"}),
        (f"patchesStrategicMerge: [\"{PATCH}\"]", {"a": "1"}),
        ("patches: [{patch: '- {op: add, path: /data, value: {a: y}}', target: {kind: ConfigMap}}]", {"a": True}),
        ('patches: [{patch: \'[{"op": "add", "path": "/data", "value": {"a": "y"}}]\', target: {name: cm}}]', {"a": "y"}),  # noqa: E501
        ("patchesJson6902: [{target: {name: cm, kind: ConfigMap}, patch: '- {op: add, path: /data, value: {b: c}}'}]", {"b": "c"}),  # noqa: E501
        ("patches: [{patch: '# nothing'}]", None),
    ],
)  # fmt: skip
def test_patching(tmp_path: Path, text: str, data: dict[str, object] | None) -> None:
    resource = CONFIG_MAP + "  labels: {app: x}\n  annotations: {n: '7'}\n"
    assert one(tmp_path, text, resource).get("data") == data


@pytest.mark.contract("KZB-110")
@pytest.mark.parametrize(
    ("options", "kind", "name"),
    [
        ("{}", "ConfigMap", "cm"),
        ("{allowNameChange: true}", "ConfigMap", "other"),
        ("{allowKindChange: true}", "Other", "cm"),
        ("{allowNameChange: true, allowKindChange: true}", "Other", "other"),
    ],
)
def test_names_and_kinds_change_only_where_allowed(tmp_path: Path, options: str, kind: str, name: str) -> None:
    patch = "{apiVersion: v1, kind: Other, metadata: {name: other, namespace: never, labels: {l: m}}}"
    found = one(tmp_path, f"patches: [{{patch: '{patch}', target: {{kind: ConfigMap}}, options: {options}}}]")
    assert found == {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": {"l": "m"}}}


@pytest.mark.contract("KZB-113")
def test_deleting_resources(tmp_path: Path) -> None:
    text = "resources: [a.yaml]\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, $patch: delete}'}]"  # noqa: E501
    found = built(tmp_path, {"kustomization.yaml": text, "a.yaml": CONFIG_MAP + "---\n" + DEPLOYMENT})
    assert [item["kind"] for item in found] == ["Deployment"]


@pytest.mark.contract("KZB-058", "KZB-059", "KZB-111")
def test_patches_find_earlier_names(tmp_path: Path) -> None:
    found = built(
        tmp_path,
        {
            "base/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: b-",
            "base/a.yaml": CONFIG_MAP,
            "kustomization.yaml": "resources: [base]\npatches:\n"
            f'- patch: "{PATCH}"\n'
            "- patch: '- {op: add, path: /metadata/labels, value: {x: w}}'\n  target: {name: cm}\n"
            "- patch: '- {op: add, path: /metadata/labels/z, value: w}'\n  target: {name: b-cm}\n",
        },
    )
    assert found[0]["data"] == {"a": "1"}
    assert found[0]["metadata"] == {"name": "b-cm", "labels": {"x": "w", "z": "w"}}


@pytest.mark.contract("KZB-117", "KZB-118", "KZB-119")
@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("{op: replace, path: /data/new, value: x}", {"l": ["a", "b"], "new": "x"}),
        ("{op: remove, path: /data/l/0}", {"l": ["b"]}),
        ("{op: add, path: /data/l/-, value: c}", {"l": ["a", "b", "c"]}),
        ("{op: add, path: /data/l/1, value: c}", {"l": ["a", "c", "b"]}),
        ("{op: add, path: /data/l/-1, value: c}", {"l": ["a", "b", "c"]}),
        ("{op: replace, path: /data/l/-1, value: c}", {"l": ["a", "c"]}),
        ("{op: move, from: /data/l/0, path: /data/a}", {"l": ["b"], "a": "a"}),
        ("{op: copy, from: /data/l, path: /data/m}", {"l": ["a", "b"], "m": ["a", "b"]}),
        ("{op: test, path: /data/none, value: null}", {"l": ["a", "b"]}),
        ("{op: test, path: /data/l/0, value: a}", {"l": ["a", "b"]}),
        ("{op: add, path: /data/a~1b~0, value: 1}", {"l": ["a", "b"], "a/b~": 1}),
        ("{op: remove, path: /data/none}", "Unable to remove nonexistent key: none: missing value"),
        (
            "{op: add, path: /none/a, value: 1}",
            'add operation does not apply: doc is missing path: "/none/a": missing value',
        ),
        ("{op: add, path: /data/l/7, value: 1}", "Unable to access invalid index: 7: invalid index referenced"),
        ("{op: test, path: /data/l/0, value: b}", "testing value /data/l/0 failed: test failed"),
        ("{op: grow, path: /data}", "Unexpected kind: grow"),
    ],
)
def test_operations(tmp_path: Path, operation: str, result: object) -> None:
    text = f"patches: [{{patch: '- {operation}', target: {{kind: ConfigMap}}}}]"
    resource = CONFIG_MAP + "data: {l: [a, b]}\n"
    if isinstance(result, dict):
        assert one(tmp_path, text, resource)["data"] == result
    else:
        with pytest.raises(KustomizeError) as caught:
            one(tmp_path, text, resource)
        assert str(result) in str(caught.value)
        assert caught.value.resource == "ConfigMap.v1.[noGrp]/cm.[noNs]"
