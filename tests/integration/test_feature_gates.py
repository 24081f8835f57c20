"""Feature gates set the other way round than by default, all in one process."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from fluxkit.controllers.options import FEATURE_GATES, ControllersOptions
from fluxkit.kube import PatchKind
from fluxkit.objects import GroupVersionKind
from testbed import Rig
from tests.integration.conftest import new_fleet
from tests.integration.fleet import Fleet, definition, deployment

THING = GroupVersionKind("gates.example.com", "v1", "Thing")
GATES = {
    "CacheSecretsAndConfigMaps": "true",
    "CancelHealthCheckOnNewRevision": "false",
    "DirectSourceFetch": "true",
    "DisableFailFastBehavior": "true",
    "DisableStatusPollerCache": "false",
    "GroupChangeLog": "true",
    "MigrateAPIVersion": "true",
}


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    flags = ",".join(f"{name}={value}" for name, value in GATES.items())
    async with Rig.open(tmp_path, f"--feature-gates={flags}", "--min-retry-delay=50ms") as rig:
        yield await new_fleet(rig)


@pytest.mark.contract("KUS-356", "KUS-357", "RUN-096", "RUN-097")
def test_upstreams_gates_exist_with_upstreams_defaults() -> None:
    """But for one: waiting for a rollout that is obsolete helps nobody."""
    upstream = {
        "AdditiveCELDependencyCheck": False,
        "CacheSecretsAndConfigMaps": False,
        "DirectSourceFetch": False,
        "DisableConfigWatchers": False,
        "DisableFailFastBehavior": False,
        "DisableStatusPollerCache": True,
        "ExternalArtifact": False,
        "GroupChangeLog": False,
        "MigrateAPIVersion": False,
        "ObjectLevelWorkloadIdentity": False,
        "StrictPostBuildSubstitutions": True,
    }
    assert {name: FEATURE_GATES[name] for name in upstream} == upstream
    assert ControllersOptions().gate("CancelHealthCheckOnNewRevision")


def thing(namespace: str, version: str) -> str:
    metadata = f"  name: a\n  namespace: {namespace}\n"
    return f"apiVersion: gates.example.com/{version}\nkind: Thing\nmetadata:\n{metadata}spec: {{size: 1}}\n"


async def old_and_new_version(fleet: Fleet) -> None:
    """A definition with a second version; the object was applied with the first, also by somebody else."""
    made = definition(THING, "things")
    newer = made["spec"]["versions"][0] | {"name": "v2", "storage": False}
    made["spec"]["versions"].append(newer)
    await fleet.client.create(made)
    await fleet.client.mapping(THING)


@pytest.mark.contract("KUS-211", "RUN-097", "RUN-167")
async def test_gates_do_what_they_say(fleet: Fleet) -> None:
    namespace, client = fleet.namespace, fleet.client
    await old_and_new_version(fleet)
    never = {"sandbox.fluxkit.dev/ready-after": "1h"}
    fleet.repository.write("versions/a.yaml", thing(namespace, "v1"))
    fleet.repository.write("slow/a.yaml", deployment("never", namespace, annotations=never))
    for name, deadline in (("soon", 1), ("later", 3)):
        text = deployment(name, namespace, annotations=never)
        fleet.repository.write(
            f"mixed/{name}.yaml", text.replace("spec:", f"spec:\n  progressDeadlineSeconds: {deadline}", 1)
        )
    first = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("versions", "./versions")
    await fleet.kustomize("slow", "./slow", wait=True, timeout="10m")
    await fleet.kustomize("mixed", "./mixed", wait=True, timeout="10m", retryInterval="1h")
    await fleet.applied("versions", first)
    waits = f"Running health checks for revision {first} with a timeout of 10m0s"
    await fleet.kustomization_where("slow", lambda each: waits in {c.message for c in each.status.conditions})
    # DisableFailFastBehavior: the first that fails does not end the wait for the other
    message = await fleet.failed("mixed", "HealthCheckFailed")
    failed = ", ".join(f"Deployment/{namespace}/{name} status: 'Failed'" for name in ("later", "soon"))
    assert f"failed early due to stalled resources: [{failed}]" in message

    # MigrateAPIVersion: entries of all managers follow the version of what is applied
    patch = {"spec": {"other": 1}}
    await client.patch(THING, "a", namespace, patch=patch, kind=PatchKind.MERGE, field_manager="somebody")
    fleet.repository.write("versions/a.yaml", thing(namespace, "v2"))
    revision = await fleet.push("migrate")
    await fleet.applied("versions", revision)
    live = await client.get(THING, "a", namespace)
    entries = live["metadata"]["managedFields"]
    assert {entry["apiVersion"] for entry in entries} == {"gates.example.com/v2"}
    assert {entry["manager"] for entry in entries} >= {"kustomize-controller", "somebody"}

    # GroupChangeLog
    lines = [orjson.loads(line) for line in fleet.rig.controllers.log_file.read_text().splitlines() if line[0] == "{"]
    outputs = [line["output"] for line in lines if line["msg"] == "server-side apply completed"]
    assert {"created": [f"Thing/{namespace}/a"]} in outputs

    # CancelHealthCheckOnNewRevision: the push of another revision does not end the wait for the old one
    slow = fleet.kustomization("slow")
    assert slow is not None
    assert slow.status.last_attempted_revision == first
    assert waits in {condition.message for condition in slow.status.conditions}
    assert not any("canceling health checks" in line["msg"] for line in lines)
