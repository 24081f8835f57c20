"""Which changes wake which Kustomizations, and in which order."""

from collections.abc import Iterable
from typing import Any

import pytest

from fluxkit.controllers.kustomization.dependencies import in_dependency_order
from fluxkit.controllers.kustomization.triggers import (
    INDEXERS,
    artifact_changed,
    became_ready,
    configured_by,
    dependants_of,
    referrers_of,
)
from fluxkit.kube import CacheEvent, Client, ClusterConfig, WatchCache
from fluxkit.objects import Object, ObjectKey
from tests.controllers.test_dependencies import kustomization


def cached(objects: Iterable[Object]) -> WatchCache:
    """A cache with content that nobody watches: it never connects."""
    server = {
        "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "none", "context": {"cluster": "none"}}],
        "current-context": "none",
    }
    cache = WatchCache(Client(ClusterConfig.from_kubeconfig(server)), kustomization("any").GVK, indexers=INDEXERS)
    list(cache._store.replace(objects))
    return cache


def source(revision: str | None, digest: str = "sha256:a", url: str = "http://a") -> Object:
    artifact = {"revision": revision, "digest": digest, "url": url}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "fleet", "namespace": "ns"},
        "status": {} if revision is None else {"artifact": artifact},
    }


@pytest.mark.parametrize(
    ("old", "new", "wakes"),
    [
        (source(None), source("a"), True),
        (source("a"), source("b"), True),
        (source("a"), source("a"), False),
        (source("a"), source("a", digest="sha256:b"), True),  # upstream misses an include that changed
        (source("a"), source("a", url="http://b"), True),
        (source("a"), source(None), False),
    ],
)
def test_an_artifact_that_changed(old: Object, new: Object, wakes: bool) -> None:
    assert artifact_changed(CacheEvent("MODIFIED", old, new)) is wakes


async def test_referrers_come_after_what_they_depend_on() -> None:
    objects = [
        kustomization("a", "b", "elsewhere").encode(),
        kustomization("b", "c").encode(),
        kustomization("c").encode(),
        kustomization("other", source="another").encode(),
    ]
    keys = list(referrers_of(lambda: cached(objects))(CacheEvent("MODIFIED", None, source("a"))))
    assert [key.name for key in keys] == ["c", "b", "a"]
    assert list(referrers_of(lambda: cached(objects))(CacheEvent("MODIFIED", None, source(None)))) == []


def test_a_cycle_wakes_its_members_all_the_same() -> None:
    members = [kustomization("a", "b"), kustomization("b", "a"), kustomization("c")]
    assert {key.name for key in in_dependency_order(members)} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("old", "new", "wakes"),
    [
        (kustomization("a", ready=False), kustomization("a"), True),
        (kustomization("a"), kustomization("a"), False),
        (kustomization("a", revision="1"), kustomization("a", revision="2"), True),
        (kustomization("a"), kustomization("a", observed=2), True),
        (kustomization("a"), kustomization("a", ready=False), False),
        (None, kustomization("a"), True),
        (kustomization("a"), None, False),
    ],
)
def test_becoming_ready(old: Any, new: Any, wakes: bool) -> None:
    event = CacheEvent("MODIFIED", old.encode() if old else None, new.encode() if new else None)
    assert became_ready(event) is wakes


async def test_only_dependants_that_wait_are_woken() -> None:
    objects = [
        kustomization("waiting", "base", ready=False).encode(),
        kustomization("content", "base").encode(),
        kustomization("unrelated", ready=False).encode(),
    ]
    event = CacheEvent("MODIFIED", None, kustomization("base").encode())
    assert list(dependants_of(lambda: cached(objects))(event)) == [ObjectKey("ns", "waiting")]


@pytest.mark.contract("KUS-303")
@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("ConfigMap", {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "config"}]}}),
        ("Secret", {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "config", "optional": True}]}}),
        ("Secret", {"kubeConfig": {"secretRef": {"name": "config"}}}),
        ("ConfigMap", {"kubeConfig": {"configMapRef": {"name": "config"}}}),
        ("Secret", {"decryption": {"provider": "sops", "secretRef": {"name": "config"}}}),
    ],
)
async def test_configuration_that_is_referred_to(kind: str, spec: dict[str, Any]) -> None:
    referring, other = kustomization("referring").encode(), kustomization("other").encode()
    referring["spec"] |= spec
    obj = {"metadata": {"name": "config", "namespace": "ns"}}
    for found, expected in ((kind, ["referring"]), ({"Secret": "ConfigMap", "ConfigMap": "Secret"}[kind], [])):
        mapped = configured_by(lambda: cached([referring, other]), found)
        for event in (CacheEvent("MODIFIED", obj, obj), CacheEvent("DELETED", obj, None)):
            assert [key.name for key in mapped(event)] == expected
    elsewhere = {"metadata": {"name": "config", "namespace": "other"}}
    assert list(configured_by(lambda: cached([referring]), kind)(CacheEvent("ADDED", None, elsewhere))) == []
