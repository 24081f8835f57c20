"""Built-in transformers and generators from their configurations: ``transformers``, ``generators``, ``validators``.

A configuration with ``apiVersion: builtin`` names one of the built-in plugins and gives its fields, which are decoded
leniently: unknown ones are ignored, numbers become strings where strings are wanted (api ``internal/plugins/loader``).
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct, field

from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.decode import Context, Record, boolean, integer, list_of, map_of, optional, string
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FIELD_SPECS, FieldSpec
from fluxkit.kustomize.generators import Generator
from fluxkit.kustomize.generators.charts import ChartGenerator
from fluxkit.kustomize.generators.iam import IAMPolicyGenerator
from fluxkit.kustomize.generators.maps import MapGenerator
from fluxkit.kustomize.kustomization import (
    GENERATOR_FIELDS,
    HELM_CHART,
    IMAGE,
    PATCH_OPTIONS,
    REPLACEMENT,
    REPLICA,
    GeneratorArgs,
    Image,
    PatchOptions,
    Replacement,
    Replica,
)
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.patching import json_patch, patch_transformer, strategic_patches
from fluxkit.kustomize.replacing import load_replacements
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.selectors import SELECTOR, Selector
from fluxkit.kustomize.transformers import Transformer
from fluxkit.kustomize.transformers.affix import AffixTransformer
from fluxkit.kustomize.transformers.hashes import HashTransformer
from fluxkit.kustomize.transformers.images import ImageTransformer
from fluxkit.kustomize.transformers.labels import MetadataTransformer
from fluxkit.kustomize.transformers.namespace import NamespaceTransformer
from fluxkit.kustomize.transformers.replacements import ReplacementTransformer
from fluxkit.kustomize.transformers.replicas import ReplicaTransformer
from fluxkit.kustomize.transformers.value_add import AddTarget, ValueAddTransformer

__all__ = ["is_builtin", "load_generator", "load_transformer"]


class _Meta(Struct):
    name: str = ""
    namespace: str = ""


class _Config(Struct):
    """The fields of all plugins; each reads its own."""

    metadata: _Meta = field(default_factory=_Meta)
    field_specs: tuple[FieldSpec, ...] | None = None
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    unset_only: bool = False
    subjects: str = ""
    prefix: str = ""
    suffix: str = ""
    image: Image = Image()
    replica: Replica = Replica()
    path: str = ""
    patch: str = ""
    target: Selector | None = None
    options: PatchOptions | None = None
    paths: list[str] = []
    patches: str = ""
    json_op: str = ""
    replacements: list[Replacement] = []
    value: str = ""
    targets: list[AddTarget] = []
    target_file_path: str = ""


_META: Final = Record(_Meta, "types.ObjectMeta", {"name": ("name", string), "namespace": ("namespace", string)})
_ADD_TARGET: Final = Record(
    AddTarget,
    "builtins.Target",
    {
        "selector": ("selector", optional(SELECTOR)),
        "fieldPath": ("field_path", string),
        "filePathPosition": ("file_path_position", integer),
    },
)
_ADD_TARGETS: Final = list_of(_ADD_TARGET, "[]builtins.Target")
_METADATA: Final = {"metadata": ("metadata", _META)}
_SPECS: Final = {"fieldSpecs": ("field_specs", optional(FIELD_SPECS))}

Fields = dict[str, tuple[str, Any]]
_FIELDS: Final[dict[str, Fields]] = {
    "AnnotationsTransformer": {**_SPECS, "annotations": ("annotations", map_of(string))},
    "LabelTransformer": {**_SPECS, "labels": ("labels", map_of(string))},
    "NamespaceTransformer": {
        **_METADATA,
        **_SPECS,
        "unsetOnly": ("unset_only", boolean),
        "setRoleBindingSubjects": ("subjects", string),
    },
    "PrefixTransformer": {**_SPECS, "prefix": ("prefix", string)},
    "SuffixTransformer": {**_SPECS, "suffix": ("suffix", string)},
    "PrefixSuffixTransformer": {**_SPECS, "prefix": ("prefix", string), "suffix": ("suffix", string)},
    "ImageTagTransformer": {**_SPECS, "imageTag": ("image", IMAGE)},
    "ReplicaCountTransformer": {**_SPECS, "replica": ("replica", REPLICA)},
    "PatchTransformer": {
        "path": ("path", string),
        "patch": ("patch", string),
        "target": ("target", optional(SELECTOR)),
        "options": ("options", optional(PATCH_OPTIONS)),
    },
    "PatchStrategicMergeTransformer": {"paths": ("paths", list_of(string)), "patches": ("patches", string)},
    "PatchJson6902Transformer": {
        "target": ("target", optional(SELECTOR)),
        "path": ("path", string),
        "jsonOp": ("json_op", string),
    },
    "ReplacementTransformer": {
        "replacements": ("replacements", list_of(REPLACEMENT, "[]types.ReplacementField")),
    },
    "ValueAddTransformer": {
        "value": ("value", string),
        "targets": ("targets", _ADD_TARGETS),
        "targetFilePath": ("target_file_path", string),
    },
    "HashTransformer": {},
}


def is_builtin(resource: Resource) -> bool:
    return resource.api_version == "builtin"


def _decode(resource: Resource, record: Record[Any]) -> Any:
    try:
        return record(resource.object(), Context(resource.kind, strict=False, coerce=True))
    except KustomizeError as error:
        raise error.wrap("error unmarshaling JSON: while decoding JSON") from None


def load_transformer(resource: Resource, loader: Loader, context: BuildContext) -> Transformer:
    """The transformer that a configuration describes. Raises :class:`KustomizeError`."""
    _refuse_external(resource)
    kind = resource.kind
    fields = _FIELDS.get(kind)
    if fields is None:
        if kind in _GENERATORS:
            raise KustomizeError(f"plugin {resource.original_id} not a transformer", resource=str(resource.id))
        raise KustomizeError(f"unable to load builtin {resource.gvk}", resource=str(resource.id))
    try:
        config: _Config = _decode(resource, Record(_Config, f"builtins.{kind}Plugin", fields))
        return _TRANSFORMERS[kind](config, loader, context)
    except KustomizeError as error:
        raise error.wrap(f"plugin {resource.original_id} fails configuration").at(resource=str(resource.id)) from None


def load_generator(resource: Resource, loader: Loader, context: BuildContext) -> Generator:
    """The generator that a configuration describes. Raises :class:`KustomizeError`."""
    _refuse_external(resource)
    make = _GENERATORS.get(resource.kind)
    if make is None:
        if resource.kind in _FIELDS:
            raise KustomizeError(f"plugin {resource.original_id} not a generator", resource=str(resource.id))
        raise KustomizeError(f"unable to load builtin {resource.gvk}", resource=str(resource.id))
    try:
        return make(resource, loader, context)
    except KustomizeError as error:
        raise error.wrap(f"plugin {resource.original_id} fails configuration").at(resource=str(resource.id)) from None


def _refuse_external(resource: Resource) -> None:
    if not is_builtin(resource):
        raise KustomizeError(
            f"external plugins disabled; unable to load external plugin '{resource.original_id.kind}'",
            resource=str(resource.id),
        )


def _specs(config: _Config) -> tuple[FieldSpec, ...]:
    return config.field_specs or ()


def _required_specs(config: _Config) -> tuple[FieldSpec, ...]:
    if config.field_specs is None:
        raise KustomizeError("fieldSpecs is not expected to be nil", field="fieldSpecs")
    return config.field_specs


def _patch(config: _Config, loader: Loader, context: BuildContext) -> Transformer:
    return patch_transformer(config.path, config.patch, config.target, config.options, loader, context)


def _strategic(config: _Config, loader: Loader, context: BuildContext) -> Transformer:
    return strategic_patches(config.paths, config.patches, loader, context)


def _json(config: _Config, loader: Loader, context: BuildContext) -> Transformer:
    return json_patch(config.target, config.path, config.json_op, loader, context)


def _replace(config: _Config, loader: Loader, context: BuildContext) -> Transformer:
    return ReplacementTransformer(load_replacements(config.replacements, loader), context.budget, context.later)


def _value_add(config: _Config, loader: Loader, _context: BuildContext) -> Transformer:
    targets = list(config.targets)
    if config.target_file_path:
        from fluxkit.kustomize.kustomization import parse_yaml11

        value = parse_yaml11(loader.load_text(config.target_file_path), config.target_file_path)
        listed = value.get("targets") if isinstance(value, dict) else None
        targets += _ADD_TARGETS(listed, Context("Target", strict=False, coerce=True))
    return ValueAddTransformer.configured(config.value.strip() or loader.root.rpartition("/")[2], targets)


_TRANSFORMERS: Final[dict[str, Callable[[_Config, Loader, BuildContext], Transformer]]] = {
    "AnnotationsTransformer": lambda config, loader, context: MetadataTransformer(config.annotations, _specs(config)),
    "LabelTransformer": lambda config, loader, context: MetadataTransformer(config.labels, _specs(config)),
    "NamespaceTransformer": lambda config, loader, context: NamespaceTransformer(
        config.metadata.namespace, _specs(config), config.unset_only, config.subjects or "defaultOnly"
    ),
    "PrefixTransformer": lambda config, loader, context: AffixTransformer(config.prefix, "", _required_specs(config)),
    "SuffixTransformer": lambda config, loader, context: AffixTransformer("", config.suffix, _required_specs(config)),
    "PrefixSuffixTransformer": lambda config, loader, context: AffixTransformer(
        config.prefix, config.suffix, _required_specs(config)
    ),
    "ImageTagTransformer": lambda config, loader, context: ImageTransformer(
        config.image, _specs(config), any_digest=context.later
    ),
    "ReplicaCountTransformer": lambda config, loader, context: ReplicaTransformer(config.replica, _specs(config)),
    "PatchTransformer": _patch,
    "PatchStrategicMergeTransformer": _strategic,
    "PatchJson6902Transformer": _json,
    "ReplacementTransformer": _replace,
    "ValueAddTransformer": _value_add,
    "HashTransformer": lambda config, loader, context: HashTransformer(),
}


class _MapArgs(GeneratorArgs):
    metadata: _Meta = field(default_factory=_Meta)


_MAP_ARGS: Final = Record(_MapArgs, "builtins.Plugin", {**GENERATOR_FIELDS, **_METADATA, "type": ("type", string)})


def _map_generator(resource: Resource, loader: Loader, context: BuildContext) -> Generator:
    args: _MapArgs = _decode(resource, _MAP_ARGS)
    args.name = args.name or args.metadata.name
    args.namespace = args.namespace or args.metadata.namespace
    return MapGenerator(
        "ConfigMap" if resource.kind == "ConfigMapGenerator" else "Secret", args, loader, context.scopes
    )


def _iam(resource: Resource, _loader: Loader, context: BuildContext) -> Generator:
    value = resource.object()

    def text(section: str, name: str) -> str:
        entry = value.get(section)
        found = entry.get(name) if isinstance(entry, dict) else None
        return found if isinstance(found, str) else ""

    cloud = value.get("cloud")
    return IAMPolicyGenerator(
        cloud if isinstance(cloud, str) else "",
        text("kubernetesService", "name"),
        text("kubernetesService", "namespace"),
        text("serviceAccount", "name"),
        text("serviceAccount", "projectId"),
        context.scopes,
    )


def _helm(resource: Resource, loader: Loader, context: BuildContext) -> Generator:
    return ChartGenerator.configured(_decode(resource, HELM_CHART), loader, context)


_GENERATORS: Final[dict[str, Callable[[Resource, Loader, BuildContext], Generator]]] = {
    "ConfigMapGenerator": _map_generator,
    "SecretGenerator": _map_generator,
    "IAMPolicyGenerator": _iam,
    "HelmChartInflationGenerator": _helm,
}
