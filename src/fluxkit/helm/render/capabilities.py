"""What templates learn about the cluster and about Helm: ``.Capabilities``.

Upstream: helm/helm ``pkg/chart/common/capabilities.go``, ``internal/version``; k8s.io/apimachinery
``pkg/util/version``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from fluxkit.helm.render.errors import RenderError
from fluxkit.template.functions import Function
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.json import Fields
from fluxkit.template.values import GoNamed, GoObject, Slice

__all__ = ["DEFAULT_API_VERSIONS", "Capabilities", "HelmVersion", "KubeVersion", "VersionSet"]

_VERSION: Final = re.compile(r"\s*v?([0-9]+(?:\.[0-9]+)*).*", re.DOTALL | re.ASCII)

DEFAULT_API_VERSIONS: Final = (
    "v1", "admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1", "internal.apiserver.k8s.io/v1alpha1", "apps/v1", "apps/v1beta1",
    "apps/v1beta2", "authentication.k8s.io/v1", "authentication.k8s.io/v1alpha1", "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1", "authorization.k8s.io/v1beta1", "autoscaling/v1", "autoscaling/v2", "batch/v1",
    "batch/v1beta1", "certificates.k8s.io/v1", "certificates.k8s.io/v1beta1", "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2", "coordination.k8s.io/v1beta1", "coordination.k8s.io/v1", "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1", "events.k8s.io/v1", "events.k8s.io/v1beta1", "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1beta1", "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3", "lifecycle.k8s.io/v1alpha1", "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1", "node.k8s.io/v1", "node.k8s.io/v1alpha1", "node.k8s.io/v1beta1", "policy/v1",
    "policy/v1beta1", "rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1", "resource.k8s.io/v1", "resource.k8s.io/v1beta2", "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3", "scheduling.k8s.io/v1alpha3", "scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1", "storage.k8s.io/v1", "storage.k8s.io/v1alpha1", "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1", "apiextensions.k8s.io/v1beta1", "apiextensions.k8s.io/v1",
)  # fmt: skip
"""What Helm knows without a cluster: the versions of its Kubernetes client library (v0.37)."""


@dataclass(frozen=True, slots=True)
class KubeVersion(GoObject):
    """A Kubernetes version: ``version`` as the cluster tells it (``v1.33.4-gke.1``), ``normalized`` without suffix.

    A version that comes from a cluster has no ``normalized``: ranges are then checked against the full one.
    """

    go_type: ClassVar[str] = "common.KubeVersion"
    go_methods: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "String": Function(str),
        "GitVersion": Function(lambda self: self.version),
    }

    version: str
    major: str
    minor: str
    normalized: str = ""

    @classmethod
    def parse(cls, text: str) -> "KubeVersion":
        """``1.29``, ``v1.29.3-gke.1`` ... Raises RenderError with Helm's text."""
        found = _VERSION.fullmatch(text)
        if found is None:
            raise _invalid(text, f"could not parse {quote(text)} as version")
        parts = found[1].split(".")
        if len(parts) < 2:
            raise _invalid(text, f"illegal version string {quote(text)}")
        if parts[0].startswith("0") and parts[0] != "0":
            raise _invalid(text, f"illegal zero-prefixed version component {quote(parts[0])} in {quote(text)}")
        for part in parts:
            if len(part.lstrip("0")) > 19 and int(part) >= 1 << 64:
                reason = f"strconv.ParseUint: parsing {quote(part)}: value out of range"
                raise _invalid(text, f"illegal non-numeric version component {quote(part)} in {quote(text)}: {reason}")
        numbers = [str(int(part)) for part in parts]
        version = text if text.startswith("v") else f"v{text}"
        return cls(version, numbers[0], numbers[1], "v" + ".".join(numbers))

    def __str__(self) -> str:
        return self.normalized or self.version

    def go_fields(self) -> Mapping[str, Any]:
        return {
            "Version": self.version,
            "normalizedVersion": self.normalized,
            "Major": self.major,
            "Minor": self.minor,
        }

    def go_addressed_string(self) -> str:
        return str(self)


def _invalid(text: str, reason: str) -> RenderError:
    return RenderError(f"invalid kube version '{text}': {reason}")


@dataclass(frozen=True, slots=True)
class HelmVersion(GoObject):
    """The Helm that charts are told of: some refuse to render for an older one."""

    go_type: ClassVar[str] = "version.BuildInfo"

    version: str = "v4.3"
    git_commit: str = ""
    git_tree_state: str = ""
    go_version: str = "go1.26.8"
    kube_client_version: str = "v1.37"

    def go_fields(self) -> Mapping[str, Any]:
        return {
            "Version": self.version,
            "GitCommit": self.git_commit,
            "GitTreeState": self.git_tree_state,
            "GoVersion": self.go_version,
            "KubeClientVersion": self.kube_client_version,
        }

    def go_json(self) -> Any:
        named = {
            "version": self.version,
            "git_commit": self.git_commit,
            "git_tree_state": self.git_tree_state,
            "go_version": self.go_version,
        }
        filled = {key: text for key, text in named.items() if text}
        return Fields({**filled, "kube_client_version": self.kube_client_version})


class VersionSet(GoNamed, Slice):
    """API versions: ``group/version``, from a cluster also ``group/version/Kind``."""

    __slots__ = ()
    go_type = "common.VersionSet"
    go_kind = "slice"
    go_methods: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "Has": Function(lambda self, version: version in self, ("string",)),
    }

    def __init__(self, versions: Iterable[str] = ()) -> None:
        super().__init__("string", versions)

    def __reduce__(self) -> tuple[type["VersionSet"], tuple[list[str]]]:
        return type(self), (list(self),)


@dataclass(frozen=True, slots=True)
class Capabilities(GoObject):
    """The cluster's version and APIs, and Helm's own version; without a cluster what Helm assumes."""

    go_type: ClassVar[str] = "*common.Capabilities"
    go_kind: ClassVar[str] = "ptr"
    go_methods: ClassVar[Mapping[str, Callable[..., Any]]] = {"Copy": Function(lambda self: self)}

    kube_version: KubeVersion = KubeVersion("v1.37.0", "1", "37", "v1.37.0")
    api_versions: VersionSet = field(default_factory=lambda: VersionSet(DEFAULT_API_VERSIONS))
    helm_version: HelmVersion = HelmVersion()

    def go_fields(self) -> Mapping[str, Any]:
        return {
            "KubeVersion": self.kube_version,
            "APIVersions": self.api_versions,
            "HelmVersion": self.helm_version,
        }

    def at(self, version: KubeVersion) -> "Capabilities":
        """These, of a cluster of another version."""
        return replace(self, kube_version=version)

    def adding(self, api_versions: Iterable[str]) -> "Capabilities":
        """These, and more API versions."""
        return replace(self, api_versions=VersionSet([*self.api_versions, *api_versions]))
