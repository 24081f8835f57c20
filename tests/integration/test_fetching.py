"""Artifacts that cannot be fetched for a while, and what is asked for meanwhile."""

import pytest
from aiohttp import web

from fluxkit.api import Artifact, GitRepository
from fluxkit.kube import CacheEvent, PatchKind
from fluxkit.objects import key_of
from testbed import git_repository, kustomization
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map


async def publish(fleet: Fleet, artifact: Artifact, url: str) -> None:
    """Makes the suspended source advertise its artifact at an address."""
    status = {
        "artifact": {
            "url": url,
            "path": artifact.path,
            "digest": artifact.digest,
            "revision": artifact.revision,
            "lastUpdateTime": artifact.last_update_time,
        }
    }
    await fleet.client.patch(
        GitRepository.GVK,
        "manual",
        fleet.namespace,
        patch={"status": status},
        kind=PatchKind.MERGE,
        subresource="status",
    )


@pytest.mark.contract("KUS-063", "KUS-029")
async def test_a_request_stands_until_a_run_gets_to_its_source(fleet: Fleet) -> None:
    """A run that is interrupted while it fetches did nothing of what was asked."""
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    artifact = (await fleet.source_ready(revision)).status.artifact
    assert artifact is not None
    asked: list[str] = []

    async def unavailable(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=503)

    app = web.Application()
    app.router.add_get("/{path:.*}", unavailable)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    handled: list[tuple[str, str]] = []

    def note(event: CacheEvent) -> None:
        if event.new is not None and key_of(event.new).namespace == fleet.namespace:
            status = event.new.get("status") or {}
            handled.append((status.get("lastHandledReconcileAt", ""), status.get("lastAttemptedRevision", "")))

    stop = fleet.rig.kustomizations.subscribe(note)
    try:
        await fleet.client.create(git_repository("manual", fleet.namespace, "https://example.com/none", suspend=True))
        await publish(fleet, artifact, f"http://127.0.0.1:{runner.addresses[0][1]}/a.tar.gz")
        obj = kustomization("app", fleet.namespace, "manual", "./app", retryInterval="1h")
        obj["metadata"]["annotations"] = {"reconcile.fluxcd.io/requestedAt": "before"}
        await fleet.client.create(obj)
        # told once the first try failed, while the second is waited for
        await fleet.kustomization_where(
            "app", lambda each: any("Fetching" in c.message for c in each.status.conditions)
        )
        await fleet.reconcile("app")
        await publish(fleet, artifact, artifact.url)
        await fleet.applied("app", revision)
        await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at not in ("", "before"))
    finally:
        stop()
        await runner.cleanup()
    assert asked
    assert {attempted for request, attempted in handled if request not in ("", "before")} == {revision}
    assert await fleet.exists(CONFIG_MAP, "a")
