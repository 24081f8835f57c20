"""Record what a real Kubernetes API server answers: tests/sandbox/recorded/answers.json.

    python scripts/record_apiserver.py --kubeconfig KUBECONFIG [--out FILE] [--only TEXT]

The server should run without kube-controller-manager, and be thrown away afterwards: the cases leave namespaces and
definitions behind. The credentials must be those of a cluster administrator, with a token.
"""

import argparse
import json
import ssl
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.sandbox.recorded.cases import CASES, SETUP  # noqa: E402
from tests.sandbox.recorded.player import Player  # noqa: E402

OUT = ROOT / "tests/sandbox/recorded/answers.json"


def connect(path: Path) -> Player:
    """A player for the current context of a kubeconfig with a token."""
    document = yaml.safe_load(path.read_text())
    context = next(each["context"] for each in document["contexts"] if each["name"] == document["current-context"])
    cluster = next(each["cluster"] for each in document["clusters"] if each["name"] == context["cluster"])
    user = next(each["user"] for each in document["users"] if each["name"] == context["user"])
    tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return Player(cluster["server"], {"Authorization": f"Bearer {user['token']}"}, tls)


def write(path: Path, answers: dict[str, Any]) -> None:
    """One line for each case, so that differences can be read."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, sort_keys=True, separators=(',', ':'))}"
        for name, value in answers.items()
    ]
    partial = path.with_suffix(".partial")
    partial.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    partial.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--only", default="", help="record the cases whose name contains this, keep the other answers")
    arguments = parser.parse_args()
    player = connect(arguments.kubeconfig)
    player.prepare(SETUP)
    before = json.loads(arguments.out.read_text()) if arguments.out.exists() and arguments.only else {}
    answers = {
        each.name: player.play(each) if arguments.only in each.name or each.name not in before else before[each.name]
        for each in CASES
    }
    player.close()
    write(arguments.out, answers)


if __name__ == "__main__":
    main()
