"""``kustomize build``: from a directory to objects (api ``krusty/kustomizer.go``)."""

import os
from pathlib import Path

from fluxkit.kustomize.accumulator import Accumulator
from fluxkit.kustomize.budget import Budget, size_of
from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec
from fluxkit.kustomize.files import Files
from fluxkit.kustomize.identity import Scopes
from fluxkit.kustomize.kustomization import SortOptions
from fluxkit.kustomize.loader import open_root
from fluxkit.kustomize.options import BuildOptions, BuildResult
from fluxkit.kustomize.reading import check_named
from fluxkit.kustomize.references.names import NameReferenceTransformer
from fluxkit.kustomize.references.variables import VarTransformer
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import (
    LOCAL_CONFIG_ANNOTATION,
    ORIGIN_ANNOTATION,
    TRANSFORMATIONS_ANNOTATION,
    Resource,
)
from fluxkit.kustomize.target import Target
from fluxkit.kustomize.transformers.hashes import HashTransformer
from fluxkit.kustomize.transformers.labels import MetadataTransformer
from fluxkit.kustomize.transformers.sort_order import sort_resources

__all__ = ["VERSION", "build"]

VERSION = "v5.8.1"
"""The release of kustomize whose behaviour this is."""


def build(path: str | Path, options: BuildOptions | None = None) -> BuildResult:
    """Build the kustomization in a directory.

    Raises :class:`KustomizeError` for everything that is wrong with the input; the message is upstream's. A crash of
    the engine is logged, and is such an error, too, worded as Flux words it.
    """
    try:
        return _build(str(path), options or BuildOptions())
    except RecursionError:
        raise KustomizeError("the build nests too deeply") from None
    except (TypeError, AttributeError, LookupError, ValueError, AssertionError) as error:
        import logging

        logging.getLogger(__name__).exception("kustomize build of %s", path)
        raise KustomizeError(f"recovered from kustomize build panic: {error}") from error


def _build(target: str, options: BuildOptions) -> BuildResult:
    files = Files(os.path.realpath(target), options.root, options.overlay, options.limits)
    context = BuildContext(options, files, Scopes(later=options.level == "next"))
    loader = open_root(files, target, options)
    top = Target(loader, context)
    accumulator = top.accumulate(Accumulator())
    resources = _finish(accumulator, context)
    _sort(resources, top.kustomization.sort_options, options, context)
    if options.add_managed_by_label or "managedByLabel" in top.build_metadata:
        label = {"app.kubernetes.io/managed-by": f"kustomize-{VERSION}"}
        MetadataTransformer(label, (FieldSpec(path="metadata/labels", create=True),)).transform(resources)
    objects = []
    whole = Budget(options.limits.output_bytes)
    for resource in resources.resources:
        _strip(resource, top.build_metadata)
        objects.append(resource.object())
        whole.spend(size_of(objects[-1]))
    return BuildResult(
        objects,
        files=frozenset(files.read_files),
        dirs=frozenset(files.built_dirs),
        absent=frozenset(files.absent),
        warnings=context.warnings,
        scopes=context.scopes,
    )


def _finish(accumulator: Accumulator, context: BuildContext) -> ResMap:
    """What is done once, over everything: hashes, name references, vars, and leaving local configuration out."""
    resources = accumulator.resources
    HashTransformer().transform(resources)
    NameReferenceTransformer(accumulator.configuration.name_reference).transform(resources)
    if len(accumulator.vars):
        VarTransformer(accumulator.vars, accumulator.configuration.var_reference, resources, context.budget).transform(
            resources
        )
    resources.resources = [resource for resource in resources.resources if not resource.empty]
    for resource in resources.resources:
        _check_named(resource)
    resources.resources = [resource for resource in resources.resources if not _is_local(resource)]
    return resources


def _check_named(resource: Resource) -> None:
    """A patch may have taken kind or name away; the message shows the build's memory, as upstream's does."""
    if resource.kind and resource.name:
        return
    resource.show_memory()
    check_named(resource.tree)
    resource.hide_memory()


def _is_local(resource: Resource) -> bool:
    value = resource.string_map("annotations").get(LOCAL_CONFIG_ANNOTATION)
    return value is not None and value != "false"


def _sort(resources: ResMap, sort_options: SortOptions | None, options: BuildOptions, context: BuildContext) -> None:
    if sort_options is not None:
        if options.reorder != "unspecified":
            context.warnings.append(
                "Warning: Sorting order is set both in 'kustomization.yaml' ('sortOptions') and in a CLI flag "
                "('--reorder'). Using the kustomization file over the CLI flag."
            )
        sort_resources(resources, sort_options)
    elif options.reorder != "none":
        sort_resources(resources, SortOptions("legacy"))


def _strip(resource: Resource, build_metadata: list[str]) -> None:
    """Take the build's annotations out. Annotations become strings, and an empty mapping of them goes, on the way."""
    annotations = resource.string_map("annotations")
    if annotations:
        resource.strip_build_annotations()
        annotations = resource.string_map("annotations")
    if "originAnnotations" not in build_metadata:
        annotations.pop(ORIGIN_ANNOTATION, None)
        resource.set_string_map("annotations", annotations)
    if "transformerAnnotations" not in build_metadata:
        annotations.pop(TRANSFORMATIONS_ANNOTATION, None)
        resource.set_string_map("annotations", annotations)
