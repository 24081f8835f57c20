"""A watch cache through everything that a server can do to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fluxkit.kube import CacheEvent, CacheRegistry, Client, ClusterConfig, WatchCache, errors
from fluxkit.objects import Object

from .scripted import (
    CONFIG_MAP,
    CORE,
    Answer,
    ScriptedServer,
    answer,
    bookmark,
    config_map,
    connected,
    event,
    hang_up,
    listing,
    scripted,
    status,
)

LIST = "/api/v1/configmaps"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of things is tested here, not how long they take."""
    monkeypatch.setattr("fluxkit.kube.cache._BACKOFF_BASE", 0.01)


@asynccontextmanager
async def running(client: Client, **options: Any) -> AsyncIterator[WatchCache]:
    cache = WatchCache(client, CONFIG_MAP, **options)
    task = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Told:
    """A subscriber that remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __call__(self, happened: CacheEvent) -> None:
        self.events.append(f"{happened.type} {version(happened.object)}")


def version(obj: Object) -> str:
    return f"{obj['metadata']['name']}{obj['metadata']['resourceVersion']}"


def held(cache: WatchCache) -> list[str]:
    return sorted(version(obj) for obj in cache.list())


async def until(cache: WatchCache, *expected: str) -> None:
    await cache.wait_for(lambda _: held(cache) == list(expected), 10)


async def test_list_then_watch_then_resume_without_listing() -> None:
    async with scripted() as server, connected(server) as client, running(client, label_selector="app") as cache:
        server.on("GET", LIST, answer(listing(config_map("a", 1), version=10)))
        told = Told()
        cache.subscribe(told)
        assert not cache.synced
        await cache.wait_synced()
        assert held(cache) == ["a1"]
        first = await server.next_watch()
        assert (first.query["resourceVersion"], first.query["labelSelector"]) == ("10", "app")
        first.send(event("ADDED", config_map("b", 11)), event("MODIFIED", config_map("a", 12)), bookmark(40))
        await cache.wait_for(lambda c: c.resource_version == "40", 10)
        first.drop()
        second = await server.next_watch()
        assert second.query["resourceVersion"] == "40"
        second.send(event("DELETED", config_map("b", 41)))
        await until(cache, "a12")
        second.end()
        third = await server.next_watch()
        assert third.query["resourceVersion"] == "41"
        assert client.stats.requests["list"] == 1
        assert told.events == ["ADDED a1", "ADDED b11", "MODIFIED a12", "DELETED b41"]
        assert cache.synced


@pytest.mark.parametrize("in_stream", [True, False])
async def test_an_expired_version_is_listed_anew_and_compared(in_stream: bool) -> None:
    async with scripted() as server, connected(server) as client:
        server.on(
            "GET",
            LIST,
            answer(listing(config_map("a", 1), config_map("b", 2), config_map("c", 3), version=10)),
            answer(listing(config_map("b", 2), config_map("c", 15), config_map("d", 16), version=20)),
        )
        gone = status(410, "Expired", "too old resource version")
        async with running(client) as cache:
            told = Told()
            await cache.wait_synced()
            cache.subscribe(told)
            watch = await server.next_watch()
            if in_stream:
                watch.send(event("ERROR", gone))
            else:

                async def refuse_once(request: Any) -> Any:
                    server.forget_watch_script(LIST)
                    return await answer(gone, 410)(request)

                server.on("WATCH", LIST, refuse_once)
                watch.drop()
            await until(cache, "b2", "c15", "d16")
            again = await server.next_watch()
            assert again.query["resourceVersion"] == "20"
            assert told.events[:3] == ["ADDED a1", "ADDED b2", "ADDED c3"]
            assert sorted(told.events[3:]) == ["ADDED d16", "DELETED a1", "MODIFIED c15"]
            assert cache.synced


async def test_an_object_deleted_and_made_again_unseen_is_two_objects() -> None:
    again = config_map("a", 15)
    again["metadata"]["uid"] = "another"
    async with scripted() as server, connected(server) as client, running(client) as cache:
        server.on("GET", LIST, answer(listing(config_map("a", 1), version=10)), answer(listing(again, version=20)))
        told = Told()
        cache.subscribe(told)
        (await server.next_watch()).send(event("ERROR", status(410, "Expired")))
        await until(cache, "a15")
        assert told.events == ["ADDED a1", "DELETED a1", "ADDED a15"]


async def test_a_server_that_fails_in_every_way_is_outlived() -> None:
    async with scripted() as server, connected(server) as client, running(client) as cache:
        server.on(
            "GET",
            LIST,
            answer(status(403, "Forbidden"), 403),
            answer(b"<html>"),
            answer(status(401, "Unauthorized"), 401),
            answer(listing(config_map("a", 1), version=10)),
        )
        await asyncio.wait_for(cache.wait_synced(), 20)
        watch = await server.next_watch()
        watch.send(b"garbage\n")
        watch = await server.next_watch()
        assert watch.query["resourceVersion"] == "10"
        watch.send(event("ADDED", config_map("b", 11))[:-9])
        watch.drop()
        watch = await server.next_watch()
        watch.send(event("ERROR", status(500, "InternalError")))
        await cache.wait_for(lambda c: isinstance(c.last_error, errors.InternalError), 10)
        watch = await server.next_watch()
        # The server has accepted the watch: that is enough, events may be rare.
        await cache.wait_for(lambda c: c.last_error is None, 10)
        watch.send(event("ADDED", config_map("b", 11)))
        await until(cache, "a1", "b11")
        assert client.stats.requests["list"] == 4


async def test_a_server_that_lost_its_state_is_listed_anew() -> None:
    ahead = status(504, "Timeout", "Too large resource version", causes=[{"reason": "ResourceVersionTooLarge"}])
    async with scripted() as server, connected(server) as client, running(client) as cache:
        server.on(
            "GET", LIST, answer(listing(config_map("a", 1), version=10)), answer(listing(config_map("z", 2), version=3))
        )
        (await server.next_watch()).send(event("ERROR", ahead))
        await until(cache, "z2")
        assert (await server.next_watch()).query["resourceVersion"] == "3"


async def test_a_restarting_server(unused_tcp_port: int) -> None:
    server = ScriptedServer()
    server.on("GET", LIST, answer(listing(config_map("a", 1), version=10)))
    async with Client(ClusterConfig(server=f"http://127.0.0.1:{unused_tcp_port}")) as client, running(client) as cache:
        async with scripted(port=unused_tcp_port, server=server):
            await asyncio.wait_for(cache.wait_synced(), 20)
            await server.next_watch()
        async with scripted(port=unused_tcp_port, server=server):
            watch = await server.next_watch()
            assert watch.query["resourceVersion"] == "10"
            watch.send(event("ADDED", config_map("b", 11)))
            await until(cache, "a1", "b11")
        assert client.stats.requests["list"] == client.stats.retries["list"] + 1


async def test_a_kind_that_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    # Waits so long that only being told of the new kind can end them.
    monkeypatch.setattr("fluxkit.kube.cache._UNSERVED_CAP", 1000.0)
    monkeypatch.setattr("fluxkit.kube.cache._BACKOFF_BASE", 1000.0)
    monkeypatch.setattr("fluxkit.kube.cache.random.uniform", lambda low, high: high)
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "configmaps"},
    }
    extensions = {
        "groupVersion": "apiextensions.k8s.io/v1",
        "resources": [{"name": "customresourcedefinitions", "namespaced": False, "kind": "CustomResourceDefinition"}],
    }
    async with scripted() as server, connected(server) as client:
        group = {"name": "apiextensions.k8s.io", "versions": [{"version": "v1"}]}
        server.on("GET", "/apis", answer({"kind": "APIGroupList", "groups": [group]}))
        server.on("GET", "/apis/apiextensions.k8s.io/v1", answer(extensions))
        server.on("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", answer(definition, 201))
        server.on("GET", "/api/v1", answer({**CORE, "resources": []}))
        async with running(client) as cache:
            told = Told()
            cache.subscribe(told)
            await cache.wait_for(lambda c: isinstance(c.last_error, errors.NoMatch), 10)
            assert not cache.synced
            # Installed by this very client: looked for at once.
            server.on("GET", "/api/v1", answer(CORE))
            server.on("GET", LIST, answer(listing(config_map("a", 1), version=10)))
            await client.create(definition)
            await asyncio.wait_for(cache.wait_synced(), 10)
            watch = await server.next_watch()
            # Removed: the watch ends, and the path is unknown from then on.
            server.on("GET", LIST, answer(b"404 page not found", 404))
            server.on("GET", "/api/v1", answer({**CORE, "resources": []}))
            watch.send(event("ERROR", status(410, "Gone")))
            await cache.wait_for(lambda c: not c.synced, 10)
            await until(cache)
            assert told.events == ["ADDED a1", "DELETED a1"]


async def test_a_broken_subscriber_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def broken(happened: CacheEvent) -> None:
        raise RuntimeError("on purpose")

    async with scripted() as server, connected(server) as client, running(client) as cache:
        server.on("GET", LIST, answer(listing(config_map("a", 1), version=10)))
        told = Told()
        cache.subscribe(broken)
        unsubscribe = cache.subscribe(told)
        watch = await server.next_watch()
        watch.send(event("ADDED", config_map("b", 11)))
        await until(cache, "a1", "b11")
        assert told.events == ["ADDED a1", "ADDED b11"]
        assert "ConfigMap default/b: a subscriber failed" in caplog.text
        unsubscribe()
        watch.send(event("ADDED", config_map("c", 12)))
        await until(cache, "a1", "b11", "c12")
        assert len(told.events) == 2


@pytest.mark.contract("RUN-115")
async def test_waiting_for_ones_own_write() -> None:
    async with scripted() as server, connected(server) as client, running(client) as cache:
        server.on("GET", LIST, answer(listing(config_map("a", 1), version=10)))
        watch = await server.next_watch()
        waiting = asyncio.ensure_future(cache.wait_for_resource_version("default", "a", "12", 10))
        watch.send(event("MODIFIED", config_map("a", 11)))
        await until(cache, "a11")
        assert not waiting.done()
        watch.send(event("MODIFIED", config_map("a", 12)))
        found = await waiting
        assert found is not None
        assert version(found) == "a12"
        # A version that a bookmark or another object has passed is visible as well, whatever became of the object.
        waiting = asyncio.ensure_future(cache.wait_for_resource_version("default", "a", "14", 10))
        watch.send(event("DELETED", config_map("a", 15)))
        assert await waiting is None
        with pytest.raises(TimeoutError):
            await cache.wait_for_resource_version("default", "a", "99", 0.05)


async def test_many_objects_do_not_hold_the_loop() -> None:
    async with scripted() as server, connected(server) as client, running(client, metadata_only=True) as cache:
        items = [config_map(f"object-{number}", number + 1) for number in range(2500)]
        server.on("GET", LIST, answer(listing(*items, version=5000)))
        turns: list[int] = []

        async def bystander() -> None:
            while not cache.synced:
                turns.append(len(told))
                await asyncio.sleep(0)

        told: list[CacheEvent] = []
        cache.subscribe(told.append)
        watching = asyncio.ensure_future(bystander())
        await asyncio.wait_for(cache.wait_synced(), 20)
        await watching
        assert len(told) == len(cache) == 2500
        assert any(0 < seen < 2500 for seen in turns)
        assert "data" not in cache.list()[0]


async def test_the_registry_shares_and_releases() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", LIST, answer(listing(config_map("a", 1, app="web"), version=10)))
        server.on("GET", "/api/v1/namespaces/x/configmaps", answer(listing(version=10)))
        registry = CacheRegistry(client)
        one = registry.cache(CONFIG_MAP)
        two = registry.cache(CONFIG_MAP, indexers={"app": lambda obj: [obj["data"]["app"]]})
        other = registry.cache(CONFIG_MAP, "x")
        assert one is two
        assert other is not one
        await asyncio.wait_for(one.wait_synced(), 10)
        await asyncio.wait_for(other.wait_synced(), 10)
        assert len(one.index("app", "web")) == 1
        watches = [await server.next_watch(), await server.next_watch()]
        await registry.release(one)
        assert len(registry) == 2
        await registry.release(two)
        assert len(registry) == 1
        with pytest.raises(RuntimeError, match="not running any more"):
            await one.wait_for(lambda cache: False, 5)
        await registry.stop()
        assert len(registry) == 0
        for watch in watches:
            async with asyncio.timeout(10):
                watch.send(b"\n")
                watch.end()
                await watch.closed.wait()
        assert client.stats.requests["list"] == 2


async def test_a_server_that_hangs_up_on_the_first_list() -> None:
    async with scripted() as server, connected(server) as client, running(client) as cache:
        server.on("GET", LIST, hang_up, answer(listing(config_map("a", 1), version=10)))
        await asyncio.wait_for(cache.wait_synced(), 10)
        assert len(server.asked("GET", LIST)) == 2


@pytest.mark.parametrize(
    ("lists", "watches"),
    [
        (answer(listing(version=1)), answer(status(410, "Expired"), 410)),
        (answer(listing(version=1)), answer(event("ERROR", status(410, "Expired")))),
        (answer(listing(version=1)), answer(b"")),
        (answer(listing(version=1)), answer(b"garbage\n")),
        (answer(listing(version=1)), answer(status(404, "NotFound"), 404)),
        (answer(listing(version=1)), answer(status(403, "Forbidden"), 403)),
        (answer(status(403, "Forbidden"), 403), answer(b"")),
        (answer(b"<html>"), answer(b"")),
    ],
)
async def test_a_server_that_always_fails_is_never_asked_in_a_tight_loop(
    lists: Answer, watches: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    waits: list[float] = []
    enough = asyncio.Event()

    async def woken(woken_by: asyncio.Event | None, seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 9:
            enough.set()
            await asyncio.Event().wait()
        return False

    monkeypatch.setattr("fluxkit.kube.cache._woken", woken)
    monkeypatch.setattr("fluxkit.kube.cache.random.uniform", lambda low, high: high)
    async with scripted() as server, connected(server) as client:
        server.on("GET", LIST, lists)
        server.on("WATCH", LIST, watches)
        async with running(client):
            await asyncio.wait_for(enough.wait(), 20)
    assert waits[0] == 0.5
    assert waits == sorted(waits)
    assert waits[-1] in (30.0, 10.0)
