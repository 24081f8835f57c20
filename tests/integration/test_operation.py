"""How operators run the controllers: flags that divide and restrict, and the end of a process in the middle of work."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fluxkit.api import Kustomization
from fluxkit.runtime.status_check import check_final, check_in_progress
from testbed import Controllers, Rig, git_repository, kustomization
from tests.integration.conftest import new_fleet
from tests.integration.fleet import DEPLOYMENT, SOURCE, Fleet, config_map, deployment
from tests.integration.test_spec import allow

SHARD = {"shard": "one"}


class Operator:
    """Starts controllers with other flags on the same cluster."""

    def __init__(self, rig: Rig, directory: Path) -> None:
        self.rig = rig
        self._directory = directory / "controllers"

    async def run(self, *flags: str) -> None:
        self.rig.controllers = Controllers(self.rig.cluster.kubeconfig, self._directory, *flags)
        await self.rig.controllers.run()

    async def stop(self) -> None:
        await self.rig.controllers.stop()


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Rig.open(tmp_path, "--min-retry-delay=50ms") as rig:
        yield Operator(rig, tmp_path)


async def stop_in_the_middle(operator: Operator, fleet: Fleet) -> None:
    """SIGTERM during a health check: the status says that work was under way, and the next process finishes it."""
    never = {"sandbox.fluxkit.dev/ready-after": "1h"}
    fleet.repository.write("app/a.yaml", deployment("a", fleet.namespace, annotations=never))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", wait=True, timeout="10m")
    await fleet.kustomization_where(
        "app", lambda each: any(condition.message.startswith("Running health") for condition in each.status.conditions)
    )
    await operator.stop()
    text = operator.rig.controllers.log_file.read_text()
    assert text.count("All workers finished") == 2
    assert "Not all runs ended" not in text
    assert "Traceback" not in text
    stopped = Kustomization.decode(await fleet.client.get(Kustomization.GVK, "app", fleet.namespace))
    assert check_in_progress(stopped).failures == []
    assert stopped.status.inventory is not None
    assert [entry.id for entry in stopped.status.inventory.entries] == [f"{fleet.namespace}_a_apps_Deployment"]
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("fix")
    await operator.run("--min-retry-delay=50ms")
    applied = await fleet.applied("app", revision)
    assert check_final(applied, ("Stalled", "Reconciling")).failures == []
    assert not await fleet.exists(DEPLOYMENT, "a")


@pytest.mark.contract("KUS-047", "KUS-068", "KUS-080", "KUS-306", "KUS-363", "RUN-135", "RUN-138", "KUS-305")
async def test_flags_and_the_end_of_a_process(operator: Operator) -> None:
    mine, other = await new_fleet(operator.rig), await new_fleet(operator.rig)
    await stop_in_the_middle(operator, await new_fleet(operator.rig))
    await operator.stop()
    await shards_and_lockdown(operator, mine, other)
    await operator.stop()
    await one_namespace(operator, mine, other)


async def create(fleet: Fleet, name: str, namespace: str = "", **spec: object) -> None:
    """A Kustomization of the shard."""
    obj = kustomization(name, fleet.namespace, SOURCE, "./app", **spec)
    if namespace:
        obj["spec"]["sourceRef"]["namespace"] = namespace
    obj["metadata"]["labels"] = SHARD
    await fleet.client.create(obj)


async def shards_and_lockdown(operator: Operator, mine: Fleet, other: Fleet) -> None:
    await operator.run(
        "--watch-label-selector=shard=one",
        "--no-cross-namespace-refs",
        "--default-service-account=tenant",
        "--requeue-dependency=10m",
    )
    for fleet in (mine, other):
        fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
        await fleet.repository.push("start")
        source = git_repository(SOURCE, fleet.namespace, operator.rig.url(fleet.repository))
        source["metadata"]["labels"] = SHARD
        await fleet.client.create(source)
    await create(other, "base")
    message = await other.failed("base", "ReconciliationFailed")
    assert f"system:serviceaccount:{other.namespace}:tenant" in message
    await mine.kustomize("foreign", "./app")
    await create(mine, "thief", other.namespace)
    message = await mine.failed("thief", "AccessDenied")
    assert message == (
        f"can't access 'GitRepository/{other.namespace}/{SOURCE}', cross-namespace references have been blocked"
    )
    assert (await mine.event(message))["type"] == "Warning"
    await create(mine, "app", dependsOn=[{"name": "base", "namespace": other.namespace}])
    assert "is not ready" in await mine.failed("app", "DependencyNotReady")
    for fleet in (mine, other):
        await allow(fleet, "tenant", "get", "list", "watch", "create", "patch", "delete")
    await other.reconcile("base")
    await mine.kustomization_where("app", lambda each: each.status.last_applied_revision != "")
    foreign, thief = mine.kustomization("foreign"), mine.kustomization("thief")
    assert foreign is not None
    assert foreign.metadata.finalizers == []
    assert thief is not None
    assert check_final(thief, ("Stalled", "Reconciling")).failures == []
    assert [condition.type for condition in thief.status.conditions] == ["Stalled", "Ready"]


async def one_namespace(operator: Operator, mine: Fleet, other: Fleet) -> None:
    await operator.run("--watch-all-namespaces=false", f"--namespace={mine.namespace}")
    for fleet in (other, mine):
        fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
        revision = await fleet.push()
    await mine.applied("foreign", revision)
    untouched = other.source()
    assert untouched is not None
    assert untouched.status.last_handled_reconcile_at == ""
