"""The kustomization file: its fields, its decoding, its deprecated parts (api ``types/kustomization.go``)."""

from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from fluxkit.kustomize.decode import (
    Context,
    Record,
    any_value,
    boolean,
    integer,
    list_of,
    map_of,
    optional,
    string,
)
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FIELD_SPECS, FieldSpec
from fluxkit.kustomize.identity import Gvk
from fluxkit.kustomize.selectors import SELECTOR, Selector
from fluxkit.yaml.composer import compose_all
from fluxkit.yaml.errors import YAMLError
from fluxkit.yaml.loader import RULES

__all__ = [
    "FILE_NAMES",
    "GeneratorArgs",
    "GeneratorOptions",
    "Image",
    "Kustomization",
    "Label",
    "Patch",
    "PatchOptions",
    "Replacement",
    "Replica",
    "SortOptions",
    "Var",
    "parse_kustomization",
    "parse_yaml11",
]

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
API_VERSION: Final = "kustomize.config.k8s.io/v1beta1"
COMPONENT_API_VERSION: Final = "kustomize.config.k8s.io/v1alpha1"


class GeneratorOptions(Struct):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    disable_name_suffix_hash: bool = False
    immutable: bool = False

    def over(self, general: "GeneratorOptions | None") -> "GeneratorOptions":
        """These options, completed by those of the whole kustomization."""
        if general is None:
            return self
        return GeneratorOptions(
            {**general.labels, **self.labels},
            {**general.annotations, **self.annotations},
            self.disable_name_suffix_hash or general.disable_name_suffix_hash,
            self.immutable or general.immutable,
        )


class GeneratorArgs(Struct):
    """A configMapGenerator or secretGenerator entry; ``type`` is for secrets."""

    name: str = ""
    namespace: str = ""
    behavior: str = ""
    literals: list[str] = []
    files: list[str] = []
    envs: list[str] = []
    env: str = ""
    options: GeneratorOptions | None = None
    type: str = ""


class Image(Struct, frozen=True):
    name: str = ""
    new_name: str = ""
    new_tag: str = ""
    tag_suffix: str = ""
    digest: str = ""


class Label(Struct, frozen=True):
    pairs: dict[str, str] = {}
    include_selectors: bool = False
    include_templates: bool = False
    include_volume_claim_templates: bool = False
    fields: tuple[FieldSpec, ...] = ()


class PatchOptions(Struct, frozen=True):
    allow_name_change: bool = False
    allow_kind_change: bool = False


class Patch(Struct, frozen=True):
    path: str = ""
    patch: str = ""
    target: Selector | None = None
    options: PatchOptions | None = None


class Replica(Struct, frozen=True):
    name: str = ""
    count: int = 0


class FieldOptions(Struct, frozen=True):
    delimiter: str = ""
    index: int = 0
    encoding: str = ""
    create: bool = False


class ReplacementSource(Struct, frozen=True):
    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    field_path: str = ""
    options: FieldOptions | None = None


class ReplacementTarget(Struct, frozen=True):
    select: Selector | None = None
    reject: list[Selector | None] = []
    field_paths: list[str] = []
    options: FieldOptions | None = None


class Replacement(Struct, frozen=True):
    source: ReplacementSource | None = None
    source_value: str | None = None
    targets: list[ReplacementTarget] | None = None
    path: str = ""


class ObjectReference(Struct, frozen=True):
    api_version: str = ""
    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""

    @property
    def gvk(self) -> Gvk:
        parts = self.api_version.split("/") if self.api_version else []
        if len(parts) == 2:
            return Gvk(parts[0], parts[1], self.kind)
        return Gvk(self.group, parts[0], self.kind) if len(parts) == 1 else Gvk(self.group, self.version, self.kind)


class FieldReference(Struct, frozen=True):
    field_path: str = ""


class Var(Struct, frozen=True):
    name: str = ""
    objref: ObjectReference = ObjectReference()
    fieldref: FieldReference = FieldReference()

    @property
    def field_path(self) -> str:
        return self.fieldref.field_path or "metadata.name"

    def __str__(self) -> str:
        """As Go prints the struct, which is what upstream's messages show."""
        return f"{{{self.name} {self.objref.gvk} {{{self.field_path}}}}}"

    @property
    def as_written(self) -> str:
        """The same before defaults and the apiVersion were looked at."""
        ref = self.objref
        return f"{{{self.name} {Gvk(ref.group, ref.version, ref.kind)} {{{self.fieldref.field_path}}}}}"


class LegacySortOptions(NamedTuple):
    first: list[str] | None = None
    last: list[str] | None = None


class SortOptions(Struct, frozen=True):
    order: str = ""
    legacy: LegacySortOptions | None = None


class Kustomization(Struct):
    """One kustomization; fields that were not given have their zero value."""

    kind: str = ""
    api_version: str = ""
    metadata: Any = None
    openapi: dict[str, str] = {}
    name_prefix: str = ""
    name_suffix: str = ""
    namespace: str = ""
    common_labels: dict[str, str] = {}
    labels: list[Label] = []
    common_annotations: dict[str, str] = {}
    patches_strategic_merge: list[str] = []
    patches_json6902: list[Patch] = []
    patches: list[Patch] = []
    images: list[Image] = []
    image_tags: list[Image] = []
    replacements: list[Replacement] = []
    replicas: list[Replica] = []
    vars: list[Var] = []
    sort_options: SortOptions | None = None
    resources: list[str] = []
    components: list[str] = []
    crds: list[str] = []
    bases: list[str] = []
    config_map_generator: list[GeneratorArgs] = []
    secret_generator: list[GeneratorArgs] = []
    helm_globals: dict[str, Any] | None = None
    helm_charts: list[dict[str, Any]] = []
    helm_chart_inflation_generator: list[dict[str, Any]] = []
    generator_options: GeneratorOptions | None = None
    configurations: list[str] = []
    generators: list[str] = []
    transformers: list[str] = []
    validators: list[str] = []
    build_metadata: list[str] = []

    @property
    def is_component(self) -> bool:
        return self.kind == "Component"


_METADATA: Final[Record[dict[str, Any]]] = Record(
    dict,
    "types.ObjectMeta",
    {
        "name": ("name", string),
        "namespace": ("namespace", string),
        "labels": ("labels", map_of(string)),
        "annotations": ("annotations", map_of(string)),
    },
)
GENERATOR_OPTIONS: Final = Record(
    GeneratorOptions,
    "types.GeneratorOptions",
    {
        "labels": ("labels", map_of(string)),
        "annotations": ("annotations", map_of(string)),
        "disableNameSuffixHash": ("disable_name_suffix_hash", boolean),
        "immutable": ("immutable", boolean),
    },
)
GENERATOR_FIELDS: Final[dict[str, tuple[str, Any]]] = {
    "name": ("name", string),
    "namespace": ("namespace", string),
    "behavior": ("behavior", string),
    "literals": ("literals", list_of(string)),
    "files": ("files", list_of(string)),
    "envs": ("envs", list_of(string)),
    "env": ("env", string),
    "options": ("options", optional(GENERATOR_OPTIONS)),
}
_CONFIG_MAP_ARGS: Final = Record(GeneratorArgs, "types.ConfigMapArgs", GENERATOR_FIELDS)
_SECRET_ARGS: Final = Record(GeneratorArgs, "types.SecretArgs", {**GENERATOR_FIELDS, "type": ("type", string)})
IMAGE: Final = Record(
    Image,
    "types.Image",
    {
        "name": ("name", string),
        "newName": ("new_name", string),
        "tagSuffix": ("tag_suffix", string),
        "newTag": ("new_tag", string),
        "digest": ("digest", string),
    },
)
_LABEL_FIELDS: Final[dict[str, tuple[str, Any]]] = {
    "pairs": ("pairs", map_of(string)),
    "includeSelectors": ("include_selectors", boolean),
    "includeTemplates": ("include_templates", boolean),
    "fields": ("fields", FIELD_SPECS),
}
_LABEL: Final = Record(Label, "types.Label", _LABEL_FIELDS)
_LABEL_NEXT: Final = Record(
    Label,
    "types.Label",
    {**_LABEL_FIELDS, "includeVolumeClaimTemplates": ("include_volume_claim_templates", boolean)},
)
PATCH_OPTIONS: Final = Record(
    PatchOptions,
    "types.PatchArgs",
    {"allowNameChange": ("allow_name_change", boolean), "allowKindChange": ("allow_kind_change", boolean)},
)
PATCH: Final = Record(
    Patch,
    "types.Patch",
    {
        "path": ("path", string),
        "patch": ("patch", string),
        "target": ("target", optional(SELECTOR)),
        "options": ("options", optional(PATCH_OPTIONS)),
    },
)
REPLICA: Final = Record(Replica, "types.Replica", {"name": ("name", string), "count": ("count", integer)})
_FIELD_OPTIONS: Final = Record(
    FieldOptions,
    "types.FieldOptions",
    {
        "delimiter": ("delimiter", string),
        "index": ("index", integer),
        "encoding": ("encoding", string),
        "create": ("create", boolean),
    },
)
_REPLACEMENT_SOURCE: Final = Record(
    ReplacementSource,
    "types.SourceSelector",
    {
        "group": ("group", string),
        "version": ("version", string),
        "kind": ("kind", string),
        "name": ("name", string),
        "namespace": ("namespace", string),
        "fieldPath": ("field_path", string),
        "options": ("options", optional(_FIELD_OPTIONS)),
    },
)
_REPLACEMENT_TARGET: Final = Record(
    ReplacementTarget,
    "types.TargetSelector",
    {
        "select": ("select", optional(SELECTOR)),
        "reject": ("reject", list_of(optional(SELECTOR), "[]*types.Selector")),
        "fieldPaths": ("field_paths", list_of(string)),
        "options": ("options", optional(_FIELD_OPTIONS)),
    },
)
REPLACEMENT: Final = Record(
    Replacement,
    "types.ReplacementField",
    {
        "source": ("source", optional(_REPLACEMENT_SOURCE)),
        "sourceValue": ("source_value", optional(string)),
        "targets": ("targets", optional(list_of(_REPLACEMENT_TARGET, "[]*types.TargetSelector"))),
        "path": ("path", string),
    },
)
_VAR: Final = Record(
    Var,
    "types.Var",
    {
        "name": ("name", string),
        "objref": (
            "objref",
            Record(
                ObjectReference,
                "types.Target",
                {
                    "apiVersion": ("api_version", string),
                    "group": ("group", string),
                    "version": ("version", string),
                    "kind": ("kind", string),
                    "name": ("name", string),
                    "namespace": ("namespace", string),
                },
            ),
        ),
        "fieldref": ("fieldref", Record(FieldReference, "types.FieldSelector", {"fieldPath": ("field_path", string)})),
    },
)
_SORT_OPTIONS: Final = Record(
    SortOptions,
    "types.SortOptions",
    {
        "order": ("order", string),
        "legacySortOptions": (
            "legacy",
            optional(
                Record(
                    LegacySortOptions,
                    "types.LegacySortOptions",
                    {
                        "orderFirst": ("first", optional(list_of(string))),
                        "orderLast": ("last", optional(list_of(string))),
                    },
                )
            ),
        ),
    },
)
_VALUES: Final = map_of(any_value, "map[string]interface {}")
_GLOBAL_FIELDS: Final = {"chartHome": ("chartHome", string), "configHome": ("configHome", string)}
_HELM_GLOBALS: Final[Record[dict[str, Any]]] = Record(dict, "types.HelmGlobals", _GLOBAL_FIELDS)
_CHART_FIELDS: Final[dict[str, tuple[str, Any]]] = {
    **{
        name: (name, string)
        for name in [
            "name",
            "version",
            "repo",
            "releaseName",
            "namespace",
            "valuesFile",
            "valuesMerge",
            "kubeVersion",
            "nameTemplate",
        ]
    },
    **{name: (name, boolean) for name in ["includeCRDs", "skipHooks", "skipTests", "debug", "devel"]},
    "additionalValuesFiles": ("additionalValuesFiles", list_of(string)),
    "apiVersions": ("apiVersions", list_of(string)),
    "valuesInline": ("valuesInline", _VALUES),
}
_HELM_CHART: Final[Record[dict[str, Any]]] = Record(dict, "types.HelmChart", _CHART_FIELDS)
HELM_CHART: Final[Record[dict[str, Any]]] = Record(
    dict, "builtins.HelmChartInflationGeneratorPlugin", {**_CHART_FIELDS, **_GLOBAL_FIELDS}
)
"""The configuration of the plugin: fields of a chart and of the globals together."""
_OLD_HELM_CHART: Final[Record[dict[str, Any]]] = Record(
    dict,
    "types.HelmChartArgs",
    {
        **{
            name: (name, string)
            for name in [
                "chartName",
                "chartVersion",
                "chartRepoUrl",
                "chartHome",
                "chartRepoName",
                "helmBin",
                "helmHome",
                "values",
                "valuesMerge",
                "releaseName",
                "releaseNamespace",
            ]
        },
        "valuesLocal": ("valuesLocal", _VALUES),
        "extraArgs": ("extraArgs", list_of(string)),
    },
)

_STRINGS: Final = list_of(string)
_FIELDS: Final[dict[str, tuple[str, Any]]] = {
    "kind": ("kind", string),
    "apiVersion": ("api_version", string),
    "metadata": ("metadata", optional(_METADATA)),
    "openapi": ("openapi", map_of(string)),
    "namePrefix": ("name_prefix", string),
    "nameSuffix": ("name_suffix", string),
    "namespace": ("namespace", string),
    "commonLabels": ("common_labels", map_of(string)),
    "labels": ("labels", list_of(_LABEL, "[]types.Label")),
    "commonAnnotations": ("common_annotations", map_of(string)),
    "patchesStrategicMerge": ("patches_strategic_merge", list_of(string, "[]types.PatchStrategicMerge")),
    "patchesJson6902": ("patches_json6902", list_of(PATCH, "[]types.Patch")),
    "patches": ("patches", list_of(PATCH, "[]types.Patch")),
    "images": ("images", list_of(IMAGE, "[]types.Image")),
    "imageTags": ("image_tags", list_of(IMAGE, "[]types.Image")),
    "replacements": ("replacements", list_of(REPLACEMENT, "[]types.ReplacementField")),
    "replicas": ("replicas", list_of(REPLICA, "[]types.Replica")),
    "vars": ("vars", list_of(_VAR, "[]types.Var")),
    "sortOptions": ("sort_options", optional(_SORT_OPTIONS)),
    "resources": ("resources", _STRINGS),
    "components": ("components", _STRINGS),
    "crds": ("crds", _STRINGS),
    "bases": ("bases", _STRINGS),
    "configMapGenerator": ("config_map_generator", list_of(_CONFIG_MAP_ARGS, "[]types.ConfigMapArgs")),
    "secretGenerator": ("secret_generator", list_of(_SECRET_ARGS, "[]types.SecretArgs")),
    "helmGlobals": ("helm_globals", optional(_HELM_GLOBALS)),
    "helmCharts": ("helm_charts", list_of(_HELM_CHART, "[]types.HelmChart")),
    "helmChartInflationGenerator": (
        "helm_chart_inflation_generator",
        list_of(_OLD_HELM_CHART, "[]types.HelmChartArgs"),
    ),
    "generatorOptions": ("generator_options", optional(GENERATOR_OPTIONS)),
    "configurations": ("configurations", _STRINGS),
    "generators": ("generators", _STRINGS),
    "transformers": ("transformers", _STRINGS),
    "validators": ("validators", _STRINGS),
    "buildMetadata": ("build_metadata", _STRINGS),
}
_KUSTOMIZATION: Final = Record(Kustomization, "Kustomization", _FIELDS)
_KUSTOMIZATION_NEXT: Final = Record(
    Kustomization, "Kustomization", {**_FIELDS, "labels": ("labels", list_of(_LABEL_NEXT, "[]types.Label"))}
)

_EDIT_FIX: Final = "Run 'kustomize edit fix' to update your Kustomization automatically."
_DEPRECATED: Final = (
    ("bases", "resources", ""),
    ("commonLabels", "labels", ""),
    ("imageTags", "images", ""),
    ("patchesJson6902", "patches", ""),
    ("patchesStrategicMerge", "patches", ""),
    ("vars", "replacements", "[EXPERIMENTAL] "),
)


def parse_yaml11(text: str, source: str) -> Any:
    """One YAML 1.1 document as sigs.k8s.io/yaml converts it to JSON; of equal keys the last one wins.

    Raises :class:`YAMLError`.
    """
    return next(compose_all(text, source, RULES), None)


def parse_kustomization(
    text: str, path: str, directory: str, *, later: bool = False
) -> tuple[Kustomization, list[str]]:
    """The kustomization in a file's text, fixed up, and its warnings. Raises :class:`KustomizeError`."""
    try:
        value = parse_yaml11(text, path)
    except YAMLError as error:
        where = f"line {error.line}: " if error.line and error.line > 1 else ""
        raise KustomizeError(f"invalid Kustomization: yaml: {where}{error.problem}", file=path) from None
    record = _KUSTOMIZATION_NEXT if later else _KUSTOMIZATION
    try:
        kustomization = record(value, Context("Kustomization"))
    except KustomizeError as error:
        raise error.wrap("invalid Kustomization").at(file=path) from None
    given = value if isinstance(value, dict) else {}
    names = {name.lower() for name, entry in given.items() if entry is not None}
    warnings = [
        f"# Warning: '{name}' is deprecated. Please use '{instead}' instead. {mark}{_EDIT_FIX}"
        for name, instead, mark in _DEPRECATED
        if name.lower() in names
    ]
    _fix(kustomization)
    if not any(_is_content(name.lower(), entry) for name, entry in given.items()):
        raise KustomizeError("kustomization.yaml is empty", file=path)
    problems = []
    if kustomization.kind not in ("Kustomization", "Component"):
        problems.append("kind should be Kustomization or Component")
    expected = COMPONENT_API_VERSION if kustomization.is_component else API_VERSION
    if kustomization.api_version != expected:
        problems.append(f"apiVersion for {kustomization.kind} should be {expected}")
    if problems:
        raise KustomizeError(
            f"Failed to read kustomization file under {directory}:\n" + "\n".join(problems), file=path, field="kind"
        )
    return kustomization, warnings


def _is_content(name: str, entry: Any) -> bool:
    if name in ("kind", "apiversion") or entry is None or entry == "":
        return False
    return bool(entry) or name not in ("bases", "imagetags", "helmchartinflationgenerator")


def _fix(kustomization: Kustomization) -> None:
    """Fill in kind and version, and move deprecated fields to where they belong now."""
    kustomization.kind = kustomization.kind or "Kustomization"
    if not kustomization.api_version:
        kustomization.api_version = COMPONENT_API_VERSION if kustomization.is_component else API_VERSION
    kustomization.resources = kustomization.resources + kustomization.bases
    kustomization.images = kustomization.images + kustomization.image_tags
    for generators in (kustomization.config_map_generator, kustomization.secret_generator):
        for index, args in enumerate(generators):
            if args.env:
                generators[index] = replace(args, envs=[*args.envs, args.env], env="")
    for old in kustomization.helm_chart_inflation_generator:
        renamed = {
            "name": "chartName",
            "version": "chartVersion",
            "repo": "chartRepoUrl",
            "valuesFile": "values",
            "valuesInline": "valuesLocal",
            "valuesMerge": "valuesMerge",
            "releaseName": "releaseName",
        }
        kustomization.helm_charts.append({new: old[name] for new, name in renamed.items() if old.get(name)})
        if kustomization.helm_globals is None and (old.get("helmHome") or old.get("chartHome")):
            kustomization.helm_globals = {
                key: value
                for key, value in (("configHome", old.get("helmHome")), ("chartHome", old.get("chartHome")))
                if value
            }
