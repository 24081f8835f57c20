"""The conformance kit of `kustomize build`: other people's cases with the exact outputs of the real tool.

The kit lies outside of the project: in `$FLUXKIT_CONFORMANCE`, or in `shared/conformance` beside the checkout. Without
it these tests are skipped, loudly; with FLUXKIT_REQUIRE_CONFORMANCE=1 its absence is a failure.
"""

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fluxkit.kustomize import KustomizeError
from tests.conformance import adapters

HERE = Path(__file__).resolve()
KIT = Path(os.environ.get("FLUXKIT_CONFORMANCE") or HERE.parents[3] / "shared" / "conformance") / "kustomize" / "cases"
REQUIRED = os.environ.get("FLUXKIT_REQUIRE_CONFORMANCE") == "1"
PINNED = "v5.8.1"


Case = tuple[Path, dict[str, Any]]


def _cases() -> dict[str, list[Case]]:
    """Case directories with their descriptions, by category."""
    found: dict[str, list[Case]] = defaultdict(list)
    for path in sorted(KIT.glob("*/case.json")):
        meta = json.loads(path.read_text())
        found[meta["category"]].append((path.parent, meta))
    return dict(found)


def _select(wanted: Callable[[Mapping[str, Any]], bool]) -> list[Any]:
    """One parameter for each category that has such cases."""
    selected = {name: [case for case in cases if wanted(case[1])] for name, cases in sorted(CASES.items())}
    return [pytest.param(cases, id=name) for name, cases in selected.items() if cases]


def _seen_by_flux_users(meta: Mapping[str, Any]) -> bool:
    return bool(meta["flux_profile"] and meta[PINNED] and not meta["needs"])


CASES = _cases()


def test_the_kit_is_there() -> None:
    if not CASES:
        message = (
            f"no kustomize conformance kit in {KIT}: set FLUXKIT_CONFORMANCE to the folder that holds kustomize/cases"
        )
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    assert sum(map(len, CASES.values())) >= 580


def _problem(case: Path, meta: Mapping[str, Any], root: Path, build: Callable[..., str]) -> str | None:
    """What is wrong with the build of a case, None if nothing is."""
    root.mkdir()
    if (case / "in").is_dir():
        shutil.copytree(case / "in", root, dirs_exist_ok=True)
    for name in meta.get("templated") or ():
        path = root / name
        path.write_text(path.read_text().replace("__CASE_ROOT__", str(root)))
    try:
        text = build(str(root / meta["dir"]), meta["options"])
    except KustomizeError as error:
        if meta["kind"] == "error":
            return None
        return f"failed: {error}"
    if meta["kind"] == "error":
        return "succeeded, but should fail"
    expected = (case / "expected.yaml").read_text()
    for pattern, replacement in meta.get("normalise") or ():
        text, expected = re.sub(pattern, replacement, text), re.sub(pattern, replacement, expected)
    return None if text == expected else "the text differs"


def _run(cases: list[Case], tmp_path: Path, build: Callable[..., str]) -> None:
    problems = {path.name: _problem(path, meta, tmp_path / path.name, build) for path, meta in cases}
    assert not {name: problem for name, problem in problems.items() if problem is not None}


@pytest.mark.contract("KZB-001", "KZB-002", "KZB-023", "KZB-025", "KZB-187", "KZB-200")
@pytest.mark.parametrize("cases", _select(_seen_by_flux_users))
def test_what_a_flux_user_sees(cases: list[Case], tmp_path: Path) -> None:
    """The cases that hold for the pinned release, byte for byte, with the engine at that level."""
    _run(cases, tmp_path, adapters.kustomize_pinned)


@pytest.mark.contract("KZB-195", "KZB-196", "KZB-197", "KZB-198")
@pytest.mark.parametrize("cases", _select(lambda meta: not _seen_by_flux_users(meta)))
def test_newer_code_and_all_options(cases: list[Case], tmp_path: Path) -> None:
    """The cases that differ from the pinned release or need options, with the engine at the level of the snapshot."""
    _run(cases, tmp_path, adapters.kustomize)
