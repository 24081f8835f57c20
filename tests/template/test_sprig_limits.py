"""One call cannot eat the machine; values that contain themselves end in an error, not in a crash."""

import pytest

from fluxkit.template import TemplateError
from fluxkit.template.sprig.regex import FUNCTIONS as REGEX
from tests.conformance.adapters_sprig import sprig


@pytest.mark.contract("TPL-350")
@pytest.mark.parametrize(
    "template",
    [
        '{{ repeat 1000000000000 "x" }}',
        "{{ until 1000000000000 }}",
        "{{ untilStep 0 -1000000000000 -1 }}",
        "{{ seq 1 1000000000000 }}",
        '{{ indent 1000000000000 "x" }}',
        "{{ randAlpha 1000000000000 | len }}",
        "{{ randBytes 1000000000000 | len }}",
        '{{ wrapWith 1 (repeat 60000 "y") (repeat 60000 "x") }}',
        '{{ replace "x" (repeat 60000 "y") (repeat 60000 "x") }}',
    ],
)
def test_huge_results_are_refused(template: str) -> None:
    with pytest.raises(TemplateError, match="more than the limit of"):
        sprig(template, None)


CYCLE = '{{ $d := dict }}{{ $_ := set $d "d" $d }}'


@pytest.mark.contract("TPL-350")
@pytest.mark.parametrize("call", ["mustToJson $d", "mustToYaml $d", "mustToToml $d", "deepCopy $d"])
def test_a_dict_that_contains_itself_is_an_error(call: str) -> None:
    with pytest.raises(TemplateError):
        sprig(f"{CYCLE}{{{{ {call} }}}}", None)


def test_lenient_conversions_of_a_cycle_are_empty() -> None:
    assert sprig(f"{CYCLE}[{{{{ toJson $d }}}}{{{{ toYaml $d }}}}{{{{ toYamlPretty $d }}}}]", None) == "[]"


def test_a_dict_that_contains_itself_equals_itself() -> None:
    other = '{{ $e := dict }}{{ $_ := set $e "d" $e }}'
    assert sprig(f"{CYCLE}{other}{{{{ deepEqual $d $e }}}}", None) == "true"


@pytest.mark.contract("TPL-350")
@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{{ (fromJson (repeat 1000000 "[")).Error }}', "exceeded max depth"),
        ('{{ (fromJson (print (repeat 99999 "[") (repeat 99999 "]"))).Error }}', "exceeded max depth"),
        ('{{ (fromToml (print "a = " (repeat 99999 "["))).Error }}', "toml: nested too deeply"),
        (
            '{{ (fromYaml (repeat 99999 "[")).Error | trunc 53 }}',
            "error converting YAML to JSON: yaml: nested deeper tha",
        ),
        (
            '{{ (fromYaml (repeat 99999 "{")).Error | trunc 53 }}',
            "error converting YAML to JSON: yaml: invalid map key: ",
        ),
        (
            '{{ (fromYaml (repeat 99999 "- ")).Error | trunc 53 }}',
            "error converting YAML to JSON: yaml: nested deeper tha",
        ),
    ],
)
def test_deep_texts_are_refused(template: str, expected: str) -> None:
    assert expected.startswith(sprig(template, None))


def test_deep_values_are_refused() -> None:
    deep = "{{ $l := list }}{{ range until 100000 }}{{ $l = list $l }}{{ end }}"
    with pytest.raises(TemplateError, match="nested more than 900 levels deep"):
        sprig(deep + "{{ deepEqual $l (list (list)) }}{{ $m := deepCopy $l }}", None)
    with pytest.raises(TemplateError, match="encountered a cycle"):
        sprig(deep + "{{ mustToJson $l }}", None)


@pytest.mark.contract("TPL-295")
def test_hostile_expressions_take_linear_time() -> None:
    # A backtracking engine needs exponential time here; the suite's own time limit would end this test.
    assert REGEX["regexMatch"]("(a*)*b", "a" * 5000) is False


@pytest.mark.contract("TPL-351")
def test_nothing_of_python_is_reachable() -> None:
    with pytest.raises(TemplateError, match="can't evaluate field __class__"):
        sprig('{{ (semver "1.2.3").__class__ }}', None)
    assert sprig('{{ printf "{0.__class__}" 1 }}', None) == "{0.__class__}%!(EXTRA int=1)"
