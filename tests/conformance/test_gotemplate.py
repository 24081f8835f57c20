"""The conformance kit of text/template: what Go's own package made of 2,266 templates, messages included.

The kit lies outside of the project: in `$FLUXKIT_CONFORMANCE`, or in `shared/conformance` beside the checkout. Without
it these tests are skipped, loudly; with FLUXKIT_REQUIRE_CONFORMANCE=1 its absence is a failure.
"""

import base64
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.adapters_gotemplate import gotemplate

HERE = Path(__file__).resolve()
KIT = Path(os.environ.get("FLUXKIT_CONFORMANCE") or HERE.parents[3] / "shared" / "conformance") / "gotemplate"
REQUIRED = os.environ.get("FLUXKIT_REQUIRE_CONFORMANCE") == "1"
INTEGERS = ("int", "int64", "uint64", "uint8")


def _vectors() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    path = KIT / "vectors.jsonl"
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            vector = json.loads(line)
            found[vector["group"]].append(vector)
    return dict(found)


VECTORS = _vectors()


def _native(value: Any, types: dict[str, str], pointer: str = "") -> Any:
    """JSON as Go reads it: numbers are floats unless ``types`` says otherwise."""
    kind = types.get(pointer)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return int(value) if kind in INTEGERS else float(value)
    if isinstance(value, str):
        return value.encode() if kind == "bytes" else value
    if isinstance(value, list):
        if kind == "[]int":
            return [int(item) for item in value]
        return [_native(item, types, f"{pointer}/{index}") for index, item in enumerate(value)]
    return {
        key: _native(item, types, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        for key, item in value.items()
    }


def _difference(vector: dict[str, Any]) -> str | None:
    types = vector.get("types", {})
    try:
        got = gotemplate(
            vector["template"],
            _native(vector["data"], types),
            missingkey=vector["missingkey"],
            associated=[(other["name"], other["template"]) for other in vector.get("associated", [])],
            types=types,
        )
    except ValueError as problem:
        if "error" not in vector:
            return f"raised {problem}"
        return None if vector["error"] in str(problem) else f"raised {problem}, not {vector['error']}"
    if "error" in vector:
        return f"gave {got!r}, not {vector['error']}"
    want = base64.b64decode(vector["expect_b64"]) if "expect_b64" in vector else vector["expect"].encode()
    return None if got.encode("utf-8", "surrogateescape") == want else f"gave {got!r}, not {want!r}"


def test_the_kit_is_there() -> None:
    if not VECTORS:
        message = f"no gotemplate conformance kit in {KIT}: set FLUXKIT_CONFORMANCE to the folder that holds gotemplate"
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    assert sum(map(len, VECTORS.values())) >= 2266


@pytest.mark.parametrize("group", sorted(VECTORS))
@pytest.mark.contract(
    "TPL-004",
    "TPL-021",
    "TPL-022",
    "TPL-023",
    "TPL-024",
    "TPL-025",
    "TPL-030",
    "TPL-031",
    "TPL-032",
    "TPL-034",
    "TPL-035",
    "TPL-042",
    "TPL-043",
    "TPL-045",
    "TPL-050",
    "TPL-051",
    "TPL-060",
    "TPL-062",
    "TPL-063",
    "TPL-070",
    "TPL-071",
    "TPL-072",
    "TPL-081",
    "TPL-091",
    "TPL-094",
    "TPL-095",
    "TPL-101",
    "TPL-110",
    "TPL-111",
    "TPL-113",
    "TPL-115",
    "TPL-116",
    "TPL-117",
    "TPL-120",
)
def test_agrees_with_go(group: str) -> None:
    differences = {vector["id"]: found for vector in VECTORS[group] if (found := _difference(vector))}
    assert not differences
