"""Post-rendering: something else changes the manifests before they are sorted; here, a kustomization.

The documents of all files go through as one stream. Each carries the path of its file in an annotation, by which it
finds its way back; what the post-renderer adds gets a made-up path.

Upstream: helm/helm ``pkg/action/action.go`` (annotateAndMerge, splitAndDeannotate, PostRenderStrategy).
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from fluxkit import yaml
from fluxkit.helm.render.errors import RenderError
from fluxkit.helm.render.manifests import is_blank, sort_manifests, split_documents
from fluxkit.helm.render.release import PostRenderer
from fluxkit.kustomize import BuildOptions, KustomizeError, build
from fluxkit.objects import Object
from fluxkit.yaml.composer import compose_all
from fluxkit.yaml.loader import RULES

__all__ = ["FILENAME_ANNOTATION", "Strategy", "StreamRenderer", "kustomize_folder", "post_renderer"]

FILENAME_ANNOTATION: Final = "postrenderer.helm.sh/postrender-filename"
_RESOURCE: Final = "helm-rendered-manifests.yaml"
_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")

Strategy = Literal["combined", "separate", "nohooks"]
"""``combined``: hooks and the rest in one stream; ``separate``: in two; ``nohooks``: hooks stay as they are."""

StreamRenderer = Callable[[str], Iterable[Object]]
"""From a stream of YAML documents to the objects that take their place. Raises RenderError."""


def post_renderer(renderer: StreamRenderer, strategy: Strategy = "combined") -> PostRenderer:
    """Lead rendered files through ``renderer``."""

    def combined(files: Mapping[str, str]) -> Mapping[str, str]:
        return _rendered(files, renderer, "")

    def in_groups(files: Mapping[str, str]) -> Mapping[str, str]:
        hooks, manifests = sort_manifests(files)
        groups = {
            "hooks": _by_path((hook.path, hook.manifest) for hook in hooks),
            "manifests": _by_path((manifest.path, manifest.content) for manifest in manifests),
        }
        documents: list[tuple[str, str]] = []
        for name, group in groups.items():
            if group and not (name == "hooks" and strategy == "nohooks"):
                group = _rendered(group, renderer, f"{name}-")
            documents += group.items()
        return _by_path(documents)

    return combined if strategy == "combined" else in_groups


def _by_path(documents: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, text in documents:
        found[path] = f"{found[path]}\n---\n{text}" if path in found else text
    return found


def _rendered(files: Mapping[str, str], renderer: StreamRenderer, prefix: str) -> dict[str, str]:
    objects: list[Object] = []
    for path in sorted(files):
        if not posixpath.basename(path).startswith("_"):
            objects += _annotated(path, files[path])
    found: dict[str, list[Object]] = {}
    for number, obj in enumerate(renderer(yaml.dump_all(objects))):
        path = _take_annotation(obj) or f"generated-by-postrender-{prefix}{number}.yaml"
        found.setdefault(path, []).append(obj)
    return {path: yaml.dump_all(each) for path, each in found.items()}


def _annotated(path: str, text: str) -> Iterable[Object]:
    for document in split_documents(text):
        if is_blank(document):
            continue
        try:
            values = list(compose_all(document, path, RULES))
        except yaml.YAMLError as problem:
            raise RenderError(f"error merging manifests: parsing {path}: {problem}") from problem
        for value in values:
            if value is None:
                continue
            if not isinstance(value, dict):
                raise RenderError(f"error merging manifests: annotating {path}: a document is no mapping")
            annotations = value.setdefault("metadata", {}).setdefault("annotations", {})
            annotations[FILENAME_ANNOTATION] = path
            yield value


def _take_annotation(obj: Object) -> str:
    metadata: dict[str, Any] = obj.get("metadata") or {}
    annotations: dict[str, str] = metadata.get("annotations") or {}
    path = annotations.pop(FILENAME_ANNOTATION, "")
    if not annotations:
        metadata.pop("annotations", None)
    return path


def kustomize_folder(folder: str, options: BuildOptions | None = None) -> StreamRenderer:
    """Build the kustomization in ``folder`` with the stream as a further resource, before those that it names."""
    given = options or BuildOptions(schema="replace")

    def run(stream: str) -> Iterable[Object]:
        path, document = _kustomization(Path(folder))
        resources = document.get("resources") or []
        document["resources"] = [_RESOURCE, *(name for name in resources if name != _RESOURCE)]
        overlay = {**given.overlay, path: yaml.dump(document).encode(), _RESOURCE: stream.encode()}
        try:
            return list(build(folder, replace(given, overlay=overlay)))
        except KustomizeError as problem:
            raise RenderError(f"error while running post render on files: {problem}") from problem

    return run


def _kustomization(folder: Path) -> tuple[str, dict[str, Any]]:
    for name in _KUSTOMIZATIONS:
        try:
            document = yaml.load((folder / name).read_bytes(), source=name)
        except FileNotFoundError:
            continue
        except (OSError, yaml.YAMLError) as problem:
            raise RenderError(f"post-renderer {folder}: {problem}") from problem
        if document is None or isinstance(document, dict):
            return name, document or {}
        raise RenderError(f"post-renderer {folder}: {name} is no mapping")
    raise RenderError(f"post-renderer {folder} is no folder with a kustomization.yaml")
