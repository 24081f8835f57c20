"""Checking values against a schema: upstream's verdicts and texts."""

import json
import re
from typing import Any

import pytest

from fluxkit.helm.chart import Chart, Metadata
from fluxkit.helm.values import SchemaError, schema_violations, validate_against_schema
from fluxkit.helm.values.jsonschema import checking
from fluxkit.helm.values.jsonschema.numbers import shown_float
from tests.helm.recorded import as_floats, cases


def canonical(text: str) -> list[Any]:
    """The tree of problems, with those of one place in order: upstream's order changes from run to run."""

    def in_order(found: re.Match[str]) -> str:
        return f"additional properties {sorted(found[1].split(', '))} not allowed"

    root: list[Any] = []
    stack: list[tuple[float, list[Any]]] = [(-1, root)]
    for line in re.sub("additional properties (.*) not allowed", in_order, text).split("\n"):
        body = line.lstrip(" ")
        depth = len(line) - len(body) if body.startswith("- ") else -0.5
        while stack[-1][0] >= depth:
            stack.pop()
        inner: list[Any] = []
        stack[-1][1].append((line, inner))
        stack.append((depth, inner))
    return ordered(root)


def ordered(nodes: list[Any]) -> list[Any]:
    return sorted((line, ordered(inner)) for line, inner in nodes)


@pytest.mark.contract("HLM-536")
def test_verdicts_and_texts_are_upstreams() -> None:
    wrong = []
    for case in cases("schemas"):
        found = schema_violations(json.dumps(case["schema"]).encode(), as_floats(case["values"]))
        if canonical(found) != canonical(case["error"]):
            wrong.append((case["schema"], case["error"], found))
    assert wrong == []


def test_formats_of_texts_are_upstreams() -> None:
    wrong = []
    for case in cases("formats"):
        schema = {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"format": case["format"]}}}
        found = schema_violations(json.dumps(schema).encode(), {"a": case["text"]})
        if found != case["error"]:
            wrong.append((case, found))
    assert wrong == []
    modern = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"a": {"format": "date"}}}
    assert schema_violations(json.dumps(modern).encode(), {"a": "no date"}) == ""


def chart(name: str, schema: Any, *below: Chart) -> Chart:
    made = Chart(Metadata(name=name, version="1.0.0"), schema=schema and json.dumps(schema).encode())
    made.set_dependencies(list(below))
    return made


@pytest.mark.contract("HLM-535", "HLM-536")
def test_every_chart_checks_its_own_values_and_all_problems_are_told() -> None:
    typed = {"properties": {"a": {"type": "string"}}, "required": ["b"]}
    top = chart("top", typed, chart("sub", typed), chart("idle", typed), chart("odd", None))
    with pytest.raises(SchemaError) as caught:
        validate_against_schema(top, {"a": 1.0, "b": 1.0, "sub": {"a": "x"}, "idle": None, "odd": "text"})
    assert str(caught.value) == (
        "values don't meet the specifications of the schema(s) in the following chart(s):\n"
        "top:\n- at '/a': got number, want string\n"
        "sub:\n- at '': missing property 'b'\n"
        "odd:\ninvalid type for values: expected object (map), got string\n"
    )
    validate_against_schema(top, {"a": "x", "b": 1.0, "sub": {"b": 1.0}})


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (b"", "EOF"),
        (b"{", "unexpected EOF"),
        (b"{} x", "invalid character after top-level value"),
        (b'{"type": 1e9999999999}', "json: cannot unmarshal number 1e9999999999 into Go value of type float64"),
        (b'{"$ref": "#/nope"}', 'json-pointer in "file:///values.schema.json#/nope" not found'),
        (
            b'{"pattern": "("}',
            '"file:///values.schema.json#" is not valid against metaschema: jsonschema validation failed with '
            "'https://json-schema.org/draft/2020-12/schema#'\n- at '': 'allOf' failed\n  - at '/pattern': '(' is not "
            "valid regex: error parsing regexp: missing closing ): `(`",
        ),
    ],
)
def test_a_schema_that_is_none_is_told(schema: bytes, text: str) -> None:
    assert schema_violations(schema, {}) == text


@pytest.mark.contract("HLM-537")
@pytest.mark.parametrize("address", ["file:///etc/passwd", "other.json", "https://example.com/schema.json"])
def test_nothing_outside_the_chart_is_read(address: str) -> None:
    found = schema_violations(json.dumps({"$ref": address}).encode(), {})
    assert found.startswith("failing loading ")
    assert found.endswith("only the chart's own schema is read")


def test_a_way_to_fetch_schemas_is_used_for_http_only() -> None:
    asked: list[str] = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        return b'{"type": "string"}'

    schema = {"properties": {"a": {"$ref": "https://example.com/s.json"}, "b": {"$ref": "file:///etc/passwd"}}}
    assert "only the chart's own schema is read" in schema_violations(json.dumps(schema).encode(), {}, fetch=fetch)
    del schema["properties"]["b"]
    found = schema_violations(json.dumps(schema).encode(), {"a": 1.0}, fetch=fetch)
    assert found == "- at '/a': got number, want string\n"
    assert asked == ["https://example.com/s.json"] * 2


def test_an_unknown_name_lets_everything_pass() -> None:
    assert schema_violations(b'{"$ref": "urn:example:nothing"}', {"a": 1.0}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(80.0, "80"), (1024.0, "1,024"), (0.5, "0.5"), (1e6, "1×10⁰⁶"), (-1234.5, "-1,234.5"), (1e-5, "1×10⁻⁰⁵")],
)
def test_numbers_are_shown_as_english_readers_expect(value: float, text: str) -> None:
    assert shown_float(value) == text


def test_schemas_that_refer_to_themselves_end() -> None:
    schema = {"properties": {"a": {"$ref": "#"}}, "additionalProperties": False}
    assert schema_violations(json.dumps(schema).encode(), {"a": {"a": {"b": 1.0}}}) == (
        "- at '/a/a': additional properties 'b' not allowed\n"
    )
    cycle = schema_violations(json.dumps({"$ref": "#"}).encode(), {})
    assert "causing reference cycle" in cycle
    deep: dict[str, Any] = {}
    for _ in range(240):
        deep = {"a": deep}
    nested = schema_violations(json.dumps({"properties": {"a": {"allOf": [{"$ref": "#"}]}}}).encode(), deep)
    assert nested in ("", "unable to validate schema: schema and values are nested too deeply\n")


def test_references_that_multiply_the_work_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MAX_STEPS", 20_000)
    twice = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(40)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**twice, "d40": {"type": "object"}}}
    found = schema_violations(json.dumps(schema).encode(), {})
    assert found == "unable to validate schema: it takes more than 20000 steps"


def test_a_hostile_pattern_is_matched_in_linear_time() -> None:
    # A backtracking engine would need longer than the universe has been there.
    schema = json.dumps({"properties": {"a": {"pattern": "^(a+)+$"}}}).encode()
    assert "does not match pattern" in schema_violations(schema, {"a": "a" * 5000 + "b"})
