"""Label selectors: the grammar of kubernetes/apimachinery pkg/labels."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxkit.selectors import Requirement, Selector, SelectorError, parse_selector, selector_from_object

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


QUALIFIED = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app=web,", "found '', expected: identifier after ','"),
        ("=web", "found '=', expected: !, identifier, or 'end of string'"),
        ("app web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("app in (web", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("app in (a b)", "unable to parse requirement: found 'b', expected: ',' or ')'"),
        ("app in (a,=)", "unable to parse requirement: found '=', expected: ',', or identifier"),
        ("app in (=)", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
        ("app==!", "unable to parse requirement: found '!', expected: identifier"),
        ("app=web tier=1", "found 'tier', expected: ',' or 'end of string'"),
        ("!app in (a)", "found 'in', expected: ',' or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        (
            "app>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be "
            "an integer",
        ),
        (
            "a/b/c=d",
            f'unable to parse requirement: <nil>: Invalid value: "a/b/c": a valid label key {QUALIFIED} '
            "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        ),
        ("-a=b", f'unable to parse requirement: <nil>: Invalid value: "-a": name part {QUALIFIED}'),
        (
            "a=" + "b" * 64,
            f'unable to parse requirement: values[0][a]: Invalid value: "{"b" * 64}": must be no more than 63 bytes',
        ),
    ],
)
def test_what_is_no_selector(text: str, expected: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_selector(text)
    assert str(caught.value) == expected


def test_keywords_may_be_keys_and_values() -> None:
    selector = parse_selector("in in (in, notin), notin=in")
    assert selector.matches({"in": "notin", "notin": "in"})
    assert not selector.matches({"in": "notin", "notin": "x"})


def test_all_values_that_are_wrong_are_told() -> None:
    with pytest.raises(SelectorError) as caught:
        parse_selector("a in (_, ok, -)")
    assert str(caught.value).startswith('unable to parse requirement: [values[0][a]: Invalid value: "-": a valid label')
    assert ', values[1][a]: Invalid value: "_": a valid label' in str(caught.value)


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
        ({"key": "a", "operator": "Like"}, '"Like" is not a valid label selector operator'),
        ({"key": "a", "operator": "In", "values": []}, "values: Invalid value: []: for 'in', 'notin' operators"),
        (
            {"key": "a", "operator": "Exists", "values": ["x"]},
            'values: Invalid value: ["x"]: values set must be empty for exists and does not exist',
        ),
        ({"key": "", "operator": "Exists"}, 'key: Invalid value: "": name part must be non-empty'),
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
    selector = Selector(tuple(sorted(requirements, key=lambda requirement: requirement.key)))
    assert parse_selector(str(selector)) == selector
