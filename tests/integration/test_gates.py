"""Feature gates of the kustomize-controller that change what wakes it, and errors that are nobody's fault."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from fluxkit.kube import PatchKind
from fluxkit.objects import Object
from testbed import Rig, git_repository, kustomization
from tests.integration.conftest import new_fleet
from tests.integration.fleet import CONFIG_MAP, SOURCE, Fleet, config_map
from tests.integration.test_moving import entries
from tests.integration.test_reporting import sample

ERRORS = 'controller_runtime_reconcile_errors_total{controller="kustomization"}'
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Fleet]:
    arguments = ("--metrics-addr=127.0.0.1:0", "--min-retry-delay=100ms", "--feature-gates=DisableConfigWatchers=true")
    more = ("--feature-gates=DirectSourceFetch=true", "--watch-label-selector=shard=one")
    async with Rig.open(tmp_path, *arguments, *more) as rig:
        yield await new_fleet(rig)


def in_shard(obj: Object) -> Object:
    obj["metadata"]["labels"] = {"shard": "one"}
    return obj


@pytest.mark.contract("KUS-304", "KUS-060", "KUS-070")
async def test_configuration_is_not_watched_and_sources_are_read_directly(own: Fleet) -> None:
    variables: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "variables", "namespace": own.namespace, "labels": WATCHED},
        "data": {"value": "one"},
    }
    await own.client.create(variables)
    own.repository.write("app/a.yaml", config_map("a", own.namespace, "${value}"))
    revision = await own.repository.push("start")
    source = git_repository(SOURCE, own.namespace, own.rig.url(own.repository))
    await own.client.create(in_shard(source))
    substitution = {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}
    await own.client.create(in_shard(kustomization("app", own.namespace, SOURCE, "./app", postBuild=substitution)))
    await own.applied("app", revision)
    await own.client.patch(
        CONFIG_MAP, "variables", own.namespace, patch={"data": {"value": "two"}}, kind=PatchKind.MERGE
    )
    # another one that changes later and is done proves that the first was not woken
    before = sample(await own.metrics(), ERRORS)
    fault = {"code": 500, "resource": "gitrepositories", "namespace": own.namespace, "verb": "get", "count": 12}
    await own.client.raw("POST", "/sandbox/faults", body=orjson.dumps(fault))
    other = {"postBuild": {"substitute": {"value": "x"}}, "targetNamespace": "default"}
    await own.client.create(in_shard(kustomization("later", own.namespace, SOURCE, "./app", **other)))
    later = await own.applied("later", revision)
    assert later.status.history[0].total_reconciliations == 1
    assert sample(await own.metrics(), ERRORS) > before
    assert (await own.client.get(CONFIG_MAP, "a", own.namespace))["data"] == {"key": "one"}
    await own.reconcile("app")
    await own.object_where(
        CONFIG_MAP, lambda cache: (cache.get(own.namespace, "a") or {}).get("data") == {"key": "two"}
    )
    await moves_to_another_shard(own)


async def moves_to_another_shard(own: Fleet) -> None:
    """The new owner has never been seen by anybody; the object waits for it all the same."""
    for name in ("moved", "gone"):
        own.repository.write(f"near/{name}.yaml", config_map(name, own.namespace))
    own.repository.write("near/stays.yaml", config_map("stays", own.namespace))
    revision = await own.push("more")
    await own.client.create(in_shard(kustomization("near", own.namespace, SOURCE, "./near")))
    await own.applied("near", revision)
    await own.client.create(kustomization("far", own.namespace, SOURCE, "./far"))
    own.repository.write("far/moved.yaml", config_map("moved", own.namespace))
    for name in ("moved", "gone"):
        own.repository.remove(f"near/{name}.yaml")
    kept = await own.applied("near", await own.push("move"))
    assert entries(kept) == {"moved", "stays"}
    assert await own.exists(CONFIG_MAP, "moved")
    assert not await own.exists(CONFIG_MAP, "gone")
