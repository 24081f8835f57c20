"""A hostile template costs an error: never memory without bound, time without bound, or the process."""

import pytest

from fluxkit.template import Budget, ExecError, LimitError, Limits, ParseError, Template, function
from fluxkit.template.fmt import sprintf

SMALL = Limits(steps=10_000, output=10_000, depth=50)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ range 1000000000 }}{{ end }}", "exceeds the limit of 10000 steps"),
        ("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}", "exceeds the limit of 10000 steps"),
        ("{{ range 1000 }}" + "x" * 100 + "{{ end }}", "exceeds the limit of 10000 characters"),
        ('{{ printf "%20000d" 1 }}', "exceeds the limit of 10000 characters"),
        ('{{ define "a" }}{{ template "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "template depth (50)"),
    ],
)
@pytest.mark.contract("TPL-350")
def test_limits(text: str, problem: str) -> None:
    with pytest.raises((LimitError, ExecError)) as caught:
        Template("t", limits=SMALL).parse(text).execute(None)
    assert problem in str(caught.value)


@pytest.mark.contract("TPL-350")
def test_nested_executions_share_one_budget() -> None:
    main = Template("t", limits=SMALL)
    budget = Budget(SMALL)

    @function("string")
    def include(name: str) -> str:
        return main.execute_template(name, None, budget=budget)

    main.funcs({"include": include}).parse(
        '{{ define "a" }}x{{ include "a" }}{{ end }}{{ range 100000 }}{{ include "b" }}{{ end }}'
    )
    main.new("b").parse("{{ range 90 }}{{ end }}")
    with pytest.raises(LimitError, match="steps"):
        main.execute(None, budget=budget)


@pytest.mark.contract("TPL-350")
def test_a_text_that_doubles_is_stopped() -> None:
    text = '{{ $x := "xxxxxxxxxxxxxxxx" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}'
    with pytest.raises(LimitError, match="printing would take more than"):
        Template("t").parse(text).execute(None)


@pytest.mark.contract("TPL-350")
def test_printf_of_many_wide_fields_is_stopped() -> None:
    with pytest.raises(LimitError, match="printing would take more than"):
        sprintf("%1000000d" * 400, *range(400))


@pytest.mark.contract("TPL-350")
def test_a_value_that_contains_itself_is_not_printed_for_ever() -> None:
    loop: dict[str, object] = {}
    loop["a"] = loop["b"] = loop
    with pytest.raises(LimitError, match="contains itself"):
        Template("t").parse("{{ . }}").execute(loop)


@pytest.mark.contract("TPL-084")
def test_templates_nest_as_deeply_as_in_go() -> None:
    main = Template("t").parse('{{ define "for ever" }}{{ template "for ever" . }}{{ end }}{{ template "for ever" . }}')
    with pytest.raises(ExecError, match=r"exceeded maximum template depth \(100000\)"):
        main.execute(None)


@pytest.mark.parametrize(
    "opening", ["{{ " + "(" * 20_000, "{{ if 1 }}" * 20_000, "{{ if 1 }}{{ else if 2 }}" + "{{ else if 1 }}" * 20_000]
)
def test_nesting_of_the_text_itself_is_bounded(opening: str) -> None:
    with pytest.raises(ParseError, match="depth exceeded"):
        Template("t").parse(opening)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{{ " + "(" * 900 + "1" + ")" * 900 + " }}", "1"),
        ("{{ if 1 }}" * 900 + "x" + "{{ end }}" * 900, "x"),
        ("{{ range 1 }}" * 900 + "x" + "{{ end }}" * 900, "x"),
        ("{{ " + "(not " * 900 + "true" + ")" * 900 + " }}", "true"),
    ],
)
def test_deep_nesting_works(text: str, output: str) -> None:
    assert Template("t").parse(text).execute(None) == output


def test_errors_far_down_name_their_place() -> None:
    with pytest.raises(ExecError, match="at <true>: can't evaluate field x in type bool"):
        Template("t").parse("{{ " + "(not " * 900 + "true" + ").x" * 900 + " }}").execute(None)
