"""Service accounts with few rights, and clients that act as them."""

from fluxkit.kube import Client

__all__ = ["RBAC", "acting_as", "grant"]

RBAC = "rbac.authorization.k8s.io"


async def grant(
    admin: Client, namespace: str, account: str, *verbs: str, groups: tuple[str, ...] = ("*",), resources: str = "*"
) -> None:
    """A ServiceAccount of the namespace that may do this there, and nothing anywhere else."""
    metadata = {"name": account, "namespace": namespace}
    await admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    rules = [{"apiGroups": list(groups), "resources": resources.split(), "verbs": list(verbs)}]
    await admin.create({"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules})
    await admin.create(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        }
    )


def acting_as(admin: Client, namespace: str, account: str) -> Client:
    return admin.impersonate(f"system:serviceaccount:{namespace}:{account}")
