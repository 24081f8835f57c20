"""What holds of server-side apply whatever is applied."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxkit.objects import GroupVersionKind
from fluxkit.sandbox.apply import apply_patch, track_update
from fluxkit.sandbox.apply.fieldset import difference, intersection, ordered, paths, union
from fluxkit.schema import type_for

SCHEMA = type_for(GroupVersionKind("", "v1", "Pod"))
NOW = "2026-01-01T00:00:00Z"

LABELS = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xyz"), max_size=3)
ENV = st.dictionaries(st.sampled_from("PQR"), st.sampled_from("12"), max_size=3)
CONTAINERS = st.dictionaries(st.sampled_from("uvw"), st.tuples(st.sampled_from("mn"), ENV), max_size=3)


@st.composite
def pods(draw: st.DrawFn) -> dict[str, Any]:
    containers = [
        {"name": name, "image": image, "env": [{"name": key, "value": value} for key, value in env.items()]}
        for name, (image, env) in draw(CONTAINERS).items()
    ]
    metadata: dict[str, Any] = {"name": "p", "namespace": "d", "labels": draw(LABELS)}
    if draw(st.booleans()):
        metadata["finalizers"] = draw(st.lists(st.sampled_from("fgh"), unique=True))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def apply(live: Any, config: Any, manager: str) -> Any:
    return apply_patch(live, config, schema=SCHEMA, manager=manager, force=True, now=NOW)


def content(pod: Any) -> Any:
    """A pod without managers, its lists as sets: what two orders of applying may differ in is order."""
    return {
        "labels": pod["metadata"].get("labels") or {},
        "finalizers": sorted(pod["metadata"].get("finalizers") or ()),
        "containers": {
            each["name"]: (each.get("image"), {env["name"]: env["value"] for env in each.get("env") or ()})
            for each in (pod.get("spec") or {}).get("containers") or ()
        },
    }


@given(pods(), pods())
@settings(max_examples=50, deadline=None)
def test_applying_twice_is_applying_once(first: Any, second: Any) -> None:
    live = apply(apply(None, first, "a"), second, "b")
    assert apply(live, second, "b") == live


@given(pods(), pods())
@settings(max_examples=50, deadline=None)
def test_the_last_configuration_of_a_lone_applier_is_the_object(first: Any, second: Any) -> None:
    live = apply(apply(None, first, "a"), second, "a")
    assert content(live) == content(second)


@given(pods(), pods(), pods())
@settings(max_examples=40, deadline=None)
def test_what_an_applier_states_is_there_and_its_own(first: Any, second: Any, third: Any) -> None:
    live = apply(track_update(None, first, schema=SCHEMA, manager="u", now=NOW), second, "a")
    live = apply(live, third, "b")
    for key, value in third["metadata"]["labels"].items():
        assert live["metadata"]["labels"][key] == value
    owned = (
        next(each["fieldsV1"] for each in live["metadata"]["managedFields"] if each["manager"] == "b")
        if any(each["manager"] == "b" for each in live["metadata"]["managedFields"])
        else {}
    )
    stated = {f"f:{key}" for key in third["metadata"]["labels"]}
    assert set(owned.get("f:metadata", {}).get("f:labels", {})) - {"."} == stated


@given(pods(), pods())
@settings(max_examples=40, deadline=None)
def test_an_applier_that_leaves_takes_only_its_own(first: Any, second: Any) -> None:
    empty = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}}
    live = apply(apply(apply(None, first, "a"), second, "b"), empty, "a")
    assert {name: image for name, (image, _) in content(live)["containers"].items()} == {
        name: image for name, (image, _) in content(second)["containers"].items()
    }


def _full(pod: Any) -> Any:
    """A configuration without empty lists and maps: two appliers would share those."""
    metadata = {name: value for name, value in pod["metadata"].items() if value}
    containers = [{name: value for name, value in each.items() if value} for each in pod["spec"]["containers"]]
    return {**pod, "metadata": metadata, "spec": {"containers": containers} if containers else {"hostname": "x"}}


def _renamed(pod: Any) -> Any:
    """A configuration that shares no field with what :func:`pods` draws."""
    metadata = {**pod["metadata"], "labels": {f"o{key}": value for key, value in pod["metadata"]["labels"].items()}}
    if "finalizers" in metadata:
        metadata["finalizers"] = [f"o{each}" for each in metadata["finalizers"]]
    containers = [{**each, "name": f"o{each['name']}"} for each in pod["spec"]["containers"]]
    return _full({**pod, "metadata": metadata, "spec": {"containers": containers}})


@given(pods().map(_full), pods().map(_renamed).filter(lambda pod: pod["spec"].get("containers")))
@settings(max_examples=50, deadline=None)
def test_appliers_of_disjoint_fields_may_come_in_any_order(first: Any, second: Any) -> None:
    def patch(live: Any, config: Any, manager: str) -> Any:
        return apply_patch(live, config, schema=SCHEMA, manager=manager, force=False, now=NOW)

    one = patch(patch(None, first, "a"), second, "b")
    other = patch(patch(None, second, "b"), first, "a")
    assert content(one) == content(other)
    assert one["metadata"].get("managedFields") == other["metadata"].get("managedFields")


TRIES: Any = st.recursive(
    st.just({}),
    lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "f:c", "."]), inner, max_size=3),
    max_leaves=8,
)


def trie(raw: Any) -> Any:
    """A well-formed set: the root is no member, a self entry has nothing below it."""
    return {key: node(value) for key, value in raw.items() if key != "."}


def node(raw: Any) -> Any:
    children = {key: node(value) for key, value in raw.items() if key != "."}
    return {".": {}, **children} if "." in raw and children else children


@given(TRIES.map(trie), TRIES.map(trie))
@settings(max_examples=100, deadline=None)
def test_sets_behave_as_sets_of_paths(a: Any, b: Any) -> None:
    left, right = set(paths(a)), set(paths(b))
    assert set(paths(union(a, b))) == left | right
    assert set(paths(intersection(a, b))) == left & right
    assert set(paths(difference(a, b))) == left - right
    assert set(paths(ordered(a))) == left
