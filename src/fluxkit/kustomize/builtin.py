"""The generators and transformers that the fields of a kustomization stand for, in their fixed order."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from msgspec.structs import replace

from fluxkit import yaml
from fluxkit.kustomize.configuration import TransformerConfig
from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, merge_all, merge_one
from fluxkit.kustomize.generators import Generator
from fluxkit.kustomize.generators.charts import ChartGenerator
from fluxkit.kustomize.generators.maps import MapGenerator
from fluxkit.kustomize.kustomization import GeneratorArgs, GeneratorOptions, Kustomization, Label
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.patching import json_patch, patch_transformer, strategic_patches
from fluxkit.kustomize.replacing import load_replacements
from fluxkit.kustomize.transformers import Transformer
from fluxkit.kustomize.transformers.affix import AffixTransformer
from fluxkit.kustomize.transformers.images import ImageTransformer
from fluxkit.kustomize.transformers.labels import MetadataTransformer
from fluxkit.kustomize.transformers.namespace import NamespaceTransformer
from fluxkit.kustomize.transformers.replacements import ReplacementTransformer
from fluxkit.kustomize.transformers.replicas import ReplicaTransformer

__all__ = ["builtin_generators", "builtin_transformers"]

T = TypeVar("T")


def _configured(kind: str, config: dict[str, Any], make: Callable[[], T]) -> T:
    """``make()``; its errors name the plugin and show the configuration, as upstream's do."""
    try:
        return make()
    except KustomizeError as error:
        shown = yaml.dump({key: value for key, value in config.items() if value})
        raise error.reworded(f"trouble configuring builtin {kind} with config: `\n{shown}`: {error}") from None


def builtin_generators(
    kustomization: Kustomization, loader: Loader, context: BuildContext
) -> Iterator[tuple[str, Generator]]:
    """The plugin kind and the generator of every entry. Raises :class:`KustomizeError`."""
    general = kustomization.generator_options

    def maps(entries: list[GeneratorArgs], kind: Any) -> Iterator[tuple[str, Generator]]:
        for args in entries:
            args.options = (args.options or GeneratorOptions()).over(general)
            yield f"{kind}Generator", MapGenerator(kind, args, loader, context.scopes)

    yield from maps(kustomization.config_map_generator, "ConfigMap")
    yield from maps(kustomization.secret_generator, "Secret")
    for chart in kustomization.helm_charts:
        fields = {**(kustomization.helm_globals or {}), **chart}
        yield (
            "HelmChartInflationGenerator",
            _configured(
                "HelmChartInflationGenerator",
                fields,
                lambda: ChartGenerator.configured(fields, loader, context),  # noqa: B023
            ),
        )


def builtin_transformers(
    kustomization: Kustomization, configuration: TransformerConfig, loader: Loader, context: BuildContext
) -> Iterator[tuple[str, Transformer]]:
    """The plugin kind and the transformer of every entry, in upstream's order. Raises :class:`KustomizeError`.

    All of them are configured before the first one runs, so that a bad one is an error even if another would fail
    first.
    """
    yield from list(_builtin_transformers(kustomization, configuration, loader, context))


def _builtin_transformers(
    kustomization: Kustomization, configuration: TransformerConfig, loader: Loader, context: BuildContext
) -> Iterator[tuple[str, Transformer]]:
    if kustomization.patches_strategic_merge:
        paths = kustomization.patches_strategic_merge
        yield (
            "PatchStrategicMergeTransformer",
            _configured(
                "PatchStrategicMergeTransformer",
                {"paths": paths},
                lambda: strategic_patches(paths, "", loader, context),
            ),
        )
    for patch in kustomization.patches:
        yield (
            "PatchTransformer",
            _configured(
                "PatchTransformer",
                {"path": patch.path, "patch": patch.patch},
                lambda: patch_transformer(patch.path, patch.patch, patch.target, patch.options, loader, context),  # noqa: B023
            ),
        )
    if kustomization.namespace:
        yield "NamespaceTransformer", NamespaceTransformer(kustomization.namespace, configuration.namespace)
    if kustomization.name_prefix:
        yield "PrefixTransformer", AffixTransformer(kustomization.name_prefix, "", configuration.name_prefix)
    if kustomization.name_suffix:
        yield "SuffixTransformer", AffixTransformer("", kustomization.name_suffix, configuration.name_suffix)
    if kustomization.labels or kustomization.common_labels:
        for label in kustomization.labels:
            yield "LabelTransformer", MetadataTransformer(label.pairs, _label_specs(label, configuration, context))
        yield "LabelTransformer", MetadataTransformer(kustomization.common_labels, configuration.common_labels)
    if kustomization.common_annotations:
        yield (
            "AnnotationsTransformer",
            MetadataTransformer(kustomization.common_annotations, configuration.common_annotations),
        )
    for patch in kustomization.patches_json6902:
        yield (
            "PatchJson6902Transformer",
            _configured(
                "PatchJson6902Transformer",
                {"path": patch.path, "jsonOp": patch.patch},
                lambda: json_patch(patch.target, patch.path, patch.patch, loader, context),  # noqa: B023
            ),
        )
    for replica in kustomization.replicas:
        yield "ReplicaCountTransformer", ReplicaTransformer(replica, configuration.replicas)
    for image in kustomization.images:
        yield "ImageTagTransformer", ImageTransformer(image, configuration.images, any_digest=context.later)
    if kustomization.replacements:
        # The entries reach upstream's transformer as text, from which empty lists are left out.
        entries = [replace(entry, targets=entry.targets or None) for entry in kustomization.replacements]
        yield (
            "ReplacementTransformer",
            _configured(
                "ReplacementTransformer",
                {"replacements": [{"path": entry.path} for entry in entries if entry.path]},
                lambda: ReplacementTransformer(load_replacements(entries, loader), context.budget, context.later),
            ),
        )


_METADATA_LABELS = FieldSpec(path="metadata/labels", create=True)


def _label_specs(label: Label, configuration: TransformerConfig, context: BuildContext) -> tuple[FieldSpec, ...]:
    try:
        specs = merge_all(label.fields, configuration.labels)
        if label.include_selectors:
            return merge_all(specs, configuration.common_labels)
        if label.include_templates:
            try:
                specs = merge_all(specs, configuration.template_labels)
            except KustomizeError as error:
                raise error.wrap("failed to merge template fieldSpec") from None
        if context.later and label.include_volume_claim_templates:
            specs = merge_all(specs, configuration.volume_claim_template_labels)
        return merge_one(specs, _METADATA_LABELS)
    except KustomizeError as error:
        raise error.wrap("failed to merge labels").at(field="labels") from None
