"""Where resources and transformations come from: ``buildMetadata`` (api ``resource/origin.go``)."""

import posixpath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from fluxkit.kustomize import yamltext
from fluxkit.kustomize.remote import parse_repo_url
from fluxkit.kustomize.resource import ORIGIN_ANNOTATION, TRANSFORMATIONS_ANNOTATION, Resource
from fluxkit.kustomize.tree import text_of

__all__ = ["Origin"]


class Origin(Struct, frozen=True):
    """A path below the built directory or a repository; for what is generated, the configuration that made it."""

    path: str = ""
    repo: str = ""
    ref: str = ""
    configured_in: str = ""
    configured_by: tuple[tuple[str, str], ...] = ()

    def append(self, path: str) -> "Origin":
        spec = parse_repo_url(path)
        if spec is not None:
            return Origin(path=spec.path, repo=spec.repo, ref=spec.ref)
        joined = posixpath.normpath(posixpath.join(self.path, path))
        return replace(self, path=joined)

    def configuration(self, file: str, kind: str) -> "Origin":
        """The origin that a built-in field of a kustomization file gives to what it makes."""
        return Origin(
            repo=self.repo,
            ref=self.ref,
            configured_in=posixpath.normpath(posixpath.join(self.path, file)),
            configured_by=(("apiVersion", "builtin"), ("kind", kind)),
        )

    @property
    def mapping(self) -> dict[str, Any]:
        entries: dict[str, Any] = {
            name: value
            for name, value in (
                ("path", self.path),
                ("repo", self.repo),
                ("ref", self.ref),
                ("configuredIn", self.configured_in),
            )
            if value
        }
        if self.configured_by:
            entries["configuredBy"] = {name: value for name, value in self.configured_by if value}
        return entries

    @property
    def text(self) -> str:
        return yamltext.dump(self.mapping) + "\n"


def set_origin(resource: Resource, origin: Origin) -> None:
    resource.set_string_map("annotations", {**resource.string_map("annotations"), ORIGIN_ANNOTATION: origin.text})


def annotate_origin(resource: Resource, origin: Origin) -> None:
    """Note where a loaded resource came from; its other annotations stay as they were written."""
    metadata = resource.tree.setdefault("metadata", {})
    if not isinstance(metadata.get("annotations"), dict):
        metadata["annotations"] = {}
    metadata["annotations"][ORIGIN_ANNOTATION] = origin.text


def has_origin(resource: Resource) -> bool:
    return ORIGIN_ANNOTATION in resource.string_map("annotations")


def add_transformation(resource: Resource, origin: Origin) -> None:
    """Record a transformer that ran over a resource; a resource without origin was made by it."""
    annotations = resource.string_map("annotations")
    if ORIGIN_ANNOTATION not in annotations:
        set_origin(resource, origin)
        return
    earlier = annotations.get(TRANSFORMATIONS_ANNOTATION, "")
    entries = list(yamltext.parse(earlier)) if earlier else []
    entries.append(origin.mapping)
    annotations[TRANSFORMATIONS_ANNOTATION] = yamltext.dump(entries) + "\n"
    resource.set_string_map("annotations", annotations)


def origin_of_plugin(resource: Resource) -> Origin | None:
    """The origin that a plugin configuration gives to what the plugin makes."""
    text = resource.string_map("annotations").get(ORIGIN_ANNOTATION)
    if text is None:
        return None
    known = yamltext.parse(text)
    values = {key: text_of(value) for key, value in known.items()} if isinstance(known, dict) else {}
    return Origin(
        repo=values.get("repo", ""),
        ref=values.get("ref", ""),
        configured_in=values.get("path", ""),
        configured_by=(
            ("apiVersion", resource.api_version),
            ("kind", resource.kind),
            ("name", resource.name),
            ("namespace", resource.namespace),
        ),
    )
