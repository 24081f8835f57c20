"""What the API server makes of specs that are older than the schema."""

import pytest

from fluxkit.api import Kustomization
from testbed import kustomization
from tests.integration.fleet import Fleet


@pytest.mark.contract("KUS-367")
async def test_fields_that_are_gone_are_dropped_without_an_error(fleet: Fleet) -> None:
    gone = {"validation": "client", "patchesStrategicMerge": [{"a": 1}], "patchesJson6902": [{"target": {}}]}
    obj = kustomization("app", fleet.namespace, "fleet", "./app", suspend=True, **gone)
    await fleet.client.create(obj)
    found = await fleet.client.get(Kustomization.GVK, "app", fleet.namespace)
    assert not gone.keys() & found["spec"].keys()
    assert found["spec"]["path"] == "./app"
