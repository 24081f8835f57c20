"""Values files and the flags that bring values together."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.helm.values import ValueOptions, ValuesError, load_values, merge_maps
from fluxkit.template.values import Int64
from tests.helm.recorded import as_recorded, cases


@pytest.mark.contract("HLM-523", "HLM-541", "HLM-542", "TPL-002")
def test_files_are_read_as_helm_reads_them() -> None:
    wrong = []
    for case in cases("values"):
        error, result = "", None
        try:
            result = as_recorded(load_values(case["text"].encode()))
        except ValuesError as problem:
            error = str(problem)
        if (error, result) != (case["error"], case["result"]):
            wrong.append((case["text"], case["error"], error, result))
    assert wrong == []


@pytest.mark.contract("HLM-542")
def test_numbers_are_floats_and_keys_are_texts() -> None:
    values = load_values(b"a: 5\non: {1: x, 1.5: z}\nbig: 9007199254740993\n")
    assert values == {"a": 5.0, "true": {"1": "x", "1.5": "z"}, "big": 9007199254740992.0}
    assert type(values["a"]) is float


def test_a_merge_key_replaces_what_stands_before_it() -> None:
    assert load_values(b"b: &b {x: 1}\na: {x: 5, <<: *b}\nc: {<<: *b, x: 5}\n")["a"] == {"x": 1.0}
    assert load_values(b"b: &b {x: 1}\nc: {<<: *b, x: 5}\n")["c"] == {"x": 5.0}


@pytest.mark.parametrize("data", [b"a: \xff\n", b"a: \xe2\x82"])
def test_text_that_is_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(ValuesError, match="UTF-8 octet"):
        load_values(data)


def test_aliases_that_multiply_are_refused() -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for number in range(1, 9):
        before = chr(ord("a") + number - 1)
        name = chr(ord("a") + number)
        text += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    with pytest.raises(ValuesError, match="excessive aliasing"):
        load_values(text.encode())


@pytest.mark.contract("HLM-103")
def test_later_maps_merge_into_earlier_ones_and_leave_them_alone() -> None:
    base, over = {"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "d": {"e": 1}}
    assert merge_maps(base, over) == {"a": {"b": 1, "c": [3]}, "d": {"e": 1}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_the_kinds_of_flags_apply_in_helms_order(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("a: file\nm: 5\n")
    (tmp_path / "two.yaml").write_text("b: second\n")
    (tmp_path / "text").write_text("content\n")
    options = ValueOptions(
        value_files=[str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")],
        json_values=['{"c": {"x": 1}}', 'a="json"', "f=1"],
        values=["a=set,m=6", "c.y=2"],
        string_values=["f=2"],
        file_values=[f"g={tmp_path / 'text'}"],
        literal_values=["a=lit,eral"],
    )
    merged = options.merge()
    assert merged == {
        "a": "lit,eral",
        "m": 6,
        "b": "second",
        "c": {"x": 1.0, "y": 2},
        "f": "2",
        "g": "content\n",
    }
    assert type(merged["m"]) is Int64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ValueOptions(value_files=["/nowhere/v.yaml"]), "open /nowhere/v.yaml: no such file or directory"),
        (ValueOptions(values=["a"]), 'failed parsing --set data: key "a" has no value'),
        (
            ValueOptions(string_values=["a,"]),
            'failed parsing --set-string data: key "a" has no value (cannot end with ,)',
        ),
        (ValueOptions(json_values=["a={"]), "failed parsing --set-json data a={"),
        (ValueOptions(json_values=["{a"]), "failed parsing --set-json data JSON: {a"),
        (
            ValueOptions(file_values=["a=/nowhere"]),
            "failed parsing --set-file data: open /nowhere: no such file or directory",
        ),
        (ValueOptions(literal_values=["a"]), 'failed parsing --set-literal data: key "a" has no value'),
    ],
)
def test_a_flag_that_cannot_be_read_is_named(options: ValueOptions, message: str) -> None:
    with pytest.raises(ValuesError) as caught:
        options.merge()
    assert str(caught.value) == message


def test_a_values_file_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    path = tmp_path / "v.yaml"
    path.write_text("- a\n")
    with pytest.raises(ValuesError) as caught:
        ValueOptions(value_files=[str(path)]).merge()
    assert str(caught.value) == (
        f"failed to parse {path}: cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: "
        "json: cannot unmarshal array into Go value of type map[string]interface {}"
    )


def test_files_may_come_from_elsewhere() -> None:
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return b"a: 1\n"

    merged: dict[str, Any] = ValueOptions(value_files=["https://x.y/v.yaml"]).merge(read)
    assert (merged, asked) == ({"a": 1.0}, ["https://x.y/v.yaml"])
