"""``flux helm template`` against the recorded output of Helm, and the engine against the cases of its own tests."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.adapters_helm import HelmFailure, charts, helm_template

ROOT = Path(os.environ.get("FLUXKIT_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "conformance")
HINT = "\n\nUse --debug flag"


def _present(path: Path) -> Path:
    if not path.exists():
        missing = f"the helm conformance kit is absent: no {path} (set FLUXKIT_CONFORMANCE to its parent)"
        if os.environ.get("FLUXKIT_REQUIRE_CONFORMANCE") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def _difference(case: Path) -> str | None:
    described = json.loads((case / "case.json").read_text(encoding="utf-8"))
    arguments: list[str] = json.loads((case / "args.json").read_text(encoding="utf-8"))
    version = described.get("defaults", {}).get("kube_version")
    if version and described["chart"] and not any(each.startswith("--kube-version") for each in arguments):
        arguments += ["--kube-version", version]
    texts = {
        name: path.read_bytes().decode() if (path := case / name).exists() else None
        for name in ("expected.txt", "error.txt")
    }
    try:
        out, error = helm_template(arguments, cwd=str(case)), None
    except HelmFailure as failure:
        out, error = failure.out, str(failure)
    wanted = texts["error.txt"]
    if wanted is not None:
        return None if error is not None and wanted.split(HINT)[0].strip() in error else f"error {error!r}"
    if error is not None:
        return f"failed: {error}"
    return None if out == texts["expected.txt"] else f"gave {out!r}"


@pytest.mark.contract(
    "TPL-130", "TPL-131", "TPL-132", "TPL-133", "TPL-136", "TPL-140", "TPL-144", "TPL-146", "TPL-147", "TPL-148",
    "TPL-149", "TPL-151", "TPL-152", "TPL-153", "TPL-155", "TPL-156", "TPL-160", "HLM-532", "HLM-534", "HLM-540",
    "HLM-568", "HLM-569", "HLM-572", "HLM-573", "HLM-574", "HLM-577", "HLM-585", "HLM-586", "HLM-589", "HLM-590",
)  # fmt: skip
def test_agrees_with_helm_template() -> None:
    cases = sorted(path.parent for path in _present(ROOT / "helm" / "cases").glob("*/case.json"))
    differences = {case.name: found for case in cases if (found := _difference(case))}
    assert not differences
    assert len(cases) >= 107


def _native(value: Any, types: dict[str, str], pointer: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _native(item, types, f"{pointer}/{key}") for key, item in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if types.get(pointer) == "int" else float(value)
    return value


@pytest.mark.contract("TPL-045", "TPL-134", "TPL-150", "TPL-154", "TPL-157", "TPL-159")
def test_agrees_with_the_engines_own_tests() -> None:
    lines = _present(ROOT / "sprig" / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
    vectors = [vector for line in lines if line.strip() and (vector := json.loads(line))["kind"] == "chart"]
    differences: dict[str, str] = {}
    for vector in vectors:
        spec = {key: vector[key] for key in ("chart", "templates", "top", "user_values") if key in vector}
        try:
            got = charts(
                _native(spec, vector.get("types", {})),
                strict=vector["missingkey"] == "error",
                lint=vector.get("lint", False),
            )
        except ValueError as problem:
            if "error" not in vector or vector["error"] not in str(problem):
                differences[vector["id"]] = f"raised {problem}"
            continue
        if "error" in vector or any(got.get(path) != text for path, text in vector["expect"].items()):
            differences[vector["id"]] = f"gave {got}"
    assert not differences
    assert len(vectors) >= 32
