# ruff: noqa: E501 - rows of choices
"""Random charts, values and schemas, read by fluxkit and by Helm's own packages; what differs is printed.

    python scripts/fuzz_helm.py --reference ./helm-reference --first 0 --count 2000 set values metadata dependencies schema

The reference is built from ``scripts/helm_reference``. Helm's order of subcharts that Chart.yaml does not name, and of
the problems within one object, changes from run to run: a difference counts when it stays for some runs.
"""

import argparse
import base64
import copy
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import yaml

from fluxkit.helm import HelmError
from fluxkit.helm.chart import Chart, File, load_files
from fluxkit.helm.chart.encoding import metadata_object
from fluxkit.helm.dependencies import process
from fluxkit.helm.values import (
    coalesce_values,
    load_values,
    parse_set,
    parse_set_json,
    parse_set_literal,
    parse_set_string,
    schema_violations,
)
from fluxkit.template.values import Int64

RUNS = 10
"""How often Helm is asked again before a difference counts."""

Question = dict[str, Any]
PARSERS = {
    "set": parse_set,
    "set-string": parse_set_string,
    "set-json": parse_set_json,
    "set-literal": parse_set_literal,
}


class Reference:
    """The Go program."""

    def __init__(self, binary: str) -> None:
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, question: Question) -> tuple[Any, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        return found["result"], found["error"]


# --- questions -------------------------------------------------------------------------------------------------------

SET_TOKENS = [*"abc..[]=,{}\\10 ", "[0]", "[1]", "[-1]", "[x]", "[70000]", "===", "007", "true", "NULL", "-5", "1.5"]
SET_TOKENS += ["9223372036854775807", '"x"', '{"a":1}', "[1,2]", "null", "é", "1e5", "\\,", "\\.", "{a,b}", "1.", "2e"]
TARGETS: list[dict[str, Any]] = [{}, {"a": "s"}, {"a": {"b": [1.0, {"c": 2.0}]}, "b": None}, {"a": [1.0, [2.0]]}]


def a_set(rnd: random.Random) -> Question:
    text = "".join(rnd.choice(SET_TOKENS) for _ in range(rnd.randint(1, 10)))
    if rnd.random() < 0.6:
        text = "a" + rnd.choice(["", "[0]", ".b", "[1].c", "[0][1]"]) + "=" + text
    return {"op": rnd.choice(list(PARSERS)), "text": text, "into": rnd.choice(TARGETS)}


SCALARS = [
    "1",
    "1.5",
    "1e3",
    "012",
    "0x1F",
    "yes",
    "off",
    "~",
    '"q"',
    "2020-01-01",
    "12:30",
    "1_000",
    ".inf",
    "-0",
    "text",
]
SCALARS += [
    "9007199254740993",
    "|\n  a\n  b",
    "{a: 1}",
    "[1, two]",
    "&x 5",
    "!!str 5",
    '!!int "7"',
    "1e400",
    "0o17",
    "é",
    "",
]


def a_document(rnd: random.Random, indent: int = 0) -> str:
    out = ""
    for _ in range(rnd.randint(0, 3)):
        key = " " * indent + rnd.choice(["a", "b", "c", "on", "1", "1.5", '"x y"'])
        deeper = indent < 6 and rnd.random() < 0.4
        out += f"{key}:\n{a_document(rnd, indent + 2)}" if deeper else f"{key}: {rnd.choice(SCALARS)}\n"
    return out


def a_values_file(rnd: random.Random) -> Question:
    text = a_document(rnd)
    for _ in range(rnd.choice([0, 0, 1, 2])):
        text += rnd.choice(["---\n", "--- # c\n", "---  \n", "--- x\n", "...\n", "---a: 1\n", "\n"]) + a_document(rnd)
    text = ("\ufeff" if rnd.random() < 0.1 else "") + text.rstrip("\n" if rnd.random() < 0.1 else "")
    return {"op": "values", "data": base64.b64encode(text.encode()).decode()}


FIELDS = [
    "description",
    "home",
    "sources",
    "keywords",
    "maintainers",
    "icon",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
]
FIELDS += ["annotations", "kubeVersion", "type", "engine", "Name", "VERSION", "dependencies"]
GIVEN = [
    "x",
    "1",
    "1.5",
    "1e3",
    "0x10",
    "yes",
    "null",
    "[a, b]",
    "{a: 1}",
    '"q"',
    "[1, null, true]",
    '"a\\tb\\x01"',
    "library",
]
GIVEN += ["[{name: a}]", "[{name: a, email: b}, {url: 1}]", "16777217", "[null]", "[{name: a, alias: b/c, tags: [1]}]"]


def a_chart_yaml(rnd: random.Random) -> Question:
    fields = {"apiVersion": rnd.choice(["v1", "v2"]), "name": "top", "version": "1.2.3"}
    if rnd.random() < 0.15:
        del fields[rnd.choice(list(fields))]
    fields |= {name: rnd.choice(GIVEN) for name in rnd.sample(FIELDS, rnd.randint(0, 4))}
    return {"op": "metadata", "files": {"Chart.yaml": "".join(f"{key}: {value}\n" for key, value in fields.items())}}


NAMES = ["sa", "sb", "sc", "ga", "gb"]


def some_values(rnd: random.Random, depth: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in rnd.sample(["k1", "k2", "enabled", "global", "exports", "tags", *NAMES], rnd.randint(0, 4)):
        if key == "enabled":
            found[key] = rnd.choice([True, False, True, False, "yes", None])
        elif depth < 3 and rnd.random() < (0.85 if key not in ("k1", "k2") else 0.5):
            found[key] = some_values(rnd, depth + 1)
        else:
            found[key] = rnd.choice([1, "s", None, True, [1, {"a": 2}], {}, 1.5])
    return found


def a_dependency(rnd: random.Random, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "version": rnd.choice(["1.0.0", ">=1.0.0", "*", "2.x", "~1"])}
    if rnd.random() < 0.35:
        found["alias"] = rnd.choice(["al1", "al2", "sa"])
    if rnd.random() < 0.4:
        found["condition"] = rnd.choice([f"{name}.enabled", f"k1,{name}.enabled", "global.enabled", " enabled", "a..b"])
    if rnd.random() < 0.3:
        found["tags"] = rnd.sample(["k1", "k2"], rnd.randint(1, 2))
    if rnd.random() < 0.4:
        imports = [
            "k1",
            {"child": "k1", "parent": "k1"},
            {"child": "exports", "parent": "."},
            {"child": "k2", "parent": "k1.k2"},
        ]
        found["import-values"] = rnd.sample(imports, rnd.randint(1, 3))
    return found


def chart_files(rnd: random.Random, name: str, depth: int = 0) -> dict[str, str]:
    below = rnd.sample(NAMES, rnd.choice([0, 1, 2, 3] if depth == 0 else [0, 0, 1, 2])) if depth < 3 else []
    declared = {each.get("alias", each["name"]): each for each in (a_dependency(rnd, each) for each in below)}
    metadata = {"apiVersion": "v2", "name": name, "version": rnd.choice(["1.0.0", "1.0.0", "2.0.0"])}
    files = {
        "Chart.yaml": yaml.safe_dump({**metadata, "dependencies": list(declared.values()) or None}),
        "values.yaml": yaml.safe_dump(some_values(rnd)),
    }
    for each in below:
        files |= {f"charts/{each}/{path}": text for path, text in chart_files(rnd, each, depth + 1).items()}
    return files


def a_chart(rnd: random.Random) -> Question:
    return {"op": "dependencies", "files": chart_files(rnd, "top"), "values": some_values(rnd)}


TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"]
DRAFTS = [
    "",
    "",
    "http://json-schema.org/draft-07/schema#",
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema",
    "https://json-schema.org/draft/2019-09/schema",
]
KEYS = ["a", "b", "c", "it's", "x/y"]


def a_value(rnd: random.Random, depth: int = 0) -> Any:
    if depth < 3 and rnd.random() < 0.35:
        return {key: a_value(rnd, depth + 1) for key in rnd.sample(KEYS, rnd.randint(0, 4))}
    if depth < 3 and rnd.random() < 0.2:
        return [a_value(rnd, depth + 1) for _ in range(rnd.randint(0, 4))]
    return rnd.choice(
        [0, 1, -1, 1.5, 1000, 1e6, True, None, "", "x", "abc", "2020-01-01", "10.0.0.1", "a@b.c", "éé", "it's"]
    )


def a_schema(rnd: random.Random, depth: int = 0) -> Any:
    if depth > 3 or rnd.random() < 0.05:
        return rnd.choice([True, False, {}, {"type": rnd.choice(TYPES)}])

    def inner() -> Any:
        return a_schema(rnd, depth + 1)

    def named() -> dict[str, Any]:
        return {key: inner() for key in rnd.sample(KEYS, rnd.randint(1, 3))}

    def listed() -> list[Any]:
        return [inner() for _ in range(rnd.randint(1, 3))]

    def count() -> Any:
        return rnd.choice([0, 1, 2, 3, 1000, 1.5, -1, "x"]) if rnd.random() < 0.2 else rnd.randint(0, 3)

    choices: dict[str, Callable[[], Any]] = {
        **dict.fromkeys(["properties", "dependentSchemas", "dependencies"], named),
        **dict.fromkeys(
            ["additionalProperties", "items", "contains", "not", "if", "then", "else", "unevaluatedProperties"], inner
        ),
        **dict.fromkeys(["allOf", "anyOf", "oneOf", "prefixItems"], listed),
        **dict.fromkeys(["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"], count),
        "type": lambda: rnd.choice(TYPES) if rnd.random() < 0.8 else rnd.sample(TYPES, 2),
        "required": lambda: rnd.sample(KEYS, rnd.randint(0, 3)),
        "uniqueItems": lambda: True,
        "enum": lambda: [a_value(rnd, 3) for _ in range(rnd.randint(1, 3))],
        "const": lambda: a_value(rnd, 2),
        "minimum": lambda: rnd.choice([0, 5, 1000, 2.5, True]),
        "multipleOf": lambda: rnd.choice([1, 2.5, 1000]),
        "pattern": lambda: rnd.choice(["^a", "b+", "\\d+"]),
        "format": lambda: rnd.choice(["date", "ipv4", "email", "uri", "hostname"]),
        "$ref": lambda: rnd.choice(["#", "#/definitions/x"]),
        "title": lambda: rnd.choice(["t", 3]),
    }
    return {keyword: choices[keyword]() for keyword in rnd.sample(list(choices), rnd.randint(1, 4))}


def a_schema_and_values(rnd: random.Random) -> Question:
    schema = a_schema(rnd)
    document = schema if isinstance(schema, dict) else {"type": "object"}
    document |= {"definitions": {"x": a_schema(rnd, 2)}}
    draft = rnd.choice(DRAFTS)
    value = a_value(rnd)
    text = json.dumps(document | ({"$schema": draft} if draft else {}))
    return {"op": "schema", "text": text, "values": value if isinstance(value, dict) else {}}


# --- answers ---------------------------------------------------------------------------------------------------------


def floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [floats(item) for item in value]
    return float(value) if type(value) is int else value


def typed(value: Any) -> Any:
    if isinstance(value, Int64):
        return {"$int64": str(int(value))}
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return [typed(item) for item in value] if isinstance(value, list) else value


def tree(chart: Chart) -> list[Any]:
    return [chart.full_path(), [tree(each) for each in chart.dependencies]]


def answer(question: Question) -> tuple[Any, str]:
    """What fluxkit says; HelmErrors are texts, anything else ends the run."""
    operation = question["op"]
    result: Any = copy.deepcopy(question.get("into"))
    files = [File(name, text.encode()) for name, text in sorted(question.get("files", {}).items())]
    try:
        if operation in PARSERS:
            PARSERS[operation](question["text"], result)
        elif operation == "values":
            result = {}
            result = load_values(base64.b64decode(question["data"]))
        elif operation == "metadata":
            result = metadata_object(load_files(files).metadata)
        elif operation == "dependencies":
            values = floats(question["values"])
            chart = process(load_files(files), values)
            result = {"charts": tree(chart), "values": coalesce_values(chart, values)}
        else:
            return None, schema_violations(question["text"].encode(), floats(question["values"]))
    except HelmError as problem:
        return (typed(result) if operation in PARSERS else {} if operation == "values" else None), str(problem)
    return typed(result), ""


def comparable(answered: tuple[Any, str], operation: str) -> Any:
    """Without what Helm itself has in any order."""
    result, error = answered
    if operation == "schema":
        lines = re.sub("additional properties (.*) not allowed", lambda found: str(sorted(found[1].split(", "))), error)
        return sorted(re.sub(r"at '[^\n]*': invalid propertyName", "", lines).split("\n"))
    if operation == "dependencies" and result:
        return [in_order(result["charts"]), floats(result["values"])], error
    # JSON parsers say differently what is wrong.
    return floats(result), bool(error) if operation == "set-json" else error


def in_order(charts: list[Any]) -> list[Any]:
    return [charts[0], sorted((in_order(each) for each in charts[1]), key=str)]


QUESTIONS: dict[str, Callable[[random.Random], Question]] = {
    "set": a_set,
    "values": a_values_file,
    "metadata": a_chart_yaml,
    "dependencies": a_chart,
    "schema": a_schema_and_values,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="the program built from scripts/helm_reference")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(QUESTIONS)}; all by default")
    arguments = parser.parse_args()
    reference = Reference(arguments.reference)
    different = 0
    for kind in arguments.kinds or QUESTIONS:
        refused = 0
        for seed in range(arguments.first, arguments.first + arguments.count):
            question = QUESTIONS[kind](random.Random(seed))
            operation = question["op"]
            ours = answer(question)
            wanted = reference.ask(question)
            refused += bool(wanted[1])
            if any(
                comparable(ours, operation) == comparable(wanted, operation)
                for wanted in asked(reference, question, wanted)
            ):
                continue
            different += 1
            print(f"--- {kind} {seed}: {json.dumps(question)}\n  helm    {wanted}\n  fluxkit {ours}")
        print(f"{kind}: {arguments.count} cases, of which Helm refuses {refused}")
    print(f"{different} differ")
    return 1 if different else 0


def asked(reference: Reference, question: Question, first: tuple[Any, str]) -> Any:
    yield first
    for _ in range(RUNS):
        yield reference.ask(question)


if __name__ == "__main__":
    sys.exit(main())
