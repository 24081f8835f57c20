"""Strategic merge: what kustomize makes of a patch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxkit.kustomize import KustomizeError
from fluxkit.kustomize.merge import Schema, merge_patch
from fluxkit.kustomize.tree import copy_tree, from_json, plain


def _merge(target: dict[str, Any], patch: dict[str, Any], kind: str = "Deployment", api: str = "apps/v1") -> Any:
    """Merge below spec.template.spec of a workload."""

    def wrap(spec: dict[str, Any]) -> Any:
        return from_json({"apiVersion": api, "kind": kind, "spec": {"template": {"spec": spec}}})

    merged = merge_patch(wrap(target), wrap(patch), Schema())
    return None if merged is None else plain(merged)["spec"].get("template", {}).get("spec")


def _c(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, **fields}


@pytest.mark.contract("KZB-120", "KZB-122", "KZB-124", "KZB-127", "KZB-128", "KZB-129", "KZB-130", "KZB-132")
@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": None, "b": 1}, {"b": 2}, {"a": None, "b": 2}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
        ({"containers": [_c("x", image="1"), _c("y")]}, {"containers": [_c("z"), _c("y", image="2")]},
         {"containers": [_c("z"), _c("y", image="2"), _c("x", image="1")]}),
        ({"containers": [_c("x")]}, {"containers": []}, {"containers": [_c("x")]}),
        ({"containers": [_c("x", args=["a"])]}, {"containers": [_c("x", args=["b"])]}, {"containers": [_c("x", args=["b"])]}),  # noqa: E501
        ({"containers": [_c("x"), _c("y")]}, {"containers": [{"name": "x", "$patch": "delete"}]}, {"containers": [_c("y")]}),  # noqa: E501
        ({"containers": [_c("x")]}, {"containers": [{"$patch": "replace"}, _c("y")]}, {"containers": [_c("y")]}),
        ({"containers": [_c("x")], "a": 1}, {"containers": [{"$patch": "delete"}]}, {"a": 1}),
        ({"containers": [_c("x", a=1)]}, {"containers": [{"name": "x", "$patch": "replace", "b": 2}]}, {"containers": [_c("x", a=1)]}),  # noqa: E501
        ({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}, "c": 1}, {"a": {"$patch": "delete"}}, {"c": 1}),
        ({"a": {"b": 1}}, {"a": {"$patch": "merge", "c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": 1}, {"$retainKeys": ["b"], "b": 2}, {"$retainKeys": ["b"], "a": 1, "b": 2}),
        ({"a": 1}, {"b": {"c": {"d": 1}}}, {"a": 1, "b": {"c": {"d": 1}}}),
    ],
)  # fmt: skip
def test_merging(target: dict[str, Any], patch: dict[str, Any], merged: dict[str, Any]) -> None:
    assert _merge(target, patch) == merged


@pytest.mark.contract("KZB-121")
@pytest.mark.parametrize(
    ("api", "kind", "merges"),
    [("apps/v1", "Deployment", True), ("example.com/v1", "Deployment", False), ("apps/v9", "Deployment", False)],
)
def test_the_schema_decides(api: str, kind: str, merges: bool) -> None:
    merged = _merge({"containers": [_c("x")]}, {"containers": [_c("y")]}, kind, api)
    assert merged == {"containers": [_c("y"), _c("x")] if merges else [_c("y")]}


@pytest.mark.contract("KZB-123")
def test_lists_of_scalars_unite() -> None:
    def wrap(finalizers: list[str]) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": finalizers}}

    merged = merge_patch(wrap(["a", "b"]), wrap(["c", "a"]), Schema())
    assert merged == wrap(["c", "a", "b"])


def _ports(*ports: tuple[int | None, str | None]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in (("containerPort", number), ("protocol", protocol)) if value is not None}
        for number, protocol in ports
    ]


@pytest.mark.contract("KZB-125")
@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ([(80, "TCP")], [(80, "UDP")], [(80, "UDP"), (80, "TCP")]),
        ([(80, "TCP")], [(80, None)], [(80, "TCP")]),
        ([(80, None)], [(81, None)], [(81, None), (80, None)]),
    ],
)
def test_lists_with_two_keys(target: Any, patch: Any, merged: Any) -> None:
    found = _merge({"containers": [_c("x", ports=_ports(*target))]}, {"containers": [_c("x", ports=_ports(*patch))]})
    assert found["containers"][0]["ports"] == _ports(*merged)


@pytest.mark.contract("KZB-126")
@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ([_c("x"), _c("y")], [{"image": "q"}, _c("x")], [_c("x")]),
        ([_c("x"), {"image": "q"}], [_c("x")], [{"image": "q"}]),
    ],
)
def test_items_without_their_key_are_lost_as_upstream_loses_them(target: Any, patch: Any, merged: Any) -> None:
    assert _merge({"containers": target}, {"containers": patch})["containers"] == merged


@pytest.mark.contract("KZB-127", "KZB-131")
@pytest.mark.parametrize(
    ("target", "patch", "message"),
    [
        ({"a": {"b": 1}}, {"a": 1}, "wrong node kind: expected MappingNode but got ScalarNode: node contents:\n1\n"),
        ({"a": [1]}, {"a": {"b": 1}}, "wrong node kind: expected SequenceNode but got MappingNode"),
        ({"a": {"b": 1}}, {"a": {"$patch": "grow"}}, "unknown patch strategy 'grow'"),
    ],
)
def test_what_is_refused(target: Any, patch: Any, message: str) -> None:
    with pytest.raises(KustomizeError) as caught:
        _merge(target, patch)
    assert message in str(caught.value)


trees = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b"]),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(mappings, mappings)
def test_merging_twice_changes_nothing_more(target: dict[str, Any], patch: dict[str, Any]) -> None:
    try:
        once = _merge(copy_tree(target), copy_tree(patch))
    except KustomizeError:
        return
    assert _merge(copy_tree(once), copy_tree(patch)) == once


@given(mappings)
def test_an_empty_patch_changes_nothing(target: dict[str, Any]) -> None:
    assert _merge(copy_tree(target), {}) == target
