"""The template language by the numbered contract: at least one case for each item, in the contract's order."""

from typing import Any

import pytest

from fluxkit.template import ExecError, ParseError, Template
from fluxkit.template.values import Int64, Uint64

DATA: dict[str, Any] = {
    "s": "text",
    "port": 8080.0,
    "big": 1e6,
    "n": Int64(3),
    "u": Uint64(3),
    "none": None,
    "l": ["a", "b"],
    "m": {"a10": 1.0, "a9": 2.0, "if": "key"},
    "mixed": ["a", 1.0, None, [True]],
}


def render(text: str, data: Any = None) -> str:
    return Template("t").option("missingkey=zero").parse(text).execute(DATA if data is None else data)


def case(item: str, text: str, output: str) -> Any:
    return pytest.param(text, output, id=f"{item} {text}")


@pytest.mark.contract("TPL-020", "TPL-021", "TPL-022", "TPL-023", "TPL-025", "TPL-026", "TPL-027")
@pytest.mark.parametrize(
    ("text", "output"),
    [
        case("TPL-020", "{{\n.s\r\n\t|\nprint\n}}", "text"),
        case("TPL-021", "a \t\r\n{{- 3 -}} \n b", "a3b"),
        case("TPL-021", "a\u00a0{{- -3}}", "a\u00a0-3"),
        case("TPL-021", "{{-3}}", "-3"),
        case("TPL-022", "a {{- /* }} \n */ -}} b", "ab"),
        case("TPL-023", '{{ "\\t\\x41\\101\\u00e9\\"" }}{{ `\\n` }}', '\tAAé"\\n'),
        case("TPL-025", "{{ .m.a9 }}{{ $.m.a9 }}{{ (.m).a9 }}{{ .1 }}", "2220.1"),
        case("TPL-026", "a\r\n}} {b", "a\r\n}} {b"),
        case("TPL-027", "{{ .m.if }}", "key"),
    ],
)
def test_lexical_rules(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.contract("TPL-030", "TPL-033", "TPL-034", "TPL-035", "TPL-036", "TPL-037")
@pytest.mark.parametrize(
    ("text", "output"),
    [
        case("TPL-030", '{{ "b" | print "a" }}{{ .s | len | }}', "ab4"),
        case("TPL-033", "{{ eq (.none) nil }}", "true"),
        case("TPL-034", "{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
        case("TPL-035", "{{ $x := 1 }}{{ range .l }}{{ $x = . }}{{ end }}{{ $x }}", "b"),
        case("TPL-036", '{{ define "d" }}{{ $ }}{{ end }}{{ with .l }}{{ $.s }}{{ template "d" 5 }}{{ end }}', "text5"),
        case("TPL-037", "{{ if $x := .none }}{{ else }}[{{ $x }}]{{ end }}{{ $y := 1 }}", "[<no value>]"),
    ],
)
def test_pipelines_variables_and_scope(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.contract("TPL-040", "TPL-044", "TPL-050", "TPL-051", "TPL-052", "TPL-053")
@pytest.mark.parametrize(
    ("text", "output"),
    [
        case("TPL-040", "{{ .zz }}{{ if .zz }}y{{ else }}n{{ end }}{{ eq .zz nil }}", "<no value>ntrue"),
        case("TPL-044", '{{ index .m "zz" }}{{ (index . "none").b }}', "<no value><no value>"),
        case(
            "TPL-050",
            '{{ range (index . "mixed") }}{{ not . }} {{ end }}{{ not "" }}{{ not 0.0 }}',
            "false false true false truetrue",
        ),
        case("TPL-051", '{{ or "" 0 .s (index .zz 1) }}{{ and 1 0 (index .zz 1) }}{{ 5 | and 1 }}', "text05"),
        case("TPL-052", "{{ not .zz }}", "true"),
        case("TPL-053", "{{ with .zz }}{{ else with .s }}{{ . }}{{ else }}x{{ end }}", "text"),
    ],
)
def test_missing_truth_and_logic(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.contract("TPL-060", "TPL-061", "TPL-062", "TPL-063", "TPL-064")
@pytest.mark.parametrize(
    ("text", "output"),
    [
        case("TPL-060", "{{ eq .n .u 9 }}{{ lt .n 4 }}{{ eq .n 3 }}", "truetruetrue"),
        case("TPL-061", "{{ eq .port 8080.0 }}", "true"),
        case("TPL-062", "{{ eq .none nil }}{{ eq .s nil }}{{ ne .zz 1 }}", "truefalsetrue"),
        case("TPL-063", "{{ eq .l nil }}{{ eq 1 1 .s }}", "falsetrue"),
        case("TPL-064", '{{ lt "B" "a" }}{{ lt "é" "z" }}', "truefalse"),
    ],
)
def test_comparison(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.contract("TPL-070", "TPL-072", "TPL-073", "TPL-074")
@pytest.mark.parametrize(
    ("text", "output"),
    [
        case("TPL-070", "{{ range $i, $e := .l }}{{ $i }}{{ $e }}{{ end }}{{ range 3 }}{{ . }}{{ end }}", "0a1b012"),
        case("TPL-070", "{{ range .zz }}x{{ else }}none{{ end }}{{ range $e := .m }}{{ $e }}{{ end }}", "none12key"),
        case("TPL-072", "{{ range $k, $v := .m }}{{ $k }} {{ end }}{{ .m }}", "a10 a9 if map[a10:1 a9:2 if:key]"),
        case(
            "TPL-073",
            "{{ range .l }}{{ range 3 }}{{ if . }}{{ break }}{{ end }}{{ continue }}x{{ end }}{{ . }}{{ end }}",
            "ab",
        ),
        case("TPL-074", "{{ $i := 9 }}{{ $e := 9 }}{{ range $i, $e = .l }}{{ end }}{{ $i }}{{ $e }}", "1b"),
    ],
)
def test_range(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.contract("TPL-090", "TPL-092", "TPL-093", "TPL-094", "TPL-100", "TPL-101", "TPL-102")
@pytest.mark.parametrize(
    ("text", "output"),
    [
        case("TPL-090", '{{ len "é" }}{{ len .l }}{{ len .m }}{{ index .l 1 }}{{ index .m "a9" }}', "223b2"),
        case("TPL-092", '{{ index "abc" 1 }}{{ index .s }}', "98text"),
        case("TPL-093", '{{ print 1 2 "a" "b" 3 .none }}|{{ println 1 "a" }}', "1 2ab3 <nil>|1 a\n"),
        case(
            "TPL-094",
            '{{ html "<a&\'>" }}{{ html .zz }}{{ js "<\'=\\n" }}{{ urlquery "a b/ü" }}',
            "&lt;a&amp;&#39;&gt;&lt;no value&gt;\\u003C\\'\\u003D\\u000Aa+b%2F%C3%BC",
        ),
        case("TPL-100", "{{ .mixed }}{{ true }}{{ .none }}", "[a 1 <nil> [true]]true<no value>"),
        case(
            "TPL-101",
            "{{ 999999.0 }} {{ .big }} {{ 123456.7 }} {{ 0.0001 }} {{ 0.00001 }}",
            "999999 1e+06 123456.7 0.0001 1e-05",
        ),
        case("TPL-102", "{{ 1e100 }} {{ 2.0 }} {{ .port }} {{ print -0.0 }}", "1e+100 2 8080 -0"),
    ],
)
def test_builtin_functions_and_printing(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.contract("TPL-110", "TPL-111", "TPL-112", "TPL-113", "TPL-114", "TPL-115", "TPL-116", "TPL-117")
@pytest.mark.parametrize(
    ("text", "output"),
    [
        case("TPL-110", '{{ printf "%-5s|%5.1s|%*d|%[2]v" "é" "ab" 4 7 }}', "é    |    a|   7|ab"),
        case(
            "TPL-111",
            '{{ printf "%d %s %z %d" "x" 3.0 1 }}{{ printf "%d" 1 "b" }}{{ printf "%" }}',
            "%!d(string=x) %!s(float64=3) %!z(int=1) %!d(MISSING)1%!(EXTRA string=b)%!(NOVERB)",
        ),
        case("TPL-112", '{{ printf "%d %v" .port .port }}{{ printf "%[1]d" 1 2 }}', "%!d(float64=8080) 80801"),
        case(
            "TPL-113",
            '{{ printf "%s|%q|%#v" .mixed .l .l }}',
            '[a %!s(float64=1) <nil> [%!s(bool=true)]]|["a" "b"]|[]interface {}{"a", "b"}',
        ),
        case(
            "TPL-114",
            '{{ printf "%T %T %T %T %T" 1 .port .none .l .m }}',
            "int float64 <nil> []interface {} map[string]interface {}",
        ),
        case(
            "TPL-115",
            '{{ printf "%q %+q %#q %q % x %x" "é\\n" "é" "a" 65 "ab" 1.0 }}',
            '"é\\n" "\\u00e9" `a` \'A\' 61 62 0x1p+00',
        ),
        case(
            "TPL-116",
            '{{ printf "%05d %05s %+d %#x %#o %O %U %6.3d %.0d|" -3 "ab" 1 31 8 8 65 7 0 }}',
            "-0003 000ab +1 0x1f 010 0o10 U+0041    007 |",
        ),
        case("TPL-117", '{{ printf "%e %.3g %.0f %.2f" 1.5 1234.5 2.5 1.005 }}', "1.500000e+00 1.23e+03 2 1.00"),
    ],
)
def test_printf(text: str, output: str) -> None:
    assert render(text) == output


@pytest.mark.contract(
    "TPL-004", "TPL-020", "TPL-022", "TPL-024", "TPL-030", "TPL-031", "TPL-032", "TPL-034", "TPL-052", "TPL-053",
    "TPL-073", "TPL-082", "TPL-120",
)  # fmt: skip
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ 99999999999999999999 }}", 't:1: integer overflow: "99999999999999999999"'),
        ('\n{{ "a\nb" }}', "t:2: unterminated quoted string"),
        ("{{ /* c */ }}", 't:1: unexpected "/" in command'),
        ("{{/* c */ x }}", "t:1: comment ends before closing delimiter"),
        ("{{ .a-b }}", "t:1: bad character U+002D '-'"),
        ("{{ .s | 1 }}", "t:1: non executable command in pipeline stage 2"),
        ("{{ nope }}", 't:1: function "nope" not defined'),
        ("{{ if 1 }}{{ $x := 1 }}{{ end }}{{ $x }}", 't:1: undefined variable "$x"'),
        ("{{ with 1 }}{{ else if 2 }}{{ end }}", "t:1: unexpected <if>"),
        ("{{ break }}", "t:1: {{break}} outside {{range}}"),
        ("{{ range 1 }}{{ else }}{{ continue }}{{ end }}", "t:1: {{continue}} outside {{range}}"),
        ("{{ template .s }}", 't:1: unexpected ".s" in template clause'),
        ("{{ if 1 }}\n", "t:2: unexpected EOF"),
        ("{{\n.s", "t:2: unclosed action started at t:1"),
    ],
)
def test_parse_errors(text: str, problem: str) -> None:
    with pytest.raises(ParseError) as caught:
        Template("t").parse(text)
    assert str(caught.value).startswith(f"template: {problem}")


@pytest.mark.contract(
    "TPL-004", "TPL-031", "TPL-032", "TPL-035", "TPL-042", "TPL-044", "TPL-052", "TPL-061", "TPL-062", "TPL-063",
    "TPL-064",
    "TPL-070", "TPL-071", "TPL-082", "TPL-090", "TPL-091", "TPL-095", "TPL-120",
)  # fmt: skip
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{{ 18446744073709551615 }}",
            '1:3: executing "t" at <18446744073709551615>: 18446744073709551615 overflows int',
        ),
        ('{{ "a" 1 }}', 'at <"a">: can\'t give argument to non-function "a"'),
        ("{{ .s 1 }}", "at <.s>: s is not a method but has arguments"),
        ("{{ nil }}", "at <nil>: nil is not a command"),
        ("{{ $x = 1 }}", "at <1>: undefined variable: $x"),
        ("é{{ .zz.b }}", 't:1:8: executing "t" at <.zz.b>: nil pointer evaluating interface {}.b'),
        ("{{ .s.b }}", "at <.s.b>: can't evaluate field b in type interface {}"),
        ('{{ index .m "zz" 1 }}', "error calling index: index of nil pointer"),
        ("{{ index nil 1 }}", "error calling index: index of untyped nil"),
        ("{{ and }}", "at <and>: wrong number of args for and: want at least 1 got 0"),
        ("{{ eq .port 80 }}", "error calling eq: incompatible types for comparison: float64 and int"),
        ("{{ lt 1 nil }}", "error calling lt: invalid type for comparison"),
        ("{{ eq .l .l }}", "error calling eq: non-comparable type [a b]: []interface {}"),
        ("{{ lt true false }}", "error calling lt: invalid type for comparison"),
        ("{{ eq 1 }}", "error calling eq: missing argument for comparison"),
        ("{{ range $a, $b := 3 }}{{ end }}", "at <3>: can't use 3 to iterate over more than one variable"),
        ("{{ range .port }}{{ end }}", "at <.port>: range can't iterate over 8080"),
        ('\n {{ template "nope" }}', 't:2:13: executing "t" at <{{template "nope"}}>: template "nope" not defined'),
        ("{{ len 3 }}", "error calling len: len of type int"),
        ("{{ index .l .port }}", "error calling index: cannot index slice/array with type float64"),
        ("{{ index .l 2 }}", "error calling index: reflect: slice index out of range"),
        ("{{ index .l 5 }}", "error calling index: index out of range: 5"),
        ("{{ index .m 1 }}", "error calling index: value has type int; should be string"),
        ("{{ call 1 }}", "error calling call: non-function 1 of type int"),
        ("{{ call .zz }}", "error calling call: call of nil"),
    ],
)
def test_execution_errors(text: str, problem: str) -> None:
    with pytest.raises(ExecError) as caught:
        render(text)
    assert str(caught.value).startswith("template: t:")
    assert str(caught.value).endswith(problem)
