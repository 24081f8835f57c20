"""``fluxkit.dev/prune-limit``: a prune that is larger than somebody thought possible waits for a confirmation."""

import re
from typing import Any

from fluxkit.api import Kustomization
from fluxkit.kube import PatchKind
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map
from tests.integration.test_moving import PENDING, entries, message

NAMES = ("a", "b", "c", "d")


async def annotate(fleet: Fleet, name: str, **annotations: str | None) -> None:
    values: dict[str, Any] = {f"fluxkit.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    patch = {"metadata": {"annotations": values}}
    await fleet.client.patch(Kustomization.GVK, name, fleet.namespace, patch=patch, kind=PatchKind.MERGE)


async def present(fleet: Fleet) -> set[str]:
    return {name for name in NAMES if await fleet.exists(CONFIG_MAP, name)}


async def start(fleet: Fleet) -> None:
    for name in NAMES:
        fleet.repository.write(f"app/{name}.yaml", config_map(name, fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await annotate(fleet, "app", prune_limit="50%")
    await fleet.applied("app", revision)


async def test_half_may_go_and_more_waits_for_the_confirmation_of_just_that(fleet: Fleet) -> None:
    await start(fleet)
    for name in "ab":
        fleet.repository.remove(f"app/{name}.yaml")
    assert entries(await fleet.applied("app", await fleet.push("half"))) == {"c", "d"}
    assert await present(fleet) == {"c", "d"}
    fleet.repository.remove("app/c.yaml")
    fleet.repository.remove("app/d.yaml")
    fleet.repository.write("app/e.yaml", config_map("e", fleet.namespace))
    revision = await fleet.push("all")
    told = await fleet.failed("app", "PruneLimitExceeded")
    assert told.startswith("pruning 2 of 2 objects exceeds fluxkit.dev/prune-limit 50% and waits for confirmation: ")
    assert told.endswith(f"to be deleted: ConfigMap/{fleet.namespace}/c, ConfigMap/{fleet.namespace}/d")
    waiting = await fleet.kustomization_where("app", lambda each: each.status.last_attempted_revision == revision)
    assert message(waiting, PENDING) == told
    assert entries(waiting) == {"c", "d", "e"}
    assert await fleet.exists(CONFIG_MAP, "e")
    assert await present(fleet) == {"c", "d"}
    assert told in await fleet.warnings("app")
    table = await fleet.rig.flux("get", "kustomizations", "app", "-n", fleet.namespace)
    assert "pruning 2 of 2 objects exceeds fluxkit.dev/prune-limit 50% and waits for confirmation" in table
    await annotate(fleet, "app", prune_confirm="000000000000")
    await fleet.reconcile("app")
    await fleet.failed("app", "PruneLimitExceeded")
    token = re.search(r"prune-confirm to ([0-9a-f]{12});", told)
    assert token is not None
    await annotate(fleet, "app", prune_confirm=token[1])
    done = await fleet.applied("app", revision)
    assert entries(done) == {"e"}
    assert not message(done, PENDING)
    assert await present(fleet) == set()


async def test_an_empty_path_deletes_nothing_unasked_and_git_can_take_it_back(fleet: Fleet) -> None:
    await start(fleet)
    for name in NAMES:
        fleet.repository.remove(f"app/{name}.yaml")
    fleet.repository.write("app/README.md", "nothing here")
    await fleet.push("empty")
    assert "pruning 4 of 4 objects" in await fleet.failed("app", "PruneLimitExceeded")
    assert await present(fleet) == set(NAMES)
    await fleet.repository.revert()
    await fleet.reconcile_source()
    back = await fleet.kustomization_where(
        "app", lambda each: any(one.type == "Ready" and one.status == "True" for one in each.status.conditions)
    )
    assert entries(back) == set(NAMES)
    assert not message(back, PENDING)


async def test_a_limit_that_means_nothing_is_refused(fleet: Fleet) -> None:
    await start(fleet)
    await annotate(fleet, "app", prune_limit="most")
    told = await fleet.failed("app", "InvalidAnnotation")
    assert told == (
        "annotation fluxkit.dev/prune-limit: 'most' is neither a number of objects such as 10 nor a share such as 50%"
    )
    await annotate(fleet, "app", prune_limit=None)
    await fleet.kustomization_where(
        "app", lambda each: [one.type for one in each.status.conditions if one.status == "True"] == ["Ready"]
    )
