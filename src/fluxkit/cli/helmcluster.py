"""What a rendering takes from a cluster: its version and APIs, the objects that templates look up, the kinds it knows.

Upstream: helm/helm ``pkg/action/action.go`` (getCapabilities, GetVersionSet), ``pkg/engine/lookup_func.go``.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fluxkit.cli.cluster import Session, run
from fluxkit.cli.errors import CommandError
from fluxkit.cli.settings import Settings
from fluxkit.helm.render import Capabilities, KubeVersion, Lookup, Rendered, VersionSet
from fluxkit.kube import Client, errors
from fluxkit.objects import GroupVersionKind
from fluxkit.template import FunctionError

__all__ = ["render_with_cluster"]


def render_with_cluster(settings: Settings, work: Callable[[Capabilities, Lookup], Rendered]) -> Rendered:
    """The result of ``work``, which runs in a thread of its own; the cluster must know all kinds in it."""
    results: list[Rendered] = []

    async def verb(session: Session) -> None:
        client, loop = session.client, asyncio.get_running_loop()

        def lookup(api_version: str, kind: str, namespace: str, name: str) -> Mapping[str, Any]:
            found = _lookup(client, api_version, kind, namespace, name)
            return asyncio.run_coroutine_threadsafe(found, loop).result()

        rendered = await asyncio.to_thread(work, await _capabilities(client), lookup)
        for manifest in rendered.manifests:
            await _check(client, manifest.head.api_version, manifest.head.kind, manifest.head.name)
        results.append(rendered)

    run(settings, verb)
    return results[0]


async def _capabilities(client: Client) -> Capabilities:
    version = await client.server_version()
    known: dict[str, None] = {}
    mappings = await client.mappings()
    for mapping in mappings:
        known[_api_version(mapping.gvk)] = None
    for mapping in mappings:
        known[f"{_api_version(mapping.gvk)}/{mapping.gvk.kind}"] = None
    kube_version = KubeVersion(str(version["gitVersion"]), str(version["major"]), str(version["minor"]))
    return Capabilities(kube_version=kube_version, api_versions=VersionSet(known))


def _api_version(gvk: GroupVersionKind) -> str:
    return f"{gvk.group}/{gvk.version}" if gvk.group else gvk.version


async def _lookup(client: Client, api_version: str, kind: str, namespace: str, name: str) -> Mapping[str, Any]:
    gvk = GroupVersionKind.parse(api_version, kind)
    try:
        if name:
            return await client.get(gvk, name, namespace)
        listed = await client.list(gvk, namespace)
    except errors.NoMatch:
        raise FunctionError(
            f"unable to get apiresource from unstructured: {api_version}, Kind={kind}: "
            "the server could not find the requested resource"
        ) from None
    except errors.NotFound:
        return {}
    except errors.KubeError as problem:
        raise FunctionError(str(problem)) from problem
    return {
        "apiVersion": api_version,
        "kind": f"{kind}List",
        "metadata": {"resourceVersion": listed.resource_version},
        "items": list(listed.items),
    }


async def _check(client: Client, api_version: str, kind: str, name: str) -> None:
    if not kind:
        return
    try:
        await client.mapping(GroupVersionKind.parse(api_version, kind))
    except errors.NoMatch:
        raise CommandError(
            "unable to build kubernetes objects from release manifest: resource mapping not found for name: "
            f'"{name}" namespace: "" from "": no matches for kind "{kind}" in version "{api_version}"\n'
            "ensure CRDs are installed first"
        ) from None
