"""``source.toolkit.fluxcd.io``: artifacts and the sources that produce them (fluxcd/source-controller/api/v1)."""

from typing import Annotated, ClassVar

import msgspec

from fluxkit.api.fields import DateTime, Duration, Int64, Model, ShortDuration, crd_default, doc, rules
from fluxkit.api.meta import Condition, LocalObjectReference
from fluxkit.api.resource import Resource
from fluxkit.objects import GroupVersionKind

__all__ = [
    "GROUP",
    "Artifact",
    "GitReference",
    "GitRepository",
    "GitRepositoryInclude",
    "GitRepositorySpec",
    "GitRepositoryStatus",
    "GitVerification",
]

GROUP = "source.toolkit.fluxcd.io"


class Artifact(Model, kw_only=True):
    """The output of a source: a stored archive that consumers fetch by URL and verify by digest."""

    path: Annotated[str, doc("Path of the file relative to the root of the artifact storage.")]
    url: Annotated[str, doc("HTTP address at which the file is served.")]
    revision: Annotated[str, doc("Identifier that can be traced in the origin, such as main@sha1:<hex>.")]
    digest: Annotated[
        str,
        doc(
            "Digest of the file: '<algorithm>:<checksum>'.", pattern=r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"
        ),
    ]
    last_update_time: Annotated[DateTime, doc("When the artifact was last updated.")]
    size: Annotated[Int64 | None, doc("Size of the file in bytes.")] = None
    metadata: Annotated[dict[str, str], doc("Facts from the origin, such as OCI annotations.")] = msgspec.field(
        default_factory=dict
    )


class GitReference(Model, kw_only=True):
    """What to check out: the first set field in the order commit, name, tag, semver, branch."""

    branch: Annotated[str, doc("Branch to check out, 'master' if no other field is set.")] = ""
    tag: Annotated[str, doc("Tag to check out, takes precedence over branch.")] = ""
    semver: Annotated[str, doc("Range of semantic versions; the highest matching tag is checked out.")] = ""
    name: Annotated[str, doc("Full name of the reference, such as refs/pull/420/head.")] = ""
    commit: Annotated[str, doc("Commit SHA to check out, may be combined with branch.")] = ""


class GitVerification(Model, kw_only=True):
    """Which objects must be signed, and by whom."""

    mode: Annotated[
        str, doc("Git objects to verify.", enum=["head", "HEAD", "Tag", "TagAndHEAD"]), crd_default("HEAD")
    ] = "HEAD"
    secret_ref: Annotated[
        LocalObjectReference, doc("Secret with the public keys of trusted authors: *.asc for PGP, *.sshpub for SSH.")
    ]


class GitRepositoryInclude(Model, kw_only=True):
    """Contents of another GitRepository's artifact to place into this one's."""

    repository: Annotated[LocalObjectReference, doc("GitRepository whose artifact is included.")]
    from_path: Annotated[str, doc("Path to copy from, by default the root of the artifact.")] = ""
    to_path: Annotated[str, doc("Path to copy to, by default the name of the repository.")] = ""


class GitRepositorySpec(Model, kw_only=True):
    url: Annotated[str, doc("Address of the repository.", pattern="^(http|https|ssh)://.*$")]
    interval: Annotated[Duration, doc("How often the repository is checked for updates.")]
    secret_ref: Annotated[
        LocalObjectReference | None,
        doc(
            "Secret with the credentials: username and password or bearerToken for HTTP/S, identity and known_hosts "
            "for SSH."
        ),
    ] = None
    provider: Annotated[
        str,
        doc("Provider of the credentials, 'generic' by default.", enum=["generic", "aws", "azure", "github"]),
    ] = ""
    service_account_name: Annotated[
        str, doc("ServiceAccount used to authenticate with the providers 'azure' and 'aws'.")
    ] = ""
    timeout: Annotated[ShortDuration, doc("Limit for each Git operation."), crd_default("60s")] = "60s"
    ref: Annotated[GitReference | None, doc("Reference to follow, the branch 'master' by default.")] = None
    verify: Annotated[GitVerification | None, doc("Verification of commit and tag signatures.")] = None
    ignore: Annotated[str | None, doc("Patterns in .sourceignore format that replace the default ones.")] = None
    suspend: Annotated[bool, doc("Stops reconciling this object.")] = False
    recurse_submodules: Annotated[bool, doc("Checks out all submodules too.")] = False
    sparse_checkout: Annotated[list[str], doc("Directories to include in the artifact, all by default.")] = (
        msgspec.field(default_factory=list)
    )
    include: Annotated[list[GitRepositoryInclude], doc("Artifacts of other GitRepositories to include.")] = (
        msgspec.field(default_factory=list)
    )
    proxy_secret_ref: Annotated[
        LocalObjectReference | None, doc("Secret with the proxy: address, username, password.")
    ] = None


class GitRepositoryStatus(Model, kw_only=True):
    observed_generation: Annotated[Int64, doc("Last generation that reached a final state.")] = 0
    conditions: Annotated[list[Condition], doc("Conditions of the GitRepository.")] = msgspec.field(
        default_factory=list
    )
    artifact: Annotated[Artifact | None, doc("Artifact of the last successful reconciliation.")] = None
    included_artifacts: Annotated[
        list[Artifact], doc("Artifacts that were included, in the order of spec.include.")
    ] = msgspec.field(default_factory=list)
    observed_ignore: Annotated[str | None, doc("The ignore patterns of the stored artifact.")] = None
    observed_recurse_submodules: Annotated[bool, doc("Whether the stored artifact has submodules.")] = False
    observed_include: Annotated[list[GitRepositoryInclude], doc("The includes of the stored artifact.")] = (
        msgspec.field(default_factory=list)
    )
    observed_sparse_checkout: Annotated[list[str], doc("The directories of the stored artifact.")] = msgspec.field(
        default_factory=list
    )
    source_verification_mode: Annotated[str | None, doc("The mode in which signatures were last verified.")] = None
    last_handled_reconcile_at: Annotated[str, doc("Value of the last reconcile request that was handled.")] = ""


class GitRepository(Resource, kw_only=True):
    """Produces an artifact from a revision of a Git repository."""

    GVK: ClassVar[GroupVersionKind] = GroupVersionKind(GROUP, "v1", "GitRepository")
    PLURAL: ClassVar[str] = "gitrepositories"
    READ_VERSIONS: ClassVar[tuple[str, ...]] = ("v1beta2", "v1beta1")

    spec: Annotated[
        GitRepositorySpec,
        rules(
            (
                "!has(self.serviceAccountName) || (has(self.provider) && (self.provider == 'azure' || "
                "self.provider == 'aws'))",
                "serviceAccountName can only be set when provider is 'azure' or 'aws'",
            )
        ),
    ]
    status: Annotated[GitRepositoryStatus, crd_default({"observedGeneration": -1})] = msgspec.field(
        default_factory=GitRepositoryStatus
    )
