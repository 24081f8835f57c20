# ruff: noqa: E501, SIM905 - tables are easier to read on one line
"""The function library as charts meet it."""

import pytest

from fluxkit.helm.render import TemplateFailure
from tests.helm.render.building import chart, files_of, text_of

FUNCTIONS = (
    "include tpl required lookup fail toYaml mustToYaml toYamlPretty fromYaml fromYamlArray toJson mustToJson fromJson "
    "fromJsonArray toToml mustToToml fromToml mustToDuration durationSeconds durationMilliseconds durationMicroseconds "
    "durationNanoseconds durationMinutes durationHours durationDays durationWeeks durationRoundTo durationTruncateTo"
).split()


@pytest.mark.contract("HLM-561", "HLM-562")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_helms_own_functions_exist(name: str) -> None:
    assert text_of(f"{{{{ if false }}}}{{{{ {name} }}}}{{{{ end }}}}") == ""


@pytest.mark.contract("HLM-578")
def test_texts_that_yaml_would_retype_are_quoted() -> None:
    values = {"list": ["yes", "on", "y", "1e3", "012", "~", "plain", "a\nb\n", "x" * 85 + " " + "y"]}
    assert text_of("{{ toYaml .Values.list }}", values) == (
        f'- "yes"\n- "on"\n- "y"\n- "1e3"\n- "012"\n- "~"\n- plain\n- |\n  a\n  b\n- {"x" * 85}\n  y'
    )


@pytest.mark.contract("HLM-579")
def test_pretty_yaml_and_json() -> None:
    values = {"a": {"list": [1.0], "html": "<&>"}}
    assert text_of("{{ toYamlPretty .Values.a }}", values) == "html: <&>\nlist:\n  - 1"
    assert text_of("{{ toJson .Values.a }}", values) == '{"html":"\\u003c\\u0026\\u003e","list":[1]}'
    for name in ("mustToJson", "mustToYaml"):
        with pytest.raises(TemplateFailure, match=f"error calling {name}"):
            text_of(f"{{{{ $d := dict }}}}{{{{ $_ := set $d `self` $d }}}}{{{{ {name} $d }}}}")


@pytest.mark.contract("HLM-580", "HLM-581")
def test_reading_tells_errors_in_its_results() -> None:
    assert text_of("{{ (fromYaml `a: 1`).a }} {{ (fromYaml `[`).Error }}") == (
        "1 error converting YAML to JSON: yaml: line 1: did not find expected node content"
    )
    assert text_of("{{ (fromJson `[1]`).Error }} {{ fromJsonArray `[1,2]` }}") == (
        "json: cannot unmarshal array into Go value of type map[string]interface {} [1 2]"
    )
    assert text_of("{{ fromYamlArray `a: 1` | first }}") == (
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal object into Go value of type []interface {}"
    )
    assert text_of("{{ (fromToml `a = 1`).a }} {{ hasKey (fromToml `=`) `Error` }}") == "1 true"
    assert text_of("{{ toToml (dict `a` 1) }}") == "a = 1\n"


@pytest.mark.contract("HLM-588")
def test_ranges_are_sorted_and_random_functions_are_random() -> None:
    of = chart({"a": "{{ range $k, $v := .Values.m }}{{ $k }}{{ end }} {{ randAlphaNum 30 }} {{ uuidv4 }}"})
    one, two = (files_of(of, {"m": {"b": 1, "a10": 2, "a9": 3}})["demo/templates/a"] for _ in range(2))
    assert one.startswith("a10a9b ")
    assert one != two
