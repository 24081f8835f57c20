"""``--set`` and its siblings against what Helm did, and the promises of the grammar."""

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxkit.helm.values import (
    SetError,
    parse_set,
    parse_set_file,
    parse_set_json,
    parse_set_literal,
    parse_set_string,
)
from fluxkit.template.values import Int64
from tests.helm.recorded import as_floats, as_recorded, cases

PARSERS: dict[str, Callable[[str, dict[str, Any]], None]] = {
    "set": parse_set,
    "set-string": parse_set_string,
    "set-json": parse_set_json,
    "set-literal": parse_set_literal,
    "set-file": lambda text, into: parse_set_file(text, into, lambda path: f"<{path}>"),
}


@pytest.mark.contract("HLM-550", "HLM-551", "HLM-552", "HLM-553")
def test_values_are_set_as_helm_sets_them() -> None:
    wrong = []
    for case in cases("set"):
        into = copy.deepcopy(case["into"])
        error = ""
        try:
            PARSERS[case["flag"]](case["text"], into)
        except SetError as problem:
            error = str(problem)
        # What JSON parsers say differs in places; that they refuse does not.
        same_error = error == case["error"] or (case["flag"] == "set-json" and bool(error) == bool(case["error"]))
        if not same_error or as_recorded(into) != as_floats(case["result"]):
            wrong.append((case["flag"], case["text"], case["error"], error))
    assert wrong == []


@pytest.mark.contract("HLM-551", "HLM-553", "TPL-002")
def test_only_decimal_integers_are_numbers() -> None:
    into: dict[str, Any] = {}
    parse_set("a=5,b=007,c=1.5,d=TRUE,e=null,f=0,g=-3,h=9223372036854775808", into)
    assert into == {"a": 5, "b": "007", "c": "1.5", "d": True, "e": None, "f": 0, "g": -3, "h": "9223372036854775808"}
    assert type(into["a"]) is Int64
    assert type(into["f"]) is Int64


@pytest.mark.contract("HLM-550")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a[65537]=1", "index of 65537 is greater than maximum supported index of 65536"),
        ("a[-1]=1", "negative -1 index not allowed"),
        (".".join("a" * 32) + "=1", "value name nested level is greater than maximum supported nested level of 30"),
        ("a[0]" * 300 + "=1", "unexpected data at end of array index: ['a']"),
        ("a" + "[0]" * 300 + "=1", "value is nested deeper than 250 levels"),
        ("a" + "[0].a" * 300 + "=1", "value is nested deeper than 250 levels"),
    ],
)
def test_nesting_and_indexes_are_bounded(text: str, message: str) -> None:
    with pytest.raises(SetError) as caught:
        parse_set(text, {})
    assert str(caught.value) == message


def test_json_that_nests_without_end_is_refused() -> None:
    for text in ("a=" + "[" * 100_000, "a=" + "[" * 400 + "]" * 400):
        with pytest.raises(SetError):
            parse_set_json(text, {})


@pytest.mark.contract("HLM-113")
def test_a_long_enough_list_is_changed_in_place_and_a_short_one_replaced() -> None:
    shared: list[Any] = ["p", "q"]
    into: dict[str, Any] = {"l": shared}
    parse_set("l[0]=x", into)
    assert shared == ["x", "q"]
    parse_set("l[2]=y", into)
    assert shared == ["x", "q"]
    assert into["l"] == ["x", "q", "y"]


@pytest.mark.contract("HLM-108")
def test_a_literal_takes_everything_behind_the_first_equals_sign() -> None:
    into: dict[str, Any] = {}
    parse_set_literal("a.b=c,d=[e],\\f", into)
    assert into == {"a": {"b": "c,d=[e],\\f"}}


KEYS = st.text(st.sampled_from('ab.=[],{}\\01"é\ud800 '), max_size=40)


@given(KEYS, st.sampled_from(sorted(PARSERS)))
def test_any_text_is_set_or_refused(text: str, flag: str) -> None:
    into: dict[str, Any] = {"a": [1.0, {"b": "c"}], "b": None}
    with suppress(SetError):
        PARSERS[flag](text, into)
    assert set(map(type, into)) == {str}
