"""What the client sends, and what it makes of the answers."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from fluxkit.kube import Client, ClusterConfig, PatchKind, Propagation, errors
from fluxkit.kube.watch import decode_events
from fluxkit.objects import GroupKind, GroupVersionKind

from .scripted import (
    CONFIG_MAP,
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

PATH = "/api/v1/namespaces/default/configmaps"


async def test_get() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", f"{PATH}/a", answer(config_map("a", 5)))
        assert (await client.get(CONFIG_MAP, "a", "default"))["metadata"]["resourceVersion"] == "5"
        assert client.stats.requests["get"] == 1
        assert client.stats.resources["get", "configmaps"] == 1
        (seen,) = server.asked("GET", f"{PATH}/a")
        assert seen.headers["User-Agent"].startswith("fluxkit/")
        assert seen.headers["Accept"] == "application/json"
        assert "Authorization" not in seen.headers


async def test_metadata_only_keeps_the_kind_that_was_asked_for() -> None:
    partial = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "a"}}
    whole = config_map("a", 5, key="value")
    async with scripted() as server, connected(server) as client:
        server.on("GET", f"{PATH}/a", answer(partial), answer(whole))
        first = await client.get(CONFIG_MAP, "a", "default", metadata_only=True)
        assert first == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
        # A server that does not know the representation sends all of it.
        second = await client.get(CONFIG_MAP, "a", "default", metadata_only=True)
        assert second == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": whole["metadata"]}
        assert "as=PartialObjectMetadata;" in server.asked("GET", f"{PATH}/a")[0].headers["Accept"]


async def test_list_reads_every_page_and_names_the_kind_of_items() -> None:
    bare = {key: value for key, value in config_map("b", 2).items() if key not in ("apiVersion", "kind")}
    async with scripted() as server, connected(server) as client:
        server.on(
            "GET",
            "/api/v1/configmaps",
            answer(listing(config_map("a", 1), version=9, position="more")),
            answer(listing(bare, version=9)),
        )
        found = await client.list(CONFIG_MAP, label_selector="app in (a,b)", page_size=1)
        assert [item["metadata"]["name"] for item in found.items] == ["a", "b"]
        assert found.items[1]["kind"] == "ConfigMap"
        assert found.resource_version == "9"
        first, second = server.asked("GET", "/api/v1/configmaps")
        assert first.query == {"limit": "1", "labelSelector": "app in (a,b)"}
        assert second.query["continue"] == "more"


async def test_list_starts_over_in_one_piece_when_the_continue_token_expires() -> None:
    async with scripted() as server, connected(server) as client:
        server.on(
            "GET",
            "/api/v1/configmaps",
            answer(listing(config_map("a", 1), version=9, position="more")),
            answer(status(410, "Expired"), 410),
            answer(listing(config_map("a", 1), config_map("b", 2), version=12)),
        )
        found = await client.list(CONFIG_MAP, page_size=1)
        assert [item["metadata"]["name"] for item in found.items] == ["a", "b"]
        assert found.resource_version == "12"
        assert "limit" not in server.asked("GET", "/api/v1/configmaps")[2].query


async def test_writes() -> None:
    obj = config_map("a", 5)
    async with scripted() as server, connected(server) as client:
        server.on("POST", PATH, answer(obj, 201))
        server.on("PUT", f"{PATH}/a", answer(obj))
        server.on("PUT", f"{PATH}/a/status", answer(obj))
        server.on("PATCH", f"{PATH}/a", answer(obj))
        await client.create(obj, dry_run=True)
        await client.replace(obj)
        await client.replace(obj, subresource="status")
        await client.apply(obj, field_manager="kustomize-controller", force=False)
        await client.patch(CONFIG_MAP, "a", "default", patch={"data": None}, kind=PatchKind.MERGE)
        await client.patch(CONFIG_MAP, "a", "default", patch=[{"op": "remove", "path": "/data"}], kind=PatchKind.JSON)
        create, replace, replace_status, apply, merge, json_patch = server.seen[-6:]
        assert create.query == {"fieldManager": "fluxkit", "dryRun": "All"}
        assert replace.query == {"fieldManager": "fluxkit"}
        assert replace_status.path == f"{PATH}/a/status"
        assert apply.query == {"fieldManager": "kustomize-controller", "force": "false"}
        assert apply.headers["Content-Type"] == "application/apply-patch+yaml"
        assert orjson.loads(apply.body) == obj
        assert merge.headers["Content-Type"] == "application/merge-patch+json"
        assert orjson.loads(merge.body) == {"data": None}
        assert json_patch.headers["Content-Type"] == "application/json-patch+json"
        assert client.stats.writes == 6


async def test_delete_options_and_answers() -> None:
    gone = {"kind": "Status", "apiVersion": "v1", "status": "Success"}
    async with scripted() as server, connected(server) as client:
        server.on("DELETE", f"{PATH}/a", answer(config_map("a", 6)), answer(gone))
        left = await client.delete(
            CONFIG_MAP,
            "a",
            "default",
            propagation=Propagation.FOREGROUND,
            uid="u",
            resource_version="5",
            grace_period=0,
        )
        assert left is not None
        assert left["metadata"]["name"] == "a"
        assert await client.delete(CONFIG_MAP, "a", "default") is None
        assert orjson.loads(server.asked("DELETE", f"{PATH}/a")[0].body) == {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground",
            "gracePeriodSeconds": 0,
            "preconditions": {"uid": "u", "resourceVersion": "5"},
        }


async def test_an_object_that_addresses_nothing_is_not_sent() -> None:
    async with scripted() as server, connected(server) as client:
        with pytest.raises(errors.InvalidRequest, match=r"ConfigMap/a: metadata.namespace is required"):
            await client.get(CONFIG_MAP, "a")
        with pytest.raises(errors.InvalidRequest, match=r"ConfigMap: metadata.name is required"):
            await client.get(CONFIG_MAP, "", "default")
        with pytest.raises(errors.InvalidRequest, match=r"may not be used in a path"):
            await client.get(CONFIG_MAP, "../secrets/x", "default")
        assert client.stats.requests["get"] == 0


@pytest.mark.contract("RUN-140", "RUN-141")
async def test_impersonation_shares_session_discovery_and_counters() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", f"{PATH}/a", answer(config_map("a", 5)))
        await client.get(CONFIG_MAP, "a", "default")
        discovered = client.stats.requests["discovery"]
        other = client.impersonate(
            "system:serviceaccount:apps:deployer", groups=["one", "two"], uid="7", extra={"example.com/team": ["x"]}
        )
        await other.get(CONFIG_MAP, "a", "default")
        assert client.stats.requests["get"] == 2
        assert client.stats.requests["discovery"] == discovered
        plain, acting = server.asked("GET", f"{PATH}/a")
        assert not [name for name, _ in plain.header_items if name.startswith("Impersonate")]
        assert [(name, value) for name, value in acting.header_items if name.startswith("Impersonate")] == [
            ("Impersonate-User", "system:serviceaccount:apps:deployer"),
            ("Impersonate-Group", "one"),
            ("Impersonate-Group", "two"),
            ("Impersonate-Uid", "7"),
            ("Impersonate-Extra-example.com%2Fteam", "x"),
        ]
        async with other:
            pass  # closing it must not close the session of its owner
        await client.get(CONFIG_MAP, "a", "default")


async def test_a_watch_carries_the_impersonation_too() -> None:
    async with scripted() as server, connected(server) as client:
        watching = client.impersonate("jane").watch(CONFIG_MAP, resource_version="3")
        first = asyncio.ensure_future(anext(watching))
        watch = await server.next_watch()
        watch.send(event("ADDED", config_map("a", 4)))
        await first
        assert server.seen[-1].headers["Impersonate-User"] == "jane"
        await watching.aclose()


async def test_watch_events_arrive_whole_however_they_are_cut() -> None:
    async with scripted() as server, connected(server) as client:
        watching = client.watch(CONFIG_MAP, "default", resource_version="3", label_selector="app=a")
        first = asyncio.ensure_future(anext(watching))
        watch = await server.next_watch()
        assert watch.query["resourceVersion"] == "3"
        assert watch.query["allowWatchBookmarks"] == "true"
        assert watch.query["labelSelector"] == "app=a"
        assert 300 <= int(watch.query["timeoutSeconds"]) <= 600
        line = event("ADDED", config_map("a", 4))
        watch.send(line[:10])
        watch.send(line[10:] + event("MODIFIED", config_map("a", 5))[:20])
        assert (await first).type == "ADDED"
        watch.send(event("MODIFIED", config_map("a", 5))[20:] + b"\n" + bookmark(9))
        second = await anext(watching)
        assert (second.type, second.resource_version) == ("MODIFIED", "5")
        third = await anext(watching)
        assert (third.type, third.resource_version) == ("BOOKMARK", "9")
        watch.end()
        with pytest.raises(StopAsyncIteration):
            await anext(watching)


async def _watched(server: ScriptedServer, client: Client, *lines: bytes, drop: bool = False) -> list[str]:
    async def collect() -> list[str]:
        return [item.resource_version async for item in client.watch(CONFIG_MAP, resource_version="3")]

    collecting = asyncio.ensure_future(collect())
    watch = await server.next_watch()
    watch.send(*lines)
    if drop:
        watch.drop()
    else:
        watch.end()
    return await collecting


async def test_watch_errors_are_typed() -> None:
    async with scripted() as server, connected(server) as client:
        with pytest.raises(errors.Expired):
            await _watched(server, client, event("ERROR", status(410, "Expired")))
        with pytest.raises(errors.InternalError):
            await _watched(server, client, event("ERROR", status(500, "InternalError")))
        with pytest.raises(errors.BadResponse, match=r"not JSON"):
            await _watched(server, client, b"{nonsense\n")
        with pytest.raises(errors.BadResponse, match=r"neither a known type"):
            await _watched(server, client, b'{"type":"EXPLODED","object":{}}\n')
        with pytest.raises(errors.ConnectionFailed):
            await _watched(server, client, event("ADDED", config_map("a", 4))[:30], drop=True)
        # The half line at a proper end was never said.
        assert await _watched(server, client, event("ADDED", config_map("a", 4)), b'{"type":"ADDED"') == ["4"]
        server.on("WATCH", "/api/v1/configmaps", answer(status(410, "Gone"), 410))
        with pytest.raises(errors.Expired):
            async for _ in client.watch(CONFIG_MAP, resource_version="3"):
                pass


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "BadRequest", errors.BadRequest),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (405, "MethodNotAllowed", errors.MethodNotAllowed),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Gone", errors.Expired),
        (410, "Expired", errors.Expired),
        (415, "UnsupportedMediaType", errors.UnsupportedMediaType),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.InternalError),
        (500, "ServerTimeout", errors.ServerTimeout),
        (503, "ServiceUnavailable", errors.ServiceUnavailable),
        (504, "Timeout", errors.ServerTimeout),
        (409, "SomethingNew", errors.Conflict),
        (418, "", errors.APIError),
    ],
)
async def test_statuses_become_typed_errors(code: int, reason: str, expected: type[errors.APIError]) -> None:
    async with scripted() as server, connected(server) as client:
        causes = [{"reason": "FieldValueRequired", "field": "data"}]
        server.on("POST", PATH, answer(status(code, reason, "what the server says", name="a", causes=causes), code))
        with pytest.raises(expected) as caught:
            await client.create(config_map("a", 0))
        error = caught.value
        assert type(error) is expected
        assert str(error) == "what the server says"
        assert (error.code, error.reason, error.details["name"]) == (code, reason, "a")
        assert error.cause("FieldValueRequired", "data") == causes[0]
        assert error.cause("Other") is None


async def test_an_answer_that_is_no_status_says_what_was_asked() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("POST", PATH, answer(b"<html>502 from a proxy</html>", 502), answer(b"no such thing", 404))
        with pytest.raises(errors.ServiceUnavailable, match=r"answered 502 Bad Gateway to POST /api/v1/.*/configmaps$"):
            await client.create(config_map("a", 0))
        with pytest.raises(errors.NotFound, match=r"answered 404 Not Found to POST .*: no such thing"):
            await client.create(config_map("a", 0))


async def test_success_that_is_not_json() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", f"{PATH}/a", answer(b"<html>"), answer([1]))
        with pytest.raises(errors.BadResponse, match=r"is not JSON"):
            await client.get(CONFIG_MAP, "a", "default")
        with pytest.raises(errors.BadResponse, match=r"is not an object"):
            await client.get(CONFIG_MAP, "a", "default")


async def test_nobody_listens(unused_tcp_port: int) -> None:
    async with Client(ClusterConfig(server=f"http://127.0.0.1:{unused_tcp_port}")) as client:
        with pytest.raises(
            errors.ConnectionFailed, match=rf"http://127.0.0.1:{unused_tcp_port}: cannot connect"
        ) as caught:
            await client.raw("GET", "/version")
        assert caught.value.sent is False


async def test_raw_and_stream() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", "/version", answer({"gitVersion": "v1.37.0"}))
        server.on("GET", "/log", answer(b"one\ntwo\n"), answer(status(403, "Forbidden"), 403))
        assert (await client.server_version())["gitVersion"] == "v1.37.0"
        assert b"".join([chunk async for chunk in client.stream("/log", params={"follow": "true"})]) == b"one\ntwo\n"
        assert server.seen[-1].query == {"follow": "true"}
        with pytest.raises(errors.Forbidden):
            async for _ in client.stream("/log"):
                pass


async def test_unknown_kinds() -> None:
    async with scripted() as server, connected(server) as client:
        with pytest.raises(errors.NoMatch, match=r'no matches for kind "Widget" in version "example.com/v1"'):
            await client.mapping(GroupVersionKind("example.com", "v1", "Widget"))
        with pytest.raises(errors.NoMatch, match=r'no matches for kind "Widget" in group "example.com"'):
            await client.mapping(GroupKind("example.com", "Widget"))
        with pytest.raises(errors.NoMatch, match='resource type "widget"'):
            await client.resolve("widget")
        server.on("GET", "/api", hang_up)
        client.invalidate_discovery()
        with pytest.raises(errors.ConnectionFailed):
            await client.mapping(CONFIG_MAP)


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"not open"):
        await Client(ClusterConfig(server="http://127.0.0.1:1")).raw("GET", "/version")


async def test_the_size_of_one_event_is_bounded_and_that_of_a_watch_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fluxkit.kube.watch._LINE_LIMIT", 400)
    line = event("ADDED", config_map("a", 4))

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield line[:100]
            yield line[100:]
        for _ in range(5):
            yield b"x" * 100

    seen = []

    async def follow() -> None:
        async for item in decode_events(chunks(), what="test"):
            seen.append(item.type)

    with pytest.raises(errors.BadResponse, match="test: an event is larger than"):
        await follow()
    assert seen == ["ADDED"] * 10
