# ruff: noqa: E501 - templates are easier to read on one line
"""The engine: one set of names, one order, one values object, and the functions that know the rendering."""

from typing import Any

import pytest

from fluxkit.helm.render import (
    Capabilities,
    KubeVersion,
    Mode,
    Randomness,
    ReleaseOptions,
    RenderError,
    TemplateFailure,
)
from fluxkit.helm.values import ValueOptions, load_values
from fluxkit.template import FunctionError
from tests.helm.render.building import chart, files_of, text_of


@pytest.mark.contract("TPL-130", "TPL-131", "HLM-568")
def test_parents_and_earlier_names_define_last() -> None:
    subchart = chart({"_s.tpl": '{{ define "a" }}sub{{ end }}{{ define "only" }}s{{ end }}'}, name="sub")
    parent = chart(
        {
            "_a.tpl": '{{ define "a" }}a{{ end }}{{ define "b" }}first{{ end }}',
            "_z.tpl": '{{ define "b" }}last{{ end }}',
            "deep/_x.tpl": '{{ define "a" }}deep{{ end }}',
            "out.yaml": '{{ include "a" . }} {{ include "b" . }} {{ include "only" . }}',
        },
        subcharts=[subchart],
    )
    assert files_of(parent) == {"demo/templates/out.yaml": "a first s"}


@pytest.mark.contract("TPL-132")
def test_what_one_file_sets_those_after_it_see_across_charts() -> None:
    subchart = chart({"s.yaml": '{{ $_ := set .Values "said" "by sub" }}{{ .Values.told }}'}, name="sub")
    parent = chart(
        {
            "b.yaml": '{{ $_ := set .Values "seen" "b" }}{{ $_ := set .Values.sub "told" "by b" }}{{ .Values.sub.said }}',
            "a.yaml": '{{ .Values.seen }} {{ .Values.sub.said }} {{ dig "said" "-" .Values.sub }} {{ typeOf .Values.sub }}',
        },
        subcharts=[subchart],
    )
    assert files_of(parent) == {
        "demo/charts/sub/templates/s.yaml": "",
        "demo/templates/b.yaml": "by sub",
        "demo/templates/a.yaml": "b by sub by sub map[string]interface {}",
    }
    assert "seen" not in parent.values
    assert "told" not in subchart.values


@pytest.mark.contract("TPL-133", "HLM-569")
def test_partials_and_library_charts_only_lend() -> None:
    library = chart(
        {"_lib.tpl": '{{ define "lib" }}lent{{ end }}', "no.yaml": "{{ fail `never` }}"}, name="lib", type="library"
    )
    files = files_of(
        chart(
            {"_p.tpl": "{{ fail `never` }}", "NOTES.txt": "notes", "any.md": '{{ include "lib" . }}'},
            subcharts=[library],
        )
    )
    assert files == {"demo/templates/NOTES.txt": "notes", "demo/templates/any.md": "lent"}


@pytest.mark.contract("TPL-134", "TPL-135", "TPL-137", "HLM-563", "HLM-566")
def test_the_dot_of_a_file() -> None:
    subchart = chart(
        {"s.yaml": "{{ .Values.own }} {{ .Values.global.g }} {{ .Template.Name }} {{ .Template.BasePath }}"},
        {"own": "sub's"},
        name="sub",
    )
    parent = chart(
        {
            "r.yaml": "{{ with .Release }}{{ .Name }} {{ .Namespace }} {{ .IsInstall }} {{ .IsUpgrade }} {{ .Revision }} "
            "{{ .Service }} {{ typeOf .Revision }}{{ end }}",
            "s.yaml": "{{ .Subcharts.sub.Values.own }} {{ .Subcharts.sub.Chart.Name }} {{ .Subcharts.sub.Release.Name }} "
            "{{ typeOf . }} {{ typeOf .Values }} {{ typeOf .Subcharts.sub }} {{ keys . | sortAlpha }}",
        },
        {"global": {"g": "shared"}, "sub": {}},
        subcharts=[subchart],
    )
    files = files_of(parent, release=ReleaseOptions("rel", "space", 7, is_upgrade=True))
    assert files["demo/templates/r.yaml"] == "rel space false true 7 Helm int"
    assert files["demo/charts/sub/templates/s.yaml"] == (
        "sub's shared demo/charts/sub/templates/s.yaml demo/charts/sub/templates"
    )
    assert files["demo/templates/s.yaml"] == (
        "sub's sub rel common.Values common.Values map[string]interface {} "
        "[Capabilities Chart Files Release Subcharts Template Values]"
    )


@pytest.mark.contract("TPL-136", "HLM-565")
def test_the_chart_is_a_map_with_gos_names() -> None:
    from fluxkit.helm.chart import Dependency, Maintainer

    given: dict[str, Any] = {
        "app_version": "9",
        "maintainers": [Maintainer("n", "e", "u")],
        "annotations": {"a/b": "c"},
        "dependencies": [Dependency(name="d", tags=["t"])],
        "keywords": ["k"],
    }
    template = (
        '{{ .Chart.Name }}-{{ .Chart.Version }}-{{ .Chart.AppVersion }} {{ index .Chart.Annotations "a/b" }} '
        "{{ range .Chart.Maintainers }}{{ .Name }}{{ .Email }}{{ .URL }}{{ end }} {{ .Chart.IsRoot }} {{ .Chart.Nope }} "
        "{{ (index .Chart.Dependencies 0).Tags }} {{ typeOf .Chart.Annotations }} {{ typeOf .Chart.Keywords }} "
        "{{ keys .Chart | sortAlpha | join `,` }}"
    )
    assert text_of(template, **given) == (
        "demo-1.2.3-9 c neu true  [t] map[string]string []interface {} "
        "APIVersion,Annotations,AppVersion,Condition,Dependencies,Deprecated,Description,Home,Icon,IsRoot,Keywords,"
        "KubeVersion,Maintainers,Name,Sources,Tags,Type,Version"
    )


@pytest.mark.contract("TPL-138", "TPL-139", "HLM-538", "HLM-586")
def test_capabilities() -> None:
    template = (
        "{{ with .Capabilities }}{{ .KubeVersion }} {{ .KubeVersion.Version }} {{ .KubeVersion.GitVersion }} "
        "{{ .KubeVersion.Major }} {{ .KubeVersion.Minor }} {{ .KubeVersion.String }} {{ printf `%v` .KubeVersion }} "
        '{{ .APIVersions.Has "apps/v1" }} {{ .APIVersions.Has "x.io/v1/Thing" }} {{ .APIVersions.Has "y/v1" }} '
        "{{ range .APIVersions }}{{ . }} {{ break }}{{ end }}{{ .HelmVersion.Version }}{{ end }}"
    )
    of = chart({"a.yaml": template})
    known = Capabilities().adding(["x.io/v1/Thing"]).at(KubeVersion.parse("1.29.3-gke.1"))
    (text,) = files_of(of, capabilities=known).values()
    assert text == (
        "v1.29.3 v1.29.3-gke.1 v1.29.3-gke.1 1 29 v1.29.3 {v1.29.3-gke.1 v1.29.3 1 29} true true false v1 v4.3"
    )
    assert text_of("{{ toJson .Capabilities.KubeVersion }} {{ toYaml .Capabilities.KubeVersion }}") == (
        '{"Version":"v1.37.0","Major":"1","Minor":"37"} Major: "1"\nMinor: "37"\nVersion: v1.37.0'
    )
    default = Capabilities()
    assert str(default.kube_version) == "v1.37.0"
    assert {"apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1", "batch/v1"} <= set(default.api_versions)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("abc", 'could not parse "abc" as version'),
        ("1", 'illegal version string "1"'),
        ("01.2", 'illegal zero-prefixed version component "01" in "01.2"'),
        (
            "1.99999999999999999999",
            'illegal non-numeric version component "99999999999999999999" in "1.99999999999999999999": '
            'strconv.ParseUint: parsing "99999999999999999999": value out of range',
        ),
    ],
)
def test_versions_that_are_none(text: str, problem: str) -> None:
    with pytest.raises(RenderError) as caught:
        KubeVersion.parse(text)
    assert str(caught.value) == f"invalid kube version '{text}': {problem}"


@pytest.mark.contract("TPL-002", "HLM-553", "HLM-582", "HLM-583")
def test_numbers_of_files_are_floats() -> None:
    values = load_values(b"port: 8080\nbig: 10000000\nlist: [1]\n")
    template = (
        "{{ typeOf .Values.port }} {{ typeOf (index .Values.list 0) }} {{ .Values.big }} {{ int .Values.big }} "
        "{{ toYaml .Values.big }} {{ .Values.big | quote }} {{ typeOf .Values.default }} "
        '{{ typeOf (fromYaml `a: 1`).a }} {{ typeOf (fromJson `{"a":1}`).a }}'
    )
    of = chart({"a": template}, load_values(b"default: 5"))
    assert files_of(of, values)["demo/templates/a"] == (
        'float64 float64 1e+07 10000000 10000000 "1e+07" float64 float64 float64'
    )
    with pytest.raises(TemplateFailure, match="incompatible types for comparison: float64 and int"):
        text_of("{{ if eq .Values.port 8080 }}{{ end }}", values)
    objects: dict[str, Any] = {"spec": {"replicas": 3, "ratio": 0.5}}
    looked_up = '{{ with lookup "apps/v1" "D" "n" "x" }}{{ typeOf .spec.replicas }} {{ typeOf .spec.ratio }}{{ end }}'
    assert text_of(looked_up, lookup=lambda *_: objects) == "int64 float64"


@pytest.mark.contract("TPL-003")
def test_types_of_set() -> None:
    options = ValueOptions(
        values=["a=1,b=true,c=null,d=1.5,e=1e3,f=0x10,g=007,h=0,i=-5,j=x"],
        string_values=["k=1"],
        json_values=["l=1"],
    )
    template = "{{ range $k, $v := .Values }}{{ $k }}={{ typeOf $v }} {{ end }}"
    assert text_of(template, options.merge()) == (
        "a=int64 b=bool c=<nil> d=string e=string f=string g=string h=int64 i=int64 j=string k=string l=float64 "
    )


@pytest.mark.contract("TPL-041", "HLM-570")
def test_no_value_is_erased_at_the_end() -> None:
    assert text_of("[{{ .Values.missing }}][{{ `<no value>` }}][{{ print .Values.missing }}]") == "[][][<nil>]"
    assert text_of("{{ html .Values.missing }}") == "&lt;no value&gt;"
    assert text_of('{{ define "n" }}{{ .Values.x }}{{ end }}{{ include "n" . | len }}') == "10"
    assert text_of('{{ tpl "{{ .Values.x }}" . | len }}') == "0"


@pytest.mark.contract("TPL-103")
def test_printing_of_times_and_durations() -> None:
    moment = Randomness(now=lambda: 1_700_000_000_123_456_789)
    of = chart({"a": '{{ now | date "2006-01-02" }} {{ duration "3661" }} {{ (semver "v1.2") }} {{ now.Month }}'})
    (text,) = files_of(of, randomness=moment).values()
    assert text == "2023-11-14 1h1m1s 1.2.0 November"


@pytest.mark.contract("TPL-163")
def test_fixed_sources_make_renderings_repeatable() -> None:
    template = "{{ randAlphaNum 20 }} {{ uuidv4 }} {{ now }} {{ shuffle `abcdefgh` }}"

    def source() -> Randomness:
        counter = iter(range(1_000_000))
        return Randomness(
            now=lambda: 1_700_000_000_000_000_000, random=lambda size: bytes(next(counter) % 251 for _ in range(size))
        )

    of = chart({"a": template})
    assert files_of(of, randomness=source()) == files_of(of, randomness=source())
    assert files_of(of) != files_of(of)


@pytest.mark.contract("TPL-150", "HLM-571")
def test_include() -> None:
    assert text_of('{{ define "n" }}<{{ . }}>{{ end }}{{ include "n" 5 | indent 2 }}') == "  <5>"
    with pytest.raises(TemplateFailure) as caught:
        text_of('{{ include "gone" . }}')
    assert str(caught.value) == (
        'demo/templates/a.yaml:1:3\n  executing "demo/templates/a.yaml" at <include "gone" .>:\n'
        '    error calling include:\ntemplate: no template "gone" associated with template "gotpl"'
    )


@pytest.mark.contract("TPL-151")
def test_include_of_itself_ends_after_a_thousand_levels() -> None:
    level = '{{ define "n" }}{{ if lt (len .) %d }}{{ include "n" (append . 1) }}{{ else }}end{{ end }}{{ end }}'
    assert text_of(level % 1000 + '{{ include "n" (list) }}') == "end"
    with pytest.raises(TemplateFailure) as caught:
        text_of(level % 1100 + '{{ include "n" (list) }}')
    message = str(caught.value)
    assert message.endswith("rendering template has a nested reference name: n: unable to execute template")
    assert message.startswith("template: demo/templates/a.yaml:1:")
    assert "\n" not in message


@pytest.mark.contract("TPL-152", "HLM-572")
def test_tpl_has_names_of_its_own() -> None:
    template = (
        '{{ define "n" }}outer{{ end }}{{ include "n" . }} '
        '{{ tpl "{{ define `n` }}inner{{ end }}{{ define `m` }}m{{ end }}{{ include `n` . }}{{ include `m` . }}" . }} '
        '{{ include "n" . }} {{ tpl .Values.text (dict "a" 1) }} {{ tpl "{{ tpl .t . }}" (dict "t" "{{ include `n` . }}") }}'
    )
    assert text_of(template, {"text": "{{ .a }}"}) == "outer innerm outer 1 outer"
    with pytest.raises(TemplateFailure, match='no template "m"'):
        text_of('{{ $_ := tpl "{{ define `m` }}m{{ end }}" . }}{{ include "m" . }}')


@pytest.mark.contract("TPL-153", "TPL-161")
def test_errors_in_tpl_stay_on_one_line() -> None:
    with pytest.raises(TemplateFailure) as caught:
        text_of('{{ tpl "{{ nofunc }}" . }}')
    assert str(caught.value) == (
        'template: demo/templates/a.yaml:1:3: executing "demo/templates/a.yaml" at <tpl "{{ nofunc }}" .>: '
        'error calling tpl: cannot parse template "{{ nofunc }}": template: gotpl:1: function "nofunc" not defined'
    )
    with pytest.raises(TemplateFailure) as caught:
        text_of('{{ tpl "{{ .a.b.c }}" . }}')
    assert str(caught.value) == (
        'template: demo/templates/a.yaml:1:3: executing "demo/templates/a.yaml" at <tpl "{{ .a.b.c }}" .>: error '
        'calling tpl: error during tpl function execution for "{{ .a.b.c }}": template: gotpl:1:5: executing "gotpl" '
        "at <.a.b.c>: nil pointer evaluating interface {}.b"
    )


@pytest.mark.contract("TPL-154")
def test_tpl_of_nothing_and_of_what_is_no_text() -> None:
    assert text_of('[{{ tpl "" . }}] {{ tpl "{{ .Template.Name }}" . }}') == "[] demo/templates/a.yaml"
    with pytest.raises(TemplateFailure, match="wrong type for value; expected string; got float64"):
        text_of("{{ tpl .Values.n . }}", {"n": 1.0})


@pytest.mark.contract("TPL-155", "HLM-573")
def test_required() -> None:
    assert text_of('{{ required "m" 0 }}{{ required "m" false }}{{ required "m" (list) }}') == "0false[]"
    for missing in (".Values.x", '""', "nil"):
        with pytest.raises(TemplateFailure) as caught:
            text_of(f'{{{{ required "say: why\\nand how" {missing} }}}}')
        assert str(caught.value) == "execution error at (demo/templates/a.yaml:1:3): say: why\nand how"


@pytest.mark.contract("TPL-156")
def test_fail_is_told_where_the_outermost_file_stands() -> None:
    with pytest.raises(TemplateFailure) as caught:
        text_of('{{ define "n" }}\n\n{{ fail "no" }}{{ end }}\n {{ include "n" . }}')
    assert str(caught.value) == "execution error at (demo/templates/a.yaml:4:4): no"


@pytest.mark.contract("TPL-157")
def test_lint_lets_pass() -> None:
    template = '{{ required "r" nil }}[{{ fail "f" }}]{{ lookup "v1" "Pod" "" "" }}'

    def lookup(*_: str) -> dict[str, Any]:
        raise AssertionError("lint asks no cluster")

    assert text_of(template, mode=Mode(lint=True), lookup=lookup) == "[]map[]"


def test_strict_refuses_missing_keys_also_in_tpl() -> None:
    for template in ("{{ .Values.missing }}", '{{ tpl "{{ .Values.missing }}" . }}'):
        with pytest.raises(TemplateFailure, match='map has no entry for key "missing"'):
            text_of(template, mode=Mode(strict=True))


@pytest.mark.contract("TPL-158", "HLM-575", "HLM-576")
def test_lookup() -> None:
    asked: list[tuple[str, ...]] = []

    def lookup(*question: str) -> dict[str, Any]:
        asked.append(question)
        if question[0] == "bad/v1":
            raise FunctionError("the server said no")
        return {"items": [{"metadata": {"name": "a"}}]} if not question[3] else {}

    template = (
        '{{ range (lookup "v1" "Pod" "ns" "").items }}{{ .metadata.name }}{{ end }} '
        '{{ lookup "v1" "Pod" "ns" "gone" | empty }}'
    )
    assert text_of(template, lookup=lookup) == "a true"
    assert asked == [("v1", "Pod", "ns", ""), ("v1", "Pod", "ns", "gone")]
    assert text_of('{{ lookup "v1" "Pod" "ns" "x" }}') == "map[]"
    with pytest.raises(TemplateFailure, match="error calling lookup: the server said no"):
        text_of('{{ lookup "bad/v1" "X" "" "" }}', lookup=lookup)


@pytest.mark.contract("TPL-159", "HLM-560")
def test_host_names_and_the_environment_are_out_of_reach() -> None:
    assert text_of('[{{ getHostByName "localhost" }}]') == "[]"
    with pytest.raises(TemplateFailure) as caught:
        text_of('{{ env "HOME" }}')
    assert str(caught.value) == 'parse error at (demo/templates/a.yaml:1): function "env" not defined'


@pytest.mark.contract("TPL-160", "HLM-574")
def test_errors_are_told_level_by_level() -> None:
    helper = '{{ define "one" }}{{ include "two" . }}{{ end }}\n{{ define "two" }} {{ .Values.a.b.c }}{{ end }}'
    with pytest.raises(TemplateFailure) as caught:
        files_of(chart({"_h.tpl": helper, "a.yaml": 'x\n  {{ include "one" . }}'}))
    assert str(caught.value) == (
        'demo/templates/a.yaml:2:5\n  executing "demo/templates/a.yaml" at <include "one" .>:\n'
        '    error calling include:\ndemo/templates/_h.tpl:1:21\n  executing "one" at <include "two" .>:\n'
        '    error calling include:\ndemo/templates/_h.tpl:2:29\n  executing "two" at <.Values.a.b.c>:\n'
        "    nil pointer evaluating interface {}.b"
    )
    with pytest.raises(TemplateFailure) as caught:
        text_of("a\n{{ if }}")
    assert str(caught.value) == "parse error at (demo/templates/a.yaml:2): missing value for if"


@pytest.mark.contract("TPL-144")
def test_values_are_of_a_type_of_their_own() -> None:
    assert text_of(
        "{{ .Values.YAML }}|{{ .Values.AsMap | typeOf }}|{{ (.Values.Table `a`).b }}", {"a": {"b": "c"}}
    ) == ("a:\n  b: c\n|map[string]interface {}|c")
    with pytest.raises(TemplateFailure, match=r"is common\.Values, not map"):
        text_of('{{ dig "a" "b" "d" .Values }}')
