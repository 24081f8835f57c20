"""Whatever the text: parsing and executing give a result or a template error, and positions lie within the text."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxkit.template import Limits, ParseError, Template, TemplateError
from fluxkit.template.floats import format_float, shortest
from fluxkit.template.fmt import sprintf
from fluxkit.template.lexer import Kind, tokenize
from fluxkit.template.quoting import quote, unquote

PIECES = [
    *("{{", "}}", "{{-", "-}}", "{{ ", " }}", "{{- ", " -}}", "/*", "*/", " ", "\n", "\t", "x", "é", "\udcff", "²"),
    *(".a", ".", "$", "$x", "$x := ", "$x = ", "$i, $x := ", ":=", "=", ",", "|", " | ", "(", ")", '"', "`", "'", "\\"),
    *(
        "if ",
        "else ",
        "else if ",
        "with ",
        "range ",
        "end",
        "break",
        "continue",
        "define ",
        "template ",
        "block ",
        "nil",
    ),
    *(
        "true",
        '"t"',
        "`r`",
        "'c'",
        "1",
        "-3",
        "0x",
        "1e",
        "1_0",
        "2i",
        "1.5",
        "9" * 30,
        "printf ",
        "len ",
        "eq ",
        "index ",
    ),
]
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abé"), inner, max_size=3),
    max_leaves=8,
)
formats = st.lists(
    st.sampled_from(
        [
            "%",
            "v",
            "d",
            "s",
            "q",
            "x",
            "f",
            "g",
            "T",
            "p",
            "0",
            "5",
            "9",
            ".",
            "*",
            "[1]",
            "[",
            "]",
            "#",
            "+",
            "-",
            " ",
            "é",
        ]
    ),
    max_size=12,
).map("".join)
LIMITS = Limits(steps=2_000, output=100_000, depth=30)


@given(texts)
@settings(max_examples=400, deadline=None)
def test_tokens_lie_in_the_text(text: str) -> None:
    tokens = tokenize(text)
    assert tokens[-1].kind is Kind.EOF
    position = 0
    for token in tokens[:-1]:
        assert position <= token.position <= len(text)
        position = token.position
        if token.kind is not Kind.ERROR:
            assert text.startswith(token.text, token.position)


@given(texts, values)
@settings(max_examples=600, deadline=None)
def test_every_text_gives_output_or_a_template_error(text: str, data: object) -> None:
    try:
        template = Template("t", limits=LIMITS).parse(text)
    except ParseError as problem:
        found = re.match(r"template: t:(\d+): ", str(problem))
        assert found
        assert 1 <= int(found.group(1)) <= 1 + text.count("\n")
        return
    try:
        first = template.execute(data)
    except TemplateError:
        return
    assert template.execute(data) == first


@given(formats, st.lists(values, max_size=3))
@settings(max_examples=400, deadline=None)
def test_printf_never_fails(template: str, arguments: list[object]) -> None:
    assert isinstance(sprintf(template, *arguments), str)


@given(st.text())
@settings(deadline=None)
def test_quoting_is_undone_by_unquoting(text: str) -> None:
    assert unquote(quote(text)) == text
    assert quote(text, ascii_only=True).isascii()
    assert unquote(quote(text, ascii_only=True)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None)
def test_shortest_floats_read_back(number: float) -> None:
    assert float(shortest(number)) == number
    assert shortest(number) == format_float(number, "g", -1)
    assert float.fromhex(format_float(number, "x", -1)) == number
