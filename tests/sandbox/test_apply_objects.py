"""Server-side apply over whole objects: managedFields as they are stored, conflicts as they are worded."""

import copy
from typing import Any

import pytest

from fluxkit.objects import GroupVersionKind, Object
from fluxkit.sandbox.apply import ApplyConflict, ManagedFieldsInApply, TypedError, apply_patch, track_update
from fluxkit.schema import SchemaNode, from_crd_schema, type_for

DEPLOYMENT = type_for(GroupVersionKind("apps", "v1", "Deployment"))
CONFIG_MAP = type_for(GroupVersionKind("", "v1", "ConfigMap"))
T1, T2, T3 = "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:03Z"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def deployment(replicas: int | None = 1, image: str = "web:1", **metadata: Any) -> Object:
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "apps", **metadata},
        "spec": spec,
    }


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "apps"}, "data": data}


def apply(
    live: Object | None,
    config: Object,
    manager: str = "flux",
    now: str = T1,
    *,
    schema: SchemaNode | None = DEPLOYMENT,
    force: bool = False,
    **more: Any,
) -> Object:
    before = copy.deepcopy((live, config))
    out = apply_patch(live, config, schema=schema, manager=manager, force=force, now=now, has_status=True, **more)
    assert (live, config) == before, "arguments must not change"
    return out


def update(live: Object | None, new: Object, manager: str = "kubectl-edit", now: str = T2, **more: Any) -> Object:
    schema = more.pop("schema", DEPLOYMENT)
    return track_update(live, new, schema=schema, manager=manager, now=now, has_status=True, **more)


def managers(obj: Object) -> list[tuple[Any, ...]]:
    return [
        (each["manager"], each["operation"], each.get("subresource", ""), each.get("time", ""))
        for each in obj["metadata"].get("managedFields", [])
    ]


def fields(obj: Object, manager: str) -> Any:
    found = [each["fieldsV1"] for each in obj["metadata"]["managedFields"] if each["manager"] == manager]
    assert len(found) == 1
    return found[0]


CONTAINER = {
    'k:{"name":"web"}': {
        ".": {},
        "f:image": {},
        "f:name": {},
        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
    }
}


def test_an_apply_that_creates() -> None:
    out = apply(None, deployment(labels={"a": "b"}))
    assert out["metadata"]["managedFields"] == [
        {
            "manager": "flux",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "time": T1,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:a": {}}},
                "f:spec": {
                    "f:replicas": {},
                    "f:selector": {},
                    "f:template": {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:containers": CONTAINER}},
                },
            },
        }
    ]


def test_a_create_owns_maps_and_lists_too_but_not_what_every_deployment_has() -> None:
    out = update(None, deployment(labels={"a": "b"}), "kubectl-create")
    ports = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}, ".": {}}
    assert fields(out, "kubectl-create") == {
        "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:containers": {'k:{"name":"web"}': {**CONTAINER['k:{"name":"web"}'], "f:ports": ports}},
                },
            },
        },
    }
    assert managers(out) == [("kubectl-create", "Update", "", T2)]


def test_a_created_custom_resource_owns_its_spec() -> None:
    widget = {"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"a": 1}}
    out = update(None, widget, "m", schema=from_crd_schema(None))
    assert fields(out, "m") == {"f:spec": {".": {}, "f:a": {}}}


def test_applying_again_changes_nothing_not_even_times() -> None:
    first = apply(None, deployment())
    assert apply(first, deployment(), now=T2) == first


def test_a_change_moves_the_time() -> None:
    out = apply(apply(None, deployment()), deployment(image="web:2"), now=T2)
    assert managers(out) == [("flux", "Apply", "", T2)]


def test_entries_are_sorted_by_operation_time_and_name() -> None:
    out = apply(None, config_map(a="1"), "z", T3, schema=CONFIG_MAP)
    out = apply(out, config_map(b="1"), "y", T2, schema=CONFIG_MAP)
    out = apply(out, config_map(c="1"), "x", T2, schema=CONFIG_MAP)
    new = copy.deepcopy(out)
    new["data"]["d"] = "1"
    out = update(out, new, "a", T1, schema=CONFIG_MAP)
    assert [each[0] for each in managers(out)] == ["x", "y", "z", "a"]


# Conflicts


def test_one_conflict() -> None:
    live = update(None, deployment(), "kubectl-create")
    with pytest.raises(ApplyConflict) as raised:
        apply(live, deployment(replicas=3))
    text = 'conflict with "kubectl-create" using apps/v1'
    assert str(raised.value) == f"Apply failed with 1 conflict: {text}: .spec.replicas"
    assert raised.value.causes == [{"reason": "FieldManagerConflict", "message": text, "field": ".spec.replicas"}]


def test_several_conflicts_are_grouped_by_manager() -> None:
    live = apply(None, deployment(), "helm")
    new = copy.deepcopy(live)
    new["spec"]["replicas"] = 2
    live = update(live, new, "scaler")
    with pytest.raises(ApplyConflict) as raised:
        apply(live, deployment(replicas=3, image="web:2"))
    assert str(raised.value) == (
        'Apply failed with 2 conflicts: conflicts with "helm":\n'
        '- .spec.template.spec.containers[name="web"].image\n'
        'conflicts with "scaler" using apps/v1:\n'
        "- .spec.replicas"
    )


def test_a_subresource_is_named() -> None:
    live = update(None, deployment(), "kubectl-create")
    new = copy.deepcopy(live)
    new["spec"]["replicas"] = 2
    live = update(live, new, "scaler", subresource="scale")
    with pytest.raises(ApplyConflict, match='conflict with "scaler" with subresource "scale" using apps/v1'):
        apply(live, deployment(replicas=3))


def test_force_takes_over() -> None:
    live = update(None, deployment(), "kubectl-create")
    out = apply(live, deployment(replicas=3), force=True)
    assert out["spec"]["replicas"] == 3
    assert "f:replicas" not in fields(out, "kubectl-create")["f:spec"]


def test_giving_a_field_up_to_an_autoscaler() -> None:
    live = apply(None, deployment(replicas=2))
    scaled = copy.deepcopy(live)
    scaled["spec"]["replicas"] = 7
    live = update(live, scaled, "scaler")
    out = apply(live, deployment(replicas=None), now=T3)
    assert out["spec"]["replicas"] == 7


# Updates


def test_a_client_that_does_not_know_managed_fields_does_not_lose_them() -> None:
    live = apply(None, deployment())
    new = deployment(image="web:2")
    assert [each[:2] for each in managers(update(live, new))] == [("flux", "Apply"), ("kubectl-edit", "Update")]


@pytest.mark.parametrize("reset", [[], [{}]])
def test_emptied_managed_fields_are_forgotten(reset: list[Any]) -> None:
    live = apply(None, deployment())
    new = deployment()
    new["metadata"]["managedFields"] = reset
    assert "managedFields" not in update(live, new)["metadata"]


def test_objects_without_managers_stay_without_until_they_are_applied() -> None:
    live = deployment()
    live["metadata"]["uid"] = "1"
    changed = update(live, {**deployment(image="web:2"), "metadata": live["metadata"]})
    assert "managedFields" not in changed["metadata"]
    out = apply(changed, deployment(image="web:2"), now=T2)
    assert [each[:2] for each in managers(out)] == [("flux", "Apply"), ("before-first-apply", "Update")]


def test_through_a_subresource_managed_fields_cannot_be_written() -> None:
    live = apply(None, deployment())
    new = copy.deepcopy(live)
    new["metadata"]["managedFields"] = []
    new["status"] = {"replicas": 1}
    out = update(live, new, "controller", subresource="status")
    assert managers(out) == [("flux", "Apply", "", T1), ("controller", "Update", "status", T2)]
    assert fields(out, "controller") == {"f:status": {"f:replicas": {}}}


def test_managed_fields_that_cannot_be_read_fall_back_to_the_live_ones() -> None:
    live = apply(None, deployment())
    new = deployment(image="web:2")
    new["metadata"]["managedFields"] = [{"manager": "x", "operation": "Nonsense"}]
    assert managers(update(live, new))[0][:2] == ("flux", "Apply")


def test_more_than_ten_updaters_are_merged() -> None:
    live = update(None, config_map(), "creator", T1, schema=CONFIG_MAP)
    live = update(live, config_map(k="v"), "first", T1, schema=CONFIG_MAP)
    for number in range(12):
        new = copy.deepcopy(live)
        new["data"][f"k{number}"] = "v"
        live = update(live, new, f"m{number:02}", f"2026-01-01T00:01:{number:02}Z", schema=CONFIG_MAP)
    names = [each[0] for each in managers(live)]
    assert len(names) == 10
    assert names[0] == "ancient-changes"
    assert set(fields(live, "ancient-changes")["f:data"]) >= {"f:k0", "f:k1"}


# Status


def test_status_is_nobodys_by_the_main_endpoint_and_spec_is_nobodys_by_status() -> None:
    config = {**deployment(), "status": {"replicas": 1}}
    assert "f:status" not in fields(apply(None, config), "flux")
    out = apply(apply(None, deployment()), config, "reporter", subresource="status")
    assert fields(out, "reporter") == {"f:status": {"f:replicas": {}}}


# From client-side apply


def test_kubectl_takes_over_from_its_own_client_side_apply_without_conflict() -> None:
    import json

    config = deployment()
    live = copy.deepcopy(config)
    live["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(config)}
    live = update(None, live, "kubectl-client-side-apply")
    out = apply(live, deployment(image="web:2"), "kubectl", T3)
    assert out["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    noted = json.loads(out["metadata"]["annotations"][LAST_APPLIED])
    assert noted["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    with pytest.raises(ApplyConflict):
        apply(live, deployment(image="web:2"), "another", T3)


def test_kubectl_still_conflicts_where_others_changed_what_it_had_applied() -> None:
    import json

    config = deployment()
    live = copy.deepcopy(config)
    live["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(config)}
    live = update(None, live, "kubectl-client-side-apply")
    scaled = copy.deepcopy(live)
    scaled["spec"]["replicas"] = 5
    live = update(live, scaled, "scaler")
    with pytest.raises(ApplyConflict, match=r'1 conflict: conflict with "scaler" using apps/v1: \.spec\.replicas'):
        apply(live, deployment(replicas=2, image="web:2"), "kubectl", T3)


# Refusals


def test_managed_fields_may_not_be_applied() -> None:
    config = deployment(managedFields=[])
    with pytest.raises(ManagedFieldsInApply, match=r"metadata\.managedFields must be nil"):
        apply(None, config)


def test_undeclared_fields_may_not_be_applied() -> None:
    config = deployment()
    config["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    with pytest.raises(TypedError) as raised:
        apply(None, config)
    assert str(raised.value) == '.spec.template.spec.containers[name="web"].imagee: field not declared in schema'


# Schema changes


def test_a_list_that_became_atomic_is_owned_whole_by_its_owners() -> None:
    def schema(kind: str) -> SchemaNode:
        tags = {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": kind}
        spec = {"type": "object", "properties": {"tags": tags}}
        return from_crd_schema({"type": "object", "properties": {"spec": spec}})

    widget = {"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"tags": ["a"]}}
    live = apply(None, widget, schema=schema("set"))
    assert fields(live, "flux") == {"f:spec": {"f:tags": {'v:"a"': {}}}}
    with pytest.raises(ApplyConflict, match=r"\.spec\.tags"):
        apply(live, {**widget, "spec": {"tags": ["b"]}}, "other", schema=schema("atomic"))
