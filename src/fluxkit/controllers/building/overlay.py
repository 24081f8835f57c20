"""What a Kustomization's spec adds to the kustomization file of its path, or the file made up where there is none.

Pure apart from reading the source tree; nothing is written to disk: the result goes to the build as an in-memory file.
Follows fluxcd/pkg ``kustomize/kustomize_generator.go``.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxkit import yaml
from fluxkit.api.kustomize import KustomizationSpec
from fluxkit.api.meta import Image, Selector
from fluxkit.api.resource import encode_part

__all__ = ["KUSTOMIZATION_FILES", "Overlay", "OverlayError", "generate_overlay"]

KUSTOMIZATION_FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

_REMOTE_PREFIXES = ("git::", "gh:", "ssh://", "https://", "http://", "git@", "github.com:", "github.com/")

_FIELDS = frozenset(
    {
        "apiVersion", "kind", "metadata", "openapi", "namePrefix", "nameSuffix", "namespace", "commonLabels", "labels",
        "commonAnnotations", "patchesStrategicMerge", "patchesJson6902", "patches", "images", "imageTags",
        "replacements", "replicas", "vars", "sortOptions", "resources", "components", "crds", "bases",
        "configMapGenerator", "secretGenerator", "helmGlobals", "helmCharts", "helmChartInflationGenerator",
        "generatorOptions", "configurations", "generators", "transformers", "validators", "buildMetadata",
    }
)  # fmt: skip


class OverlayError(ValueError):
    """The kustomization file cannot be read or extended; the text names the file and the field."""


@dataclass(slots=True)
class Overlay:
    """A kustomization file to build instead of what lies on disk, and what was looked at to make it."""

    path: str
    """Relative to the root of the source."""
    content: bytes
    files: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)


def generate_overlay(root: Path, directory: str, spec: KustomizationSpec) -> Overlay:
    """The kustomization file for ``directory`` (relative to ``root``) with the fields of ``spec`` merged into it.

    Raises :class:`OverlayError`.
    """
    overlay, document = _existing(root, directory)
    if document is None:
        overlay.path = _join(directory, KUSTOMIZATION_FILES[0])
        resources = _scan(root, directory, overlay)
        document = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        if resources:
            document["resources"] = resources
        else:
            document["namespace"] = "_placeholder"  # kustomize refuses a file that says nothing
    elif not document.get("resources"):
        document["buildMetadata"] = ["originAnnotations"]
    _merge(root, directory, overlay, document, spec)
    overlay.content = yaml.dump(document).encode()
    return overlay


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _existing(root: Path, directory: str) -> tuple[Overlay, dict[str, Any] | None]:
    overlay = Overlay(path="", content=b"")
    for name in KUSTOMIZATION_FILES:
        relative = _join(directory, name)
        file = root / relative
        if not file.is_file():
            overlay.absent.add(relative)
            continue
        overlay.path = relative
        overlay.files.add(relative)
        document = yaml.load(file.read_bytes(), source=relative)
        if document is None:
            document = {}
        if not isinstance(document, dict):
            raise OverlayError(f"{relative}: expected a mapping, got {type(document).__name__}")
        known = {key: value for key, value in document.items() if key in _FIELDS}
        _check_lists(relative, known)
        header = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        return overlay, header | known
    return overlay, None


def _check_lists(file: str, document: Mapping[str, Any]) -> None:
    for name in ("resources", "components", "patches", "images", "buildMetadata"):
        value = document.get(name)
        if value is not None and not isinstance(value, list):
            raise OverlayError(f"{file}: {name}: expected a list, got {type(value).__name__}")


def _scan(root: Path, directory: str, overlay: Overlay) -> list[str]:
    """Manifests below a directory without kustomization file, in lexical order; nested kustomizations as a whole."""
    base = root / directory
    found: list[str] = []

    def walk(folder: Path, prefix: str) -> None:
        overlay.directories.add(_join(directory, prefix) if prefix else directory)
        for name in sorted(os.listdir(folder), key=os.fsencode):
            relative = f"{prefix}/{name}" if prefix else name
            path = folder / name
            if path.is_dir():
                if _is_kustomization(path, _join(directory, relative), overlay):
                    found.append(f"./{relative}")
                else:
                    walk(path, relative)
            elif path.suffix in (".yaml", ".yml"):
                found.append(f"./{relative}")

    walk(base, "")
    return found


def _is_kustomization(path: Path, relative: str, overlay: Overlay) -> bool:
    for name in KUSTOMIZATION_FILES:
        if (path / name).is_file():
            return True
        overlay.absent.add(_join(relative, name))
    return False


def _merge(root: Path, directory: str, overlay: Overlay, document: dict[str, Any], spec: KustomizationSpec) -> None:
    if spec.target_namespace is not None:
        document["namespace"] = spec.target_namespace
    if spec.name_prefix is not None:
        document["namePrefix"] = spec.name_prefix
    if spec.name_suffix is not None:
        document["nameSuffix"] = spec.name_suffix
    if spec.patches:
        patches = [{"patch": patch.patch, **_target(patch.target)} for patch in spec.patches]
        document["patches"] = [*(document.get("patches") or []), *patches]
    components = _components(root, directory, overlay, spec)
    if components:
        document["components"] = [*(document.get("components") or []), *components]
    if spec.images:
        document["images"] = _merge_images(document.get("images") or [], spec.images)
    if spec.build_metadata:
        document["buildMetadata"] = list(spec.build_metadata)


def _target(selector: Selector | None) -> dict[str, Any]:
    return {} if selector is None else {"target": encode_part(selector)}


def _components(root: Path, directory: str, overlay: Overlay, spec: KustomizationSpec) -> list[str]:
    kept = []
    for path in spec.components:
        if not _is_local_and_relative(path):
            raise OverlayError(f"component path '{path}' must be local and relative")
        if spec.ignore_missing_components:
            relative = os.path.normpath(_join(directory, path))
            if relative.startswith("..") or not (root / relative).exists():
                overlay.absent.add(relative)
                continue
        kept.append(path)
    return kept


def _is_local_and_relative(path: str) -> bool:
    lower = path.lower()
    if any(lower.startswith(prefix) and len(lower) > len(prefix) for prefix in _REMOTE_PREFIXES):
        return False
    return not path.startswith("/") and not lower.removeprefix("file://").startswith("/")


def _merge_images(existing: Iterable[Any], images: Iterable[Image]) -> list[Any]:
    """Entries of the file, overridden by name: tag and digest are one unit, unset fields keep the file's value."""
    merged = [dict(entry) if isinstance(entry, dict) else entry for entry in existing]
    by_name = {entry["name"]: entry for entry in reversed(merged) if isinstance(entry, dict) and "name" in entry}
    for image in images:
        entry = by_name.get(image.name)
        if entry is None:
            entry = encode_part(image)
            merged.append(entry)
            by_name[image.name] = entry
            continue
        if image.new_name:
            entry["newName"] = image.new_name
        if image.new_tag or image.digest:
            entry.pop("newTag", None)
            entry.pop("digest", None)
            entry |= {key: value for key, value in (("newTag", image.new_tag), ("digest", image.digest)) if value}
    return merged
