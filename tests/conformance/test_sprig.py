"""The functions of sprig and Helm: upstream's own tests, and results recorded from the real functions."""

import base64
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.adapters_sprig import sprig

KIT = Path(os.environ.get("FLUXKIT_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance") / "sprig"
INTEGERS = {"int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "duration"}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _vectors(name: str) -> list[dict[str, Any]]:
    """The vectors of single templates; those of whole charts are the chart engine's."""
    path = KIT / name
    if not path.is_file():
        missing = f"the sprig conformance kit is absent: no {path} (set FLUXKIT_CONFORMANCE to its parent)"
        if os.environ.get("FLUXKIT_REQUIRE_CONFORMANCE") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    lines = path.read_text(encoding="utf-8").splitlines()
    return [vector for line in lines if line.strip() and (vector := json.loads(line))["kind"] == "template"]


def _native(value: Any, types: dict[str, str], pointer: str = "") -> Any:
    """JSON data with Go's numbers: a bare number is a float64 unless ``types`` names an integer."""
    kind = types.get(pointer, "")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return int(value) if kind in INTEGERS else float(value)
    if isinstance(value, str):
        return value.encode() if kind == "bytes" else value
    if isinstance(value, list):
        if kind[2:] in INTEGERS:
            return [int(item) for item in value]
        return [_native(item, types, f"{pointer}/{index}") for index, item in enumerate(value)]
    return {
        key: _native(item, types, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        for key, item in value.items()
    }


def _difference(vector: dict[str, Any]) -> str | None:
    wanted_error = "not defined" if vector.get("helm") == "removed" else vector.get("error")
    types = vector.get("types", {})
    try:
        got = sprig(vector["template"], _native(vector["data"], types), missingkey=vector["missingkey"], types=types)
    except ValueError as problem:
        if wanted_error is None:
            return f"raised {problem}"
        return None if wanted_error in str(problem) else f"raised {problem}, not {wanted_error}"
    if wanted_error is not None:
        return f"gave {got!r}, not an error"
    if "expect_regex" in vector:
        return None if re.fullmatch(vector["expect_regex"], got) else f"gave {got!r}"
    wanted = base64.b64decode(vector["expect_b64"]) if "expect_b64" in vector else vector["expect"].encode()
    return None if got.encode("utf-8", "surrogateescape") == wanted else f"gave {got!r}"


@pytest.mark.contract(
    "TPL-129", "TPL-162", "TPL-163", "TPL-199", "TPL-200", "TPL-201", "TPL-216", "TPL-236", "TPL-250", "TPL-256",
    "TPL-281", "TPL-282", "TPL-283", "TPL-284", "TPL-285", "TPL-286", "TPL-287", "TPL-288",
)  # fmt: skip
@pytest.mark.parametrize(("name", "count"), [("vectors.jsonl", 579), ("functions.jsonl", 3288)])
def test_agrees_with_upstream(name: str, count: int) -> None:
    vectors = _vectors(name)
    differences = {vector["id"]: found for vector in vectors if (found := _difference(vector))}
    assert not differences
    assert len(vectors) >= count
