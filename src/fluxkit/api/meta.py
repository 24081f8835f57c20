"""Types that all kinds share: object metadata, conditions, references, history (fluxcd/pkg/apis)."""

from typing import Annotated, Any

import msgspec

from fluxkit.api.fields import DateTime, Int64, Model, doc

__all__ = [
    "CommonMetadata",
    "Condition",
    "CustomHealthCheck",
    "DependencyReference",
    "Image",
    "KubeConfigReference",
    "LocalObjectReference",
    "NamespacedObjectKindReference",
    "ObjectMeta",
    "OwnerReference",
    "Patch",
    "ResourceInventory",
    "ResourceRef",
    "SecretKeyReference",
    "Selector",
    "Snapshot",
]


class OwnerReference(Model, kw_only=True):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model, kw_only=True):
    """``metav1.ObjectMeta``, with the parts that controllers read; ``managedFields`` stay in the raw object."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    finalizers: list[str] = msgspec.field(default_factory=list)
    owner_references: list[OwnerReference] = msgspec.field(default_factory=list)
    managed_fields: list[dict[str, Any]] = msgspec.field(default_factory=list)


class Condition(Model, kw_only=True):
    """One aspect of the current state of an object (``metav1.Condition``)."""

    type: Annotated[
        str,
        doc(
            "Type of the condition in CamelCase or in foo.example.com/CamelCase.",
            maxLength=316,
            pattern=(
                r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
            ),
        ),
    ]
    status: Annotated[str, doc("Status of the condition.", enum=["True", "False", "Unknown"])]
    reason: Annotated[
        str,
        doc(
            "Programmatic identifier of the reason for the last transition, in CamelCase.",
            maxLength=1024,
            minLength=1,
            pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        ),
    ]
    message: Annotated[str, doc("What a person needs to know about the transition.", maxLength=32768)]
    last_transition_time: Annotated[DateTime, doc("When the condition last changed.")]
    observed_generation: Annotated[
        Int64, doc("The metadata.generation on which the condition was judged.", minimum=0)
    ] = 0


class LocalObjectReference(Model, kw_only=True):
    name: Annotated[str, doc("Name of the referent.")]


class SecretKeyReference(Model, kw_only=True):
    name: Annotated[str, doc("Name of the Secret.")]
    key: Annotated[str, doc("Key in the Secret; a default key is used when empty.")] = ""


class NamespacedObjectKindReference(Model, kw_only=True):
    """A typed reference to an object in any namespace."""

    api_version: Annotated[str, doc("API version of the referent.")] = ""
    kind: Annotated[str, doc("Kind of the referent.")]
    name: Annotated[str, doc("Name of the referent.")]
    namespace: Annotated[str, doc("Namespace of the referent.")] = ""


class DependencyReference(Model, kw_only=True):
    """An object that must be ready first, and optionally how to tell."""

    kind: Annotated[
        str,
        doc(
            "Kind of the referent, by default the kind of the object that refers to it.",
            enum=["Kustomization", "HelmRelease"],
        ),
    ] = ""
    name: Annotated[str, doc("Name of the referent.")]
    namespace: Annotated[
        str, doc("Namespace of the referent, by default the namespace of the object that refers to it.")
    ] = ""
    ready_expr: Annotated[
        str,
        doc("CEL expression over 'self' and 'dep' that replaces the built-in check of the dependency's readiness."),
    ] = ""


class KubeConfigReference(Model, kw_only=True):
    """Where the credentials of a remote cluster lie: exactly one of the two references."""

    config_map_ref: Annotated[
        LocalObjectReference | None,
        doc(
            "ConfigMap with the keys provider (aws, azure, gcp or generic), cluster, address, ca.crt, audiences and "
            "serviceAccountName. Mutually exclusive with secretRef."
        ),
    ] = None
    secret_ref: Annotated[
        SecretKeyReference | None,
        doc("Secret with a kubeconfig, by default under the key 'value'. Mutually exclusive with configMapRef."),
    ] = None


class Snapshot(Model, kw_only=True):
    """One entry of an object's history: what was reconciled, when, how often and how it ended."""

    digest: Annotated[str, doc("Checksum '<algo>:<hex>' of the resources in this snapshot.")]
    first_reconciled: Annotated[DateTime, doc("When this snapshot was first reconciled.")]
    last_reconciled: Annotated[DateTime, doc("When this snapshot was last reconciled.")]
    last_reconciled_duration: Annotated[str, doc("How long the last reconciliation took.")]
    last_reconciled_status: Annotated[str, doc("How the last reconciliation ended.")]
    total_reconciliations: Annotated[Int64, doc("How often this snapshot was reconciled.")]
    metadata: Annotated[dict[str, str], doc("Further facts about the snapshot.")] = msgspec.field(default_factory=dict)


class ResourceRef(Model, kw_only=True):
    """One object of an inventory."""

    id: Annotated[str, doc("Identity of the object: '<namespace>_<name>_<group>_<kind>'.")]
    v: Annotated[str, doc("API version of the object's kind.")]


class ResourceInventory(Model, kw_only=True):
    entries: Annotated[list[ResourceRef], doc("The objects that were applied.")]


class CommonMetadata(Model, kw_only=True):
    annotations: Annotated[dict[str, str], doc("Annotations to set on every object.")] = msgspec.field(
        default_factory=dict
    )
    labels: Annotated[dict[str, str], doc("Labels to set on every object.")] = msgspec.field(default_factory=dict)


class Image(Model, kw_only=True):
    """A replacement of an image's name, tag or digest."""

    name: Annotated[str, doc("Image name without tag.")]
    new_name: Annotated[str, doc("Name that replaces the original one.")] = ""
    new_tag: Annotated[str, doc("Tag that replaces the original one.")] = ""
    digest: Annotated[str, doc("Digest that replaces the original tag.")] = ""


class Selector(Model, kw_only=True):
    """Which objects a patch or a rule concerns; empty fields match everything."""

    group: Annotated[str, doc("API group to select from.")] = ""
    version: Annotated[str, doc("API version to select from.")] = ""
    kind: Annotated[str, doc("Kind to select.")] = ""
    name: Annotated[str, doc("Name to match.")] = ""
    namespace: Annotated[str, doc("Namespace to select from.")] = ""
    annotation_selector: Annotated[str, doc("Label-selector expression over the annotations.")] = ""
    label_selector: Annotated[str, doc("Label-selector expression over the labels.")] = ""


class Patch(Model, kw_only=True):
    """An inline strategic merge or JSON 6902 patch."""

    patch: Annotated[str, doc("The patch: a partial object or a list of JSON patch operations, in YAML.")]
    target: Annotated[Selector | None, doc("The objects that the patch is applied to.")] = None


class CustomHealthCheck(Model, kw_only=True):
    """How to judge the health of a custom resource, in CEL."""

    api_version: Annotated[str, doc("API version of the custom resource.")]
    kind: Annotated[str, doc("Kind of the custom resource; empty means every kind of the group.")] = ""
    in_progress: Annotated[str, doc("CEL expression: the desired state is not yet reached.")] = ""
    failed: Annotated[str, doc("CEL expression: the desired state cannot be reached.")] = ""
    current: Annotated[str, doc("CEL expression: the desired state is reached.")]
