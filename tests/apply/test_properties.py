"""Laws that hold for any input."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxkit.apply import Inventory, sorted_refs
from fluxkit.apply.ignore import without_paths
from fluxkit.apply.inventory import encode_id, parse_id
from fluxkit.apply.kstatus import compute
from fluxkit.apply.managedfields import unite_fields
from fluxkit.apply.normalize import normalize
from fluxkit.apply.redact import redact
from fluxkit.objects import GroupVersionKind, ObjectRef

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?", fullmatch=True)
KINDS = st.sampled_from(
    [
        ("", "Namespace"),
        ("", "Service"),
        ("apps", "Deployment"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("example.com", "FooClass"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ]
)
REFS = st.builds(
    lambda kind, namespace, name: ObjectRef(GroupVersionKind(kind[0], "v1", kind[1]), namespace, name),
    KINDS,
    st.one_of(st.just(""), NAMES),
    NAMES,
)
KEYS = st.sampled_from(["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'v:"y"'])
FIELDS = st.recursive(
    st.just({}), lambda children: st.dictionaries(st.one_of(KEYS, st.just(".")), children, max_size=4), max_leaves=12
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(0, 1), st.text(max_size=5)),
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "template",
                    "containers",
                    "ports",
                    "name",
                    "status",
                    "conditions",
                    "type",
                    "phase",
                    "data",
                    "x",
                ]
            ),
            children,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


def members(fields: dict[str, Any], prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The paths that a field set holds."""
    found: set[tuple[str, ...]] = set()
    for key, below in fields.items():
        if key == ".":
            found.add(prefix)
        elif below:
            found |= members(below, (*prefix, key))
        else:
            found.add((*prefix, key))
    return found


def well_formed(fields: dict[str, Any]) -> dict[str, Any]:
    """``"."`` is a leaf wherever it stands, and never stands at the root."""
    cleaned = {}
    for key, below in fields.items():
        cleaned[key] = {} if key == "." else well_formed(below)
    return cleaned


@given(FIELDS.map(well_formed), FIELDS.map(well_formed))
def test_a_union_holds_what_either_side_holds(left: dict[str, Any], right: dict[str, Any]) -> None:
    before = copy.deepcopy((left, right))
    assert members(unite_fields(left, right)) == members(left) | members(right)
    assert (left, right) == before


@given(REFS)
def test_ids_read_back(ref: ObjectRef) -> None:
    assert parse_id(encode_id(ref), ref.gvk.version) == ref


@given(st.lists(REFS, max_size=12), st.lists(REFS, max_size=12))
def test_stale_objects_are_the_old_ones_without_the_new(old: list[ObjectRef], new: list[ObjectRef]) -> None:
    stale = Inventory(old).diff(Inventory(new))
    assert {ref.identity for ref in stale} == {r.identity for r in old} - {r.identity for r in new}
    assert stale == sorted_refs(stale)
    assert Inventory.from_status(Inventory(old).encode()) == Inventory(old)


@given(
    st.sampled_from(
        ["v1/Pod", "v1/Secret", "v1/Service", "apps/v1/Deployment", "batch/v1/Job", "example.com/v1/Thing"]
    ),
    st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data", "stringData"]), JSON),
)
@settings(max_examples=300)
def test_malformed_objects_break_neither_normalisation_nor_status(kind: str, body: dict[str, Any]) -> None:
    api_version, _, name = kind.rpartition("/")
    obj = {"apiVersion": api_version, "kind": name, **body}
    before = copy.deepcopy(obj)
    # A status of the wrong type keeps a first pass from fitting the rest.
    normalized = normalize(normalize(obj))
    assert obj == before
    assert normalize(normalized) == normalized
    assert compute(obj).status


@given(
    JSON, st.lists(st.sampled_from(["/spec", "/spec/x", "/spec/0/name", "/status/conditions/1", "/x~1y"]), max_size=3)
)
def test_removing_paths_leaves_the_original_alone(value: Any, paths: list[str]) -> None:
    obj = {"spec": value, "status": value}
    before = copy.deepcopy(obj)
    without_paths(obj, paths)
    assert obj == before


@given(st.text(min_size=8, max_size=20), st.text(max_size=30), st.text(max_size=30))
def test_no_value_of_a_secret_survives(value: str, before: str, after: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": value}}
    assert value not in redact(before + value + after, secret).replace("***", "\0")
