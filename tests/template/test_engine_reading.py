# ruff: noqa: E501 - tables are easier to read on one line
"""The short way of reading templates agrees with the parser, and leaves to it what it does not take."""

from typing import Any

import pytest

from fluxkit.template import ParseError, Template, nodes
from fluxkit.template.actions import read_action
from fluxkit.template.lexer import tokenize
from fluxkit.template.parser import Head, parse, read_head
from fluxkit.template.reading import read

FUNCTIONS = frozenset(Template("").function_names()) | {"include", "default", "quote", "dict", "list", "nindent"}

TAKEN = [
    " . ", ".a", " .a.b.c ", "$", " $.a.b ", " $x.y | quote ", " end ", "end", " else ", " else if .a ", " else with $x ",
    ' include "a.b" . | nindent 4 ', " if and .a (not .b) (or .c .d) ", ' range $i, $e := .list ', " range $e := .list ",
    " with $x := .a ", " $x := dict `a` 1 ", " $x = list 1 -2 0 ", " (.a).b ", " (index .a 0).b.c | quote ", " true ",
    ' define "a" ', ' template "a" . ', ' template "a" ', " not nil ", ' printf "%s\\n" .a ', "\n  list\n    .a\n    (dict)\n",
    ' dict "a" (dict "b" (list . $ $.c)) ', ' (.a | default "x") | quote ',
]  # fmt: skip
LEFT = [
    "", " ", " a ", " .a.b( ", " (.a ", " .a) ", " .a | ", " | .a ", ' "a" "b" | 1 ', " 1.5 ", " 0x1F ", " 'c' ", " .a,b ",
    " $x:=1 ", " block `a` . ", " break ", " if ", " end x ", " else x ", ' define "a" . ', " template a ", ' "a\\q" ',
    " é ", " .é ", " if $a, $b := .c ", "with.a", " .a\"b\" ", " nope . ", " $x, $y := .a ", " 007 ", " (.a)(.b) ",
]  # fmt: skip


def _shown(node: Any) -> Any:
    if isinstance(node, list):
        return [_shown(each) for each in node]
    if isinstance(node, nodes.Node):
        slots = [slot for cls in type(node).__mro__ for slot in getattr(cls, "__slots__", ())]
        return type(node).__name__, [_shown(getattr(node, slot)) for slot in slots]
    return node


def _described(head: Head) -> Any:
    return head.kind, head.position, _shown(head.pipe), head.declares, head.uses, head.name, head.chained


@pytest.mark.parametrize("content", TAKEN)
def test_usual_actions_are_read_as_by_the_parser(content: str) -> None:
    text = "{{" + content + "}}"
    found = read_action(content, FUNCTIONS)
    assert found is not None
    assert _described(found) == _described(read_head(text, tokenize(text), FUNCTIONS))


@pytest.mark.parametrize("content", LEFT)
def test_unusual_actions_are_left_to_the_parser(content: str) -> None:
    assert read_action(content, FUNCTIONS) is None


TEXTS = [
    "a {{- .b -}} c {{/* d */}} e {{- /* f }} */ -}} g",
    "{{ if .a }}1{{ else if .b }}2{{ else }}3{{ end }}{{ range .c }}{{ break }}{{ else }}4{{ end }}",
    "{{ with .a }}{{ $x := . }}{{ $x }}{{ else with .b }}{{ end }}{{ define `t` }}{{ $ }}{{ end }}{{ template `t` . }}",
    "{{`{{`}} {{ \"}}\" }} }} { {",
    '{{ define "e" }} {{/* nothing */}} {{ end }}{{ define "e" }}body{{ end }}',
]  # fmt: skip


def _outline(tree: nodes.Tree, listed: nodes.ListNode) -> list[Any]:
    """Statements with the places that errors would tell."""
    found: list[Any] = []
    for node in listed.nodes:
        base = getattr(node, "base", 0)
        if isinstance(node, nodes.Text):
            found.append(node.text)
            continue
        found.append((type(node).__name__, str(node), tree.location(base + node.position)))
        if isinstance(node, nodes.Branch):
            found.append(_outline(tree, node.body))
            found.append(_outline(tree, node.otherwise) if node.otherwise else None)
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_whole_texts_are_read_as_by_the_parser(text: str) -> None:
    found = read("n", text, FUNCTIONS)
    assert found is not None
    wanted = parse("n", text, FUNCTIONS)
    assert list(found) == list(wanted)
    for name, tree in wanted.items():
        assert _outline(found[name], found[name].root) == _outline(tree, tree.root)


@pytest.mark.parametrize(
    "text",
    [
        "{{ end }}", "{{ if .a }}", "{{ else }}", "{{ if .a }}{{ else }}{{ else }}{{ end }}", "{{ break }}", "{{ $x }}",
        "{{ range . }}{{ else }}{{ continue }}{{ end }}", "{{ if . }}{{ define `a` }}{{ end }}{{ end }}", "{{/* }}",
        "{{ define `a` }}1{{ end }}{{ define `a` }}2{{ end }}", "{{ range . }}{{ else if . }}{{ end }}", "{{ .a ",
        "{{ if . }}{{ $x := 1 }}{{ end }}{{ $x }}", "{{ define `a` }}{{ else }}{{ end }}", "{{ with . }}{{ else if . }}{{ end }}",
    ],
)  # fmt: skip
def test_what_is_wrong_is_left_to_the_parser(text: str) -> None:
    assert read("n", text, FUNCTIONS) is None
    with pytest.raises(ParseError):
        Template("n").parse(text)


@pytest.mark.timeout(20)
def test_texts_without_an_end_cost_one_look() -> None:
    for text in ("{{ " + "a " * 300_000, "{{/*" + "*" * 300_000, "{{" * 100_000, '{{ "' + "a\\" * 100_000):
        assert read("n", text, FUNCTIONS) is None
