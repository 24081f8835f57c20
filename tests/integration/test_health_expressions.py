"""Expressions about built-in kinds, and which reader comes first."""

from typing import Any

import pytest

from tests.integration.fleet import Fleet, deployment
from tests.integration.test_spec import allow

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: NAMESPACE}
spec:
  suspend: true
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'example.com/app:1'}]}}
"""
DAEMON_SET = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: d, namespace: NAMESPACE}
spec:
  updateStrategy: {type: OnDelete}
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}, annotations: {sandbox.fluxkit.dev/ready-after: 1h}}
    spec: {containers: [{name: c, image: 'example.com/app:1'}]}
"""


@pytest.mark.contract("KUS-290")
async def test_expressions_about_jobs_come_second_with_own_rights(fleet: Fleet) -> None:
    """A suspended Job is current for the reader of Jobs; the expression says that it has failed."""
    fleet.repository.write("app/j.yaml", JOB.replace("NAMESPACE", fleet.namespace))
    revision = await fleet.repository.push("start")
    await allow(fleet, "tenant", "*")
    rule = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]}
    role: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "tenant", "namespace": fleet.namespace},
        "rules": [rule],
    }
    await fleet.client.apply(role, field_manager="test")
    await fleet.follow()
    expressions = [{"apiVersion": "batch/v1", "kind": "Job", "failed": "spec.suspend", "current": "false"}]
    await fleet.kustomize("own", "./app", wait=True, healthCheckExprs=expressions)
    await fleet.applied("own", revision)
    await fleet.kustomize("tenant", "./app", wait=True, healthCheckExprs=expressions, serviceAccountName="tenant")
    told = await fleet.failed("tenant", "HealthCheckFailed")
    assert f"failed early due to stalled resources: [Job/{fleet.namespace}/j status: 'Failed'" in told


@pytest.mark.contract("KUS-290", "KUS-372", "KUS-283")
async def test_expressions_override_the_rules_for_built_in_kinds(fleet: Fleet) -> None:
    fleet.repository.write("good/d.yaml", DAEMON_SET.replace("NAMESPACE", fleet.namespace))
    fleet.repository.write("bad/w.yaml", deployment("w", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    group = {"apiVersion": "apps/v1beta1", "current": "spec.updateStrategy.type == 'OnDelete'"}
    await fleet.kustomize("good", "./good", wait=True, timeout="10m", healthCheckExprs=[group])
    await fleet.applied("good", revision)
    group = {"apiVersion": "apps/v1", "failed": "spec.replicas == 1", "current": "true"}
    await fleet.kustomize("bad", "./bad", wait=True, timeout="10m", healthCheckExprs=[group])
    assert f"Deployment/{fleet.namespace}/w status: 'Failed'" in await fleet.failed("bad", "HealthCheckFailed")
