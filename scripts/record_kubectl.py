"""Compare what kubectl prints against the sandbox and against a real control plane, and record the latter.

    python scripts/record_kubectl.py [--record] [--kubectl PATH ...]

Plays tests/sandbox/recorded/kubectl/session.py with each kubectl (the one that tools/control_plane.py builds, and
others that are named) against a control plane that is started on this machine, with controllers and a node whose Pods
run at once, and against a sandbox. Fails on each difference that differences.py does not list. With --record the
outputs are written, by minor version of kubectl, to outputs.json.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from fluxkit.sandbox import Sandbox  # noqa: E402
from fluxkit.sandbox.bootstrap import node  # noqa: E402
from tests.sandbox.recorded.control_plane import programs, reference_control_plane  # noqa: E402
from tests.sandbox.recorded.kubectl.differences import DIFFERENCES  # noqa: E402
from tests.sandbox.recorded.kubectl.kubelet import running_node  # noqa: E402
from tests.sandbox.recorded.kubectl.session import SESSION  # noqa: E402
from tests.sandbox.recorded.kubectl.terminal import Output, minor_of, play  # noqa: E402

OUT = ROOT / "tests/sandbox/recorded/kubectl/outputs.json"
NAMESPACE = "session"


def on_sandbox(kubectl: Path) -> list[Output]:
    with tempfile.TemporaryDirectory() as home:
        sandbox = Sandbox(Path(home) / "sandbox")
        sandbox.start()
        try:
            return play(kubectl, sandbox.kubeconfig_path, NAMESPACE, Path(home), SESSION)
        finally:
            sandbox.stop()


def on_reference(kubectl: Path) -> list[Output]:
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as home:
        with reference_control_plane(programs(), Path(directory), controllers=True) as found:
            with running_node(found.server, found.token, node()):
                return play(kubectl, found.kubeconfig, NAMESPACE, Path(home), SESSION)


def differences(ours: list[Output], theirs: list[Output]) -> tuple[int, list[str]]:
    """How many outputs are equal, and a text for each that differs and is not listed, or is listed and does not."""
    equal, found = 0, []
    for command, one, other in zip(SESSION, ours, theirs, strict=True):
        equal += one == other
        if one != other and command.name not in DIFFERENCES:
            found.append(f"kubectl {command.name}\n{_both('sandbox', one)}\n{_both('real', other)}")
    return equal, found


def _both(name: str, output: Output) -> str:
    status, out, errors = output
    return "\n".join(
        [f"  {name}: exit {status}", *(f"    {line}" for line in out), *(f"  ! {line}" for line in errors)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--record", action="store_true", help="write what kubectl prints against the real control plane"
    )
    parser.add_argument("--kubectl", type=Path, nargs="*", default=[], help="other versions to play the session with")
    arguments = parser.parse_args()
    failed = False
    for kubectl in [programs() / "kubectl", *arguments.kubectl]:
        minor = minor_of(kubectl)
        real = on_reference(kubectl)
        if arguments.record:
            recorded = json.loads(OUT.read_text()) if OUT.exists() else {}
            recorded[minor] = [[each.name, *output] for each, output in zip(SESSION, real, strict=True)]
            lines = [
                f'"{version}": [\n' + ",\n".join(json.dumps(line) for line in outputs) + "\n]"
                for version, outputs in sorted(recorded.items())
            ]
            OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        ours = on_sandbox(kubectl)
        equal, found = differences(ours, real)
        print(*found, sep="\n")
        print(f"kubectl {minor}: {len(real)} commands, {equal} print the same, {len(found)} unexpectedly do not")
        failed = failed or bool(found)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
