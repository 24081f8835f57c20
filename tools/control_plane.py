"""Build the real control plane that `make conformance` asks: kube-apiserver, kube-controller-manager, kubectl, etcd.

    python tools/control_plane.py [--out DIRECTORY]          build what go.mod names, into tools/bin
    python tools/control_plane.py --require VERSION          make go.mod name another version of Kubernetes, then build

Everything comes through the Go module proxy, at the versions of go.mod and go.sum beside this file. Kubernetes takes
its staging modules from its own tree, which the proxy does not serve as a part of it; ``--require`` reads their names
from its go.mod and points each to the published module of the same minor and patch.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BIN = HERE / "bin"
KUBERNETES = "k8s.io/kubernetes"
PROGRAMS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubectl": f"{KUBERNETES}/cmd/kubectl",
    "kube-apiserver": f"{KUBERNETES}/cmd/kube-apiserver",
    "kube-controller-manager": f"{KUBERNETES}/cmd/kube-controller-manager",
}

_STAGING = re.compile(r"^\s*(\S+) => \./staging/", re.MULTILINE)
_GO = re.compile(r"^go (\S+)", re.MULTILINE)
_REQUIRED = re.compile(rf"^(?:require )?\s*{KUBERNETES} (v\S+)", re.MULTILINE)


def go(*arguments: str) -> str:
    """What the go command prints; its own words on stderr are passed on."""
    # Workspaces and vendoring of the surroundings must not reach in here.
    environment = {**os.environ, "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
    return subprocess.run(
        ["go", *arguments], cwd=HERE, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def require(version: str) -> None:
    """Writes go.mod and go.sum for one version of Kubernetes."""
    (HERE / "go.mod").write_text("module fluxkit.dev/tools\n")
    upstream = Path(json.loads(go("mod", "download", "-json", f"{KUBERNETES}@{version}"))["GoMod"]).read_text()
    language = _GO.search(upstream)
    assert language, "the go.mod of Kubernetes names no version of Go"
    staged = "v0" + version.removeprefix("v1")
    lines = [
        "// What tools/control_plane.py builds. Written by `python tools/control_plane.py --require VERSION`.",
        "module fluxkit.dev/tools",
        f"go {language[1]}",
        *(f"tool {package}" for package in PROGRAMS.values()),
        f"require {KUBERNETES} {version}",
        *(f"replace {name} => {name} {staged}" for name in _STAGING.findall(upstream)),
    ]
    (HERE / "go.mod").write_text("\n".join(lines) + "\n")
    (HERE / "go.sum").unlink(missing_ok=True)
    # The other requirements of Kubernetes come along by minimal version selection.
    go("mod", "tidy")


def required() -> str:
    """The version of Kubernetes in go.mod."""
    found = _REQUIRED.search((HERE / "go.mod").read_text())
    assert found, f"{HERE / 'go.mod'} does not require {KUBERNETES}"
    return found[1]


def build(out: Path) -> None:
    """Builds every program; what is up to date costs a few seconds."""
    version = required()
    _, major, minor = re.split(r"[v.]", version)[:3]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamps = [
        f"-X k8s.io/{at}.{name}={value}"
        for at in ("component-base/version", "client-go/pkg/version")
        for name, value in values.items()
    ]
    out.mkdir(parents=True, exist_ok=True)
    for name, package in PROGRAMS.items():
        print(f"building {name}", file=sys.stderr, flush=True)
        go("build", "-o", str(out / name), "-trimpath", "-ldflags", " ".join(["-s", "-w", *stamps]), package)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=BIN)
    parser.add_argument("--require", metavar="VERSION", help="for example v1.37.2")
    arguments = parser.parse_args()
    if arguments.require:
        require(arguments.require)
    build(arguments.out.resolve())


if __name__ == "__main__":
    main()
