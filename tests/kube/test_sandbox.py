"""The client and its caches against a real API server in a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fluxkit.kube import CacheEvent, CacheRegistry, Client, ClusterConfig, PatchKind, Propagation, errors
from fluxkit.kube.credentials import StaticCredentials, bearer
from fluxkit.objects import GroupKind, GroupVersionKind, Object
from tests.sandbox_fixture import SandboxServer, namespace, own_sandbox, sandbox  # noqa: F401

from .scripted import CONFIG_MAP, WIDGET, config_map

DEFINITION = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")


def fresh(name: str, within: str, **data: str) -> Object:
    obj = config_map(name, 0, within, **data)
    obj["metadata"] = {"name": name, "namespace": within, "labels": {"app": name}}
    return obj


def definition(group: str) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


@pytest.fixture
async def client(sandbox: SandboxServer) -> AsyncIterator[Client]:  # noqa: F811
    async with Client(ClusterConfig.load(str(sandbox.kubeconfig))) as opened:
        yield opened


@pytest.fixture
async def own_client(own_sandbox: SandboxServer) -> AsyncIterator[Client]:  # noqa: F811
    async with Client(ClusterConfig.load(str(own_sandbox.kubeconfig))) as opened:
        yield opened


async def test_the_life_of_an_object(client: Client, namespace: str) -> None:  # noqa: F811
    with pytest.raises(errors.NotFound, match='configmaps "a" not found'):
        await client.get(CONFIG_MAP, "a", namespace)
    created = await client.create(fresh("a", namespace, one="1"))
    with pytest.raises(errors.AlreadyExists):
        await client.create(fresh("a", namespace))
    assert (await client.get(CONFIG_MAP, "a", namespace)) == created
    patched = await client.patch(CONFIG_MAP, "a", namespace, patch={"data": {"two": "2"}})
    assert patched["data"] == {"one": "1", "two": "2"}
    operations = [{"op": "remove", "path": "/data/one"}]
    patched = await client.patch(CONFIG_MAP, "a", namespace, patch=operations, kind=PatchKind.JSON)
    assert patched["data"] == {"two": "2"}
    with pytest.raises(errors.Conflict):
        await client.replace(created)
    replaced = await client.replace({**patched, "data": {"three": "3"}})
    assert replaced["data"] == {"three": "3"}
    with pytest.raises(errors.Conflict):
        await client.delete(CONFIG_MAP, "a", namespace, uid="somebody else")
    await client.delete(CONFIG_MAP, "a", namespace, uid=created["metadata"]["uid"])
    with pytest.raises(errors.NotFound):
        await client.delete(CONFIG_MAP, "a", namespace)


async def test_apply_owns_fields(client: Client, namespace: str) -> None:  # noqa: F811
    await client.apply(fresh("a", namespace, key="mine"), field_manager="one")
    with pytest.raises(errors.Conflict) as caught:
        await client.apply(fresh("a", namespace, key="theirs"), field_manager="two", force=False)
    assert caught.value.cause("FieldManagerConflict", ".data.key") is not None
    dry = await client.apply(fresh("a", namespace, key="theirs"), field_manager="two", dry_run=True)
    assert dry["data"] == {"key": "theirs"}
    assert (await client.get(CONFIG_MAP, "a", namespace))["data"] == {"key": "mine"}
    done = await client.apply(fresh("a", namespace, key="theirs"), field_manager="two")
    assert done["data"] == {"key": "theirs"}
    assert {entry["manager"] for entry in done["metadata"]["managedFields"]} == {"one", "two"}


async def test_lists(client: Client, namespace: str) -> None:  # noqa: F811
    await asyncio.gather(*(client.create(fresh(f"item-{number}", namespace)) for number in range(7)))
    found = await client.list(CONFIG_MAP, namespace, page_size=3)
    assert {item["metadata"]["name"] for item in found.items} >= {f"item-{number}" for number in range(7)}
    assert all(item["kind"] == "ConfigMap" and item["apiVersion"] == "v1" for item in found.items)
    assert client.stats.requests["list"] >= 3
    chosen = await client.list(CONFIG_MAP, namespace, label_selector="app in (item-1,item-2)", metadata_only=True)
    assert [set(item) for item in chosen.items] == [{"apiVersion", "kind", "metadata"}] * 2
    (one,) = (await client.list(CONFIG_MAP, namespace, field_selector="metadata.name=item-4")).items
    assert one["metadata"]["name"] == "item-4"


async def test_finalizers_and_propagation(client: Client, namespace: str) -> None:  # noqa: F811
    held = fresh("held", namespace)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await client.create(held)
    left = await client.delete(CONFIG_MAP, "held", namespace, propagation=Propagation.BACKGROUND)
    assert left is not None
    assert left["metadata"]["deletionTimestamp"]
    await client.patch(CONFIG_MAP, "held", namespace, patch={"metadata": {"finalizers": None}})
    with pytest.raises(errors.NotFound):
        await client.get(CONFIG_MAP, "held", namespace)


async def test_status_is_written_apart(client: Client, namespace: str) -> None:  # noqa: F811
    spec = {"containers": [{"name": "main", "image": "nginx"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": spec}
    await client.create(pod)
    kind = GroupVersionKind("", "v1", "Pod")
    done = await client.patch(kind, "p", namespace, patch={"status": {"message": "hello"}}, subresource="status")
    assert done["status"]["message"] == "hello"


async def test_who_may_not(sandbox: SandboxServer) -> None:  # noqa: F811
    config = ClusterConfig.load(str(sandbox.kubeconfig))
    stranger = ClusterConfig(server=config.server, tls=config.tls, credentials=StaticCredentials(bearer("wrong")))
    async with Client(stranger) as client:
        with pytest.raises(errors.Unauthorized):
            await client.get(CONFIG_MAP, "a", "default")


async def test_a_cache_follows(client: Client, namespace: str) -> None:  # noqa: F811
    registry = CacheRegistry(client)
    cache = registry.cache(CONFIG_MAP, namespace, indexers={"app": lambda obj: [obj["metadata"]["labels"]["app"]]})
    told: list[tuple[str, str]] = []

    def tell(event: CacheEvent) -> None:
        if event.object["metadata"]["name"] == "a":
            told.append((event.type, event.object["data"]["key"]))

    cache.subscribe(tell)
    try:
        made = await client.create(fresh("a", namespace, key="1"))
        seen = await cache.wait_for_resource_version(namespace, "a", made["metadata"]["resourceVersion"])
        assert seen == made
        assert cache.index("app", "a") == [made]
        changed = await client.patch(CONFIG_MAP, "a", namespace, patch={"data": {"key": "2"}})
        await cache.wait_for_resource_version(namespace, "a", changed["metadata"]["resourceVersion"])
        await client.delete(CONFIG_MAP, "a", namespace)
        await cache.wait_for(lambda held: held.get(namespace, "a") is None, 10)
        assert told == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]
    finally:
        await registry.stop()


async def test_a_cache_waits_for_its_kind_and_sees_it_go(client: Client, namespace: str) -> None:  # noqa: F811
    group = f"{namespace}.example.com"
    kind = GroupVersionKind(group, "v1", "Widget")
    registry = CacheRegistry(client)
    cache = registry.cache(kind, metadata_only=True)
    try:
        await cache.wait_for(lambda held: isinstance(held.last_error, errors.NoMatch), 10)
        await client.apply(definition(group))
        await asyncio.wait_for(cache.wait_synced(), 15)
        widget = {"apiVersion": kind.api_version, "kind": "Widget", "metadata": {"name": "w", "namespace": namespace}}
        made = await client.apply({**widget, "spec": {"size": 1}})
        seen = await cache.wait_for_resource_version(namespace, "w", made["metadata"]["resourceVersion"])
        assert seen is not None
        assert set(seen) == {"apiVersion", "kind", "metadata"}
        assert seen["kind"] == "Widget"
        await client.delete(DEFINITION, f"widgets.{group}")
        await cache.wait_for(lambda held: isinstance(held.last_error, errors.NoMatch), 20)
        assert not cache.synced
        assert len(cache) == 0
        with pytest.raises(errors.NoMatch):
            await client.mapping(GroupKind(group, "Widget"))
    finally:
        await registry.stop()


async def test_a_cache_outlives_drops_compaction_and_a_killed_server(
    own_sandbox: SandboxServer,  # noqa: F811
    own_client: Client,
) -> None:
    registry = CacheRegistry(own_client)
    cache = registry.cache(CONFIG_MAP, "default")
    told: list[tuple[str, str]] = []

    def tell(event: CacheEvent) -> None:
        told.append((event.type, event.object["metadata"]["name"]))

    async def write(name: str) -> None:
        made = await own_client.create(fresh(name, "default"))
        await cache.wait_for_resource_version("default", name, made["metadata"]["resourceVersion"])

    try:
        await asyncio.wait_for(cache.wait_synced(), 10)
        cache.subscribe(tell)
        told.clear()
        await write("one")
        await asyncio.to_thread(own_sandbox.drop_watches, "configmaps")
        await write("two")
        assert own_client.stats.requests["list"] == 1
        await asyncio.to_thread(own_sandbox.fault, 500, verb="watch", resource="configmaps", count=2)
        await asyncio.to_thread(own_sandbox.drop_watches, "configmaps")
        await write("three")
        assert own_client.stats.requests["list"] == 1
        await asyncio.to_thread(own_sandbox.process.kill)
        await asyncio.to_thread(own_sandbox.process.start)
        await write("four")
        assert told == [("ADDED", name) for name in ("one", "two", "three", "four")]
        # Written and forgotten by the server while the cache could not watch: found by listing again.
        listed = own_client.stats.requests["list"]
        await asyncio.to_thread(own_sandbox.fault, 500, verb="watch", resource="configmaps", count=1000)
        await asyncio.to_thread(own_sandbox.drop_watches, "configmaps")
        await cache.wait_for(lambda held: isinstance(held.last_error, errors.InternalError), 10)
        await own_client.delete(CONFIG_MAP, "one", "default")
        await own_client.create(fresh("five", "default"))
        await asyncio.to_thread(own_sandbox.compact)
        await asyncio.to_thread(own_sandbox.ok, "DELETE", "/sandbox/faults")
        await cache.wait_for(lambda held: held.get("default", "five") is not None, 30)
        assert sorted(told[4:]) == [("ADDED", "five"), ("DELETED", "one")]
        assert own_client.stats.requests["list"] == listed + 1
    finally:
        await registry.stop()


async def test_faults_are_retried_as_far_as_it_is_safe(own_sandbox: SandboxServer, own_client: Client) -> None:  # noqa: F811
    async def fault(code: int, **match: Any) -> None:
        await asyncio.to_thread(own_sandbox.fault, code, **match)

    await own_client.create(fresh("a", "default"))
    await fault(500, verb="get", resource="configmaps", count=2)
    await own_client.get(CONFIG_MAP, "a", "default")
    await fault(429, verb="patch", resource="configmaps", count=1, retryAfter=1)
    await own_client.apply(fresh("a", "default", key="x"))
    await fault(500, verb="patch", resource="configmaps", count=1)
    with pytest.raises(errors.InternalError):
        await own_client.apply(fresh("a", "default", key="y"))


async def test_kinds_the_server_does_not_serve(client: Client) -> None:
    with pytest.raises(errors.NoMatch):
        await client.get(WIDGET, "a", "default")
    assert (await client.resolve("deploy")).plural == "deployments"
    assert (await client.server_version())["major"] == "1"
