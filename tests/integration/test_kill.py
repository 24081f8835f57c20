"""``kill -9`` at random points of a reconcile, fifty times: it converges, loses nothing, duplicates nothing."""

import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fluxkit.objects import labels_of
from testbed import Rig
from tests.integration.conftest import new_fleet
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map

KILLS = 50
NAMES = ("a", "b", "c", "d")


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with Rig.open(tmp_path, "--min-retry-delay=50ms", "--artifact-retention-ttl=1s") as rig:
        yield await new_fleet(rig)


@pytest.mark.timeout(240)
@pytest.mark.contract("SRC-074", "KUS-057", "RUN-018")
async def test_fifty_kills(own: Fleet) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    wanted = _write(own, 0, chance)
    revision = await own.repository.push("0")
    await own.follow()
    await own.kustomize("app", "./app", retryInterval="100ms")
    await own.applied("app", revision)
    for turn in range(1, KILLS + 1):
        wanted = _write(own, turn, chance)
        revision = await own.repository.push(str(turn))
        await own.reconcile_source()
        try:
            # a deadline that most often falls into the start or the reconcile, sometimes after it
            await own.rig.kustomizations.wait_for(lambda _, at=revision: _applied(own, at), chance.uniform(0.3, 1.6))
        except TimeoutError:
            pass
        await own.rig.controllers.kill()
        await own.rig.controllers.run()
    applied = await own.applied("app", revision)
    live = await own.client.list(CONFIG_MAP, own.namespace, label_selector="kustomize.toolkit.fluxcd.io/name=app")
    assert {obj["metadata"]["name"]: obj["data"]["key"] for obj in live.items} == wanted, f"seed {seed}"
    assert applied.status.inventory is not None
    assert {entry.id for entry in applied.status.inventory.entries} == {
        f"{own.namespace}_{name}__ConfigMap" for name in wanted
    }
    assert all(labels_of(obj)["kustomize.toolkit.fluxcd.io/namespace"] == own.namespace for obj in live.items)
    await _check_storage(own, revision)


def _write(fleet: Fleet, turn: int, chance: random.Random) -> dict[str, str]:
    """Another set of objects with other values for every turn."""
    wanted = {name: str(turn) for name in chance.sample(NAMES, chance.randint(1, len(NAMES)))}
    for name in NAMES:
        path = f"app/{name}.yaml"
        if name in wanted:
            fleet.repository.write(path, config_map(name, fleet.namespace, wanted[name]))
        elif (fleet.repository.clone / path).exists():
            fleet.repository.remove(path)
    return wanted


def _applied(fleet: Fleet, revision: str) -> bool:
    found = fleet.kustomization("app")
    return found is not None and found.status.last_applied_revision == revision


async def _check_storage(fleet: Fleet, revision: str) -> None:
    """The advertised artifact is what its digest says, and no writer left anything half done."""
    source = await fleet.source_ready(revision)
    artifact = source.status.artifact
    assert artifact is not None
    root = fleet.rig.controllers.log_file.parent / "artifacts"
    stored = root / artifact.path
    assert f"sha256:{hashlib.sha256(stored.read_bytes()).hexdigest()}" == artifact.digest
    leftovers = [path.name for path in stored.parent.iterdir() if not path.name.endswith((".tar.gz", ".lock"))]
    assert leftovers == []
