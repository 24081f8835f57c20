import pytest

from fluxkit.cli.tree import Node
from fluxkit.objects import GroupKind

KUSTOMIZATION = GroupKind("kustomize.toolkit.fluxcd.io", "Kustomization")


@pytest.mark.contract("CLI-203", "CLI-204")
def test_drawing_and_document() -> None:
    root = Node("flux-system", "flux-system", KUSTOMIZATION)
    infra = Node("flux-system", "infra", KUSTOMIZATION)
    infra.children = [
        Node("", "cert-manager", GroupKind("", "Namespace")),
        Node("a", "b", GroupKind("apps", "Deployment")),
    ]
    root.children = [infra, Node("", "apps", GroupKind("", "Namespace"))]
    assert "\n".join(root.lines()) == (
        "Kustomization/flux-system/flux-system\n"
        "├── Kustomization/flux-system/infra\n"
        "│   ├── Namespace/cert-manager\n"
        "│   └── Deployment/a/b\n"
        "└── Namespace/apps"
    )
    assert infra.document() == {
        "resource": {
            "Namespace": "flux-system",
            "Name": "infra",
            "GroupKind": {"Group": "kustomize.toolkit.fluxcd.io", "Kind": "Kustomization"},
        },
        "resources": [
            {"resource": {"Namespace": "", "Name": "cert-manager", "GroupKind": {"Group": "", "Kind": "Namespace"}}},
            {"resource": {"Namespace": "a", "Name": "b", "GroupKind": {"Group": "apps", "Kind": "Deployment"}}},
        ],
    }
