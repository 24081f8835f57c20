"""The build engine beside the real ``kustomize`` binary, where that is on the path: in process, as a whole process with
its peak memory, and the question whether anything has changed since the last build.
"""

import hashlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.report import Figure, announce, show
from fluxkit import yaml
from fluxkit.controllers.building.inputs import TreeIndex, fingerprint
from fluxkit.controllers.building.manifests import BuildInputs
from fluxkit.kustomize import BuildOptions, build

__all__ = ["kustomize"]

_EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "apps" / "production"


async def kustomize() -> None:
    """(f) kustomize build, in process and in its upstream form."""
    binary = shutil.which("kustomize")
    announce("kustomize build" + ("" if binary else " (no kustomize binary on the path to compare with)"))
    with tempfile.TemporaryDirectory(prefix="fluxkit-bench-") as scratch:
        root = Path(scratch)
        for name, make, turns in (
            ("an overlay of 8 objects with patches and a generator", lambda _: _EXAMPLE, 20),
            ("1,000 Deployments, 20 targeted patches", _deployments, 3),
            ("60 generators, 540 files", _generators, 5),
            ("200 overlays over one base", _overlays, 3),
        ):
            target = make(root)
            ours = _median(partial(_build, target), turns)
            unchanged = _median(_unchanged(target, root if target.is_relative_to(root) else target.parents[1]), 20)
            time_ours, memory_ours = _process([sys.executable, "-m", "fluxkit.cli", "kustomize"], target)
            peer, time_theirs, memory_theirs = "", None, None
            if binary:
                peer, (time_theirs, memory_theirs) = "binary", _process([binary], target)
            show(
                Figure(f"{name}: in process", ours, "ms", peer, time_theirs),
                Figure("  as a whole process", time_ours, "ms", peer, time_theirs),
                Figure("  peak memory of that", memory_ours, "MiB", peer, memory_theirs),
                Figure("  telling that nothing has changed", unchanged, "ms"),
            )


def _build(target: Path) -> None:
    build(target, BuildOptions(load_restrictor="none")).text  # noqa: B018 - writing the text is part of the work


def _unchanged(target: Path, root: Path) -> Callable[[], None]:
    """The check that spares a build: a fingerprint of what the last one depended on, over known content hashes."""
    result = build(target, BuildOptions(load_restrictor="none", root=root))
    inputs = BuildInputs(result.files, result.dirs, result.absent)
    tree = TreeIndex(
        {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.is_file()
        }
    )
    before = fingerprint(inputs, tree)

    def check() -> None:
        if fingerprint(inputs, tree) != before:
            raise RuntimeError("the fingerprint of an unchanged tree has changed")

    return check


def _process(command: list[str], target: Path) -> tuple[float, float]:
    """Milliseconds (the median of three) and the peak memory in MiB of a build as a process of its own.

    The peak is watched in /proc: what the kernel reports at the end counts the process that started it, too.
    """
    arguments = [*command, "build", "--load-restrictor=LoadRestrictionsNone", str(target)]
    times, peak = [], 0
    for _ in range(3):
        started = time.perf_counter()
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while True:
                try:
                    process.wait(0.002)
                    break
                except subprocess.TimeoutExpired:
                    peak = max(peak, _peak_kib(process.pid))
        times.append((time.perf_counter() - started) * 1000)
        if process.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed")
    return statistics.median(times), peak / 1024


def _peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


def _median(work: Callable[[], None], turns: int) -> float:
    times = []
    for _ in range(turns):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _write(path: Path, *documents: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump_all(documents))


def _deployment(name: str) -> dict[str, object]:
    labels = {"app": name}
    container = {"name": "app", "image": "example.com/app:1", "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _deployments(root: Path) -> Path:
    base, overlay = root / "deployments" / "base", root / "deployments" / "overlay"
    _write(base / "all.yaml", *(_deployment(f"app-{number}") for number in range(1000)))
    _write(base / "kustomization.yaml", {"resources": ["all.yaml"]})
    patches = [
        {
            "target": {"kind": "Deployment", "name": f"app-{number * 50}"},
            "patch": yaml.dump([{"op": "replace", "path": "/spec/replicas", "value": number}]),
        }
        for number in range(20)
    ]
    document = {
        "resources": ["../base"],
        "namespace": "prod",
        "namePrefix": "my-",
        "labels": [{"pairs": {"team": "a"}, "includeSelectors": True}],
        "patches": patches,
    }
    _write(overlay / "kustomization.yaml", document)
    return overlay


def _generators(root: Path) -> Path:
    directory = root / "generators"
    generators = []
    for number in range(60):
        files = [f"files/{number}-{index}.txt" for index in range(9)]
        for file in files:
            (directory / file).parent.mkdir(parents=True, exist_ok=True)
            (directory / file).write_text(f"content of {file}\n" * 20)
        generators.append({"name": f"config-{number}", "files": files})
    _write(directory / "kustomization.yaml", {"configMapGenerator": generators})
    return directory


def _overlays(root: Path) -> Path:
    directory = root / "overlays"
    _write(directory / "base" / "app.yaml", _deployment("app"))
    _write(directory / "base" / "kustomization.yaml", {"resources": ["app.yaml"]})
    names = [f"overlay-{number}" for number in range(200)]
    for name in names:
        document = {"resources": ["../base"], "nameSuffix": f"-{name}", "namespace": name}
        _write(directory / name / "kustomization.yaml", document)
    _write(directory / "all" / "kustomization.yaml", {"resources": [f"../{name}" for name in names]})
    return directory / "all"
