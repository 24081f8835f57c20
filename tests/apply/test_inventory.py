"""The stored form of the inventory, and what it means for two inventories to differ."""

import pytest

from fluxkit.apply import Action, ChangeSet, Inventory, InventoryError
from fluxkit.apply.inventory import encode_id, parse_id
from fluxkit.objects import GroupVersionKind, ObjectRef


def ref(kind: str, name: str, namespace: str = "default", group: str = "", version: str = "v1") -> ObjectRef:
    return ObjectRef(GroupVersionKind(group, version, kind), namespace, name)


IDS = [
    (ref("Service", "podinfo"), "default_podinfo__Service"),
    (ref("Deployment", "podinfo", group="apps"), "default_podinfo_apps_Deployment"),
    (ref("Namespace", "prod", ""), "_prod__Namespace"),
    (
        ref("ClusterRole", "system:view", "", "rbac.authorization.k8s.io"),
        "_system__view_rbac.authorization.k8s.io_ClusterRole",
    ),
    (ref("Role", "a:b", "x", "rbac.authorization.k8s.io"), "x_a__b_rbac.authorization.k8s.io_Role"),
    (ref("RoleBinding", "a:b", "x", "rbac.authorization.k8s.io"), "x_a__b_rbac.authorization.k8s.io_RoleBinding"),
    (ref("Gadget", "with_underscore", "x", "example.com"), "x_with_underscore_example.com_Gadget"),
]


@pytest.mark.contract("KUS-232", "KUS-233", "KUS-234")
@pytest.mark.parametrize(("reference", "entry"), IDS)
def test_ids_are_upstreams_and_read_back(reference: ObjectRef, entry: str) -> None:
    assert encode_id(reference) == entry
    assert parse_id(entry, "v1") == reference


@pytest.mark.contract("KUS-233")
def test_a_colon_is_written_out_for_rbac_names_only() -> None:
    assert encode_id(ref("ConfigMap", "a:b")) == "default_a:b__ConfigMap"


@pytest.mark.contract("KUS-234")
def test_double_underscore_reads_as_colon_in_any_kind() -> None:
    assert parse_id("x_a__b_example.com_Gadget", "v1").name == "a:b"


@pytest.mark.parametrize("entry", ["", "nothing", "one_two", "one_two_three"])
def test_a_broken_id_is_an_error_that_shows_it(entry: str) -> None:
    with pytest.raises(InventoryError, match="unable to parse stored object metadata") as raised:
        parse_id(entry, "v1")
    assert entry in str(raised.value)


@pytest.mark.contract("KUS-235")
def test_a_new_api_version_is_the_same_object() -> None:
    old = Inventory([ref("CronJob", "tick", group="batch", version="v1beta1")])
    new = Inventory([ref("CronJob", "tick", group="batch", version="v1")])
    assert old.diff(new) == []


@pytest.mark.contract("KUS-232", "KUS-236")
def test_a_change_set_becomes_an_inventory_with_skipped_objects() -> None:
    changes = ChangeSet()
    changes.add(ref("Namespace", "prod", ""), Action.CREATED)
    changes.add(ref("Deployment", "web", "prod", "apps"), Action.SKIPPED)
    assert Inventory.from_changes(changes).encode() == [
        {"id": "_prod__Namespace", "v": "v1"},
        {"id": "prod_web_apps_Deployment", "v": "v1"},
    ]


@pytest.mark.contract("KUS-236")
def test_stale_is_old_minus_new_in_apply_order() -> None:
    old = Inventory.from_status(
        [
            {"id": "prod_web_apps_Deployment", "v": "v1"},
            {"id": "prod_web__Service", "v": "v1"},
            {"id": "_prod__Namespace", "v": "v1"},
            {"id": "prod_keep__ConfigMap", "v": "v1"},
        ]
    )
    new = Inventory.from_status([{"id": "prod_keep__ConfigMap", "v": "v1"}])
    assert [str(stale) for stale in old.diff(new)] == ["Namespace/prod", "Service/prod/web", "Deployment/prod/web"]


@pytest.mark.contract("KUS-241")
def test_survivors_are_appended_unless_they_are_in_already() -> None:
    inventory = Inventory([ref("Service", "a")]).merged([ref("Service", "a"), ref("Service", "b")])
    assert [entry["id"] for entry in inventory.encode()] == ["default_a__Service", "default_b__Service"]


@pytest.mark.contract("KUS-197")
def test_entries_read_as_upstreams() -> None:
    changes = ChangeSet()
    changes.add(ref("Namespace", "prod", ""), Action.CREATED)
    changes.add(ref("Deployment", "web", "prod", "apps"), Action.CONFIGURED)
    changes.add(ref("Service", "web", "prod"), Action.UNCHANGED)
    assert str(changes) == "Namespace/prod created\nDeployment/prod/web configured\nService/prod/web unchanged"
    assert changes.change_log() == "Namespace/prod created\nDeployment/prod/web configured"


@pytest.mark.contract("KUS-348")
def test_log_forms_of_a_change_set() -> None:
    changes = ChangeSet()
    changes.add(ref("Service", "a"), Action.CREATED)
    changes.add(ref("Service", "b"), Action.CREATED)
    assert changes.to_map() == {"Service/default/a": "created", "Service/default/b": "created"}
    assert changes.to_grouped_map() == {"created": ["Service/default/a", "Service/default/b"]}
