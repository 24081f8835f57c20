"""Feature gates of the kustomize-controller that change what wakes it, and errors that are nobody's fault."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from fluxkit.kube import PatchKind
from fluxkit.objects import Object
from testbed import Rig
from tests.integration.conftest import new_fleet
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map
from tests.integration.test_reporting import sample

ERRORS = 'controller_runtime_reconcile_errors_total{controller="kustomization"}'
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Fleet]:
    arguments = ("--metrics-addr=127.0.0.1:0", "--min-retry-delay=100ms", "--feature-gates=DisableConfigWatchers=true")
    async with Rig.open(tmp_path, *arguments, "--feature-gates=DirectSourceFetch=true") as rig:
        yield await new_fleet(rig)


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
    await own.follow()
    substitution = {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}
    await own.kustomize("app", "./app", postBuild=substitution)
    await own.applied("app", revision)
    await own.client.patch(
        CONFIG_MAP, "variables", own.namespace, patch={"data": {"value": "two"}}, kind=PatchKind.MERGE
    )
    # another one that changes later and is done proves that the first was not woken
    before = sample(await own.metrics(), ERRORS)
    fault = {"code": 500, "resource": "gitrepositories", "namespace": own.namespace, "verb": "get", "count": 12}
    await own.client.raw("POST", "/sandbox/faults", body=orjson.dumps(fault))
    await own.kustomize("later", "./app", postBuild={"substitute": {"value": "x"}}, targetNamespace="default")
    later = await own.applied("later", revision)
    assert later.status.history[0].total_reconciliations == 1
    assert sample(await own.metrics(), ERRORS) > before
    assert (await own.client.get(CONFIG_MAP, "a", own.namespace))["data"] == {"key": "one"}
    await own.reconcile("app")
    await own.object_where(
        CONFIG_MAP, lambda cache: (cache.get(own.namespace, "a") or {}).get("data") == {"key": "two"}
    )
