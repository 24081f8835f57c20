"""Writing: quoting, folding, blocks and key order, as sigs.k8s.io/yaml writes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxkit import yaml

WORDS = " ".join(["word"] * 20)


@pytest.mark.contract("KZB-190", "KZB-191")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("yes", '"yes"'), ("n", '"n"'), ("true", '"true"'), ("null", '"null"'), ("~", '"~"'), ("", '""'),
        ("08", '"08"'), ("1_000", '"1_000"'), ("0x1F", '"0x1F"'), ("12:30", '"12:30"'), ("1e3", '"1e3"'),
        (".5", '".5"'), ("2001-01-01", '"2001-01-01"'), ("<<", "<<"), ("=", "="),
        ("NaN", "NaN"), ("1.2.3", "1.2.3"), ("1e", "1e"),
        ("@a", "'@a'"), ("% a", "'% a'"), ("&a", "'&a'"), ("*", "'*'"), ("!x", "'!x'"), ("|", "'|'"), ("{a", "'{a'"),
        ("[a", "'[a'"), ("- a", "'- a'"), ("-a", "-a"), ("? a", "'? a'"), ("?a", "?a"), ("a: b", "'a: b'"),
        ("a:b", "a:b"), ("a:", "'a:'"), ("a #b", "'a #b'"), ("a#b", "a#b"), (" a", "' a'"), ("a ", "'a '"),
        ("it's", "it's"), ("'q'", "'''q'''"), ('"', "'\"'"), ("---", "'---'"), ("--- a", "'--- a'"),
        ("a\tb", '"a\\tb"'), ("a\0", '"a\\0"'), ("\r", '"\\r"'), ("\u00e9", "\u00e9"), ("\u4e2d", "\u4e2d"),
        ("\U0001f600", '"\\U0001F600"'), ("\ufeff", '"\\uFEFF"'), ("\x7f", '"\\x7F"'),
    ],
)  # fmt: skip
def test_strings(value: str, text: str) -> None:
    assert yaml.dump({"k": value}) == f"k: {text}\n"
    assert yaml.dump([value]) == f"- {text}\n"
    assert yaml.dump(value) == f"{text}\n"


@pytest.mark.contract("KZB-193")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.94848006450525e16, "49484800645052500"),
        (1, "1"), (-5, "-5"), (1.0, "1"), (1.5, "1.5"), (1e3, "1000"), (1.5e-7, "1.5e-07"), (1e21, "1e+21"),
        (2**64 - 1, "18446744073709551615"), (2**64, "1.8446744073709552e+19"),
        (1234567.5, "1.2345675e+06"), (0.0001, "0.0001"), (0.00001, "1e-05"),
        (123456.5, "123456.5"), (-0.25, "-0.25"), (True, "true"), (None, "null"), ({}, "{}"), ([], "[]"),
    ],
)  # fmt: skip
def test_atoms(value: Any, text: str) -> None:
    assert yaml.dump({"k": value}) == f"k: {text}\n"


@pytest.mark.contract("KZB-192")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb\n", "k: |\n  a\n  b\n"),
        ("a\nb", "k: |-\n  a\n  b\n"),
        ("a\n\n", "k: |+\n  a\n\n"),
        ("a\n\nb\n", "k: |\n  a\n\n  b\n"),
        (" a\nb\n", "k: |2\n   a\n  b\n"),
        ("\na\n", "k: |2\n\n  a\n"),
        ("\n", "k: |2+\n\n"),
        ("a \nb\n", 'k: "a \\nb\\n"\n'),
        ("a\nb ", 'k: "a\\nb "\n'),
        ("a\tx\nb\n", 'k: "a\\tx\\nb\\n"\n'),
    ],
)
def test_several_lines(value: str, text: str) -> None:
    assert yaml.dump({"k": value}) == text


@pytest.mark.contract("KZB-188")
def test_layout() -> None:
    value = {"b": ["x", ["y1", {"z": 1, "a": {}}], {"n": [1]}, []], "a": {"c": {"d": None}}}
    assert yaml.dump(value) == ('a:\n  c:\n    d: null\nb:\n- x\n- - y1\n  - a: {}\n    z: 1\n- "n":\n  - 1\n- []\n')


@pytest.mark.contract("KZB-188")
def test_folding_behind_column_80() -> None:
    assert yaml.dump({"k": WORDS}) == f"k: {' '.join(['word'] * 16)}\n  {' '.join(['word'] * 4)}\n"
    assert yaml.dump({"k": WORDS + ":"}) == f"k: '{' '.join(['word'] * 16)}\n  {' '.join(['word'] * 4)}:'\n"
    assert yaml.dump({"k": "\t " + WORDS}) == f'k: "\\t {" ".join(["word"] * 15)}\n  {" ".join(["word"] * 5)}"\n'
    assert yaml.dump({"k": "x" * 100 + "  y z"}) == f"k: {'x' * 100}  y\n  z\n"


def test_keys() -> None:
    assert yaml.dump({"y": 1, "a b": 2, "1": 3, "": 4}) == '"": 4\n"1": 3\na b: 2\n"y": 1\n'
    assert yaml.dump({"k" * 129: {"a": 1}}) == f"? {'k' * 129}\n: a: 1\n"
    assert yaml.dump({"k" * 129: "v"}) == f"? {'k' * 129}\n: v\n"


@pytest.mark.contract("KZB-189")
def test_natural_key_order() -> None:
    # Upstream's comparison has cycles (a10 < a1b < a2 < a10); this list has none.
    order = ["-", ".a", "_x", "1", "01", "2", "10", "A", "Z", "a-b", "a1", "a01", "a2", "a10", "aB", "ab"]
    lines = yaml.dump(dict.fromkeys(sorted(order), 0)).splitlines()
    written = [line.rpartition(":")[0].strip("\"'") for line in lines]
    assert written == order


def test_refuses_what_json_lacks() -> None:
    with pytest.raises(ValueError, match="unsupported value: nan"):
        yaml.dump({"a": float("nan")})
    with pytest.raises(TypeError, match="cannot write object"):
        yaml.dump({"a": object()})


def test_streams() -> None:
    assert yaml.dump_all([{"a": 1}, {"b": 2}]) == "a: 1\n---\nb: 2\n"
    assert yaml.dump_all([]) == ""


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e15, 1e15) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_written_reads_back(value: Any) -> None:
    assert yaml.load(yaml.dump(value)) == value
