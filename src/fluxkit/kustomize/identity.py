"""Resource identities: group, version, kind, name and effective namespace (kyaml ``resid``)."""

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = [
    "CLUSTER_NAMESPACE",
    "DEFAULT_NAMESPACE",
    "ORDER_FIRST",
    "ORDER_LAST",
    "Gvk",
    "ResId",
    "Scopes",
    "parse_group_version",
    "type_orders",
]

CLUSTER_NAMESPACE: Final = "_non_namespaceable_"
DEFAULT_NAMESPACE: Final = "default"

# Kinds that Kubernetes v1.21.2 is certain to hold outside of namespaces; every other kind counts as namespaced.
_CLUSTER_SCOPED: Final = frozenset(
    (f"{group}/{version}" if group else version, kind)
    for group, versions, kinds in (
        ("admissionregistration.k8s.io", "v1 v1beta1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"),
        ("apiextensions.k8s.io", "v1 v1beta1", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "v1 v1beta1", "APIService"),
        ("certificates.k8s.io", "v1 v1beta1", "CertificateSigningRequest"),
        ("flowcontrol.apiserver.k8s.io", "v1beta1", "FlowSchema PriorityLevelConfiguration"),
        ("networking.k8s.io", "v1 v1beta1", "IngressClass"),
        ("node.k8s.io", "v1 v1beta1", "RuntimeClass"),
        ("policy", "v1beta1", "PodSecurityPolicy"),
        ("rbac.authorization.k8s.io", "v1 v1beta1", "ClusterRole ClusterRoleBinding"),
        ("scheduling.k8s.io", "v1 v1beta1", "PriorityClass"),
        ("storage.k8s.io", "v1 v1beta1", "CSIDriver StorageClass VolumeAttachment"),
        ("storage.k8s.io", "v1", "CSINode"),
        ("", "v1", "ComponentStatus Namespace Node NodeProxyOptions PersistentVolume"),
    )
    for version in versions.split()
    for kind in kinds.split()
)

# Namespaced kinds that upstream knows without reading its schema.
_NAMESPACED: Final = frozenset(
    (f"{group}/{version}" if group else version, kind)
    for group, versions, kinds in (
        ("apps", "v1", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet"),
        ("autoscaling", "v1 v2beta1 v2beta2", "HorizontalPodAutoscaler"),
        ("autoscaling", "v1", "Scale"),
        ("batch", "v1 v1beta1", "CronJob"),
        ("batch", "v1", "Job"),
        ("coordination.k8s.io", "v1 v1beta1", "Lease"),
        ("discovery.k8s.io", "v1 v1beta1", "EndpointSlice"),
        ("events.k8s.io", "v1 v1beta1", "Event"),
        ("extensions", "v1beta1", "Ingress"),
        ("networking.k8s.io", "v1 v1beta1", "Ingress"),
        ("networking.k8s.io", "v1", "NetworkPolicy"),
        ("policy", "v1 v1beta1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io", "v1 v1beta1", "Role RoleBinding"),
        ("storage.k8s.io", "v1beta1", "CSIStorageCapacity"),
        ("", "v1", "ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodAttachOptions PodExecOptions"),
        ("", "v1", "PodPortForwardOptions PodProxyOptions PodTemplate ReplicationController ResourceQuota Secret"),
        ("", "v1", "Service ServiceAccount ServiceProxyOptions"),
    )
    for version in versions.split()
    for kind in kinds.split()
)

# What later releases of kustomize know in addition.
_CLUSTER_SCOPED_LATER: Final = frozenset(
    ("admissionregistration.k8s.io/v1", kind)
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
)


class Scopes:
    """Which kinds are certainly cluster-scoped: the built-in table and what a custom OpenAPI schema adds."""

    __slots__ = ("_cluster", "_known")

    def __init__(self, *, later: bool = False) -> None:
        self._cluster = _CLUSTER_SCOPED | _CLUSTER_SCOPED_LATER if later else _CLUSTER_SCOPED
        self._known = self._cluster

    def extend(self, cluster_scoped: Mapping[tuple[str, str], bool]) -> None:
        """Add kinds of a custom schema: (apiVersion, kind) to whether it is cluster-scoped."""
        self._cluster = self._cluster | {key for key, cluster in cluster_scoped.items() if cluster}

    def is_known(self, api_version: str, kind: str) -> bool:
        """Whether the built-in table has the kind; asking for another makes upstream load its schema."""
        return (api_version, kind) in self._known or (api_version, kind) in _NAMESPACED

    def is_cluster(self, api_version: str, kind: str) -> bool:
        return (api_version, kind) in self._cluster


def parse_group_version(api_version: str) -> tuple[str, str]:
    """Split at the first slash; without one it is all version."""
    group, slash, version = api_version.partition("/")
    return (group, version) if slash else ("", group)


ORDER_FIRST: Final = (
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
ORDER_LAST: Final = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def type_orders(first: tuple[str, ...] = ORDER_FIRST, last: tuple[str, ...] = ORDER_LAST) -> dict[str, int]:
    """Rank by kind: negative for kinds that come first, positive for the last ones; others are 0."""
    orders = {kind: index - len(first) for index, kind in enumerate(first)}
    orders.update((kind, index + 1) for index, kind in enumerate(last))
    return orders


_DEFAULT_ORDERS: Final = type_orders()


class Gvk(NamedTuple):
    """Group, version and kind; as a selector, empty parts match anything."""

    group: str = ""
    version: str = ""
    kind: str = ""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def selected_by(self, selector: "Gvk") -> bool:
        return (
            (not selector.group or selector.group == self.group)
            and (not selector.version or selector.version == self.version)
            and (not selector.kind or selector.kind == self.kind)
        )

    @property
    def sort_text(self) -> str:
        return f"{self.group or '~G'}_{self.version or '~V'}_{self.kind or '~K'}"

    @property
    def sort_key(self) -> tuple[int, str]:
        """The order of configuration entries (kyaml ``Gvk.IsLessThan``)."""
        return (_DEFAULT_ORDERS.get(self.kind, 0), self.sort_text)

    def __str__(self) -> str:
        return f"{self.kind or '[noKind]'}.{self.version or '[noVer]'}.{self.group or '[noGrp]'}"


class ResId(NamedTuple):
    """An identity; ``cluster`` says that the kind has no namespace."""

    group: str
    version: str
    kind: str
    name: str
    namespace: str
    cluster: bool = False

    @property
    def gvk(self) -> Gvk:
        return Gvk(self.group, self.version, self.kind)

    @property
    def effective_namespace(self) -> str:
        return CLUSTER_NAMESPACE if self.cluster else self.namespace or DEFAULT_NAMESPACE

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Equal for two ids that name the same resource."""
        return (self.group, self.version, self.kind, self.name, self.effective_namespace)

    def __str__(self) -> str:
        return f"{self.gvk}/{self.name or '[noName]'}.{self.namespace or '[noNs]'}"

    @property
    def go_syntax(self) -> str:
        """How Go prints the struct with ``%#v``; upstream's messages about generators contain it."""
        return (
            f'resid.ResId{{Gvk:resid.Gvk{{Group:"{self.group}", Version:"{self.version}", Kind:"{self.kind}", '
            f'isClusterScoped:{"true" if self.cluster else "false"}}}, Name:"{self.name}", '
            f'Namespace:"{self.namespace}"}}'
        )
