"""The transformer configuration: where each transformer finds its fields.

Built-in field specs, extended by ``configurations`` files and by ``crds`` (api ``internal/plugins/builtinconfig``,
``internal/konfig/builtinpluginconsts``). The defaults can be extended, never reduced.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fluxkit.kustomize.decode import Context, Record, list_of, string
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FIELD_SPECS, FieldSpec, merge_all
from fluxkit.kustomize.identity import Gvk

__all__ = ["NameReference", "TransformerConfig", "decode_configuration", "default_configuration"]

Specs = tuple[FieldSpec, ...]


class NameReference(NamedTuple):
    """A kind that others name, and the fields in which they do."""

    group: str = ""
    version: str = ""
    kind: str = ""
    referrers: Specs = ()

    @property
    def gvk(self) -> Gvk:
        return Gvk(self.group, self.version, self.kind)


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """Field specs by transformer. Immutable: merging gives a new one."""

    name_prefix: Specs = ()
    name_suffix: Specs = ()
    namespace: Specs = ()
    common_labels: Specs = ()
    labels: Specs = ()
    template_labels: Specs = ()
    volume_claim_template_labels: Specs = ()
    common_annotations: Specs = ()
    name_reference: tuple[NameReference, ...] = ()
    var_reference: Specs = ()
    images: Specs = ()
    replicas: Specs = ()

    def merge(self, other: "TransformerConfig") -> "TransformerConfig":
        """Both, sorted. Raises :class:`KustomizeError` for specs that differ in ``create`` only."""
        if other is self or other == _EMPTY:
            return self
        builtin = _BUILTIN.get(id(other))
        if builtin is not None:
            # Most kustomizations of a tree bring nothing but the defaults; merging them is done once.
            if self is builtin:
                return self
            if self == _EMPTY:
                return builtin
        return self._merge(other)

    def _merge(self, other: "TransformerConfig") -> "TransformerConfig":
        merged: dict[str, Any] = {}
        for attribute, label in _LABELS.items():
            try:
                merged[attribute] = merge_all(getattr(self, attribute), getattr(other, attribute))
            except KustomizeError as error:
                raise error.wrap(f"failed to merge {label} fieldSpec") from None
        try:
            references = _merge_references(self.name_reference, other.name_reference)
        except KustomizeError as error:
            raise error.wrap("failed to merge NameReference fieldSpec") from None
        return TransformerConfig(**merged, name_reference=references).sorted()

    def sorted(self) -> "TransformerConfig":
        changed: dict[str, Any] = {
            attribute: tuple(sorted(getattr(self, attribute), key=lambda spec: spec.gvk.sort_key))
            for attribute in _LABELS
        }
        references = tuple(sorted(self.name_reference, key=lambda reference: reference.gvk.sort_key))
        return replace(self, **changed, name_reference=references)


_LABELS: Final = {
    "name_prefix": "NamePrefix",
    "name_suffix": "NameSuffix",
    "namespace": "NameSpace",
    "common_annotations": "CommonAnnotations",
    "common_labels": "CommonLabels",
    "labels": "Labels",
    "template_labels": "TemplateLabels",
    "volume_claim_template_labels": "VolumeClaimTemplateLabels",
    "var_reference": "VarReference",
    "images": "Images",
    "replicas": "Replicas",
}
_EMPTY: Final = TransformerConfig()


def _merge_references(
    references: tuple[NameReference, ...], others: Iterable[NameReference]
) -> tuple[NameReference, ...]:
    merged = list(references)
    for other in others:
        for index, known in enumerate(merged):
            if known.gvk == other.gvk:
                merged[index] = known._replace(referrers=merge_all(known.referrers, other.referrers))
                break
        else:
            merged.append(other)
    return tuple(merged)


_NAME_REFERENCE: Final = Record(
    NameReference,
    "builtinconfig.NameBackReferences",
    {
        "group": ("group", string),
        "version": ("version", string),
        "kind": ("kind", string),
        "fieldSpecs": ("referrers", FIELD_SPECS),
    },
)
_NAME_REFERENCES: Final = list_of(_NAME_REFERENCE, "builtinconfig.nbrSlice")


def _references(value: Any, context: Context) -> tuple[NameReference, ...]:
    return tuple(_NAME_REFERENCES(value, context))


_FIELDS: Final = {
    "namePrefix": ("name_prefix", FIELD_SPECS),
    "nameSuffix": ("name_suffix", FIELD_SPECS),
    "namespace": ("namespace", FIELD_SPECS),
    "commonLabels": ("common_labels", FIELD_SPECS),
    "labels": ("labels", FIELD_SPECS),
    "templateLabels": ("template_labels", FIELD_SPECS),
    "commonAnnotations": ("common_annotations", FIELD_SPECS),
    "nameReference": ("name_reference", _references),
    "varReference": ("var_reference", FIELD_SPECS),
    "images": ("images", FIELD_SPECS),
    "replicas": ("replicas", FIELD_SPECS),
}
_CONFIG: Final = Record(TransformerConfig, "builtinconfig.TransformerConfig", _FIELDS)
_CONFIG_NEXT: Final = Record(
    TransformerConfig,
    "builtinconfig.TransformerConfig",
    {**_FIELDS, "volumeClaimTemplateLabels": ("volume_claim_template_labels", FIELD_SPECS)},
)


def decode_configuration(value: Any, *, later: bool = False) -> TransformerConfig:
    """A configuration file's content. Raises :class:`KustomizeError` for unknown keys."""
    context = Context("TransformerConfig", strict=True, coerce=True)
    return (_CONFIG_NEXT if later else _CONFIG)(value, context).sorted()


def _specs(kinds: str, *paths: str, group: str = "", version: str = "", create: bool = False) -> list[FieldSpec]:
    return [FieldSpec(group, version, kind, path, create) for kind in kinds.split() for path in paths]


_POD_SPECS: Final = {
    "PodTemplate": "template/spec",
    "Deployment": "spec/template/spec",
    "ReplicaSet": "spec/template/spec",
    "DaemonSet": "spec/template/spec",
    "StatefulSet": "spec/template/spec",
    "Job": "spec/template/spec",
    "CronJob": "spec/jobTemplate/spec/template/spec",
}


def _in_containers(*paths: str) -> list[str]:
    return [f"{field}/{path}" for path in paths for field in ("containers", "initContainers")]


def _pod_specs(pod_version: str, *paths: str) -> list[FieldSpec]:
    specs = _specs("Pod", *(f"spec/{path}" for path in paths), version=pod_version)
    for kind, prefix in _POD_SPECS.items():
        specs += _specs(kind, *(f"{prefix}/{path}" for path in paths))
    return specs


def _owned_pods(path: str) -> list[FieldSpec]:
    """A field of the pod specs that reference accounts, claims and priorities: fewer kinds than the others."""
    specs = _specs("Pod", f"spec/{path}")
    for kind in ("StatefulSet", "Deployment", "ReplicationController", "CronJob", "Job", "DaemonSet"):
        prefix = "spec/jobTemplate/spec/template/spec" if kind == "CronJob" else "spec/template/spec"
        specs += _specs(kind, f"{prefix}/{path}")
    return specs


def _metadata_labels() -> list[FieldSpec]:
    template = "spec/template/metadata/labels"
    return [
        FieldSpec("", "", "", "metadata/labels", True),
        *_specs("ReplicationController", template, version="v1", create=True),
        *_specs("Deployment ReplicaSet DaemonSet", template, create=True),
        *_specs("StatefulSet", template, group="apps", create=True),
        *_specs("Job", template, group="batch", create=True),
        *_specs(
            "CronJob",
            "spec/jobTemplate/metadata/labels",
            "spec/jobTemplate/spec/template/metadata/labels",
            group="batch",
            create=True,
        ),
    ]


_CLAIM_LABELS: Final = FieldSpec("apps", "", "StatefulSet", "spec/volumeClaimTemplates[]/metadata/labels", True)


def _selectors() -> list[FieldSpec]:
    affinity = [
        f"spec/template/spec/affinity/{kind}/{when}/labelSelector/matchLabels"
        for kind in ("podAffinity", "podAntiAffinity")
        for when in (
            "preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
            "requiredDuringSchedulingIgnoredDuringExecution",
        )
    ]
    spread = "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels"
    match = "spec/selector/matchLabels"
    return [
        *_specs("Service ReplicationController", "spec/selector", version="v1", create=True),
        *_specs("Deployment ReplicaSet DaemonSet", match, create=True),
        *_specs("StatefulSet", match, group="apps", create=True),
        *_specs("Deployment StatefulSet", *affinity, spread, group="apps"),
        *_specs("Job", match, group="batch"),
        *_specs("CronJob", "spec/jobTemplate/spec/selector/matchLabels", group="batch"),
        *_specs("PodDisruptionBudget", match, group="policy"),
        *_specs(
            "NetworkPolicy",
            "spec/podSelector/matchLabels",
            "spec/ingress/from/podSelector/matchLabels",
            "spec/egress/to/podSelector/matchLabels",
            group="networking.k8s.io",
        ),
    ]


def _annotations() -> list[FieldSpec]:
    template = "spec/template/metadata/annotations"
    return [
        FieldSpec("", "", "", "metadata/annotations", True),
        *_specs("ReplicationController", template, version="v1", create=True),
        *_specs("Deployment ReplicaSet DaemonSet StatefulSet", template, create=True),
        *_specs("Job", template, group="batch", create=True),
        *_specs(
            "CronJob",
            "spec/jobTemplate/metadata/annotations",
            "spec/jobTemplate/spec/template/metadata/annotations",
            group="batch",
            create=True,
        ),
    ]


def _namespaces() -> list[FieldSpec]:
    return [
        *_specs("Namespace", "metadata/name", create=True),
        *_specs("APIService", "spec/service/namespace", group="apiregistration.k8s.io", create=True),
        *_specs(
            "CustomResourceDefinition",
            "spec/conversion/webhook/clientConfig/service/namespace",
            group="apiextensions.k8s.io",
        ),
    ]


def _var_references() -> list[FieldSpec]:
    container = _in_containers("args", "command", "env/value", "volumeMounts/mountPath")
    specs = _specs("Pod", *(f"spec/{path}" for path in [*container, "volumes/nfs/server"]))
    for kind in ("DaemonSet", "Deployment", "Job", "ReplicaSet"):
        specs += _specs(kind, *(f"spec/template/spec/{path}" for path in [*container, "volumes/nfs/server"]))
    specs += _specs("StatefulSet", *(f"spec/template/spec/{path}" for path in container))
    specs += _specs("CronJob", *(f"spec/jobTemplate/spec/template/spec/{path}" for path in container))
    return [
        *specs,
        # Upstream's path for CronJob lacks a spec, so it never matches; kept, because configurations merge with it.
        *_specs("CronJob", "spec/jobTemplate/spec/template/volumes/nfs/server"),
        *_specs("Deployment", "spec/template/metadata/annotations"),
        *_specs("Ingress", "spec/rules/host", "spec/tls/hosts", "spec/tls/secretName"),
        *_specs("Service", "spec/ports/port", "spec/ports/targetPort"),
        *_specs("StatefulSet", "spec/volumeClaimTemplates/spec/nfs/server"),
        *_specs("PersistentVolume", "spec/nfs/server"),
        FieldSpec(path="metadata/labels"),
        FieldSpec(path="metadata/annotations"),
    ]


def _name_references() -> list[NameReference]:
    scaled = tuple(_specs("HorizontalPodAutoscaler", "spec/scaleTargetRef/name"))
    rbac = "rbac.authorization.k8s.io"
    annotation = "metadata/annotations/nginx.ingress.kubernetes.io\\/"
    config_maps = [
        *_pod_specs(
            "v1",
            "volumes/configMap/name",
            *_in_containers("env/valueFrom/configMapKeyRef/name", "envFrom/configMapRef/name"),
            "volumes/projected/sources/configMap/name",
        ),
        *_specs("Node", "spec/configSource/configMap"),
        *_specs("Role ClusterRole", "rules/resourceNames"),
        *_specs("Ingress", annotation + "fastcgi-params-configmap"),
    ]
    secrets = [
        *_pod_specs(
            "v1",
            "volumes/secret/secretName",
            *_in_containers("env/valueFrom/secretKeyRef/name", "envFrom/secretRef/name"),
            "imagePullSecrets/name",
            "volumes/projected/sources/secret/name",
        ),
        *_specs(
            "Ingress",
            "spec/tls/secretName",
            "metadata/annotations/ingress.kubernetes.io\\/auth-secret",
            annotation + "auth-secret",
            annotation + "auth-tls-secret",
        ),
        *_specs("ServiceAccount", "imagePullSecrets/name"),
        *_specs(
            "StorageClass",
            *(f"parameters/{name}" for name in ["secretName", "adminSecretName", "userSecretName", "secretRef"]),
        ),
        *_specs("Role ClusterRole", "rules/resourceNames"),
        *_specs(
            "Service",
            "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            group="serving.knative.dev",
            version="v1",
        ),
        *_specs("PersistentVolume", "spec/azureFile/secretName"),
    ]
    services = [
        *_specs("StatefulSet", "spec/serviceName", group="apps"),
        *_specs(
            "Ingress",
            "spec/rules/http/paths/backend/serviceName",
            "spec/backend/serviceName",
            "spec/rules/http/paths/backend/service/name",
            "spec/defaultBackend/service/name",
        ),
        *_specs("APIService", "spec/service/name", group="apiregistration.k8s.io"),
        *_specs(
            "ValidatingWebhookConfiguration MutatingWebhookConfiguration",
            "webhooks/clientConfig/service",
            group="admissionregistration.k8s.io",
        ),
    ]
    accounts = [
        *_specs("RoleBinding ClusterRoleBinding", "subjects", group=rbac),
        *_owned_pods("serviceAccountName"),
    ]
    volumes = [*_specs("PersistentVolumeClaim", "spec/volumeName"), *_specs("ClusterRole", "rules/resourceNames")]
    storage_classes = [
        *_specs("PersistentVolume PersistentVolumeClaim", "spec/storageClassName"),
        *_specs("StatefulSet", "spec/volumeClaimTemplates/spec/storageClassName"),
    ]
    policies = _specs("ValidatingAdmissionPolicyBinding", "spec/policyName", group="admissionregistration.k8s.io")
    return [
        *(NameReference(kind=kind, referrers=scaled) for kind in ["Deployment", "ReplicationController", "ReplicaSet"]),
        NameReference(kind="StatefulSet", referrers=scaled),
        NameReference("", "v1", "ConfigMap", tuple(config_maps)),
        NameReference("", "v1", "Secret", tuple(secrets)),
        NameReference("", "v1", "Service", tuple(services)),
        NameReference(rbac, "", "Role", tuple(_specs("RoleBinding", "roleRef/name", group=rbac))),
        NameReference(
            rbac, "", "ClusterRole", tuple(_specs("RoleBinding ClusterRoleBinding", "roleRef/name", group=rbac))
        ),
        NameReference("", "v1", "ServiceAccount", tuple(accounts)),
        NameReference("", "v1", "PersistentVolumeClaim", tuple(_owned_pods("volumes/persistentVolumeClaim/claimName"))),
        NameReference("", "v1", "PersistentVolume", tuple(volumes)),
        NameReference("storage.k8s.io", "v1", "StorageClass", tuple(storage_classes)),
        NameReference("scheduling.k8s.io", "v1", "PriorityClass", tuple(_owned_pods("priorityClassName"))),
        # The group is upstream's; no resource has it, so ingress classes are never renamed.
        NameReference("networking.k8s.io/v1", "v1", "IngressClass", tuple(_specs("Ingress", "spec/ingressClassName"))),
        NameReference("admissionregistration.k8s.io", "", "ValidatingAdmissionPolicy", tuple(policies)),
    ]


_BUILTIN: Final[dict[int, TransformerConfig]] = {}
"""The default configurations, by identity, as they are once merged into an empty one: a spec without a kind yields to
earlier specs of the same path, so merging is not idempotent with custom ones."""


@lru_cache(maxsize=2)
def default_configuration(*, later: bool = False) -> TransformerConfig:
    """The built-in configuration, see :func:`_make_default`; always the same object."""
    made = _make_default(later=later)
    merged = _EMPTY._merge(made)
    _BUILTIN[id(made)] = merged
    _BUILTIN[id(merged)] = merged
    return made


def _make_default(*, later: bool) -> TransformerConfig:
    """The built-in configuration; ``later`` moves the labels of volume claim templates out of the template labels."""
    name = (FieldSpec(path="metadata/name"),)
    images = tuple(
        FieldSpec(path=prefix + path, create=True)
        for prefix in ("spec/", "spec/template/spec/")
        for path in ("containers[]/image", "initContainers[]/image", "volumes[]/image/reference")
    )
    labels = _metadata_labels()
    template_labels = labels if later else [*labels, _CLAIM_LABELS]
    return TransformerConfig(
        name_prefix=name,
        name_suffix=name,
        namespace=tuple(_namespaces()),
        common_labels=(*_selectors(), *labels, _CLAIM_LABELS),
        template_labels=tuple(template_labels),
        volume_claim_template_labels=(_CLAIM_LABELS,) if later else (),
        common_annotations=tuple(_annotations()),
        name_reference=tuple(_name_references()),
        var_reference=tuple(_var_references()),
        images=images,
        replicas=tuple(_specs("Deployment ReplicationController ReplicaSet StatefulSet", "spec/replicas", create=True)),
    ).sorted()
