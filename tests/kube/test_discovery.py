"""Discovery in both of its forms, and how long it believes what it read."""

from typing import Any

import pytest
from aiohttp import web

from fluxkit.kube import errors
from fluxkit.objects import GroupKind, GroupVersionKind

from .scripted import CONFIG_MAP, DEPLOYMENT, WIDGET, ScriptedServer, answer, connected, scripted


def aggregated(*groups: tuple[str, list[tuple[str, list[dict[str, Any]]]]]) -> dict[str, Any]:
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "items": [
            {
                "metadata": {"name": name},
                "versions": [{"version": version, "resources": resources} for version, resources in versions],
            }
            for name, versions in groups
        ],
    }


def resource(plural: str, kind: str, *short: str, scope: str = "Namespaced") -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": scope,
        "singularResource": kind.lower(),
        "verbs": ["get", "list", "watch"],
        "shortNames": list(short),
        "categories": ["all"],
        "subresources": [{"subresource": "status", "verbs": ["get"]}],
    }


CORE = aggregated(
    ("", [("v1", [resource("configmaps", "ConfigMap", "cm"), resource("nodes", "Node", "no", scope="Cluster")])])
)
GROUPS = aggregated(
    ("apps", [("v1", [resource("deployments", "Deployment", "deploy")])]),
    ("batch.example.com", [("v1", [resource("deployments", "Deployment"), resource("jobs", "Job", "cm")])]),
    ("example.com", [("v2", [resource("widgets", "Widget")]), ("v1", [resource("widgets", "Widget")])]),
)


def legacy_group(name: str, *versions: str, preferred: str = "") -> dict[str, Any]:
    return {
        "kind": "APIGroup",
        "name": name,
        "versions": [{"groupVersion": f"{name}/{version}", "version": version} for version in versions],
        "preferredVersion": {"version": preferred or versions[0]},
    }


def legacy_resources(group_version: str, *resources: tuple[str, str, bool]) -> dict[str, Any]:
    return {
        "kind": "APIResourceList",
        "groupVersion": group_version,
        "resources": [
            {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get"]}
            for name, kind, namespaced in resources
        ],
    }


def serve_aggregated(server: ScriptedServer, groups: dict[str, Any] = GROUPS) -> None:
    server.on("GET", "/api", answer(CORE))
    server.on("GET", "/apis", answer(groups))


async def test_aggregated() -> None:
    async with scripted() as server, connected(server) as client:
        serve_aggregated(server)
        found = await client.mapping(DEPLOYMENT)
        assert (found.plural, found.namespaced, found.singular) == ("deployments", True, "deployment")
        assert found.verbs == {"get", "list", "watch"}
        assert found.subresources == {"status"}
        assert found.categories == ("all",)
        assert (await client.mapping(GroupVersionKind("", "v1", "Node"))).namespaced is False
        assert (await client.mapping(GroupKind("example.com", "Widget"))).gvk.version == "v2"
        assert (await client.mapping(WIDGET)).gvk.version == "v1"
        assert client.stats.requests["discovery"] == 2
        assert "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" in server.seen[0].headers["Accept"]


async def test_legacy() -> None:
    async with scripted() as server, connected(server) as client:
        groups = [legacy_group("apps", "v1"), legacy_group("example.com", "v1", "v2", preferred="v2")]
        server.on("GET", "/apis", answer({"kind": "APIGroupList", "groups": groups}))
        server.on("GET", "/apis/apps/v1", answer(legacy_resources("apps/v1", ("deployments", "Deployment", True))))
        for version in ("v1", "v2"):
            body = legacy_resources(
                f"example.com/{version}", ("widgets", "Widget", False), ("widgets/scale", "X", False)
            )
            server.on("GET", f"/apis/example.com/{version}", answer(body))
        assert (await client.mapping(DEPLOYMENT)).plural == "deployments"
        widget = await client.mapping(GroupKind("example.com", "Widget"))
        assert (widget.gvk.version, widget.namespaced, widget.singular) == ("v2", False, "widget")
        assert widget.subresources == {"scale"}
        assert {mapping.gvk.kind for mapping in await client.mappings()} >= {"ConfigMap", "Deployment", "Widget"}
        assert len(server.asked("GET", "/apis")) == 1


async def test_a_server_that_refuses_the_aggregated_form() -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", "/apis", answer(b"not acceptable", 406), answer({"kind": "APIGroupList", "groups": []}))
        assert (await client.mapping(CONFIG_MAP)).plural == "configmaps"


@pytest.mark.parametrize(
    ("said", "kind", "group", "version"),
    [
        ("cm", "ConfigMap", "", "v1"),
        ("configmaps", "ConfigMap", "", "v1"),
        ("ConfigMap", "ConfigMap", "", "v1"),
        ("configmap.v1.", "ConfigMap", "", "v1"),
        ("deploy", "Deployment", "apps", "v1"),
        ("deployments", "Deployment", "apps", "v1"),
        ("deployments.batch.example.com", "Deployment", "batch.example.com", "v1"),
        ("deployments.batch", "Deployment", "batch.example.com", "v1"),
        ("deployments.v1.batch.example.com", "Deployment", "batch.example.com", "v1"),
        ("widgets", "Widget", "example.com", "v2"),
        ("widgets.v1.example.com", "Widget", "example.com", "v1"),
        ("cm.batch.example.com", "Job", "batch.example.com", "v1"),
    ],
)
async def test_what_people_say(said: str, kind: str, group: str, version: str) -> None:
    async with scripted() as server, connected(server) as client:
        serve_aggregated(server)
        assert (await client.resolve(said)).gvk == GroupVersionKind(group, version, kind)


async def test_a_miss_asks_only_its_own_group_and_not_again_at_once() -> None:
    async with scripted() as server, connected(server) as client:
        serve_aggregated(server, aggregated())
        await client.mapping(CONFIG_MAP)
        for _ in range(5):
            with pytest.raises(errors.NoMatch):
                await client.mapping(WIDGET)
        assert len(server.asked("GET", "/apis/example.com")) == 1
        assert len(server.asked("GET", "/apis")) == 1


async def test_a_kind_that_appears_later_is_found() -> None:
    async with scripted() as server, connected(server) as client:
        serve_aggregated(server, aggregated())
        await client.mapping(CONFIG_MAP)
        server.on("GET", "/apis/example.com", answer(legacy_group("example.com", "v1")))
        body = legacy_resources("example.com/v1", ("widgets", "Widget", True))
        server.on("GET", "/apis/example.com/v1", answer(body))
        assert (await client.mapping(WIDGET)).plural == "widgets"
        assert (await client.mapping(GroupKind("example.com", "Widget"))).gvk == WIDGET


async def test_installing_a_kind_makes_a_miss_forgotten_and_keeps_what_is_known() -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
    }
    extensions = ("apiextensions.k8s.io", [("v1", [resource("customresourcedefinitions", "CustomResourceDefinition")])])
    extensions[1][0][1][0]["scope"] = "Cluster"
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
    async with scripted() as server, connected(server) as client:
        serve_aggregated(server, aggregated(extensions))
        server.on("PATCH", path, answer(definition))
        with pytest.raises(errors.NoMatch):
            await client.mapping(WIDGET)
        changed = client.discovery_changed
        assert not changed.is_set()
        await client.apply(definition)
        assert changed.is_set()
        server.on("GET", "/apis/example.com", answer(legacy_group("example.com", "v1")))
        server.on("GET", "/apis/example.com/v1", answer(legacy_resources("x", ("widgets", "Widget", True))))
        assert (await client.mapping(WIDGET)).plural == "widgets"
        assert len(server.asked("GET", "/apis")) == 1


async def test_a_path_that_is_gone_makes_its_group_forgotten() -> None:
    async with scripted() as server, connected(server) as client:
        serve_aggregated(server)
        await client.mapping(WIDGET)
        with pytest.raises(errors.NotFound):  # the scripted server knows no such path
            await client.list(WIDGET)
        with pytest.raises(errors.NoMatch):
            await client.mapping(WIDGET)
        assert (await client.mapping(DEPLOYMENT)).plural == "deployments"
        assert len(server.asked("GET", "/apis")) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "x"}, "versions": [{"resources": []}]}]},
        {"kind": "APIGroupList", "groups": [{"versions": []}]},
        [],
        b"<html>",
    ],
)
async def test_documents_that_break_the_promise(document: Any) -> None:
    async with scripted() as server, connected(server) as client:
        server.on("GET", "/apis", answer(document))
        with pytest.raises(errors.BadResponse, match="discovery"):
            await client.mapping(WIDGET)


async def test_a_kind_that_is_installed_while_its_group_is_read_is_found() -> None:
    async with scripted() as server, connected(server) as client:
        serve_aggregated(server, aggregated())
        await client.mapping(CONFIG_MAP)

        async def too_early(request: web.Request) -> web.StreamResponse:
            serve_aggregated(server)
            client.invalidate_discovery()
            return web.Response(status=404)

        server.on("GET", "/apis/example.com", too_early)
        assert (await client.mapping(WIDGET)).plural == "widgets"
