from typing import Any

import pytest

from fluxkit.kube import CacheEvent
from fluxkit.runtime.predicates import RECONCILE_REQUEST_ANNOTATION, resource_version_changed, spec_or_request


def obj(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "generation": 1, "resourceVersion": "1", **metadata}}


def requested(value: str) -> dict[str, str]:
    return {RECONCILE_REQUEST_ANNOTATION: value}


@pytest.mark.contract("RUN-045", "RUN-048")
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(obj(), obj(generation=2), True, id="generation"),
        pytest.param(obj(), obj(annotations=requested("now")), True, id="first request"),
        pytest.param(obj(annotations=requested("a")), obj(annotations=requested("b")), True, id="next request"),
        pytest.param(obj(annotations=requested("a")), obj(annotations=requested("a")), False, id="same request"),
        pytest.param(obj(annotations=requested("a")), obj(), False, id="request removed"),
        pytest.param(obj(), obj(labels={"a": "b"}), False, id="label"),
        pytest.param(obj(), obj(annotations={"a": "b"}), False, id="other annotation"),
        pytest.param(obj(), {**obj(resourceVersion="2"), "status": {"x": 1}}, False, id="status"),
        pytest.param(obj(), obj(deletionTimestamp="2024-01-01T00:00:00Z"), True, id="deletion"),
    ],
)
def test_main_watch(old: dict[str, Any], new: dict[str, Any], expected: bool) -> None:
    assert spec_or_request(CacheEvent("MODIFIED", old, new)) == expected


@pytest.mark.contract("RUN-048")
def test_creations_and_deletions_always_pass() -> None:
    assert spec_or_request(CacheEvent("ADDED", None, obj()))
    assert spec_or_request(CacheEvent("DELETED", obj(), None))


@pytest.mark.contract("RUN-050")
def test_configs_pass_when_their_version_changes() -> None:
    assert resource_version_changed(CacheEvent("MODIFIED", obj(), obj(resourceVersion="2")))
    assert not resource_version_changed(CacheEvent("MODIFIED", obj(), obj()))
    assert resource_version_changed(CacheEvent("ADDED", None, obj()))
