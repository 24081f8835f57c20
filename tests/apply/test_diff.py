"""What an apply would change."""

import pytest

from fluxkit.apply import Action, ApplyError, ApplyOptions, ApplySet, IgnoreRule, IgnoreRules
from fluxkit.kube import Client
from fluxkit.objects import GroupVersionKind
from tests.apply.conftest import Objects

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
GROUP = "kustomize.toolkit.fluxcd.io"


@pytest.mark.contract("KUS-212")
async def test_each_action_is_reported_and_nothing_is_written(
    apply_set: ApplySet, client: Client, objects: Objects
) -> None:
    await apply_set.apply([objects.config_map("changed"), objects.config_map("same")])
    given = [
        objects.config_map("changed", {"key": "new"}),
        objects.config_map("fresh"),
        objects.config_map("off", annotations={f"{GROUP}/reconcile": "disabled"}),
        objects.config_map("same"),
    ]
    version = (await client.list(CONFIG_MAP, objects.namespace)).items
    found = {diff.ref.name: diff for diff in await apply_set.diff(given)}
    assert {name: diff.action for name, diff in found.items()} == {
        "changed": Action.CONFIGURED,
        "fresh": Action.CREATED,
        "off": Action.SKIPPED,
        "same": Action.UNCHANGED,
    }
    changed = found["changed"]
    assert changed.live is not None
    assert changed.merged is not None
    assert (changed.live["data"], changed.merged["data"]) == ({"key": "value"}, {"key": "new"})
    assert "managedFields" not in changed.live["metadata"]
    assert "managedFields" not in changed.merged["metadata"]
    assert (await client.list(CONFIG_MAP, objects.namespace)).items == version


@pytest.mark.contract("KUS-213")
async def test_secrets_are_masked_and_ignored_paths_left_out(apply_set: ApplySet, objects: Objects) -> None:
    await apply_set.apply([objects.secret("s", {"token": "very-secret-before", "same": "equal-secret"})])
    rules = IgnoreRules([IgnoreRule(("/data/gone",))])
    (diff,) = await apply_set.diff(
        [objects.secret("s", {"token": "very-secret-after", "same": "equal-secret", "gone": "x"})],
        ApplyOptions(ignore=rules),
    )
    assert diff.live is not None
    assert diff.merged is not None
    assert diff.live["data"] == {"token": "*** (before)", "same": "***"}
    assert diff.merged["data"] == {"token": "*** (after)", "same": "***"}


@pytest.mark.contract("KUS-212")
async def test_a_diff_does_not_clean_up_after_kubectl(apply_set: ApplySet, client: Client, objects: Objects) -> None:
    await apply_set.apply([objects.config_map("c")])
    patch = {"data": {"extra": "1"}}
    await client.patch(CONFIG_MAP, "c", objects.namespace, patch=patch, field_manager="kubectl-edit")
    assert [diff.action for diff in await apply_set.diff([objects.config_map("c")])] == [Action.UNCHANGED]
    assert [entry.action for entry in await apply_set.apply([objects.config_map("c")])] == [Action.CONFIGURED]


async def test_a_refused_object_is_an_error(apply_set: ApplySet, objects: Objects) -> None:
    with pytest.raises(ApplyError, match=r"ConfigMap/nowhere/c not found"):
        await apply_set.diff([objects.config_map("c", namespace="nowhere")])
