"""Kustomization trees from texts, for table tests."""

from pathlib import Path
from textwrap import dedent
from typing import Any

from fluxkit.kustomize import BuildOptions, BuildResult, build

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\n"
DEPLOYMENT = dedent("""\
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: app
    spec:
      template:
        spec:
          containers:
          - name: main
            image: nginx:1.0
""")


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a directory; texts are dedented."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(dedent(content))
    return root


def built(root: Path, files: dict[str, str | bytes], directory: str = ".", **options: Any) -> BuildResult:
    """Write files and build a directory among them."""
    return build(write(root, files) / directory, BuildOptions(**options))


def one(root: Path, kustomization: str, resource: str = CONFIG_MAP, **options: Any) -> dict[str, Any]:
    """The only object of a kustomization with one resource file."""
    text = dedent(kustomization)
    if "resources:" not in text:
        text = "resources: [resource.yaml]\n" + text
    result = built(root, {"kustomization.yaml": text, "resource.yaml": resource}, **options)
    assert len(result) == 1
    return result[0]
