"""Compare ``flux helm template`` with the real ``helm template``, text for text, over charts of your own.

    python scripts/compare_helm.py CHART_OR_FOLDER... [--helm PATH] [--library FOLDER...] [--only GLOB] [--show N]

Every chart below the given folders is rendered by both, with its defaults, with each values file in its ``ci`` folder,
with everything switched on that its values can switch on, as an upgrade, with CRDs, and for other clusters. Charts
whose
dependencies are not in their ``charts`` folder get them from the ``--library`` folders, whatever their version.

Lines that differ between two runs of Helm itself (random passwords, certificates, times) are not compared. The exit
code is 1 when a text differs.
"""

import argparse
import contextlib
import fnmatch
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fluxkit.cli.errors import CommandError
from fluxkit.cli.root import flux

APIS = "monitoring.coreos.com/v1,cert-manager.io/v1,gateway.networking.k8s.io/v1,autoscaling/v2,policy/v1,batch/v1"
SWITCHES = ("enabled", "create", "install", "enable")


class Outcome(NamedTuple):
    text: str
    error: str


class Strings(yaml.CSafeLoader):
    """Every scalar as the text it is."""


Strings.yaml_implicit_resolvers = {}


def by_helm(helm: str, arguments: Sequence[str]) -> Outcome:
    result = subprocess.run([helm, "template", *arguments], capture_output=True, timeout=600, check=False)
    error = result.stderr.decode("utf-8", "replace") if result.returncode else ""
    # Helm also logs on standard error; the error is what comes last.
    return Outcome(result.stdout.decode("utf-8", "replace"), error[error.rfind("Error: ") :].removeprefix("Error: "))


def by_fluxkit(arguments: Sequence[str]) -> Outcome:
    out, error = io.StringIO(), ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            flux.main(["helm", "template", *arguments], prog_name="flux", standalone_mode=False)
        except CommandError as problem:
            error = problem.message
    text = out.getvalue().encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Outcome(text, error)


def charts_in(path: Path) -> Iterator[Path]:
    if path.suffix in (".tgz", ".gz") or (path / "Chart.yaml").is_file():
        yield path
        return
    for child in sorted(path.iterdir()):
        if child.is_dir() and not child.is_symlink():
            yield from charts_in(child)


@cache
def listed(path: Path) -> list[Path]:
    return list(charts_in(path))


def with_dependencies(chart: Path, libraries: Sequence[Path], scratch: Path) -> Path:
    """The chart, or a copy of it with the dependencies that it lacks."""
    if not chart.is_dir():
        return chart
    names = [each["name"] for each in dependencies_of(chart)]
    present = {name_of(each) for each in charts_in(chart / "charts")} if (chart / "charts").is_dir() else set()
    missing = [name for name in names if name not in present]
    if not missing:
        return chart
    found = {name: each for library in libraries for each in listed(library) if (name := name_of(each)) in missing}
    if not found:
        return chart
    copy = scratch / f"{len(list(scratch.iterdir()))}-{chart.name}" / chart.name
    shutil.copytree(chart, copy, symlinks=True)
    for name, source in found.items():
        if source != chart:
            shutil.copytree(with_dependencies(source, libraries, scratch), copy / "charts" / name, symlinks=True)
    return copy


def dependencies_of(chart: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in ("Chart.yaml", "requirements.yaml"):
        if (chart / name).is_file():
            found += (yaml.safe_load((chart / name).read_text()) or {}).get("dependencies") or []
    return found


@cache
def name_of(chart: Path) -> str:
    if not chart.is_dir():
        return chart.name.rpartition("-")[0]
    try:
        text = (chart / "Chart.yaml").read_text()
        return str((yaml.load(text, Loader=yaml.CSafeLoader) or {}).get("name"))
    except (OSError, yaml.YAMLError):
        return ""


def switched_on(value: Any, key: str = "") -> Any:
    """The switches of a values file, all true."""
    if isinstance(value, dict):
        found = {name: inner for name, item in value.items() if (inner := switched_on(item, str(name))) is not None}
        return found or None
    return True if value is False and any(key.lower().endswith(word) for word in SWITCHES) else None


def variants(chart: Path, scratch: Path, *, every_switch: bool) -> Iterator[tuple[str, list[str]]]:
    yield "defaults", []
    yield "upgrade", ["--is-upgrade", "-n", "other-namespace"]
    yield "old cluster", ["--kube-version", "1.22.3-gke.7", "--include-crds"]
    yield "apis", ["--api-versions", APIS, "--kube-version", "1.31"]
    yield "set", ["--set", "replicaCount=3,global.imageRegistry=reg.example.com,nameOverride=abc", "--skip-tests"]
    yield "no schema", ["--set-string", "fullnameOverride=full", "--skip-schema-validation", "--no-hooks"]
    if not chart.is_dir():
        return
    for folder in ("ci", "values", "tests/values", "test-values"):
        for file in sorted((chart / folder).glob("*.yaml")) + sorted((chart / folder).glob("*.yml")):
            yield f"{folder}/{file.name}", ["-f", str(file)]
    for file in sorted(chart.glob("values*.yaml")):
        if file.name != "values.yaml":
            yield file.name, ["-f", str(file)]
    try:
        values = switched_on(yaml.load((chart / "values.yaml").read_text(), Loader=yaml.CSafeLoader))
    except (OSError, yaml.YAMLError):
        return
    if values:
        file = scratch / f"{chart.name}-switched-on.yaml"
        file.write_text(yaml.safe_dump(values))
        yield "all on", ["-f", str(file), "--skip-schema-validation"]
        for key, value in values.items() if every_switch else ():
            # A switch may turn an incompatible pair on; each top-level part alone shows more.
            part = scratch / f"{chart.name}-{key}-on.yaml".replace("/", "_")
            part.write_text(yaml.safe_dump({key: value}))
            yield f"{key} on", ["-f", str(part), "--skip-schema-validation"]


def compare(helm: str, arguments: Sequence[str]) -> tuple[str, str]:
    """Verdict and, for a difference, what it is."""
    theirs = by_helm(helm, arguments)
    ours = by_fluxkit(arguments)
    if theirs.error or ours.error:
        if ours.error.strip() == theirs.error.strip():
            return "same error", ""
        if not ours.error or not theirs.error:
            return "DIFFERENT", f"--- helm: {theirs.error or 'no error'}\n--- flux: {ours.error or 'no error'}"
        return "other error text", f"--- helm: {theirs.error}\n--- flux: {ours.error}"
    if ours.text == theirs.text:
        return "identical", ""
    mine, wanted = stable_lines(ours.text, theirs.text, by_helm(helm, arguments).text)
    if mine == wanted:
        return "identical but for random parts", ""
    difference = "\n".join(list(unified_diff(wanted, mine, "helm", "flux", lineterm="", n=2))[:60])
    return ("same documents" if documents(ours.text) == documents(theirs.text) else "DIFFERENT"), difference


def stable_lines(ours: str, theirs: str, again: str) -> tuple[list[str], list[str]]:
    """Both texts without the lines in which Helm differs from itself."""
    mine, first, second = ours.split("\n"), theirs.split("\n"), again.split("\n")
    if len(first) != len(second) or len(mine) != len(first):
        return mine, first
    keep = [one == two for one, two in zip(first, second, strict=True)]
    return (
        [line for line, kept in zip(mine, keep, strict=True) if kept],
        [line for line, kept in zip(first, keep, strict=True) if kept],
    )


def documents(text: str) -> object:
    try:
        return list(yaml.load_all(text, Loader=Strings))
    except yaml.YAMLError:
        return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--helm", default=shutil.which("helm") or "helm")
    parser.add_argument("--library", action="append", type=Path, default=[])
    parser.add_argument("--only", default="*", help="names of charts")
    parser.add_argument("--variant", default="*", help="names of variants")
    parser.add_argument("--every-switch", action="store_true", help="also switch on each part of the values alone")
    parser.add_argument("--show", type=int, default=20, help="how many differences to show")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    shown = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="compare-helm-") as folder:
        scratch = Path(folder)
        (scratch / "charts").mkdir()
        for root in options.paths:
            for chart in charts_in(root):
                if not fnmatch.fnmatch(name_of(chart), options.only):
                    continue
                complete = with_dependencies(chart, options.library, scratch / "charts")
                for name, arguments in variants(complete, scratch, every_switch=options.every_switch):
                    if not fnmatch.fnmatch(name, options.variant):
                        continue
                    verdict, difference = compare(options.helm, ["release", str(complete), *arguments])
                    counts[verdict] += 1
                    if difference:
                        shown += 1
                        if shown <= options.show:
                            print(f"=== {chart} ({name}): {verdict}\n{difference}\n", flush=True)
                        else:
                            print(f"=== {chart} ({name}): {verdict}", flush=True)
    print(f"{sum(counts.values())} renderings in {time.monotonic() - started:.0f} s")
    for verdict, count in counts.most_common():
        print(f"{count:6} {verdict}")
    return 1 if counts["DIFFERENT"] or counts["same documents"] else 0


if __name__ == "__main__":
    os.environ.setdefault("TZ", "UTC")
    sys.exit(main())
