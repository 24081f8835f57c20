"""``kill -9`` anywhere in a hand-over, a prune or a rollback: nothing is lost, and all of it converges."""

import random
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from fluxkit.api import Kustomization
from fluxkit.objects import GroupVersionKind
from testbed import Rig
from tests.integration.conftest import new_fleet
from tests.integration.fleet import CONFIG_MAP, DEPLOYMENT, Fleet, config_map, deployment
from tests.integration.test_moving import entries, message
from tests.integration.test_prune_limit import annotate
from tests.integration.test_rollback import FAILS, ROLLED_BACK, healthy

KILLS = 4
SECRET = GroupVersionKind("", "v1", "Secret")
OWNERS = ("one", "two")


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with Rig.open(tmp_path, "--min-retry-delay=50ms", "--artifact-retention-ttl=1s") as rig:
        yield await new_fleet(rig)


class Story:
    """What the repository says turn by turn: an object that wanders, and a workload that fails now and then."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self._fleet = fleet
        self._chance = chance
        self.images: dict[str, str] = {}
        self.owner = OWNERS[0]

    def wandering_in(self, owner: str) -> set[str]:
        return {"moved"} if owner == self.owner else set()

    async def turn(self, number: int, *, fails: bool) -> str:
        fleet, clone = self._fleet, self._fleet.repository
        self.owner = self._chance.choice(OWNERS)
        for owner in OWNERS:
            path = f"{owner}/moved.yaml"
            clone.write(f"{owner}/stays.yaml", config_map(f"stays-{owner}", fleet.namespace))
            if owner == self.owner:
                clone.write(path, config_map("moved", fleet.namespace, str(number)))
            elif (clone.clone / path).exists():
                clone.remove(path)
        text = deployment("a", fleet.namespace, annotations=FAILS if fails else None)
        text = text.replace("example.com/app:1", f"app:{number}")
        clone.write("app/a.yaml", text.replace("  replicas:", "  progressDeadlineSeconds: 1\n  replicas:"))
        for name in ("b", "c"):
            clone.write(f"app/{name}.yaml", config_map(f"{name}-{number}", fleet.namespace))
        revision = await clone.push(str(number))
        self.images[revision] = f"app:{number}"
        return revision


def has_just(names: set[str], kustomization: Kustomization) -> bool:
    return entries(kustomization) == names


async def wandering(fleet: Fleet) -> str:
    return str((await fleet.client.get(CONFIG_MAP, "moved", fleet.namespace))["metadata"]["uid"])


@pytest.mark.timeout(200)
async def test_kills_between_decisions(own: Fleet) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    story = Story(own, chance)
    revision = await story.turn(0, fails=False)
    await own.follow()
    for name in OWNERS:
        await own.kustomize(name, f"./{name}", retryInterval="100ms")
    await own.kustomize("app", "./app", wait=True, retryInterval="100ms")
    await annotate(own, "app", rollback="last-healthy")
    for name in (*OWNERS, "app"):
        await own.applied(name, revision)
    await own.kustomization_where("app", lambda each: each.status.last_healthy is not None)
    uid = await wandering(own)
    for number in range(1, KILLS + 1):
        await story.turn(number, fails=chance.random() < 0.6)
        await own.reconcile_source()
        try:
            # falls into the start, an apply, the wait for health, the way back, or after all of it
            await own.rig.kustomizations.wait_for(lambda _: False, chance.uniform(0.4, 2.0))
        except TimeoutError:
            pass
        await own.rig.controllers.kill()
        assert await wandering(own) == uid, f"seed {seed}"
        await own.rig.controllers.run()
    bad = await story.turn(KILLS + 1, fails=True)
    await own.reconcile_source()
    back = await own.kustomization_where(
        "app", lambda each: message(each, ROLLED_BACK).startswith(f"revision {bad}") and healthy(each)
    )
    await check(own, story, back, seed)
    assert await wandering(own) == uid, f"seed {seed}"
    good = await story.turn(KILLS + 2, fails=False)
    await own.reconcile_source()
    forward = await own.applied("app", good)
    assert not message(forward, ROLLED_BACK)
    assert forward.status.last_healthy is not None
    assert forward.status.last_healthy.revision == good
    await check(own, story, forward, seed)
    for name in OWNERS:
        await own.applied(name, good)
    for name in OWNERS:
        await own.kustomization_where(name, partial(has_just, {f"stays-{name}"} | story.wandering_in(name)))
    assert await wandering(own) == uid, f"seed {seed}"


async def check(fleet: Fleet, story: Story, app: Kustomization, seed: int) -> None:
    """What is on the cluster is what the last healthy revision says, all of it is in the inventory, and no more is."""
    assert app.status.last_healthy is not None
    image = story.images[app.status.last_healthy.revision]
    number = image.removeprefix("app:")
    found = await fleet.client.get(DEPLOYMENT, "a", fleet.namespace)
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == image, f"seed {seed}"
    selector = "kustomize.toolkit.fluxcd.io/name=app"
    maps = {
        obj["metadata"]["name"]
        for obj in (await fleet.client.list(CONFIG_MAP, fleet.namespace, label_selector=selector)).items
    }
    assert maps == {f"b-{number}", f"c-{number}"}, f"seed {seed}"
    assert entries(app) == {"a", *maps}, f"seed {seed}"
    kept = await fleet.client.list(SECRET, fleet.namespace, label_selector="fluxkit.dev/last-healthy-of")
    assert len(kept.items) == 1, f"seed {seed}"
