"""Expressions of users: what they may say, and what becomes of bad ones."""

from typing import Any

import pytest

from fluxkit.api.meta import CustomHealthCheck
from fluxkit.apply import HealthCheckFailed, StatusWatcher
from fluxkit.apply.kstatus import StatusCode
from fluxkit.cel import MAX_LENGTH, CELError, Condition
from fluxkit.controllers.kustomization.healthexprs import HealthExpressions
from fluxkit.kube import Client, ClusterConfig
from fluxkit.objects import GroupVersionKind, Object, ObjectRef
from tests.sandbox_fixture import SandboxServer, namespace, sandbox

__all__ = ["namespace", "sandbox"]

READY = [{"type": "Synced", "status": "True"}, {"type": "Ready", "status": "False"}]


@pytest.mark.contract("KUS-287", "KUS-289", "RUN-035")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sets.contains(status.conditions.map(c, c.type), ['Ready'])", True),
        ("sets.contains([1, 2], [3])", False),
        ("sets.contains([1], [])", True),
        ("sets.contains([1, 1.0], [1u])", True),
        ("sets.contains([1], [true])", False),
        ("sets.equivalent(['a', 'b'], ['b', 'a', 'a'])", True),
        ("sets.equivalent(['a'], ['a', 'b'])", False),
        ("sets.intersects([{'k': 1}], [{'k': 1}, 'x'])", True),
        ("sets.intersects([1], [2])", False),
        ("status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')", False),
        ("status.conditions.exists(e, e.type == 'Synced' && e.status == 'True')", True),
        ("status.replicas > 1.5 && status.replicas == 2.0", True),
        ("has(status.conditions) && !has(status.error)", True),
        ("status.?error.orValue('none') == 'none'", True),
        ("'a,b'.split(',').size() == 2", True),
        ("base64.decode('YQ==') == b'a'", True),
        ("timestamp(status.since) < timestamp('2026-01-02T00:00:00Z')", True),
        ("timestamp(status.since).getHours() == 3", True),
    ],
)
def test_parsed_expressions(text: str, expected: bool) -> None:
    data = {"status": {"conditions": READY, "replicas": 2, "since": "2026-01-01T03:00:00Z"}}
    assert Condition(text).holds(data) is expected


@pytest.mark.parametrize(
    ("text", "variables", "told"),
    [
        ("status.x ==", None, "Syntax error"),
        ("x" * (MAX_LENGTH + 1), None, "longer than"),
        ("self.a ==", ("self", "dep"), "Syntax error"),
        ("other.a == 1", ("self", "dep"), "undeclared reference to 'other"),
        ("dep.spec.suspend", ("self", "dep"), "output type is dyn, not bool"),
        ("1 + 1", ("self", "dep"), "output type is int, not bool"),
    ],
)
def test_expressions_that_are_refused(text: str, variables: tuple[str, ...] | None, told: str) -> None:
    with pytest.raises(CELError, match="failed to parse the CEL expression") as raised:
        Condition(text, variables=variables)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("status.missing == 1", "missing"),
        ("nothing.at.all", "nothing"),
        ("status.replicas", "not bool"),
        ("status.many.all(x, status.many.all(y, x + y >= 0))", "budget"),
    ],
)
def test_expressions_without_a_value(text: str, told: str) -> None:
    with pytest.raises(CELError, match="failed to evaluate the CEL expression") as raised:
        Condition(text).holds({"status": {"replicas": 2, "many": list(range(3000))}})
    assert told in str(raised.value)


def widget(status: dict[str, Any] | None, api_version: str = "example.com/v1", kind: str = "Widget") -> Object:
    obj: Object = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "w", "generation": 2}}
    return obj if status is None else obj | {"status": status}


@pytest.mark.contract("KUS-285", "KUS-286", "KUS-288", "RUN-033", "RUN-034")
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Wait"}, StatusCode.IN_PROGRESS),
        ({"phase": "Bad"}, StatusCode.FAILED),
        ({"phase": "Done"}, StatusCode.CURRENT),
        ({"phase": "Other"}, StatusCode.IN_PROGRESS),
        ({"phase": "Done", "observedGeneration": 1}, StatusCode.IN_PROGRESS),
        ({"phase": "Done", "observedGeneration": 2}, StatusCode.CURRENT),
        ({"phase": "Done", "observedGeneration": "1"}, StatusCode.CURRENT),
        ({"phase": "Done", "conditions": [{"type": "Stalled", "status": "True"}]}, StatusCode.CURRENT),
        ({}, StatusCode.UNKNOWN),
        (None, StatusCode.UNKNOWN),
    ],
)
def test_the_first_true_expression_decides(status: dict[str, Any] | None, expected: StatusCode) -> None:
    rules = CustomHealthCheck(
        api_version="example.com/v1",
        kind="Widget",
        current="status.phase == 'Done'",
        in_progress="status.phase == 'Wait'",
        failed="status.phase in ['Bad', 'Wait']",
    )
    judged = HealthExpressions([rules]).judge(widget(status))
    assert judged is not None
    assert judged.status is expected
    assert bool(judged.error) == (expected is StatusCode.UNKNOWN)


@pytest.mark.contract("KUS-283", "KUS-284")
def test_which_objects_an_entry_is_about() -> None:
    whole_group = CustomHealthCheck(api_version="example.com/v1", current="false", failed="true")
    kind = CustomHealthCheck(api_version="example.com/v9", kind="Widget", current="true")
    expressions = HealthExpressions([whole_group, kind])
    found = {
        name: judged and judged.status
        for name, judged in {
            "kind": expressions.judge(widget(None)),
            "group": expressions.judge(widget(None, kind="Gadget")),
            "neither": expressions.judge(widget(None, "example.org/v1")),
            "core": expressions.judge(widget(None, "v1", "ConfigMap")),
        }.items()
    }
    assert found == {"kind": StatusCode.CURRENT, "group": StatusCode.FAILED, "neither": None, "core": None}
    with pytest.raises(CELError, match=r"^duplicate custom health check for GroupKind Widget.example.com at .*\[1\]$"):
        HealthExpressions([kind, CustomHealthCheck(api_version="example.com/v1", kind="Widget", current="true")])
    with pytest.raises(CELError, match=r"for healthchecks\[0\]: failed to parse the expression Failed: "):
        HealthExpressions([CustomHealthCheck(api_version="a/v1", kind="B", current="true", failed="x ==")])
    assert not HealthExpressions([])


@pytest.mark.contract("KUS-286", "KUS-246")
@pytest.mark.parametrize(
    ("current", "told"),
    [
        ("data.phase == 'Done'", "ConfigMap/{namespace}/thing status: 'InProgress'"),
        ("status.phase == 'Done'", "ConfigMap/{namespace}/thing status: 'Unknown': failed to evaluate the CEL"),
    ],
    ids=["never-true", "never-there"],
)
async def test_an_expression_that_never_becomes_true_ends_with_the_timeout(
    sandbox: SandboxServer, namespace: str, current: str, told: str
) -> None:
    check = CustomHealthCheck(api_version="v1", kind="ConfigMap", current=current)
    expressions = HealthExpressions([check])
    sandbox.ok(
        "POST",
        f"/api/v1/namespaces/{namespace}/configmaps",
        {"metadata": {"name": "thing"}, "data": {"phase": "Working"}},
    )
    ref = ObjectRef(GroupVersionKind("", "v1", "ConfigMap"), namespace, "thing")
    async with Client(ClusterConfig.load(str(sandbox.kubeconfig))) as client, StatusWatcher(client) as watcher:
        with pytest.raises(HealthCheckFailed) as raised:
            await watcher.wait_healthy([ref], timeout=0.3, evaluate=expressions.judge)
    assert str(raised.value).startswith("timeout waiting for: [" + told.format(namespace=namespace))
