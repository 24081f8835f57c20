"""Label selectors: the grammar of kubernetes/apimachinery pkg/labels."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxkit.kube.selectors import Requirement, Selector, SelectorError, parse_selector, selector_from_object

LABELS = {"app": "web", "tier": "1", "example.com/team": "a", "empty": ""}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        (" app = web , tier = 1 ", True),
        ("app=db", False),
        ("app!=db", True),
        ("app!=web", False),
        ("absent!=x", True),
        ("app in (db, web)", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("app notin (web,db)", False),
        ("absent notin (x)", True),
        ("app", True),
        ("absent", False),
        ("!absent", True),
        ("! app", False),
        ("tier>0", True),
        ("tier > 1", False),
        ("tier<2", True),
        ("app>1", False),
        ("example.com/team=a,app", True),
        ("empty=", True),
        ("empty", True),
        ("app=", False),
        ("empty in (,x)", True),
        ("app=web,tier=2", False),
        ("in=web", False),
    ],
)
def test_matching(text: str, selected: bool) -> None:
    selector = parse_selector(text)
    assert selector.matches(LABELS) is selected
    assert parse_selector(str(selector)) == selector


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app=web,", "after ','"),
        ("=web", "expected a label key, found '='"),
        ("app web", "expected one of"),
        ("app in web", "expected '(', found 'web'"),
        ("app in (web", "expected ')', found the end"),
        ("app=web tier=1", "expected ',', found 'tier'"),
        ("app>x", '"x" must be an integer'),
        ("a/b/c=d", '"a/b/c" is not a valid label key'),
        ("-a=b", '"-a" is not a valid label key'),
        ("a=b_", '"b_" is not a valid label value'),
        ("a=" + "b" * 64, "is not a valid label value"),
        ("!", "expected a label key, found the end"),
    ],
)
def test_what_is_no_selector(text: str, expected: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_selector(text)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (None, ""),
        ({}, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        (
            {
                "matchExpressions": [
                    {"key": "a", "operator": "In", "values": ["y", "x"]},
                    {"key": "b", "operator": "NotIn", "values": ["z"]},
                    {"key": "c", "operator": "Exists"},
                    {"key": "d", "operator": "DoesNotExist"},
                ]
            },
            "a in (x,y),b notin (z),c,!d",
        ),
    ],
)
def test_the_object_form(selector: dict[str, Any] | None, text: str) -> None:
    assert str(selector_from_object(selector)) == text


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "a", "operator": "Like"}, 'matchExpressions[0].operator: "Like" is not a valid operator'),
        ({"key": "a", "operator": "In", "values": []}, 'values of "a" must not be empty'),
        ({"key": "a", "operator": "Exists", "values": ["x"]}, 'values of "a" must be empty'),
        ({"key": "", "operator": "Exists"}, '"" is not a valid label key'),
    ],
)
def test_what_is_no_object_form(expression: dict[str, Any], expected: str) -> None:
    with pytest.raises(SelectorError) as caught:
        selector_from_object({"matchExpressions": [expression]})
    assert expected in str(caught.value)


names = st.from_regex(r"\A[a-z]([a-z0-9]{0,8}[a-z0-9])?\Z")


@given(
    st.lists(
        st.tuples(names, st.sampled_from(["=", "!=", "in", "notin", "exists", "!"]), st.frozensets(names, min_size=1))
    )
)
def test_text_and_value_say_the_same(parts: list[tuple[str, Any, frozenset[str]]]) -> None:
    requirements = []
    for key, operator, values in parts:
        kept = frozenset() if operator in ("exists", "!") else values
        if operator in ("=", "!="):
            kept = frozenset(sorted(values)[:1])
        requirements.append(Requirement(key, operator, kept))
    selector = Selector(tuple(requirements))
    assert parse_selector(str(selector)) == selector
