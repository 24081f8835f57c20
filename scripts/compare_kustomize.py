"""Build every kustomization below some directories with fluxkit and with the real tool, and compare.

    python scripts/compare_kustomize.py --binary "$(go env GOPATH)/bin/kustomize" REPOSITORY...

The outputs must be equal byte for byte and failures must coincide; ``--messages`` compares the texts of failures too.
Folders that need something remote are counted and left out. Exit status 1 when anything differs; ``--show N`` prints
the first lines of each difference.
"""

import argparse
import difflib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fluxkit.kustomize import BuildOptions, KustomizeError, build

NAMES = frozenset(("kustomization.yaml", "kustomization.yml", "Kustomization"))


def folders(root: Path) -> Iterator[Path]:
    """Directories with a kustomization file, sorted."""
    for directory, subdirs, files in os.walk(root):
        subdirs[:] = sorted(name for name in subdirs if name != ".git")
        if NAMES & set(files):
            yield Path(directory)


def theirs(binary: str, folder: Path, timeout: float) -> tuple[str | None, str]:
    """(output, "") or (None, message) of the real tool. It gets no PATH, so that it cannot clone."""
    try:
        done = subprocess.run(
            [binary, "build", "--load-restrictor=LoadRestrictionsNone", str(folder)],
            capture_output=True,
            text=True,
            env={"HOME": str(folder), "PATH": ""},
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, "timeout"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("# Warning")]
        return None, "\n".join(lines).removeprefix("Error: ")
    return done.stdout, ""


def ours(folder: Path) -> tuple[str | None, str]:
    """(output, "") or (None, message) of fluxkit."""
    options = BuildOptions(load_restrictor="none", reorder="unspecified", schema="replace")
    try:
        return build(folder, options).text, ""
    except KustomizeError as error:
        return None, str(error)


def compare(folder: Path, binary: str, timeout: float, messages: bool) -> tuple[str, list[str]]:
    """The verdict, and lines that show the difference."""
    text, problem = ours(folder)
    if text is None and "remote " in problem and "is not allowed" in problem:
        return "needs something remote", []
    expected, message = theirs(binary, folder, timeout)
    if message.startswith("panic:"):
        return "the real tool panics", []
    if problem.startswith("recovered from"):
        return "crash", [f"+ {problem}"]
    if text is None and expected is None:
        if messages and message.strip() != problem.strip():
            return "messages differ", [f"- {message}", f"+ {problem}"]
        return "both fail", []
    if text is None or expected is None:
        return "one fails", [f"- {message or 'succeeds'}", f"+ {problem or 'succeeds'}"]
    if text != expected:
        return "texts differ", list(difflib.unified_diff(expected.splitlines(), text.splitlines(), lineterm="", n=2))
    return "equal", []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="+", type=Path)
    parser.add_argument("--binary", default="kustomize")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--messages", action="store_true")
    parser.add_argument("--show", type=int, default=20, metavar="LINES")
    arguments = parser.parse_args()
    verdicts: Counter[str] = Counter()
    for root in arguments.roots:
        for folder in folders(root.resolve()):
            verdict, lines = compare(folder, arguments.binary, arguments.timeout, arguments.messages)
            verdicts[verdict] += 1
            if lines:
                print(
                    f"{verdict}: {folder}", *(f"    {line}" for line in lines[: arguments.show]), sep="\n", flush=True
                )
    print(*(f"{count:6} {verdict}" for verdict, count in verdicts.most_common()), sep="\n")
    return 1 if set(verdicts) - {"equal", "both fail", "needs something remote", "the real tool panics"} else 0


if __name__ == "__main__":
    sys.exit(main())
