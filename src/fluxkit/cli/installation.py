"""What is installed on a cluster, read from labels (fluxcd/flux2 cmd/flux/cluster_info.go)."""

from dataclasses import dataclass

from fluxkit.objects import GroupVersionKind, Object, labels_of

__all__ = [
    "COMPONENTS",
    "CRD",
    "DEPLOYMENT",
    "EXTRA_COMPONENTS",
    "PART_OF_FLUX",
    "ClusterInfo",
    "cluster_info",
    "install_labels",
]

CRD = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
PART_OF_FLUX = "app.kubernetes.io/part-of=flux"

COMPONENTS = ("source-controller", "kustomize-controller", "helm-controller", "notification-controller")
EXTRA_COMPONENTS = ("image-reflector-controller", "image-automation-controller", "source-watcher")


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """Version, origin and manager of an installation; empty texts where a label is missing."""

    version: str
    part_of: str
    managed_by: str
    bootstrapped: bool

    @property
    def distribution(self) -> str:
        return f"{self.part_of}-{self.version}" if self.part_of else self.version

    @property
    def is_foreign(self) -> bool:
        """Whether another tool, such as Helm, manages the installation."""
        return self.managed_by not in ("", "flux")


def cluster_info(crd: Object) -> ClusterInfo:
    """The facts that the labels of the GitRepository CRD hold."""
    labels = labels_of(crd)
    return ClusterInfo(
        labels.get("app.kubernetes.io/version", ""),
        labels.get("app.kubernetes.io/part-of", ""),
        labels.get("app.kubernetes.io/managed-by", ""),
        "kustomize.toolkit.fluxcd.io/namespace" in labels,
    )


def install_labels(namespace: str, version: str, component: str = "") -> dict[str, str]:
    """The labels of everything that ``flux install`` creates."""
    labels = {
        "app.kubernetes.io/instance": namespace,
        "app.kubernetes.io/part-of": "flux",
        "app.kubernetes.io/version": version,
    }
    return {"app.kubernetes.io/component": component, **labels} if component else labels
