"""What a stage of one's own is good for: a Role that has to exist before its RoleBinding is looked at."""

from typing import Any

import pytest

from fluxkit.apply import ApplyFailed, ApplyOptions, ApplySet, Owner, parse_group_kinds
from fluxkit.kube import Client
from fluxkit.objects import GroupVersionKind
from tests.apply.conftest import Objects
from tests.apply.rights import RBAC, acting_as, grant


def role_and_binding(objects: Objects) -> list[dict[str, Any]]:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "readers"}
    subjects = [{"apiGroup": RBAC, "kind": "User", "name": "jane"}]
    return [
        objects.make(f"{RBAC}/v1", "RoleBinding", "readers", roleRef=reference, subjects=subjects),
        objects.make(f"{RBAC}/v1", "Role", "readers", rules=rules),
    ]


@pytest.mark.contract("KUS-186", "KUS-188", "KUS-191")
async def test_a_role_exists_before_its_binding_is_dry_run(client: Client, objects: Objects, owner: Owner) -> None:
    """Who may not bind freely has to hold what the role gives, and the server asks the role, which is not there yet."""
    rights = ("get", "list", "watch", "create", "patch", "delete")
    await grant(client, objects.namespace, "tenant", *rights, groups=("", RBAC))
    tenant = ApplySet(acting_as(client, objects.namespace, "tenant"), owner)
    with pytest.raises(ApplyFailed) as raised:
        await tenant.apply(role_and_binding(objects))
    assert str(raised.value).startswith(f"RoleBinding/{objects.namespace}/readers not found: ")
    assert raised.value.changes.changed() == []
    options = ApplyOptions(custom_stage_kinds=parse_group_kinds(f"{RBAC}/Role"))
    changes = await tenant.apply(role_and_binding(objects), options)
    assert [str(entry) for entry in changes] == [
        f"Role/{objects.namespace}/readers created",
        f"RoleBinding/{objects.namespace}/readers created",
    ]
    binding = await client.get(GroupVersionKind(RBAC, "v1", "RoleBinding"), "readers", objects.namespace)
    assert binding["roleRef"]["name"] == "readers"
