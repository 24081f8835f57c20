# ruff: noqa: E501 - templates are easier to read on one line
"""A hostile chart costs its owner an error, soon, and nobody else anything."""

import sys

import pytest

from fluxkit.helm.render import RenderLimitError, TemplateFailure
from fluxkit.template import Limits
from tests.helm.render.building import SMALL, chart, files_of, text_of

DOUBLING = "{{ range until 40 }}{{ $x = %s }}{{ end }}"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ('{{ tpl .Values.bomb . }}', "tpl is nested more than 500 levels deep"),
        ('{{ define "a" }}{{ include "b" . }}{{ end }}{{ define "b" }}{{ tpl "{{ include `a` . }}" . }}{{ end }}{{ include "a" . }}', "tpl is nested more than 500 levels deep"),
        ('{{ define "a" }}{{ template "a" . }}{{ end }}{{ include "a" . }}', "exceeded maximum template depth (2000)"),
        ("{{ range until 2000 }}{{ range until 2000 }}{{ end }}{{ end }}", "200000 steps"),
        ('{{ define "o" }}{{ range until 9 }}{{ range until 9 }}{{ range until 9 }}{{ range until 9 }}{{ include "i" . }}{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}{{ define "i" }}{{ range until 999 }}x{{ end }}{{ end }}{{ include "o" . }}', "limit of"),
        ('{{ range until 500 }}{{ repeat 1000 "x" }}{{ end }}', "output exceeds the limit of 100000 characters"),
        ('{{ repeat 99999999999 "x" }}', "repeat would return a text of 99999999999 characters"),
        ("{{ until 99999999999 }}", "until would return a list of 99999999999 items"),
        ("{{ untilStep 0 99999999999 1 }}", "items"),
        ('{{ seq 99999999999 }}', "seq"),
        ('{{ randAlphaNum 99999999999 }}', "would return a text of 99999999999"),
        ('{{ indent 99999999999 "x" }}', "indent"),
        ('{{ $x := "xxxxxxxx" }}' + DOUBLING % "print $x $x" + "{{ len $x }}", "characters"),
        ('{{ $x := "xxxxxxxx" }}' + DOUBLING % 'replace "x" "xx" $x' + "{{ len $x }}", "characters"),
        ('{{ $x := list 1 2 3 }}' + DOUBLING % "concat $x $x" + "{{ len $x }}", "items"),
        ('{{ $x := "<&>" }}' + DOUBLING % "toJson $x" + "{{ len $x }}", "characters"),
        ('{{ $x := dict "a" 1 }}' + DOUBLING % 'dict "a" $x "b" $x' + "{{ toYaml $x }}", "values"),
        ('{{ $x := dict "a" 1 }}' + DOUBLING % 'dict "a" $x "b" $x' + "{{ toJson $x }}", "values"),
        ('{{ $x := dict "a" 1 }}' + DOUBLING % 'dict "a" $x "b" (deepCopy $x)' + "{{ len $x }}", "values"),
        ('{{ $x := dict "a" 1 }}' + DOUBLING % 'dict "a" $x "b" $x' + "{{ print $x | len }}", "more than"),
        ('{{ $x := dict "a" 1 }}' + DOUBLING % 'dict "a" $x "b" $x' + "{{ toToml $x | len }}", "values"),
        ('{{ $x := dict }}{{ $_ := set $x "x" $x }}{{ toYamlPretty $x }}{{ fail (toJson $x) }}', ""),
        ('{{ printf "%99999999d" 1 }}{{ printf "%0999999d" 1 | len | print }}{{ range until 2000 }}{{ $_ := printf "%999999d" . }}{{ end }}', "more than the limit of 1000000"),
    ],
)  # fmt: skip
def test_what_has_no_end_ends(template: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxkit.template.limits.MAX_TREE", 5000)
    with pytest.raises((RenderLimitError, TemplateFailure)) as caught:
        text_of(template, {"bomb": "{{ tpl .Values.bomb . }}"}, limits=SMALL)
    assert problem in str(caught.value)
    assert "demo/templates/a.yaml" in str(caught.value)
    assert sys.getrecursionlimit() < 10_000


def test_one_budget_for_all_files() -> None:
    of = chart({f"{number}.yaml": '{{ repeat 30000 "x" }}' for number in range(4)})
    with pytest.raises(RenderLimitError, match=r"demo/templates/0\.yaml: template output exceeds the limit of 100000"):
        files_of(of, limits=SMALL)


def test_time_runs_out_between_steps_and_before_slow_functions() -> None:
    none_left = Limits(seconds=-1.0)
    endless = "{{ range until 2000 }}{{ range until 2000 }}{{ end }}{{ end }}"
    for template in (endless, '{{ genPrivateKey "rsa" }}', '{{ lookup "v1" "Pod" "" "" }}'):
        with pytest.raises(RenderLimitError, match="exceeds the limit of -1 seconds"):
            text_of(template, limits=none_left, lookup=lambda *_: {})


def test_regular_expressions_take_linear_time() -> None:
    hostile = (
        '{{ regexMatch "(a*)*b" (repeat 50000 "a") }} {{ regexMatch "(a|aa)+$" (printf "%s!" (repeat 50000 "a")) }}'
    )
    assert text_of(hostile) == "false false"
    with pytest.raises(TemplateFailure, match="repeat count"):
        text_of('{{ mustRegexMatch "((a{1000}){1000}){1000}" "a" }}')


def test_file_patterns_take_linear_time() -> None:
    pattern = "*a" * 40 + "b"
    assert text_of(f'{{{{ .Files.Glob "{pattern}" | len }}}}', files={"a" * 200: b""}) == "0"


def test_python_is_out_of_reach() -> None:
    for path in (".Values.__class__", ".Release.items", ".Values.table", ".Subcharts._target"):
        assert text_of(f"[{{{{ {path} }}}}]") == "[]"
    for path in (".Capabilities.go_fields", ".Capabilities.KubeVersion.normalized", ".Files.Get.call"):
        with pytest.raises(TemplateFailure):
            text_of(f"{{{{ {path} }}}}")
