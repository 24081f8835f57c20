"""Executing templates: what the conformance kit does not reach, because it knows text/template's own functions only."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from fluxkit.template import ExecError, FunctionError, ParseError, Template, function
from fluxkit.template.values import GoNamed, GoObject, Int64, Map, Slice, Uint8


@function("string")
def shout(text: str) -> str:
    return text.upper() + "!"


@function("int", "string")
def repeated(count: int, text: str) -> str:
    return text * count


@function("float64")
def half(number: float) -> float:
    return number / 2


@function("int64")
def successor(number: int) -> Int64:
    return Int64(number + 1)


@function("map[string]interface {}")
def size_of_map(mapping: Mapping[str, Any]) -> int:
    return len(mapping)


@function("string", "...interface {}")
def joined(separator: str, *values: Any) -> str:
    return separator.join(map(str, values))


@function()
def failing() -> str:
    raise FunctionError("no such luck")


@function("int", "int")
def divided(dividend: int, divisor: int) -> int:
    return dividend // divisor


@function("interface {}")
def same(value: Any) -> Any:
    return value


FUNCTIONS = {
    "shout": shout,
    "repeated": repeated,
    "half": half,
    "successor": successor,
    "sizeOfMap": size_of_map,
    "joined": joined,
    "failing": failing,
    "divided": divided,
    "same": same,
}


class Version(GoObject):
    """A pointer to a struct with methods, as *semver.Version is."""

    go_type = "*semver.Version"
    go_kind = "ptr"

    def __init__(self, major: int) -> None:
        self.major = major

    def go_string(self) -> str:
        return f"{self.major}.0.0"

    def go_fields(self) -> Mapping[str, Any]:
        return {"Kept": None, "hidden": 1}

    @function("int")
    def next(self, by: int) -> "Version":
        return Version(self.major + by)

    go_methods = {"Next": next, "Major": lambda self: self.major}  # noqa: RUF012


class Values(GoNamed, Map):
    go_type = "common.Values"
    go_kind = "map"
    go_methods = {"YAML": lambda self: "yaml"}  # noqa: RUF012


def render(text: str, data: Any = None, *, missing_key: str = "zero") -> str:
    return Template("t").option(f"missingkey={missing_key}").funcs(FUNCTIONS).parse(text).execute(data)


@pytest.mark.parametrize(
    ("text", "data", "output"),
    [
        ('{{ shout "a" }}', None, "A!"),
        ('{{ "a" | repeated 2 | shout }}', None, "AA!"),
        ("{{ repeated 2.0 .s }}", {"s": "x"}, "xx"),
        ("{{ half 3 }} {{ half .f }}", {"f": 5.0}, "1.5 2.5"),
        ("{{ successor 1 }} {{ successor .n }}", {"n": Int64(2)}, "2 3"),
        ("{{ sizeOfMap . }}", {"a": 1}, "1"),
        ("{{ sizeOfMap . }}", Values("interface {}", {"a": 1}), "1"),
        ("{{ sizeOfMap nil }}", None, "0"),
        ('{{ joined "-" 1 "b" }}{{ joined "-" }}', None, "1-b"),
        ('{{ "z" | joined "-" 1 }}', None, "1-z"),
        ("{{ len .u }} {{ slice .u 0 1 | len }} {{ index .u 0 }}", {"u": "é"}, "2 1 195"),
        ('{{ slice .u 0 1 }}{{ slice .u 1 }}|{{ eq (print (slice .u 0 1) (slice .u 1)) "é" }}', {"u": "a"}, "a|false"),
        ("{{ .v.Major }} {{ .v.Next 2 }} {{ (.v.Next 1).Major }}", {"v": Version(1)}, "1 3.0.0 2"),
        ("{{ 3 | .v.Next }} {{ $v := .v }}{{ $v.Next 4 }}", {"v": Version(1)}, "4.0.0 5.0.0"),
        ('{{ .v }} {{ printf "%s %T" .v .v }}', {"v": Version(1)}, "1.0.0 1.0.0 *semver.Version"),
        ("{{ .YAML }} {{ .a }} {{ .zz }}", Values("interface {}", {"a": 1, "YAML": 2}), "yaml 1 <no value>"),
        ("{{ .b }}{{ range .b }}{{ . }};{{ end }}", {"b": b"hi"}, "[104 105]104;105;"),
        ("{{ range $i, $e := .l }}{{ $i }}{{ $e }}{{ end }}", {"l": Slice("string", ["a", "b"])}, "0a1b"),
        ("{{ same . }}|{{ same nil }}", {"a": None}, "map[a:<nil>]|<no value>"),
        ('{{ with $x := same "a" }}{{ $x }}{{ . }}{{ end }}', None, "aa"),
    ],
)
@pytest.mark.contract("TPL-001", "TPL-005", "TPL-007", "TPL-047", "TPL-144", "TPL-145")
def test_functions_methods_and_types(text: str, data: Any, output: str) -> None:
    assert render(text, data) == output


@pytest.mark.parametrize(
    ("text", "data", "problem"),
    [
        ("{{ shout 5 }}", None, "at <5>: expected string; found 5"),
        ("{{ shout .f }}", {"f": 1.5}, "at <.f>: wrong type for value; expected string; got float64"),
        ("{{ shout nil }}", None, "at <nil>: cannot assign nil to string"),
        ("{{ shout .zz }}", {}, "at <.zz>: wrong type for value; expected string; got interface {}"),
        ("{{ .zz | shout }}", {}, "at <shout>: invalid value; expected string"),
        (
            '{{ .zz | joined "-" | repeated 1 | half }}',
            {},
            "at <half>: wrong type for value; expected float64; got string",
        ),
        ('{{ repeated 1.5 "x" }}', None, "at <1.5>: expected integer; found 1.5"),
        ('{{ repeated .f "x" }}', {"f": 2.0}, "at <.f>: wrong type for value; expected int; got float64"),
        ("{{ sizeOfMap .zz }}", {}, "wrong type for value; expected map[string]interface {}; got interface {}"),
        ("{{ sizeOfMap .m }}", {"m": Map("string", {}, zero="")}, "got map[string]string"),
        ("{{ repeated 1 }}", None, "at <repeated>: wrong number of args for repeated: want 2 got 1"),
        ("{{ joined }}", None, "at <joined>: wrong number of args for joined: want at least 1 got 0"),
        ("{{ failing }}", None, "at <failing>: error calling failing: no such luck"),
        ("{{ divided 1 0 }}", None, "at <divided 1 0>: error calling divided: "),
        ("{{ .v.Next }}", {"v": Version(1)}, "at <.v.Next>: wrong number of args for Next: want 1 got 0"),
        ("{{ .v.hidden }}", {"v": Version(1)}, "hidden is an unexported field of struct type interface {}"),
        ("{{ .v.Kept 1 }}", {"v": Version(1)}, "Kept has arguments but cannot be invoked as function"),
        ("{{ .v.Nope }}", {"v": Version(1)}, "can't evaluate field Nope in type interface {}"),
        ("{{ .Nope }}", Version(1), "can't evaluate field Nope in type *semver.Version"),
        ("{{ range .l }}{{ .a }}{{ end }}", {"l": [1]}, "can't evaluate field a in type interface {}"),
        ("{{ range .l }}{{ .a }}{{ end }}", {"l": [None]}, "nil pointer evaluating interface {}.a"),
        ("{{ range .l }}{{ .a }}{{ end }}", {"l": Slice("string", ["x"])}, "can't evaluate field a in type string"),
        ("{{ slice .s .n }}", {"s": "abc", "n": 1}, "cannot index slice/array with type interface {}"),
    ],
)
@pytest.mark.contract("TPL-006", "TPL-065", "TPL-121", "TPL-122")
def test_errors_of_calls(text: str, data: Any, problem: str) -> None:
    with pytest.raises(ExecError) as caught:
        render(text, data)
    assert 'executing "t" at <' in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "name", ["keys", "items", "__class__", "__init__", "get", "element", "nil", "go_methods", "pop"]
)
@pytest.mark.contract("TPL-046")
def test_python_is_out_of_reach(name: str) -> None:
    assert render(f"{{{{ .{name} }}}}", {}) == "<no value>"
    assert render(f"{{{{ .{name} }}}}", Map("string", zero="")) == ""
    for value in ("text", 1.5, [1], Version(1)):
        with pytest.raises(ExecError, match="can't evaluate field"):
            render(f"{{{{ .v.{name} }}}}", {"v": value})
    with pytest.raises((ExecError, ParseError)):
        render(f"{{{{ {name} . }}}}", {})


def test_values_are_printed_not_interpreted() -> None:
    assert render('{{ printf "{0.__class__} %s" . }}', "%(x)s{1}") == "{0.__class__} %(x)s{1}"
    assert render("{{ . }}", "{{ fail }}") == "{{ fail }}"


@pytest.mark.contract("TPL-121")
def test_a_function_may_execute_templates_of_the_set() -> None:
    main = Template("main")

    @function("string", "interface {}")
    def include(name: str, data: Any) -> str:
        return main.execute_template(name, data)

    main.funcs({"include": include}).parse(
        '{{ define "a" }}<{{ include "b" .x }}>{{ end }}{{ define "b" }}{{ .y.z }}{{ end }}{{ include "a" . }}'
    )
    assert main.execute({"x": {"y": {"z": 1.0}}}) == "<1>"
    with pytest.raises(ExecError) as caught:
        main.execute({"x": {"y": None}})
    assert str(caught.value) == (
        'template: main:1:85: executing "main" at <include "a" .>: error calling include: '
        'template: main:1:20: executing "a" at <include "b" .x>: error calling include: '
        'template: main:1:68: executing "b" at <.y.z>: nil pointer evaluating interface {}.z'
    )
    with pytest.raises(ExecError, match='no template "nope" associated with template "main"'):
        main.execute_template("nope", None)


@pytest.mark.contract("TPL-080", "TPL-081", "TPL-083")
def test_one_set_of_names() -> None:
    main = Template("a").parse('{{ define "n" }}first{{ end }}{{ block "b" . }}default{{ end }}{{ template "n" }}')
    assert main.execute(None) == "defaultfirst"
    main.new("other").parse('{{ define "n" }}second{{ end }}{{ define "b" }}replaced{{ end }}')
    main.new("blank").parse('{{ define "n" }} {{/* nothing */}} {{ end }}')
    assert main.execute(None) == "replacedsecond"
    assert main.lookup("nope") is None
    assert main.names()[:3] == ["n", "b", "a"]
    with pytest.raises(ParseError, match='template: a:1: template: multiple definition of template "n"'):
        Template("a").parse('{{ define "n" }}1{{ end }}{{ define "n" }}2{{ end }}')
    with pytest.raises(ParseError, match="unexpected <define> in command"):
        Template("a").parse('{{ if 1 }}{{ define "n" }}{{ end }}{{ end }}')


def test_what_a_clone_parses_is_not_seen_by_the_original() -> None:
    main = Template("main").parse('{{ define "n" }}old{{ end }}{{ template "n" }}')
    copy = main.clone().option("missingkey=error")
    copy.new("more").parse('{{ define "n" }}new{{ .x }}{{ end }}')
    assert main.execute({}) == "old"
    with pytest.raises(ExecError, match="nil data; no entry for key"):
        copy.execute({})
    assert copy.execute_template("n", {"x": 1}) == "new1"


@pytest.mark.contract("TPL-351")
def test_one_parse_serves_executions_with_other_data_functions_and_threads() -> None:
    main = Template("t").funcs({"f": lambda: 1}).parse("{{ range . }}{{ f }}{{ . }}{{ $x := . }}{{ $x }};{{ end }}")
    assert main.execute([1]) == "111;"
    main.funcs({"f": lambda: 2})
    assert main.execute(["a", "b"]) == "2aa;2bb;"
    outputs: dict[int, str] = {}

    def execute(number: int) -> None:
        outputs[number] = main.execute([number] * 200)

    threads = [threading.Thread(target=execute, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {number: f"2{number}{number};" * 200 for number in range(4)}


@pytest.mark.contract("TPL-008")
def test_maps_are_references() -> None:
    @function("map[string]interface {}", "string", "interface {}")
    def put(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
        mapping[key] = value
        return mapping

    text = '{{ $m := .m }}{{ $_ := put $m "a" 1 }}{{ .m.a }}{{ with .m }}{{ $_ := put . "b" 2 }}{{ end }}{{ $m.b }}'
    assert Template("t").funcs({"put": put}).parse(text).execute({"m": {}}) == "12"


@pytest.mark.contract("TPL-009")
def test_typed_nils() -> None:
    data = {"l": Slice("interface {}", nil=True), "m": Map("interface {}", nil=True)}
    text = '{{ .l }}{{ .m }}{{ if .l }}y{{ else }}n{{ end }}{{ range .m }}y{{ else }}n{{ end }}{{ printf "%#v" .l }}'
    assert render(text, data) == "[]map[]nn[]interface {}(nil)"


@pytest.mark.parametrize(
    ("missing_key", "text", "output"),
    [
        ("zero", "{{ .a }}|{{ (.a).b }}|{{ $x := .a }}{{ $x.b }}", "<no value>|<no value>|<no value>"),
        ("default", "{{ .a }}|{{ .a.b }}", "<no value>|<no value>"),
    ],
)
@pytest.mark.contract("TPL-040", "TPL-043", "TPL-045")
def test_missing_keys(missing_key: str, text: str, output: str) -> None:
    assert render(text, {}, missing_key=missing_key) == output


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="unrecognized option: missingkey=nope"):
        Template("t").option("missingkey=nope")


def test_single_bytes_of_text_survive_until_the_output() -> None:
    output = render("{{ slice .s 0 1 }}{{ slice .s 1 }}", {"s": "é"})
    assert output.encode("utf-8", "surrogateescape") == "é".encode()
    assert render("{{ eq (index .s 0) .b }}", {"s": "é", "b": Uint8(0xC3)}) == "true"
