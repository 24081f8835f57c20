"""Post-build substitution: every operator and oddity of the contract, in the words of upstream's parser."""

import pytest

from fluxkit.envsubst import SubstitutionError, substitute

VARIABLES = {
    "v": "cluster",
    "path": "a/b/a",
    "empty": "",
    "w": "inner",
    "é": "never set in practice",
    "u": "ébène",
    "n": "-9",
}


def expand(text: str, *, strict: bool = True) -> str:
    return substitute(text, VARIABLES, strict=strict)


@pytest.mark.contract(
    "KUS-151", "KUS-152", "KUS-153", "KUS-154", "KUS-155", "KUS-157", "KUS-158", "KUS-159", "KUS-160", "KUS-161",
    "KUS-162", "KUS-163", "KUS-164", "KUS-166", "KUS-167", "KUS-171", "KUS-172", "KUS-173", "KUS-145", "KUS-147",
)  # fmt: skip
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("no expression", "no expression"),
        ("a ${v} b ${v}", "a cluster b cluster"),
        ("${#v}", "7"),
        ("${#u}", "7"),
        ("${v^}|${v^^}|${v,}|${v,,}", "Cluster|CLUSTER|cluster|cluster"),
        ("${v=d}${v:=d}${v:-d}", "clusterclustercluster"),
        ("${empty=d}${unset:=d}${unset:-d}", "ddd"),
        ("${v:+d}${v:?d}${unset:+d}${unset:?d}", "clusterclusterdd"),
        ("${unset:=}", ""),
        ("${v:1}|${v:1:3}|${v:99}|${v:2:99}|${v:x}|${v:1:x}", "luster|lus||uster|cluster|cluster"),
        ("${v: -3}", "cluster"),
        ("${path#a}|${path#*/}|${path##*/}|${path##*}", "/b/a|b/a|a|"),
        ("${path%/*}|${path%%/*}|${v%[rx]}", "a/b|a|cluster"),
        ("${path/a/x}|${path//a/x}|${path/*/x}", "x/b/a|x/b/x|a/b/a"),
        ("${path/a/}|${path/#a/}|${path/%a/}", "/b/a|a/b/a|a/b/a"),
        ("${path/#a/x}|${path/%a/x}", "x/b/a|a/b/x"),
        ("$${v} a $$ b $", "${v} a $ b $"),
        ("$v $(v) {{ v }}", "$v $(v) {{ v }}"),
        ("${unset:=pre${w}-suf}", "preinner-suf"),
        ('${v:={"a":1}}', "cluster}"),
        ("${unset:=$$x\\y}", "$$x\\y"),
        ("${path/\\//$$}", "a$b/a"),
        ("${path/${empty:=a}/${w}}", "inner/b/a"),
        ("${w/inner/${v}}", "cluster"),
    ],
)
def test_expansion(text: str, result: str) -> None:
    assert expand(text) == result


@pytest.mark.contract("KUS-146", "KUS-147", "KUS-148", "KUS-170")
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("${unset}", "unset"),
        ("${#unset}", "unset"),
        ("${unset^^}", "unset"),
        ("${unset:2}", "unset"),
        ("${unset/a/b}", "unset"),
        ("${unset%a}", "unset"),
        ("${v:=${unset}}", "unset"),
        ("${1}", "1"),
    ],
)
def test_strict_mode_names_the_variable(text: str, name: str) -> None:
    with pytest.raises(SubstitutionError) as caught:
        expand(text)
    assert str(caught.value) == f'variable not set (strict mode): "{name}"'


def test_lenient_mode_reads_unset_variables_as_empty() -> None:
    assert expand("[${unset}${#unset}${unset^}]", strict=False) == "[0]"


@pytest.mark.contract("KUS-150", "KUS-156", "KUS-165", "KUS-168", "KUS-169")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${v-d}", "missing closing brace"),
        ("${v+d}", "missing closing brace"),
        ("${v?d}", "missing closing brace"),
        ("${a.b}", "missing closing brace"),
        ("${a[@]}", "missing closing brace"),
        ("${v", "missing closing brace"),
        ("${}", "unable to parse variable name"),
        ("${{ x }}", "unable to parse variable name"),
        ("${!v}", "unable to parse variable name"),
        ("${@}", "unable to parse variable name"),
        ("${v/s} and no more", "bad substitution"),
        ("${v^^x}", "bad substitution"),
        ("${v:}", "unable to parse substitution within function"),
        ("${v:=x", "unable to parse substitution within function"),
        ("${v:", "bad substitution"),
        ("${#}", "bad substitution"),
    ],
)
def test_malformed_expressions(text: str, problem: str) -> None:
    with pytest.raises(SubstitutionError) as caught:
        expand(text)
    assert str(caught.value) == problem


@pytest.mark.contract("KUS-174")
def test_a_negative_length_is_an_error_and_no_crash() -> None:
    with pytest.raises(SubstitutionError, match='negative length -9 in the substring of variable "v"'):
        expand("${v:1:${n}}")


@pytest.mark.parametrize("glob", ["[", "[]", "[a-", "\\", "[b-]"])
def test_a_malformed_glob_changes_nothing(glob: str) -> None:
    assert substitute("${v#" + glob + "}", {"v": "a[b"}, strict=True) == "a[b"
