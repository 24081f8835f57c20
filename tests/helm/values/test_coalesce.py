"""Coalescing and the choice of subcharts, against what Helm did, and the rules one by one."""

import copy
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxkit.helm.chart import Chart, File, Metadata, load_files
from fluxkit.helm.dependencies import DependencyError, process
from fluxkit.helm.errors import ValuesError
from fluxkit.helm.values import coalesce_values, merge_values
from tests.helm.recorded import as_floats, as_recorded, cases


def chart(name: str, values: dict[str, Any] | None = None, *below: Chart) -> Chart:
    made = Chart(Metadata(name=name, version="1.0.0", api_version="v2"), values=as_floats(values or {}))
    made.set_dependencies(list(below))
    return made


def tree(of: Chart) -> list[Any]:
    return [of.full_path(), sorted((tree(below) for below in of.dependencies), key=lambda each: str(each[0]))]


@pytest.mark.contract("HLM-525", "HLM-526", "HLM-527", "HLM-528", "HLM-529", "HLM-530", "HLM-532", "HLM-534")
def test_subcharts_and_values_are_helms(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    wrong = []
    for case in cases("dependencies"):
        loaded = load_files(File(name, text.encode()) for name, text in sorted(case["files"].items()))
        given_values = as_floats(case["given"])
        before = tree(loaded), copy.deepcopy(given_values)
        processed = process(loaded, given_values)
        values = coalesce_values(processed, given_values)
        assert (tree(loaded), given_values) == before
        if tree(processed) != case["charts"] or as_recorded(values) != case["values"]:
            wrong.append(case["files"]["Chart.yaml"])
    assert wrong == []


@pytest.mark.contract("HLM-530", "HLM-534")
def test_users_win_over_parents_over_children_and_globals_go_down() -> None:
    top = chart(
        "top", {"sub": {"a": 2, "list": [1]}, "global": {"g": {"x": 1}}}, chart("sub", {"a": 1, "b": 1, "list": [0, 0]})
    )
    values = coalesce_values(top, {"sub": {"b": 9.0}})
    assert values == {
        "global": {"g": {"x": 1.0}},
        "sub": {"a": 2.0, "b": 9.0, "list": [1.0], "global": {"g": {"x": 1.0}}},
    }


@pytest.mark.contract("HLM-532")
def test_null_takes_a_default_away_and_stays_where_there_is_none() -> None:
    top = chart("top", {"a": 1, "b": {"c": 1, "d": 2}, "n": None}, chart("sub", {"x": 1}))
    values = coalesce_values(top, {"a": None, "b": {"c": None}, "new": None, "sub": {"x": None}})
    assert values == {"b": {"d": 2.0}, "new": None, "sub": {"global": {}}}
    kept = merge_values(top, {"a": None})
    assert kept["a"] is None
    assert kept["n"] is None


@pytest.mark.contract("HLM-531")
def test_a_table_is_not_overwritten_by_something_else(caplog: pytest.LogCaptureFixture) -> None:
    top = chart("top", {"a": {"b": 1}, "c": 1, "d": {"e": {"f": 1}}})
    values = coalesce_values(top, {"a": 5.0, "c": {"x": 1.0}, "d": {"e": 5.0}})
    assert values == {"a": 5.0, "c": {"x": 1.0}, "d": {"e": 5.0}}
    assert caplog.messages == [
        "warning: skipped value for top.c: Not a table.",
        "warning: cannot overwrite table with non table for top.d.e (map[f:1])",
    ]


@pytest.mark.contract("HLM-530")
def test_a_subchart_gets_a_table_or_nothing() -> None:
    top = chart("top", {}, chart("sub"))
    with pytest.raises(ValuesError) as caught:
        coalesce_values(top, {"sub": "x"})
    assert str(caught.value) == "type mismatch on sub: %!t(string=x)"


def declaring(*dependencies: str, values: str = "", charts: tuple[str, ...] = ("sub",)) -> Chart:
    files = {"Chart.yaml": "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n" + "".join(dependencies)}
    files["values.yaml"] = values
    for name in charts:
        files[f"charts/{name}/Chart.yaml"] = f"apiVersion: v2\nname: {name}\nversion: 1.2.3\n"
        files[f"charts/{name}/values.yaml"] = "exports: {data: {e: 1}}\nx: {z: 1}\n"
    return load_files(File(name, text.encode()) for name, text in files.items())


@pytest.mark.contract("HLM-527")
@pytest.mark.parametrize(
    ("given_values", "enabled"),
    [
        ({}, True),
        ({"tags": {"t": False}}, False),
        ({"tags": {"t": False, "u": True}}, True),
        ({"tags": {"t": False}, "sub": {"enabled": True}}, True),
        ({"first": False, "sub": {"enabled": True}}, False),
        ({"first": "x", "sub": {"enabled": False}}, False),
    ],
)
def test_tags_and_conditions(given_values: dict[str, Any], enabled: bool) -> None:
    top = declaring("- {name: sub, version: '*', tags: [t, u], condition: 'first,sub.enabled'}\n")
    assert [each.name for each in process(top, given_values).dependencies] == (["sub"] if enabled else [])


@pytest.mark.contract("HLM-525", "HLM-526")
def test_aliases_multiply_a_chart_and_versions_choose() -> None:
    top = declaring(
        "- {name: sub, version: '>=1.0.0', alias: one}\n",
        "- {name: sub, version: 1.x.x, alias: two}\n",
        "- {name: absent, version: '*'}\n",
        charts=("sub", "loose"),
    )
    paths = [each.full_path() for each in process(top, {}).dependencies]
    assert paths == ["top/charts/loose", "top/charts/one", "top/charts/two"]


@pytest.mark.contract("HLM-529")
def test_what_is_imported_is_weaker_than_the_parents_own() -> None:
    top = declaring(
        "- {name: sub, version: '*', import-values: [data, {child: x, parent: here}]}\n", values="here: {z: 9}\n"
    )
    values = coalesce_values(process(top, {}), {})
    assert values["e"] == 1.0
    assert values["here"] == {"z": 9.0}


def test_a_value_for_a_subchart_that_is_no_table_is_told() -> None:
    top = declaring("- {name: sub, version: '*'}\n")
    with pytest.raises(DependencyError, match="type mismatch on sub"):
        process(top, {"sub": 5.0})


SCALARS = st.none() | st.booleans() | st.integers(0, 3).map(float) | st.sampled_from(["", "x"])
TABLES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), SCALARS, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "sub"]), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(TABLES, TABLES, TABLES)
def test_coalescing_again_without_nulls_changes_nothing(own: dict[str, Any], below: dict[str, Any], user: Any) -> None:
    top = chart("top", own, chart("sub", below))
    before = copy.deepcopy(user)
    try:
        once = coalesce_values(top, user)
    except ValuesError:
        return
    assert user == before
    if not any(map(holds_null, (own, below, user))):
        assert coalesce_values(top, once) == once


def holds_null(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and any(map(holds_null, value.values())))
