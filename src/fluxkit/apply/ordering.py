"""In which order objects are applied and deleted (fluxcd/pkg ``ssa/sort.go`` and ``ssa/utils/is.go``).

Objects fall into four stages; a stage starts only when the one before it is done. Within a stage a fixed list of kind
names decides, then group, kind, namespace and name. The list knows kind *names* only: a custom kind that is called
``Service`` sorts with the core one.
"""

from collections.abc import Collection, Iterable
from enum import IntEnum

from fluxkit.objects import GroupKind, GroupVersionKind, ObjectRef

__all__ = ["ApplyStage", "SortKey", "parse_group_kinds", "rank", "sort_key", "sorted_refs", "stage_of"]

SortKey = tuple[int, str, str, str, str]

_FIRST = (
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_RANK = {kind: index - len(_FIRST) for index, kind in enumerate(_FIRST)} | {
    kind: index + 1 for index, kind in enumerate(_LAST)
}


class ApplyStage(IntEnum):
    """The stages of an apply, in order; the set waits for the first two before it goes on."""

    DEFINITIONS = 1
    CLASSES = 2
    CUSTOM = 3
    RESOURCES = 4


def stage_of(gvk: GroupVersionKind, custom_kinds: Collection[GroupKind] = ()) -> ApplyStage:
    """The stage of a kind; ``custom_kinds`` are those that the operator put into a stage of their own."""
    kind = gvk.kind.lower()
    if (
        (kind == "customresourcedefinition" and gvk.group == "apiextensions.k8s.io")
        or (kind == "namespace" and gvk.api_version == "v1")
        or (kind == "clusterrole" and gvk.group == "rbac.authorization.k8s.io")
    ):
        return ApplyStage.DEFINITIONS
    if gvk.kind.endswith("Class"):
        return ApplyStage.CLASSES
    if gvk.group_kind in custom_kinds:
        return ApplyStage.CUSTOM
    return ApplyStage.RESOURCES


def parse_group_kinds(text: str) -> frozenset[GroupKind]:
    """The value of ``--custom-apply-stage-kinds``: a comma list of ``group/Kind``, or bare ``Kind`` for core kinds."""
    kinds = set()
    for item in text.split(","):
        group, _, kind = item.strip().rpartition("/")
        if kind:
            kinds.add(GroupKind(group, kind))
    return frozenset(kinds)


def rank(kind: str) -> int:
    """The place of a kind name in the fixed list: negative for early kinds, positive for late ones, zero between."""
    return _RANK.get(kind, 0)


def sort_key(ref: ObjectRef) -> SortKey:
    return (rank(ref.gvk.kind), ref.gvk.group, ref.gvk.kind, ref.namespace, ref.name)


def sorted_refs(refs: Iterable[ObjectRef], *, reverse: bool = False) -> list[ObjectRef]:
    """References in apply order, or in its exact reverse, which is the order of deletion."""
    return sorted(refs, key=sort_key, reverse=reverse)
