"""Reading: what scalars, keys, merges and aliases become."""

import pytest

from fluxkit import yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("Off", False), ("y", True), ("true", True), ("tRue", "tRue"),
        ("~", None), ("null", None), ("", None),
        ("012", 10), ("0o17", 15), ("0x1F", 31), ("0b101", 5), ("-0b11", -3), ("1_000", 1000), ("+7", 7),
        ("08", 8), ("1e3", 1000), ("1.50", 1.5), (".5", 0.5), ("1.", 1), ("1e400", "1e400"),
        ("18446744073709551615", 18446744073709551615), ("123456789012345678901", 1.2345678901234568e20),
        ("2001-01-01", "2001-01-01"), ("2001-01-01T10:00:00Z", "2001-01-01T10:00:00Z"), ("12:30", "12:30"),
        ("1.2.3", "1.2.3"), ("0x", "0x"), ("1e", "1e"), ("'1'", "1"), ('"yes"', "yes"),
        ("!!str 1", "1"), ("!!float 1", 1), ("!!binary aGk=", "hi"), ("!custom x", "x"),
    ],
)  # fmt: skip
def test_scalars(text: str, value: object) -> None:
    found = yaml.load(f"key: {text}\n")["key"]
    assert found == value
    assert type(found) is type(value)


def test_keys_become_strings() -> None:
    assert yaml.load("1: a\ntrue: b\n0x10: c\n1.5: d\n") == {"1": "a", "true": "b", "16": "c", "1.5": "d"}


def test_merge_keys_yield_to_own_keys_and_to_earlier_sources() -> None:
    text = "a: &a {x: 1, w: 1}\nb: &b {w: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n"
    assert yaml.load(text)["c"] == {"x": 3, "w": 1, "z": 2}


def test_aliases_are_copies() -> None:
    found = yaml.load("a: &a [1]\nb: *a\n")
    found["a"].append(2)
    assert found["b"] == [1]


def test_streams() -> None:
    assert yaml.load_all("") == []
    assert yaml.load("# nothing\n") is None
    assert yaml.load_all("a: 1\n---\n---\nb: 2\n") == [{"a": 1}, None, {"b": 2}]
    with pytest.raises(yaml.YAMLError, match="expected a single document"):
        yaml.load("a: 1\n---\nb: 2\n")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 'key "a" already set in map'),
        ("a: 1\n\tb: 2\n", 2, "found a tab character that violates indentation"),
        ("a: b: c\n", 1, "mapping values are not allowed in this context"),
        ("a: *x\n", 1, "unknown anchor 'x' referenced"),
        ("a: &a [*a]\n", 1, "anchor 'a' value contains itself"),
        ("[a]: 1\n", 1, "invalid map key"),
        ("? {a: 1}\n: 1\n", 1, "invalid map key"),
        ("~: 1\n", 1, "unsupported map key: null"),
        ("a: !!int x\n", 1, "cannot decode !!str `x` as a !!int"),
        ("<<: 1\n", 2, "map merge requires map or sequence of maps as the value"),
        ("a: 1\0\n", None, "control characters are not allowed"),
    ],
)
def test_errors_name_source_and_line(text: str, line: int | None, problem: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.load(text, source="apps/a.yaml")
    assert caught.value.source == "apps/a.yaml"
    assert caught.value.line == line
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"apps/a.yaml:{line}: " if line else "apps/a.yaml: ")


def test_alias_bombs_are_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for previous, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + previous] * 9)}]")
    with pytest.raises(yaml.YAMLError, match="excessive aliasing"):
        yaml.load("\n".join(lines))


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="deeper than 250 levels"):
        yaml.load("[" * 10_000)
    assert yaml.load("[" * 250 + "]" * 250) is not None


def test_large_texts_are_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="larger than the limit"):
        yaml.load(b" " * (64 * 1024 * 1024 + 1))


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml.load(b"a: \xff\xfe\n")
