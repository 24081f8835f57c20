"""Sequences of applies and updates over a small schema that has every topology.

The cases are those of structured-merge-diff's merge tests, told anew: who owns what, what an omission takes away, who
conflicts with whom.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from fluxkit.sandbox.apply.fieldset import from_paths, path_text
from fluxkit.sandbox.apply.managers import ManagerId
from fluxkit.sandbox.apply.typed import TypedError, problems
from fluxkit.sandbox.apply.updater import Conflicts, Sets, applied, updated
from fluxkit.schema import SchemaNode, from_crd_schema

STRING = {"type": "string"}
SCHEMA = from_crd_schema(
    {
        "type": "object",
        "properties": {
            "name": STRING,
            "size": {"type": "integer"},
            "struct": {"type": "object", "properties": {"a": STRING, "b": STRING}},
            "labels": {"type": "object", "additionalProperties": STRING},
            "selector": {"type": "object", "additionalProperties": STRING, "x-kubernetes-map-type": "atomic"},
            "args": {"type": "array", "items": STRING},
            "tags": {"type": "array", "items": STRING, "x-kubernetes-list-type": "set"},
            "items": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "properties": {
                        "name": STRING,
                        "value": STRING,
                        "extra": STRING,
                        "sub": {"type": "array", "items": STRING, "x-kubernetes-list-type": "set"},
                    },
                },
            },
            "ports": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["port", "protocol"],
                "items": {
                    "type": "object",
                    "properties": {
                        "port": {"type": "integer"},
                        "protocol": {"type": "string", "default": "TCP"},
                        "note": STRING,
                    },
                },
            },
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    },
    root=False,
)


@dataclass
class World:
    """An object and its managers; every step is checked as the API server would."""

    schema: SchemaNode | None = SCHEMA
    live: dict[str, Any] = field(default_factory=dict)
    sets: Sets = field(default_factory=dict)

    def apply(self, manager: str, config: dict[str, Any], *, force: bool = False) -> "World":
        assert problems(self.schema, config) == []
        who = ManagerId(manager, "Apply")
        new, self.sets = applied(self.schema, self.live, config, "v1", self.sets, who, {}, force=force)
        self.live = self.live if new is None else new
        return self

    def update(self, manager: str, new: dict[str, Any]) -> "World":
        self.sets = updated(self.schema, self.live, new, "v1", self.sets, ManagerId(manager, "Update", "v1"), {})
        self.live = new
        return self

    def owned(self, manager: str) -> Any:
        found = [owned.fields for identity, owned in self.sets.items() if identity.manager == manager]
        return found[0] if found else None

    def conflicts(self, manager: str, config: dict[str, Any]) -> list[str]:
        with pytest.raises(Conflicts) as raised:
            self.apply(manager, config)
        return [f"{each.manager.manager}: {path_text(each.path)}" for each in raised.value.conflicts]


def paths(*given: str) -> Any:
    """``a b`` is the path f:a, f:b; words that begin with k:, v: or i: stand as they are."""
    return from_paths(
        [tuple(word if word[:2] in ("k:", "v:", "i:") else "f:" + word for word in path.split()) for path in given]
    )


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


# What is owned


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        pytest.param({"name": "a", "size": 1}, paths("name", "size"), id="scalars"),
        pytest.param({"struct": {"a": "1"}}, paths("struct a"), id="struct"),
        pytest.param({"struct": {}}, paths("struct"), id="empty-struct"),
        pytest.param({"struct": None}, paths("struct"), id="null"),
        pytest.param({"labels": {"x": "1"}}, paths("labels x"), id="map"),
        pytest.param({"selector": {"x": "1"}}, paths("selector"), id="atomic-map"),
        pytest.param({"args": ["x"]}, paths("args"), id="atomic-list"),
        pytest.param({"args": []}, paths("args"), id="empty-atomic-list"),
        pytest.param({"tags": ["x", "y"]}, paths('tags v:"x"', 'tags v:"y"'), id="set"),
        pytest.param({"tags": []}, {}, id="empty-set"),
        pytest.param(
            {"items": [item("a", value="1")]},
            paths('items k:{"name":"a"}', 'items k:{"name":"a"} name', 'items k:{"name":"a"} value'),
            id="list-of-maps",
        ),
        pytest.param(
            {"ports": [{"port": 80}]},
            paths('ports k:{"port":80,"protocol":"TCP"}', 'ports k:{"port":80,"protocol":"TCP"} port'),
            id="defaulted-key",
        ),
        pytest.param(
            {"free": {"x": {"y": [1]}}}, paths("free x", "free x y"), id="undeclared-fields-are-members-all-the-way"
        ),
    ],
)
def test_an_applier_owns_what_it_states(config: dict[str, Any], wanted: Any) -> None:
    assert World().apply("m", config).owned("m") == (wanted or None)


# Taking away by omission


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        pytest.param({"name": "a", "size": 1}, {"name": "a"}, {"name": "a"}, id="scalar"),
        pytest.param(
            {"struct": {"a": "1", "b": "2"}}, {"struct": {"a": "1"}}, {"struct": {"a": "1"}}, id="struct-field"
        ),
        pytest.param({"struct": {"a": "1"}, "name": "n"}, {"name": "n"}, {"name": "n"}, id="whole-struct"),
        pytest.param({"labels": {"x": "1", "y": "2"}}, {"labels": {"y": "2"}}, {"labels": {"y": "2"}}, id="map-key"),
        pytest.param(
            {"tags": ["a", "b", "c"]}, {"tags": ["c", "a"]}, {"tags": ["c", "a"]}, id="set-members-in-new-order"
        ),
        pytest.param({"items": [item("a"), item("b")]}, {"items": [item("b")]}, {"items": [item("b")]}, id="item"),
        pytest.param(
            {"items": [item("a", value="1", extra="2")]},
            {"items": [item("a")]},
            {"items": [item("a")]},
            id="item-field",
        ),
        pytest.param({"args": ["a", "b"]}, {"args": ["b"]}, {"args": ["b"]}, id="atomic-list-is-replaced"),
        pytest.param({"selector": {"a": "1"}}, {"selector": {"b": "1"}}, {"selector": {"b": "1"}}, id="atomic-map"),
        pytest.param({"free": {"a": 1, "b": 2}}, {"free": {"b": 2}}, {"free": {"b": 2}}, id="undeclared"),
        pytest.param({"items": [item("a")]}, {}, {}, id="everything"),
    ],
)
def test_omission_removes_what_only_the_applier_owned(first: Any, second: Any, wanted: Any) -> None:
    world = World().apply("m", first).apply("m", second)
    assert world.live == wanted
    assert world.owned("m") == (World().apply("m", second).owned("m"))


def test_what_another_applier_owns_too_stays() -> None:
    world = World().apply("one", {"name": "x", "tags": ["a", "b"]}).apply("two", {"name": "x", "tags": ["b", "c"]})
    world.apply("one", {})
    assert world.live == {"name": "x", "tags": ["b", "c"]}
    assert world.owned("one") is None


def test_an_updater_of_a_field_does_not_keep_the_item_of_an_applier() -> None:
    world = World().apply("one", {"items": [item("a"), item("b")]})
    world.update("two", {"items": [item("a", value="set"), item("b")]})
    world.apply("one", {"items": [item("b")]})
    assert world.live == {"items": [item("b")]}
    assert world.owned("two") is None


def test_fields_that_nobody_owns_in_a_removed_item_go_with_it() -> None:
    world = World().apply("one", {"items": [item("a"), item("b")]})
    world.live = {"items": [item("a", value="defaulted"), item("b")]}
    world.apply("one", {"items": [item("b")]})
    assert world.live == {"items": [item("b")]}


def test_fields_that_nobody_owns_in_a_removed_struct_go_with_it() -> None:
    world = World().apply("one", {"struct": {"a": "1"}, "name": "n"})
    world.live = {"struct": {"a": "1", "b": "defaulted"}, "name": "n", "size": 3}
    world.apply("one", {"name": "n"})
    assert world.live == {"name": "n", "size": 3}


def test_fields_that_nobody_owns_beside_a_removed_one_stay() -> None:
    world = World().apply("one", {"struct": {"a": "1", "b": "2"}})
    world.live = {"struct": {"a": "1", "b": "2"}, "labels": {"x": "defaulted"}}
    world.apply("one", {"struct": {"a": "1"}})
    assert world.live == {"struct": {"a": "1"}, "labels": {"x": "defaulted"}}


def test_an_item_that_others_only_added_a_field_to_keeps_that_field() -> None:
    world = World().apply("one", {"items": [item("a", value="1")]}).apply("two", {"items": [item("a", extra="2")]})
    world.apply("one", {})
    assert world.live == {"items": [item("a", extra="2")]}


# Order


@pytest.mark.parametrize(
    ("live", "applied_items", "wanted"),
    [
        ("abc", "cb", "acb"),
        ("ab", "cd", "abcd"),
        ("abcd", "bxd", "abcxd"),
        ("abcd", "db", "acdb"),
        ("", "ba", "ba"),
        ("abc", "xa", "xabc"),
    ],
)
def test_items_take_the_order_of_the_configuration_around_those_of_others(
    live: str, applied_items: str, wanted: str
) -> None:
    world = World().update("other", {"items": [item(each) for each in live]})
    world.apply("m", {"items": [item(each) for each in applied_items]})
    assert "".join(each["name"] for each in world.live["items"]) == wanted


# Conflicts


def test_changing_what_another_owns_conflicts() -> None:
    world = World().apply("one", {"name": "a", "labels": {"x": "1"}, "items": [item("i", value="1")]})
    config = {"name": "b", "labels": {"x": "2", "y": "1"}, "items": [item("i", value="2")]}
    assert world.conflicts("two", config) == ["one: .name", 'one: .items[name="i"].value', "one: .labels.x"]
    assert world.live["name"] == "a"


def test_stating_the_same_is_no_conflict_and_shares_ownership() -> None:
    world = World().apply("one", {"name": "a", "args": ["x"]}).apply("two", {"name": "a", "args": ["x"]})
    assert world.owned("one") == world.owned("two") == paths("name", "args")


def test_an_atomic_list_conflicts_as_a_whole() -> None:
    world = World().update("one", {"args": ["a"]})
    assert world.conflicts("two", {"args": ["a", "b"]}) == ["one: .args"]


def test_a_different_port_is_a_different_item() -> None:
    world = World().apply("one", {"ports": [{"port": 80}]}).apply("two", {"ports": [{"port": 80, "protocol": "UDP"}]})
    assert world.live == {"ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}]}
    world.apply("three", {"ports": [{"port": 80, "protocol": "TCP"}]})
    assert world.live == {"ports": [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}]}


def test_forcing_takes_the_fields_over() -> None:
    world = World().apply("one", {"name": "a", "size": 1}).apply("two", {"name": "b"}, force=True)
    assert world.live == {"name": "b", "size": 1}
    assert (world.owned("one"), world.owned("two")) == (paths("size"), paths("name"))


def test_updates_never_conflict_and_take_what_they_change() -> None:
    world = World().apply("one", {"name": "a", "size": 1, "tags": ["x"]})
    world.update("two", {"name": "b", "size": 1, "tags": ["y"]})
    assert world.owned("one") == paths("size")
    assert world.owned("two") == paths("name", 'tags v:"y"')


def test_an_update_that_changes_nothing_owns_nothing() -> None:
    world = World().apply("one", {"name": "a"}).update("two", {"name": "a"})
    assert world.owned("two") is None


def test_removing_by_update_ends_everybodys_ownership() -> None:
    world = World().apply("one", {"name": "a", "items": [item("x", value="1")]}).update("two", {"name": "a"})
    assert world.owned("one") == paths("name")


def test_null_in_an_update_against_a_value_changes_its_items() -> None:
    world = World().update("one", {"labels": {"a": "1"}}).update("two", {"labels": None})
    assert world.owned("one") == paths("labels")


# Schemaless


def test_without_a_schema_maps_merge_and_lists_are_whole() -> None:
    world = World(schema=None).apply("one", {"spec": {"a": 1, "list": [1, 2]}}).apply("two", {"spec": {"b": 2}})
    assert world.live == {"spec": {"a": 1, "list": [1, 2], "b": 2}}
    assert world.conflicts("two", {"spec": {"b": 2, "list": [1]}}) == ["one: .spec.list"]


def test_a_value_may_change_its_kind() -> None:
    world = World(schema=None).apply("one", {"a": {"b": 1}}).apply("one", {"a": [1]})
    assert world.live == {"a": [1]}
    assert world.apply("one", {"a": "text"}).live == {"a": "text"}


def test_true_is_not_one() -> None:
    world = World(schema=None).apply("one", {"a": 1}).apply("one", {"a": True})
    assert world.live == {"a": True}
    assert world.live["a"] is True


# Duplicates that got in by update


def test_an_item_that_is_there_twice_is_owned_whole() -> None:
    twice = {"items": [item("a", value="1"), item("a", value="2")]}
    world = World().update("one", twice)
    assert world.owned("one") == paths("items", 'items k:{"name":"a"}')
    world.apply("two", {"items": [item("a", value="3")]}, force=True)
    assert world.live == {"items": [item("a", value="3")]}


def test_duplicates_may_not_be_applied() -> None:
    assert problems(SCHEMA, {"items": [item("a"), item("a")]}) == ['.items: duplicate entries for key [name="a"]']
    assert problems(SCHEMA, {"tags": ["a", "a"]}) == ['.tags: duplicate entries for key [="a"]']


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"nope": 1}, ".nope: field not declared in schema"),
        ({"name": 1}, ".name: expected string, got &value.valueUnstructured{Value:1}"),
        ({"size": "1"}, ".size: expected numeric (int or float), got string"),
        ({"struct": "x"}, '.struct: expected map, got "x"'),
        ({"items": {}}, ".items: expected list, got &{map[]}"),
        (
            {"items": [{"value": "1"}]},
            '.items: element 0: associative list with keys has an element that omits all key fields ["name"] '
            "(and doesn't have default values for any key fields)",
        ),
        ({"items": [item("a", nope=1)]}, '.items[name="a"].nope: field not declared in schema'),
    ],
)
def test_configurations_that_do_not_fit(config: dict[str, Any], text: str) -> None:
    assert problems(SCHEMA, config) == [text]


def test_several_problems_are_listed() -> None:
    assert str(TypedError([".a: x", ".b: y"])) == "errors:\n  .a: x\n  .b: y"
