"""``kustomize.toolkit.fluxcd.io``: what to build and keep applied (fluxcd/kustomize-controller/api/v1)."""

from typing import Annotated, ClassVar

import msgspec

from fluxkit.api.fields import Duration, Int64, Model, crd_default, doc, rules
from fluxkit.api.meta import (
    CommonMetadata,
    Condition,
    CustomHealthCheck,
    DependencyReference,
    Image,
    KubeConfigReference,
    LocalObjectReference,
    NamespacedObjectKindReference,
    Patch,
    ResourceInventory,
    Selector,
    Snapshot,
)
from fluxkit.api.resource import Resource
from fluxkit.objects import GroupVersionKind

__all__ = [
    "GROUP",
    "CrossNamespaceSourceReference",
    "Decryption",
    "IgnoreRule",
    "Kustomization",
    "KustomizationSpec",
    "KustomizationStatus",
    "PostBuild",
    "SubstituteReference",
]

GROUP = "kustomize.toolkit.fluxcd.io"


class CrossNamespaceSourceReference(Model, kw_only=True):
    api_version: Annotated[str, doc("API version of the source.")] = ""
    kind: Annotated[
        str, doc("Kind of the source.", enum=["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"])
    ]
    name: Annotated[str, doc("Name of the source.")]
    namespace: Annotated[str, doc("Namespace of the source, by default that of the Kustomization.")] = ""


class Decryption(Model, kw_only=True):
    provider: Annotated[str, doc("Name of the decryption engine.", enum=["sops"])]
    secret_ref: Annotated[LocalObjectReference | None, doc("Secret with the private keys used for decryption.")] = None
    service_account_name: Annotated[str, doc("ServiceAccount used to authenticate with cloud key services.")] = ""


class SubstituteReference(Model, kw_only=True):
    kind: Annotated[str, doc("Kind of the object that holds the values.", enum=["Secret", "ConfigMap"])]
    name: Annotated[
        str, doc("Name of the object that holds the values, in the same namespace.", minLength=1, maxLength=253)
    ]
    optional: Annotated[bool, doc("Tolerates the absence of the object."), crd_default(False)] = False


class PostBuild(Model, kw_only=True):
    substitute: Annotated[dict[str, str], doc("Variables and the values to put in their place.")] = msgspec.field(
        default_factory=dict
    )
    substitute_from: Annotated[list[SubstituteReference], doc("ConfigMaps and Secrets whose keys are variables.")] = (
        msgspec.field(default_factory=list)
    )
    substitute_strategy: Annotated[
        str,
        doc(
            "WithVariables (the default) substitutes when at least one variable is defined, Always in any case.",
            enum=["WithVariables", "Always"],
        ),
    ] = ""


class IgnoreRule(Model, kw_only=True):
    """Fields whose drift is left alone."""

    paths: Annotated[list[str], doc("JSON pointers of the fields.")]
    target: Annotated[Selector | None, doc("The objects that the rule concerns, all by default.")] = None


class KustomizationSpec(Model, kw_only=True):
    interval: Annotated[Duration, doc("How often the objects are reconciled.")]
    prune: Annotated[bool, doc("Deletes objects that left the source.")]
    source_ref: Annotated[CrossNamespaceSourceReference, doc("The source of the manifests.")]
    path: Annotated[
        str,
        doc("Directory with the kustomization.yaml, or with plain manifests to generate one for; the root by default."),
    ] = ""
    retry_interval: Annotated[Duration | None, doc("How soon a failure is retried, interval by default.")] = None
    timeout: Annotated[Duration | None, doc("Limit for validation, apply and health checks, interval by default.")] = (
        None
    )
    suspend: Annotated[bool, doc("Stops reconciling this object.")] = False
    force: Annotated[bool, doc("Recreates objects whose immutable fields changed."), crd_default(False)] = False
    wait: Annotated[bool, doc("Checks the health of all applied objects; healthChecks are then ignored.")] = False
    deletion_policy: Annotated[
        str,
        doc(
            "What happens to the applied objects on deletion; MirrorPrune (the default) follows prune.",
            enum=["MirrorPrune", "Delete", "WaitForTermination", "Orphan"],
        ),
    ] = ""
    target_namespace: Annotated[str | None, doc("Namespace to set on all objects.", minLength=1, maxLength=63)] = None
    name_prefix: Annotated[str | None, doc("Prefix for all names.", minLength=1, maxLength=200)] = None
    name_suffix: Annotated[str | None, doc("Suffix for all names.", minLength=1, maxLength=200)] = None
    service_account_name: Annotated[str, doc("ServiceAccount to impersonate.")] = ""
    common_metadata: Annotated[CommonMetadata | None, doc("Labels and annotations for all objects.")] = None
    components: Annotated[list[str], doc("Relative paths of kustomize components.")] = msgspec.field(
        default_factory=list
    )
    ignore_missing_components: Annotated[bool, doc("Leaves out components that do not exist.")] = False
    build_metadata: Annotated[
        list[Annotated[str, doc("Build metadata option.", enum=["originAnnotations", "transformerAnnotations"])]],
        doc("Which build metadata is added to the objects."),
    ] = msgspec.field(default_factory=list)
    patches: Annotated[list[Patch], doc("Strategic merge and JSON 6902 patches.")] = msgspec.field(default_factory=list)
    images: Annotated[list[Image], doc("Replacements of image names, tags and digests.")] = msgspec.field(
        default_factory=list
    )
    depends_on: Annotated[
        list[DependencyReference], doc("Kustomizations and HelmReleases that must be ready first.")
    ] = msgspec.field(default_factory=list)
    decryption: Annotated[Decryption | None, doc("Decryption of Secrets before they are applied.")] = None
    post_build: Annotated[PostBuild | None, doc("What is done with the built manifests.")] = None
    health_checks: Annotated[
        list[NamespacedObjectKindReference], doc("Objects whose health decides about readiness.")
    ] = msgspec.field(default_factory=list)
    health_check_exprs: Annotated[
        list[CustomHealthCheck], doc("CEL expressions that judge the health of custom resources.")
    ] = msgspec.field(default_factory=list)
    ignore: Annotated[list[IgnoreRule], doc("Fields whose drift is left alone.")] = msgspec.field(default_factory=list)
    kube_config: Annotated[
        KubeConfigReference | None,
        doc("Credentials of a remote cluster to apply to."),
        rules(
            (
                "has(self.configMapRef) || has(self.secretRef)",
                "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified",
            ),
            (
                "!has(self.configMapRef) || !has(self.secretRef)",
                "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified",
            ),
        ),
    ] = None


class HealthyRevision(Model, kw_only=True):
    """What passed its health checks last and is kept, for those who ask for going back to it."""

    revision: Annotated[str, doc("Revision of the source.")]
    origin_revision: Annotated[str, doc("Origin revision of the artifact.")] = ""
    digest: Annotated[str, doc("Checksum of the built objects, as in the history.")]
    content: Annotated[str, doc("Checksum of what is kept of the objects.")]
    failed_digest: Annotated[str, doc("Checksum of the objects that failed and are not tried again.")] = ""
    failed_generation: Annotated[Int64, doc("Generation for which they failed.")] = 0


class KustomizationStatus(Model, kw_only=True):
    observed_generation: Annotated[Int64, doc("Last generation that reached a final state.")] = 0
    conditions: Annotated[list[Condition], doc("Conditions of the Kustomization.")] = msgspec.field(
        default_factory=list
    )
    last_applied_revision: Annotated[str, doc("Revision of the source that was last applied successfully.")] = ""
    last_applied_origin_revision: Annotated[str, doc("Origin revision of the artifact that was last applied.")] = ""
    last_attempted_revision: Annotated[str, doc("Revision of the last attempt.")] = ""
    last_handled_reconcile_at: Annotated[str, doc("Value of the last reconcile request that was handled.")] = ""
    inventory: Annotated[ResourceInventory | None, doc("The objects that were applied.")] = None
    history: Annotated[list[Snapshot], doc("The last attempts: what, when, how often, how it ended.")] = msgspec.field(
        default_factory=list
    )
    last_healthy: Annotated[HealthyRevision | None, doc("The revision that fluxkit.dev/rollback leads to.")] = None


class Kustomization(Resource, kw_only=True):
    """Builds manifests from a source, applies them and keeps them applied."""

    GVK: ClassVar[GroupVersionKind] = GroupVersionKind(GROUP, "v1", "Kustomization")
    PLURAL: ClassVar[str] = "kustomizations"
    READ_VERSIONS: ClassVar[tuple[str, ...]] = ("v1beta2", "v1beta1")

    spec: KustomizationSpec
    status: Annotated[KustomizationStatus, crd_default({"observedGeneration": -1})] = msgspec.field(
        default_factory=KustomizationStatus
    )
