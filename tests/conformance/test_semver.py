"""Masterminds/semver's own test vectors, and more that were recorded from it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.adapters_semver import semver

KIT = Path(os.environ.get("FLUXKIT_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance") / "semver"
GIVEN = {
    "parse": ("version", "mode"),
    "compare": ("a", "b"),
    "order": ("op", "a", "b"),
    "inc": ("version", "how"),
    "set": ("part", "version", "value"),
    "sort": ("versions",),
    "constraint": ("constraint",),
    "check": ("constraint", "version", "include_prerelease"),
    "filter": ("constraint", "versions", "include_prerelease"),
    "validate": ("constraint", "version", "include_prerelease"),
}
PARSED = ("string", "original", "major", "minor", "patch", "prerelease", "metadata")


def _vectors(name: str) -> list[dict[str, Any]]:
    path = KIT / name
    if not path.is_file():
        pytest.skip(f"the semver conformance kit is absent: no {path} (set FLUXKIT_CONFORMANCE to its parent)")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _difference(vector: dict[str, Any]) -> str | None:
    given = {name: vector[name] for name in GIVEN[vector["kind"]]}
    try:
        got = semver(vector["kind"], **given)
    except ValueError as problem:
        if vector.get("ok", True):
            return f"raised {problem}"
        return None if vector.get("message", "") in str(problem) else f"raised {problem}, not {vector['message']}"
    if not vector.get("ok", True):
        return f"accepted: {got}"
    match vector["kind"]:
        case "parse":
            wrong = {name: got[name] for name in PARSED if name in vector and got[name] != vector[name]}
        case "inc" | "set":
            wrong = got if got != {"string": vector["expect"], "original": vector["original"]} else None
        case "constraint":
            wrong = got if got != vector.get("string", got) else None
        case "validate":
            wrong = got if not got or got[0] != vector["message"] else None
        case _:
            wrong = {"got": got} if got != vector["expect"] else None
    return str(wrong) if wrong else None


@pytest.mark.parametrize(("name", "count"), [("vectors.jsonl", 738), ("more.jsonl", 794)])
@pytest.mark.contract("SRC-150")
def test_agrees_with_upstream(name: str, count: int) -> None:
    vectors = _vectors(name)
    differences = {vector["id"]: found for vector in vectors if (found := _difference(vector))}
    assert not differences
    assert len(vectors) >= count


def test_hostile_constraint_is_answered_in_linear_time() -> None:
    # A backtracking engine needs exponential time here; the suite's own time limit would end this test.
    with pytest.raises(ValueError, match="improper constraint"):
        semver("constraint", constraint="1   " * 400 + "!")


def test_numbers_too_long_for_an_integer_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        semver("parse", version="9" * 10_000, mode="loose")
