"""Build Flux itself, to measure and compare with: source-controller, kustomize-controller, the flux command.

    python tools/upstream.py [--out DIRECTORY] [--version VERSION] [--pin NAME=VERSION]     into tools/bin/flux

Everything comes through the Go module proxy. What makes each module's own tree unfit for `go install` is mended in a
scratch copy: the requirement on its `api` folder becomes the published module, and the manifests that the flux command
embeds, which upstream generates before a release, are left empty. The custom resource definitions lie beside the
programs, in `crds`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OUT = Path(__file__).parent / "bin" / "flux"
CONTROLLERS = ("source-controller", "kustomize-controller")
FLUX = "github.com/fluxcd/flux2/v2"
DISTRIBUTION = "v2.9.5"


def go(*arguments: str, cwd: Path) -> str:
    environment = {**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false", "GOWORK": "off"}
    return subprocess.run(
        ["go", *arguments], cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def copy_of(module: str, version: str, scratch: Path) -> Path:
    """A writable copy of a module's tree."""
    source = json.loads(go("mod", "download", "-json", f"{module}@{version}", cwd=scratch))["Dir"]
    copy = scratch / module.replace("/", "+")
    shutil.copytree(source, copy, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(copy):
        os.chmod(folder, 0o755)
    return copy


def build_controller(name: str, version: str, out: Path, scratch: Path) -> None:
    module = f"github.com/fluxcd/{name}"
    tree = copy_of(module, version, scratch)
    requirements = (tree / "go.mod").read_text()
    published = requirements.replace(f"{module}/api => ./api", f"{module}/api => {module}/api {version}")
    (tree / "go.mod").write_text(published)
    go("build", "-o", str(out / name), ".", cwd=tree)
    definitions = out / "crds"
    definitions.mkdir(exist_ok=True)
    for definition in (tree / "config" / "crd" / "bases").glob("*.yaml"):
        shutil.copyfile(definition, definitions / definition.name)


def controller_version(flux: Path, name: str) -> str:
    """The version of a controller that a distribution pins."""
    found = re.search(rf"fluxcd/{name}/releases/download/(v[^/]+)/", _base(flux, name).read_text())
    assert found, f"{_base(flux, name)} does not say where {name} comes from"
    return found[1]


def _base(flux: Path, name: str) -> Path:
    return flux / "manifests" / "bases" / name / "kustomization.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--version", default=DISTRIBUTION, help="of the Flux distribution")
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="NAME=VERSION",
        help="another version of a controller than the distribution's, should the proxy lack something that one needs",
    )
    arguments = parser.parse_args()
    pins = dict(pin.split("=", 1) for pin in arguments.pin)
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        flux = copy_of(FLUX, arguments.version, scratch)
        for name in CONTROLLERS:
            version = pins.get(name) or controller_version(flux, name)
            print(f"building {name} {version}", file=sys.stderr, flush=True)
            build_controller(name, version, out, scratch)
        print(f"building flux {arguments.version}", file=sys.stderr, flush=True)
        embedded = flux / "cmd" / "flux" / "manifests"
        embedded.mkdir()
        (embedded / "empty.yaml").write_text("")
        stamp = f"-X main.VERSION={arguments.version.removeprefix('v')}"
        go("build", "-o", str(out / "flux"), "-ldflags", stamp, "./cmd/flux", cwd=flux)


if __name__ == "__main__":
    main()
