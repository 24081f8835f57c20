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
    "TPL-129", "TPL-162", "TPL-163", "TPL-165", "TPL-166", "TPL-167", "TPL-168", "TPL-169", "TPL-170", "TPL-171",
    "TPL-172", "TPL-173", "TPL-174", "TPL-175", "TPL-176", "TPL-177", "TPL-179", "TPL-180", "TPL-181", "TPL-182",
    "TPL-183", "TPL-184", "TPL-185", "TPL-186", "TPL-187", "TPL-188", "TPL-189", "TPL-190", "TPL-191", "TPL-192",
    "TPL-193", "TPL-194", "TPL-195", "TPL-196", "TPL-197", "TPL-198", "TPL-199", "TPL-200", "TPL-201", "TPL-202",
    "TPL-203", "TPL-204", "TPL-205", "TPL-206", "TPL-207", "TPL-208", "TPL-209", "TPL-210", "TPL-211", "TPL-212",
    "TPL-213", "TPL-214", "TPL-215", "TPL-216", "TPL-217", "TPL-218", "TPL-219", "TPL-220", "TPL-221", "TPL-222",
    "TPL-223", "TPL-224", "TPL-225", "TPL-226", "TPL-227", "TPL-228", "TPL-229", "TPL-230", "TPL-231", "TPL-232",
    "TPL-233", "TPL-234", "TPL-235", "TPL-236", "TPL-237", "TPL-238", "TPL-239", "TPL-240", "TPL-241", "TPL-242",
    "TPL-244", "TPL-245", "TPL-246", "TPL-247", "TPL-250", "TPL-251", "TPL-252", "TPL-253", "TPL-254", "TPL-255",
    "TPL-256", "TPL-257", "TPL-258", "TPL-259", "TPL-260", "TPL-261", "TPL-262", "TPL-263", "TPL-264", "TPL-265",
    "TPL-266", "TPL-267", "TPL-270", "TPL-271", "TPL-272", "TPL-273", "TPL-274", "TPL-275", "TPL-276", "TPL-277",
    "TPL-278", "TPL-279", "TPL-280", "TPL-281", "TPL-282", "TPL-283", "TPL-284", "TPL-285", "TPL-286", "TPL-287",
    "TPL-288", "TPL-289", "TPL-290", "TPL-291", "TPL-292", "TPL-293", "TPL-294", "TPL-295", "TPL-296", "TPL-300",
    "TPL-301", "TPL-302", "TPL-303", "TPL-304", "TPL-305", "TPL-306", "TPL-307", "TPL-308", "TPL-309", "TPL-310",
    "TPL-311", "TPL-312", "TPL-313", "TPL-314", "TPL-315", "TPL-316", "TPL-320", "TPL-321", "TPL-322", "TPL-323",
    "TPL-324", "TPL-325", "TPL-326", "TPL-327", "TPL-328", "TPL-329", "TPL-330", "TPL-331", "TPL-332", "TPL-340",
    "TPL-341", "TPL-342", "TPL-343", "TPL-344", "TPL-345",
)  # fmt: skip
@pytest.mark.parametrize(("name", "count"), [("vectors.jsonl", 579), ("functions.jsonl", 3288)])
def test_agrees_with_upstream(name: str, count: int) -> None:
    vectors = _vectors(name)
    differences = {vector["id"]: found for vector in vectors if (found := _difference(vector))}
    assert not differences
    assert len(vectors) >= count
