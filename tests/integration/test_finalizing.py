"""Deletions that fail, and those that do not wait for what they started."""

from typing import Any

import pytest

from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map
from tests.integration.hooks import admission_hook, refusal, server
from tests.integration.test_reporting import sample
from tests.sandbox.hooks import HookServer

__all__ = ["admission_hook", "server"]

ERRORS = 'controller_runtime_reconcile_errors_total{controller="kustomization"}'


async def gone(fleet: Fleet, name: str) -> None:
    await fleet.rig.kustomizations.wait_for(lambda cache: cache.get(fleet.namespace, name) is None, 30)


async def start(fleet: Fleet, **spec: Any) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", **spec)
    await fleet.applied("app", revision)


@pytest.mark.contract("KUS-326", "KUS-293")
async def test_a_deletion_that_is_refused_is_retried(fleet: Fleet, admission_hook: HookServer) -> None:
    await start(fleet)
    admission_hook.answer = lambda request: (
        refusal("not yet") if request["operation"] == "DELETE" else {"allowed": True}
    )
    before = sample(await fleet.metrics(), ERRORS)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await fleet.event("pruning for deleted resource failed")
    held = await fleet.client.get(Kustomization.GVK, "app", fleet.namespace)
    assert held["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    # such an error goes to the queue's backoff: the interval of ten minutes would not bring it back in time
    admission_hook.answer = lambda request: {"allowed": True}
    await gone(fleet, "app")
    assert sample(await fleet.metrics(), ERRORS) > before
    assert not await fleet.exists(CONFIG_MAP, "a")


@pytest.mark.contract("KUS-370")
async def test_what_depends_on_it_goes_first(fleet: Fleet, admission_hook: HookServer) -> None:
    fleet.repository.write("infra/i.yaml", config_map("infra", fleet.namespace))
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("infra", "./infra")
    await fleet.kustomize("app", "./app", dependsOn=[{"name": "infra"}])
    await fleet.applied("app", revision)
    admission_hook.answer = lambda request: (
        refusal("not yet") if request["operation"] == "DELETE" and request["name"] == "a" else {"allowed": True}
    )
    for name in ("infra", "app"):  # in the order in which it is harder
        await fleet.client.delete(Kustomization.GVK, name, fleet.namespace)
    told = f"waiting for the deletion of what depends on it: Kustomization/{fleet.namespace}/app"
    assert await fleet.failed("infra", "DependantsNotDeleted") == told
    assert await fleet.exists(CONFIG_MAP, "infra")
    admission_hook.answer = lambda request: {"allowed": True}
    for name in ("app", "infra"):
        await gone(fleet, name)
    assert not await fleet.exists(CONFIG_MAP, "infra")


@pytest.mark.contract("KUS-370")
async def test_those_that_depend_on_each_other_go_at_once(fleet: Fleet) -> None:
    await fleet.kustomize("one", "./app", dependsOn=[{"name": "two"}])
    await fleet.kustomize("two", "./app", dependsOn=[{"name": "one"}])
    for name in ("one", "two"):
        await fleet.kustomization_where(name, lambda each: bool(each.metadata.finalizers))
    for name in ("one", "two"):
        await fleet.client.delete(Kustomization.GVK, name, fleet.namespace)
    for name in ("one", "two"):
        await gone(fleet, name)


@pytest.mark.contract("KUS-329")
async def test_other_policies_do_not_wait(fleet: Fleet) -> None:
    """An object with a finalizer of its own outlives the Kustomization."""
    await start(fleet)
    hold: dict[str, Any] = {"metadata": {"finalizers": ["example.com/hold"]}}
    await fleet.client.patch(CONFIG_MAP, "a", fleet.namespace, patch=hold, kind=PatchKind.MERGE)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await gone(fleet, "app")
    left = await fleet.client.get(CONFIG_MAP, "a", fleet.namespace)
    assert "deletionTimestamp" in left["metadata"]
    hold["metadata"]["finalizers"] = None
    await fleet.client.patch(CONFIG_MAP, "a", fleet.namespace, patch=hold, kind=PatchKind.MERGE)


@pytest.mark.contract("KUS-330")
async def test_deleted_before_it_had_a_finalizer(fleet: Fleet) -> None:
    """Somebody else's finalizer keeps it: there is nothing to do, and no error."""
    obj: dict[str, Any] = {
        "apiVersion": Kustomization.GVK.api_version,
        "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": fleet.namespace, "finalizers": ["example.com/hold"]},
        "spec": {
            "interval": "10m",
            "prune": True,
            "suspend": True,
            "sourceRef": {"kind": "GitRepository", "name": "none"},
        },
    }
    await fleet.client.create(obj)
    # as if it had been deleted at once
    without = {"metadata": {"finalizers": ["example.com/hold"]}}
    await fleet.kustomization_where("app", lambda each: len(each.metadata.finalizers) == 2)
    await fleet.client.patch(Kustomization.GVK, "app", fleet.namespace, patch=without, kind=PatchKind.MERGE)
    await fleet.client.delete(Kustomization.GVK, "app", fleet.namespace)
    await fleet.reconcile("app")
    await fleet.kustomization_where("app", lambda each: each.status.last_handled_reconcile_at != "")
    assert await fleet.warnings("app") == []
    free = {"metadata": {"finalizers": None}}
    await fleet.client.patch(Kustomization.GVK, "app", fleet.namespace, patch=free, kind=PatchKind.MERGE)
    await gone(fleet, "app")
