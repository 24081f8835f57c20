"""Compare the sandbox with a real Kubernetes API server, and record what the real one answers.

    python scripts/record_apiserver.py [--record] [--only TEXT ...] [--kubeconfig KUBECONFIG]

Plays every case of tests/sandbox/recorded against a bare sandbox and against a real API server, and fails on each
difference that differences.py does not list. With --record the answers of the real one are written to answers.json.

Without --kubeconfig the real one is built with Go (tools/control_plane.py) and started on this machine. A server that
is named with --kubeconfig must run without kube-controller-manager and without the ServiceAccount admission plugin, and
should be thrown away afterwards: the cases leave namespaces and definitions behind. Its credentials must be those of a
cluster administrator, with a token. It cannot be told to forget its history: the cases that need that are left out.
"""

import argparse
import contextlib
import json
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.sandbox.bare import bare_player  # noqa: E402
from tests.sandbox.recorded.cases import CASES, SETUP  # noqa: E402
from tests.sandbox.recorded.control_plane import programs, reference_control_plane  # noqa: E402
from tests.sandbox.recorded.differences import DIFFERENCES, RANDOM  # noqa: E402
from tests.sandbox.recorded.player import Player  # noqa: E402

OUT = ROOT / "tests/sandbox/recorded/answers.json"
ADMISSION = ("ServiceAccount",)
"""Plugins of the real server that need what kube-controller-manager creates."""

Answers = dict[str, list[Any]]


def connect(path: Path) -> Player:
    """A player for the current context of a kubeconfig with a token."""
    document = yaml.safe_load(path.read_text())
    context = next(each["context"] for each in document["contexts"] if each["name"] == document["current-context"])
    cluster = next(each["cluster"] for each in document["clusters"] if each["name"] == context["cluster"])
    user = next(each["user"] for each in document["users"] if each["name"] == context["user"])
    tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
    if cluster.get("insecure-skip-tls-verify"):
        tls = unverified()
    return Player(cluster["server"], {"Authorization": f"Bearer {user['token']}"}, tls)


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def real_player(kubeconfig: Path | None) -> Iterator[Player]:
    if kubeconfig is not None:
        player = connect(kubeconfig)
        yield player
        player.close()
        return
    with tempfile.TemporaryDirectory() as directory:
        with reference_control_plane(programs(), Path(directory), admission=ADMISSION) as found:
            player = Player(found.server, {"Authorization": f"Bearer {found.token}"}, unverified(), found.compact)
            yield player
            player.close()


def play(player: Player, only: list[str]) -> Answers:
    player.prepare(SETUP)
    return {each.name: player.play(each) for each in CASES if _wanted(each.name, only) and player.plays(each)}


def _wanted(name: str, only: list[str]) -> bool:
    return not only or any(text in name for text in only)


def write(path: Path, answers: Answers) -> None:
    """One line for each case, so that differences can be read."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, sort_keys=True, separators=(',', ':'))}"
        for name, value in answers.items()
    ]
    partial = path.with_suffix(".partial")
    partial.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    partial.replace(path)


def differences(ours: Answers, theirs: Answers) -> tuple[int, list[str]]:
    """How many answers are equal, and a text for each that differs and is not listed, or is listed and does not."""
    equal, found = 0, []
    for name, expected in theirs.items():
        accepted = DIFFERENCES.get(name, {})
        for number, (one, other) in enumerate(zip(ours[name], expected, strict=True)):
            same = one == other
            equal += same
            if not same and number not in accepted:
                sandbox, real = (json.dumps(each, sort_keys=True) for each in (one, other))
                found.append(f"{name}, answer {number}\n  sandbox: {sandbox}\n  real:    {real}")
            elif same and accepted.get(number, RANDOM) != RANDOM:
                found.append(f"{name}, answer {number} is listed as different, and is not")
    return equal, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, help="of a running API server, instead of building one")
    parser.add_argument("--record", action="store_true", help="write the answers of the real server")
    parser.add_argument("--only", nargs="*", default=[], help="the cases whose name contains one of these")
    arguments = parser.parse_args()
    with real_player(arguments.kubeconfig) as player:
        real = play(player, arguments.only)
    recorded: Answers = json.loads(OUT.read_text()) if OUT.exists() else {}
    if arguments.record:
        write(OUT, {each.name: found for each in CASES if (found := real.get(each.name, recorded.get(each.name)))})
    with tempfile.TemporaryDirectory() as directory, bare_player(Path(directory)) as player:
        sandbox = play(player, arguments.only)
    equal, found = differences(sandbox, real)
    for text in found:
        print(text)
    total = sum(len(each) for each in real.values())
    print(f"{len(real)} cases, {total} answers, {equal} equal, {total - equal} not, {len(found)} of them unexpected")
    changed = [name for name in real if name in recorded and real[name] != recorded[name]]
    if changed and not arguments.record:
        print("the real server answers otherwise than recorded: " + ", ".join(changed))
    if found:
        sys.exit(1)


if __name__ == "__main__":
    main()
