"""GitRepositories through real processes: what is stored, when it is stored anew, and what heals."""

import subprocess
import tarfile
from pathlib import Path

import pytest

from fluxkit.api import Artifact, GitRepository
from fluxkit.kube import PatchKind
from testbed import git_repository
from tests.integration.fleet import SOURCE, Fleet, config_map


def stored(fleet: Fleet, artifact: Artifact) -> Path:
    return fleet.rig.controllers.log_file.parent / "artifacts" / artifact.path


def names(fleet: Fleet, artifact: Artifact) -> set[str]:
    with tarfile.open(stored(fleet, artifact)) as archive:
        return {member.name for member in archive.getmembers() if member.isfile()}


def tag(fleet: Fleet, *tags: str) -> None:
    for name in tags:
        subprocess.run(["git", "-C", str(fleet.repository.clone), "tag", name], check=True)
    subprocess.run(["git", "-C", str(fleet.repository.clone), "push", "--quiet", "--tags"], check=True)


async def patch_source(fleet: Fleet, spec: dict[str, object]) -> None:
    await fleet.client.patch(GitRepository.GVK, SOURCE, fleet.namespace, patch={"spec": spec}, kind=PatchKind.MERGE)


@pytest.mark.contract("SRC-053", "SRC-054", "SRC-055")
@pytest.mark.parametrize("damage", ["gone", "changed"])
async def test_a_damaged_artifact_is_stored_anew(fleet: Fleet, damage: str) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    artifact = (await fleet.source_ready(revision)).status.artifact
    assert artifact is not None
    if damage == "gone":
        stored(fleet, artifact).unlink()
    else:
        stored(fleet, artifact).write_bytes(b"not what it was")
    await fleet.reconcile_source()
    await fleet.source_where(lambda source: source.status.last_handled_reconcile_at != "")
    healed = (await fleet.source_ready(revision)).status.artifact
    assert healed is not None
    assert names(fleet, healed) == {"app/a.yaml"}


@pytest.mark.contract("SRC-161", "SRC-142", "SRC-085")
async def test_other_ignore_rules_make_another_artifact_of_the_same_revision(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    fleet.repository.write("docs/b.md", "text")
    revision = await fleet.repository.push("start")
    await fleet.follow()
    before = (await fleet.source_ready(revision)).status.artifact
    assert before is not None
    assert names(fleet, before) == {"app/a.yaml", "docs/b.md"}
    await patch_source(fleet, {"ignore": "/docs"})
    changed = await fleet.source_where(lambda source: source.status.observed_ignore == "/docs")
    assert changed.status.artifact is not None
    assert changed.status.artifact.revision == revision
    assert names(fleet, changed.status.artifact) == {"app/a.yaml"}


@pytest.mark.contract("SRC-143", "SRC-145", "SRC-150")
@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"tag": "v1.0.0"}, "v1.0.0"),
        ({"semver": ">=1.0.0 <2.0.0"}, "v1.2.0"),
        ({"name": "refs/heads/main"}, "refs/heads/main"),
    ],
)
async def test_references(fleet: Fleet, reference: dict[str, str], expected: str) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    tag(fleet, "v1.0.0", "v1.2.0", "v2.0.0")
    await fleet.follow(ref=reference)
    await fleet.source_ready(revision.replace("main@", f"{expected}@"))


@pytest.mark.contract("SRC-187", "SRC-190", "SRC-193")
async def test_an_included_source(fleet: Fleet) -> None:
    fleet.repository.write("lib/a.yaml", config_map("a", fleet.namespace))
    fleet.repository.write("app/b.yaml", config_map("b", fleet.namespace))
    revision = await fleet.repository.push("start")
    include = [{"repository": {"name": "library"}, "fromPath": "lib", "toPath": "app/lib"}]
    await fleet.follow(include=include)
    waiting = await fleet.source_where(
        lambda source: any(condition.type == "IncludeUnavailable" for condition in source.status.conditions)
    )
    assert waiting.status.artifact is None
    await fleet.client.create(git_repository("library", fleet.namespace, fleet.rig.url(fleet.repository)))
    await fleet.rig.sources.wait_for(
        lambda cache: (cache.get(fleet.namespace, "library") or {}).get("status", {}).get("artifact") is not None, 30
    )
    await fleet.reconcile_source()
    artifact = (await fleet.source_ready(revision)).status.artifact
    assert artifact is not None
    assert "app/lib/a.yaml" in names(fleet, artifact)


@pytest.mark.contract("SRC-035", "SRC-108")
async def test_deletion_removes_what_was_stored(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    artifact = (await fleet.source_ready(revision)).status.artifact
    assert artifact is not None
    await fleet.client.delete(GitRepository.GVK, SOURCE, fleet.namespace)
    await fleet.rig.sources.wait_for(lambda cache: cache.get(fleet.namespace, SOURCE) is None, 30)
    assert not stored(fleet, artifact).parent.exists()


@pytest.mark.contract("SRC-036", "SRC-037", "RUN-122")
async def test_a_suspended_source_only_answers_requests(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.source_ready(revision)
    await patch_source(fleet, {"suspend": True})
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
    newer = await fleet.push()
    suspended = await fleet.source_where(
        lambda source: (
            source.status.last_handled_reconcile_at != ""
            and source.status.observed_generation == source.metadata.generation
        )
    )
    assert suspended.status.artifact is not None
    assert suspended.status.artifact.revision == revision
    await patch_source(fleet, {"suspend": False})
    await fleet.source_ready(newer)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"provider": "github"}, "provider 'github' is not supported"),
        ({"verify": {"secretRef": {"name": "keys"}}}, "spec.verify is not supported"),
    ],
)
async def test_what_is_not_supported_yet_stalls_by_name(fleet: Fleet, spec: dict[str, object], told: str) -> None:
    await fleet.follow(**spec)
    stalled = await fleet.source_where(
        lambda source: any(condition.type == "Stalled" for condition in source.status.conditions)
    )
    assert any(told in condition.message for condition in stalled.status.conditions if condition.type == "Ready")
