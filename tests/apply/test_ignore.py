"""Ignore rules: which paths of which objects, and what an apply does with them."""

from typing import Any

import pytest

from fluxkit.apply.applier import has_drifted
from fluxkit.apply.errors import IgnoreRuleError
from fluxkit.apply.ignore import IgnoreRule, IgnoreRules, Target, adapt_payload, without_paths

MANAGER = "kustomize-controller"


def deployment(replicas: int | None = 1, image: str = "a", **metadata: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "prod", **metadata},
        "spec": spec,
    }


def managed(manager: str, fields: dict[str, Any], operation: str = "Apply", subresource: str = "") -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "subresource": subresource, "fieldsV1": fields}


REPLICAS = {"f:spec": {"f:replicas": {}}}
IMAGE = {
    "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:image": {}}}}}},
}
IMAGE_PATH = "/spec/template/spec/containers/0/image"


@pytest.mark.contract("KUS-222")
@pytest.mark.parametrize(
    ("target", "matches"),
    [
        (Target(), True),
        (Target(kind="Deployment"), True),
        (Target(kind="Deploy"), False),
        (Target(kind="Deploy.*"), True),
        (Target(kind="StatefulSet|Deployment"), True),
        (Target(group="apps", version="v1", name="web", namespace="prod"), True),
        (Target(namespace="pro"), False),
        (Target(label_selector="tier in (front, back),!legacy"), True),
        (Target(label_selector="tier=back"), False),
        (Target(annotation_selector="note"), True),
        (Target(annotation_selector="note!=yes"), False),
    ],
)
def test_targets(target: Target, matches: bool) -> None:
    obj = deployment(labels={"tier": "front"}, annotations={"note": "yes"})
    assert IgnoreRules([IgnoreRule(("/spec/replicas",), target)]).paths_for(obj) == ["/spec/replicas"] * matches


@pytest.mark.contract("KUS-223")
def test_rules_without_target_are_united() -> None:
    rules = IgnoreRules([IgnoreRule(("/a", "/b")), IgnoreRule(("/b", "/c")), IgnoreRule(("/d",), Target(kind="X"))])
    assert rules.paths_for(deployment()) == ["/a", "/b", "/c"]


@pytest.mark.contract("KUS-224")
@pytest.mark.parametrize("target", [Target(kind="("), Target(label_selector="a in"), Target(annotation_selector="=")])
def test_a_bad_selector_is_an_error(target: Target) -> None:
    with pytest.raises(IgnoreRuleError, match=r"^failed to create ignore rule selector: "):
        IgnoreRules([IgnoreRule(("/a",), target)])


def test_a_bad_pointer_is_an_error() -> None:
    with pytest.raises(IgnoreRuleError, match="spec/replicas"):
        IgnoreRules([IgnoreRule(("spec/replicas",))])


@pytest.mark.contract("KUS-225", "KUS-230")
def test_a_difference_in_ignored_paths_only_is_no_drift() -> None:
    live, merged = deployment(5, annotations={"a/b": "1"}), deployment(1, annotations={"a/b": "2"})
    assert has_drifted(live, merged, [])
    assert not has_drifted(live, merged, ["/spec/replicas", "/metadata/annotations/a~1b", "/spec/nothing/here"])


@pytest.mark.contract("KUS-230")
def test_pointers_to_nowhere_do_nothing() -> None:
    obj = deployment()
    assert without_paths(obj, ["/x/y", "/spec/template/spec/containers/7/image", "/kind/x"]) == obj


@pytest.mark.contract("KUS-227", "KUS-228")
@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (managed("hpa", REPLICAS), None),
        (managed("hpa", REPLICAS, "Update"), 5),
        (managed("hpa", REPLICAS, subresource="scale"), 5),
        (managed(MANAGER, REPLICAS), 5),
        (managed("other", {"f:spec": {}}), 5),
    ],
)
def test_a_differing_path_is_left_to_its_owner_or_takes_the_live_value(entry: dict[str, Any], expected: Any) -> None:
    live = deployment(5, managedFields=[entry])
    desired = deployment(1, image="new")
    payload = adapt_payload(desired, live, deployment(1, image="new"), ["/spec/replicas"], MANAGER)
    assert payload["spec"].get("replicas") == expected
    assert payload["spec"]["template"] == desired["spec"]["template"]
    assert desired["spec"]["replicas"] == 1


@pytest.mark.contract("KUS-229")
def test_list_items_are_found_by_their_key() -> None:
    merged = deployment(1, image="git")
    live = deployment(1, image="other", managedFields=[managed("updater", IMAGE)])
    payload = adapt_payload(deployment(1, image="git"), live, merged, [IMAGE_PATH], MANAGER)
    assert payload["spec"]["template"]["spec"]["containers"] == [{"name": "app"}]
    # An item that no key matches is owned by nobody else.
    live["spec"]["template"]["spec"]["containers"][0]["name"] = "renamed"
    payload = adapt_payload(deployment(1, image="git"), live, merged, [IMAGE_PATH], MANAGER)
    assert payload["spec"]["template"]["spec"]["containers"] == [{"name": "app", "image": "other"}]


@pytest.mark.contract("KUS-229")
def test_paths_that_do_not_differ_stay_in_the_payload() -> None:
    live = deployment(3, managedFields=[managed("hpa", REPLICAS)])
    desired = deployment(3, image="new")
    assert adapt_payload(desired, live, desired, ["/spec/replicas"], MANAGER) is desired


def test_a_value_that_the_live_object_lacks_is_left_out() -> None:
    payload = adapt_payload(deployment(3), deployment(None), deployment(3), ["/spec/replicas"], MANAGER)
    assert "replicas" not in payload["spec"]
