"""Strategic merge patches against a Pod's and a Service's schema."""

from typing import Any

import pytest

from fluxkit.objects import GroupVersionKind
from fluxkit.schema import type_for
from fluxkit.strategicpatch import StrategicPatchError, apply_strategic_merge_patch

POD = type_for(GroupVersionKind("", "v1", "Pod"))


def containers(*items: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": list(items)}}


A, B, C = ({"name": name, "image": f"{name}:1"} for name in "abc")


@pytest.mark.parametrize(
    ("original", "patch", "wanted"),
    [
        pytest.param(
            {"spec": {"nodeName": "x"}},
            {"spec": {"hostname": "y"}},
            {"spec": {"nodeName": "x", "hostname": "y"}},
            id="maps",
        ),
        pytest.param({"spec": {"nodeName": "x"}}, {"spec": {"nodeName": None}}, {"spec": {}}, id="null-deletes"),
        pytest.param(
            {"spec": {}}, {"spec": {"affinity": {"podAffinity": None}}}, {"spec": {"affinity": {}}}, id="null-new"
        ),
        pytest.param(
            containers(A, B),
            containers({"name": "b", "image": "b:2"}),
            containers(A, {"name": "b", "image": "b:2"}),
            id="key",
        ),
        pytest.param(containers(A), containers(B), containers(B, A), id="new-item-first"),
        pytest.param(containers(A, B), containers({"name": "a", "$patch": "delete"}), containers(B), id="delete-item"),
        pytest.param(containers(A, B), containers(C, {"$patch": "replace"}), containers(C), id="replace-list"),
        pytest.param(
            {"spec": {"securityContext": {"runAsUser": 1}}},
            {"spec": {"securityContext": {"$patch": "replace", "runAsGroup": 2}}},
            {"spec": {"securityContext": {"runAsGroup": 2}}},
            id="replace-map",
        ),
        pytest.param(
            {"spec": {"securityContext": {"runAsUser": 1}}},
            {"spec": {"securityContext": {"$patch": "delete"}}},
            {"spec": {"securityContext": {}}},
            id="delete-map",
        ),
        pytest.param(
            {"spec": {"tolerations": [{"key": "a"}]}},
            {"spec": {"tolerations": [{"key": "b"}]}},
            {"spec": {"tolerations": [{"key": "b"}]}},
            id="no-strategy-replaces",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["c", "a"]}},
            {"metadata": {"finalizers": ["c", "a", "b"]}},
            id="primitives-merge",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b", "c"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}},
            {"metadata": {"finalizers": ["a", "c"]}},
            id="primitives-delete",
        ),
        pytest.param(
            containers(A, B, C),
            {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}},
            containers(B, C, A),
            id="order-keeps-others-in-place",
        ),
        pytest.param(
            containers(A, B),
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}],
                    "containers": [C, {"name": "a", "image": "a:2"}],
                }
            },
            containers(B, C, {"name": "a", "image": "a:2"}),
            id="order-with-changes",
        ),
        pytest.param(
            {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
            {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}},
            {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}},
            id="retain-keys",
        ),
        pytest.param(
            containers(A),
            containers({"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "$patch": "delete"}]}),
            containers({**A, "env": [{"name": "X", "value": "1"}]}),
            id="directives-vanish-from-new-lists",
        ),
    ],
)
def test_merging(original: dict[str, Any], patch: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert apply_strategic_merge_patch(original, patch, POD) == wanted


def test_the_first_merge_key_decides_in_lists_that_are_keyed_by_two_fields() -> None:
    schema = type_for(GroupVersionKind("", "v1", "Service"))
    original = {"spec": {"ports": [{"port": 80, "protocol": "TCP"}]}}
    patch = {"spec": {"ports": [{"port": 80, "protocol": "UDP"}]}}
    assert apply_strategic_merge_patch(original, patch, schema) == patch


def test_arguments_stay_as_they_are() -> None:
    original, patch = containers(dict(A)), containers({"name": "a", "image": None}, dict(B))
    apply_strategic_merge_patch(original, patch, POD)
    assert (original, patch) == (containers(A), containers({"name": "a", "image": None}, B))


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ({"spec": {"$patch": "merge"}}, "unknown patch type"),
        (containers({"image": "x"}), "does not contain declared merge key: name"),
        ({"spec": {"$setElementOrder": []}}, "invalid patch format of setElementOrder list"),
        ({"spec": {"$retainKeys": ["a"], "b": 1}}, "invalid patch format of retainKeys"),
        ({"spec": {"$deleteFromPrimitiveList": ["a"]}}, "invalid patch format of primitive list"),
        (
            {"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}},
            "The order in patch list",
        ),
    ],
)
def test_refusals(patch: dict[str, Any], text: str) -> None:
    with pytest.raises(StrategicPatchError, match=text.replace("$", r"\$")):
        apply_strategic_merge_patch(containers(dict(A)), patch, POD)
