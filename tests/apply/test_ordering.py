"""Stages and the order within them."""

import random

import pytest

from fluxkit.apply import ApplyStage, parse_group_kinds, sorted_refs, stage_of
from fluxkit.objects import GroupKind, GroupVersionKind, ObjectRef


@pytest.mark.contract("KUS-184", "KUS-185", "KUS-186")
@pytest.mark.parametrize(
    ("api_version", "kind", "stage"),
    [
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", ApplyStage.DEFINITIONS),
        ("v1", "Namespace", ApplyStage.DEFINITIONS),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", ApplyStage.DEFINITIONS),
        ("example.com/v1", "Namespace", ApplyStage.RESOURCES),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", ApplyStage.RESOURCES),
        ("storage.k8s.io/v1", "StorageClass", ApplyStage.CLASSES),
        ("gateway.networking.k8s.io/v1", "GatewayClass", ApplyStage.CLASSES),
        ("example.com/v1alpha1", "FooClass", ApplyStage.CLASSES),
        ("example.com/v1", "Classy", ApplyStage.RESOURCES),
        ("rbac.authorization.k8s.io/v1", "Role", ApplyStage.CUSTOM),
        ("v1", "ServiceAccount", ApplyStage.CUSTOM),
        ("apps/v1", "Deployment", ApplyStage.RESOURCES),
    ],
)
def test_stage_of_a_kind(api_version: str, kind: str, stage: ApplyStage) -> None:
    custom = parse_group_kinds("rbac.authorization.k8s.io/Role, ServiceAccount")
    assert stage_of(GroupVersionKind.parse(api_version, kind), custom) is stage


@pytest.mark.contract("KUS-186")
def test_custom_stage_kinds_are_a_comma_list_with_bare_core_kinds() -> None:
    assert parse_group_kinds(" apps/Deployment , ConfigMap,") == {
        GroupKind("apps", "Deployment"),
        GroupKind("", "ConfigMap"),
    }


ORDER = """
apiextensions.k8s.io CustomResourceDefinition - things.example.com
- Namespace - a
- Namespace - b
rbac.authorization.k8s.io ClusterRole - view
cluster.x-k8s.io ClusterClass x c
node.k8s.io RuntimeClass - r
scheduling.k8s.io PriorityClass - p
storage.k8s.io StorageClass - s
snapshot.storage.k8s.io VolumeSnapshotClass - v
networking.k8s.io IngressClass - i
gateway.networking.k8s.io GatewayClass - g
rbac.authorization.k8s.io ClusterRoleBinding - view
- ResourceQuota x q
- ServiceAccount x s
rbac.authorization.k8s.io Role x r
rbac.authorization.k8s.io RoleBinding x r
- ConfigMap x c
- Secret x s
- Service x a
- Service x b
- Service y a
serving.knative.dev Service x a
- LimitRange x l
apps Deployment x d
apps StatefulSet x s
batch CronJob x c
policy PodDisruptionBudget x p
- Pod x p
apps DaemonSet x d
example.com Anything x a
networking.k8s.io Ingress x i
admissionregistration.k8s.io MutatingWebhookConfiguration - m
admissionregistration.k8s.io ValidatingWebhookConfiguration - v
"""


@pytest.mark.contract("KUS-189", "KUS-190")
def test_the_order_within_a_stage() -> None:
    refs = []
    for line in ORDER.strip().splitlines():
        group, kind, namespace, name = (part.removeprefix("-") for part in line.split())
        refs.append(ObjectRef(GroupVersionKind(group, "v1", kind), namespace, name))
    shuffled = random.Random(7).sample(refs, len(refs))
    assert sorted_refs(shuffled) == refs
    assert sorted_refs(shuffled, reverse=True) == refs[::-1]
