"""Taking over what other field managers wrote."""

from typing import Any

import pytest

from fluxkit.apply import Owner
from fluxkit.apply.managedfields import CleanupRules, cleanup_patch, migrate_version_patch, unite_fields
from fluxkit.apply.state import fingerprint
from fluxkit.jsonpatch import apply_json_patch

RULES = CleanupRules.for_manager("kustomize-controller", ["legacy"])
OWNER = Owner("apps", "flux-system")


def entry(manager: str, operation: str, fields: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    found = {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, "time": "t"}
    return {**found, "subresource": subresource} if subresource else found


def live(*entries: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "uid": "u", "resourceVersion": "7", "managedFields": list(entries), **metadata},
    }


@pytest.mark.contract("KUS-205")
@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({}, {}, {}),
        ({"f:a": {}}, {"f:b": {}}, {"f:a": {}, "f:b": {}}),
        ({"f:a": {"f:b": {}}}, {"f:a": {"f:c": {}}}, {"f:a": {"f:b": {}, "f:c": {}}}),
        ({"f:a": {}}, {"f:a": {"f:c": {}}}, {"f:a": {".": {}, "f:c": {}}}),
        ({"f:a": {"f:c": {}}}, {"f:a": {}}, {"f:a": {".": {}, "f:c": {}}}),
        ({"f:a": {".": {}, "f:c": {}}}, {"f:a": {}}, {"f:a": {".": {}, "f:c": {}}}),
        (
            {"f:l": {'k:{"name":"x"}': {".": {}, "f:name": {}}}},
            {"f:l": {'k:{"name":"x"}': {"f:image": {}}, 'k:{"name":"y"}': {".": {}}}},
            {"f:l": {'k:{"name":"x"}': {".": {}, "f:name": {}, "f:image": {}}, 'k:{"name":"y"}': {".": {}}}},
        ),
    ],
)
def test_union_of_field_sets(left: dict[str, Any], right: dict[str, Any], expected: dict[str, Any]) -> None:
    assert unite_fields(left, right) == expected


@pytest.mark.contract("KUS-203", "KUS-366")
def test_old_annotations_and_labels_are_removed() -> None:
    given = live(
        annotations={
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "kustomize.toolkit.fluxcd.io/checksum": "1",
            "fluxcd.io/sync-checksum": "2",
            "keep": "me",
        },
        labels={"fluxcd.io/sync-gc-mark": "x", "keep": "me"},
    )
    cleaned = apply_json_patch(given, cleanup_patch(given, RULES, OWNER.field_manager))
    assert cleaned["metadata"]["annotations"] == {"keep": "me"}
    assert cleaned["metadata"]["labels"] == {"keep": "me"}
    assert RULES.leftovers(given)
    assert not RULES.leftovers(cleaned)


TAKEN = [
    ("kubectl-client-side-apply", "Update", True),
    ("kubectl-edit", "Update", True),
    ("kubectl", "Apply", True),
    ("before-first-apply", "Update", True),
    ("before-first-apply", "Apply", False),
    ("kustomize-controller", "Update", True),
    ("legacy", "Apply", True),
    ("legacy", "Update", True),
    ("flux-client-side-apply", "Update", False),
    ("helm", "Apply", False),
]


@pytest.mark.contract("KUS-204", "KUS-205", "KUS-206", "KUS-207")
@pytest.mark.parametrize(("manager", "operation", "taken"), TAKEN)
def test_whose_fields_are_taken_over(manager: str, operation: str, taken: bool) -> None:
    ours = entry("kustomize-controller", "Apply", {"f:data": {"f:a": {}}})
    theirs = entry(manager, operation, {"f:data": {"f:b": {}}})
    given = live(ours, theirs)
    patch = cleanup_patch(given, RULES, OWNER.field_manager)
    if not taken:
        assert patch == []
        return
    assert apply_json_patch(given, patch)["metadata"]["managedFields"] == [
        {**ours, "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}}
    ]


@pytest.mark.contract("KUS-205")
def test_the_first_match_becomes_ours_where_we_have_no_entry_yet() -> None:
    edit = entry("kubectl-edit", "Update", {"f:data": {"f:b": {}}})
    given = live(
        entry("kubectl-client-side-apply", "Update", {"f:data": {"f:a": {}}}),
        entry("hpa", "Update", {"f:spec": {"f:replicas": {}}}),
        edit,
        entry("kubectl-edit", "Update", {"f:status": {}}, "status"),
    )
    managed = apply_json_patch(given, cleanup_patch(given, RULES, OWNER.field_manager))["metadata"]["managedFields"]
    assert [(e["manager"], e["operation"], e.get("subresource", "")) for e in managed] == [
        ("hpa", "Update", ""),
        ("kubectl-edit", "Update", "status"),
        ("kustomize-controller", "Apply", ""),
    ]
    assert managed[-1]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}}


@pytest.mark.contract("KUS-205")
def test_our_entry_may_come_after_the_one_that_is_taken_over() -> None:
    ours = entry("kustomize-controller", "Apply", {"f:a": {}})
    given = live(entry("kubectl-edit", "Update", {"f:b": {}}), ours, entry("x", "Update", {"f:c": {}}))
    managed = apply_json_patch(given, cleanup_patch(given, RULES, OWNER.field_manager))["metadata"]["managedFields"]
    assert [e["manager"] for e in managed] == ["x", "kustomize-controller"]
    assert managed[-1]["fieldsV1"] == {"f:a": {}, "f:b": {}}


def test_a_cleanup_is_refused_when_somebody_wrote_in_between() -> None:
    patch = cleanup_patch(live(entry("kubectl", "Apply", {})), RULES, OWNER.field_manager)
    assert patch[-1] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}


@pytest.mark.contract("KUS-211")
def test_every_entry_moves_to_the_applied_version() -> None:
    given = live(entry("a", "Update", {}), entry("b", "Update", {}, "status"))
    migrated = apply_json_patch(given, migrate_version_patch(given, "v2"))
    assert [e["apiVersion"] for e in migrated["metadata"]["managedFields"]] == ["v2", "v2"]
    assert migrate_version_patch(migrated, "v2") == []


class TestFingerprint:
    """Changes exactly when something of ours may have changed."""

    ours = entry("kustomize-controller", "Apply", {"f:data": {"f:a": {}}})
    labels = OWNER.labels

    def same(self, first: dict[str, Any], second: dict[str, Any]) -> bool:
        return fingerprint(first, OWNER, RULES).same_as(fingerprint(second, OWNER, RULES))

    def base(self, *more: dict[str, Any], **metadata: Any) -> dict[str, Any]:
        return live(self.ours, *more, **{"labels": self.labels, **metadata})

    def test_status_and_foreign_fields_do_not_count(self) -> None:
        other = self.base(
            entry("hpa", "Update", {"f:spec": {"f:replicas": {}}}),
            entry("deployment-controller", "Update", {"f:status": {}}, "status"),
            resourceVersion="9",
            generation=4,
            annotations={"deployment.kubernetes.io/revision": "1"},
        )
        assert self.same(self.base(generation=3), other)

    def test_a_field_that_somebody_took_counts(self) -> None:
        taken = entry("kustomize-controller", "Apply", {"f:data": {}})
        assert not self.same(self.base(), live(taken, labels=self.labels))

    def test_kubectl_counts_even_where_it_took_nothing(self) -> None:
        assert not self.same(self.base(), self.base(entry("kubectl-edit", "Update", {"f:data": {"f:z": {}}})))

    def test_deletion_recreation_and_another_owner_count(self) -> None:
        assert not self.same(self.base(), self.base(deletionTimestamp="2026-01-01T00:00:00Z"))
        assert not self.same(self.base(), self.base(uid="another"))
        assert not self.same(self.base(), self.base(labels=Owner("other", "flux-system").labels))

    def test_without_managed_fields_generation_and_metadata_count(self) -> None:
        assert self.same(live(generation=1), live(generation=1, resourceVersion="8"))
        assert not self.same(live(generation=1), live(generation=2))
        assert not self.same(live(generation=1), live(generation=1, annotations={"a": "b"}))
        assert not self.same(live(), live(resourceVersion="8"))
