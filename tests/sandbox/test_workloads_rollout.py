"""Deployments, StatefulSets, DaemonSets: children, order, counts, conditions."""

from typing import Any

import pytest

from fluxkit.sandbox.workloads.building import is_pod_ready as ready
from tests.sandbox.world import World, container, workload, world

__all__ = ["world"]

DEPLOYMENTS, SETS, PODS = "deployments.apps", "replicasets.apps", "pods"


def conditions(obj: Any) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in obj["status"]["conditions"]}


def complete(obj: Any) -> bool:
    status = obj.get("status") or {}
    return (
        status.get("observedGeneration") == obj["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("replicas", 0) == obj["spec"]["replicas"]
        and status.get("availableReplicas", 0) == obj["spec"]["replicas"]
    )


async def test_a_deployment_becomes_available_through_a_replica_set(world: World) -> None:
    world.apply(workload(replicas=3))
    made = await world.when(DEPLOYMENTS, "w", complete)
    assert conditions(made) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert made["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    (replica_set,) = world.objects(SETS)
    suffix = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"w-{suffix}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "w", "pod-template-hash": suffix}
    owner = replica_set["metadata"]["ownerReferences"][0]
    assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    pods = world.objects(PODS)
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert len({pod["status"]["podIP"] for pod in pods}) == 3
    assert {pod["spec"]["nodeName"] for pod in pods} == {"sandbox"}
    assert all(pod["metadata"]["name"].startswith(replica_set["metadata"]["name"] + "-") for pod in pods)
    assert all(pod["status"]["containerStatuses"][0]["ready"] for pod in pods)


async def test_scaled_to_zero_is_complete(world: World) -> None:
    world.apply(workload(replicas=0))
    made = await world.when(DEPLOYMENTS, "w", lambda each: each["status"].get("conditions"))
    assert "replicas" not in made["status"]
    assert conditions(made)["Progressing"] == ("True", "NewReplicaSetAvailable")
    assert world.objects(PODS) == []


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "least"), [("25%", "25%", 5, 3), (1, 0, 5, 4), (0, 2, 4, 2), (4, 0, 8, 4)]
)
async def test_a_rollout_stays_within_its_bounds(
    world: World, surge: Any, unavailable: Any, most: int, least: int
) -> None:
    rolling = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    world.apply(workload(replicas=4, strategy=rolling))
    await world.when(DEPLOYMENTS, "w", complete)
    sets = {each["metadata"]["name"]: each for each in world.objects(SETS)}
    totals: list[int] = []
    available: list[int] = []

    def note(changed: Any, deleted: bool) -> None:
        sets[changed["metadata"]["name"]] = changed
        totals.append(sum(each["spec"]["replicas"] for each in sets.values()))
        available.append(sum(each.get("status", {}).get("availableReplicas", 0) for each in sets.values()))

    world.on_write(SETS, note)
    world.apply(workload(replicas=4, strategy=rolling, image="web:2"))
    made = await world.when(DEPLOYMENTS, "w", complete)
    assert max(totals) == most
    assert min(available) >= least
    assert made["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    old, new = sorted(
        world.objects(SETS), key=lambda each: each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    )
    assert (old["spec"]["replicas"], new["spec"]["replicas"]) == (0, 4)
    assert {pod["spec"]["containers"][0]["image"] for pod in world.objects(PODS)} == {"web:2"}


async def test_recreate_has_no_two_revisions_at_once(world: World) -> None:
    world.apply(workload(replicas=2, strategy={"type": "Recreate"}))
    await world.when(DEPLOYMENTS, "w", complete)
    images = {pod["metadata"]["name"]: container(pod)["image"] for pod in world.objects(PODS)}
    together: list[set[str]] = []

    def note(changed: Any, deleted: bool) -> None:
        images[changed["metadata"]["name"]] = container(changed)["image"]
        if deleted:
            del images[changed["metadata"]["name"]]
        together.append(set(images.values()))

    world.on_write(PODS, note)
    world.apply(workload(replicas=2, strategy={"type": "Recreate"}, image="web:2"))
    await world.when(DEPLOYMENTS, "w", complete)
    assert {"web:2"} in together
    assert {"web:1", "web:2"} not in together


async def test_going_back_reuses_the_old_replica_set_under_a_new_revision(world: World) -> None:
    for image in ("web:1", "web:2", "web:1"):
        world.apply(workload(replicas=1, image=image))
        await world.when(DEPLOYMENTS, "w", complete)
    sets = world.objects(SETS)
    assert len(sets) == 2
    current = next(each for each in sets if each["spec"]["replicas"])
    assert current["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert current["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


async def test_old_replica_sets_beyond_the_history_limit_go(world: World) -> None:
    for number in range(4):
        world.apply(workload(replicas=1, image=f"web:{number}", revisionHistoryLimit=1))
        await world.when(DEPLOYMENTS, "w", complete)
    await world.until(lambda: len(world.objects(SETS)) == 2)


async def test_a_paused_deployment_scales_but_does_not_roll(world: World) -> None:
    world.apply(workload(replicas=1))
    await world.when(DEPLOYMENTS, "w", complete)
    world.apply(workload(replicas=2, image="web:2", paused=True))
    made = await world.when(DEPLOYMENTS, "w", lambda each: each["status"].get("readyReplicas") == 2)
    assert {pod["spec"]["containers"][0]["image"] for pod in world.objects(PODS)} == {"web:1"}
    assert conditions(made)["Progressing"] == ("Unknown", "DeploymentPaused")
    world.apply(workload(replicas=2, image="web:2"))
    made = await world.when(DEPLOYMENTS, "w", complete)
    assert conditions(made)["Progressing"] == ("True", "NewReplicaSetAvailable")


async def test_a_rollout_that_does_not_progress_keeps_what_works_and_times_out(world: World) -> None:
    world.apply(workload(replicas=2, progressDeadlineSeconds=1))
    await world.when(DEPLOYMENTS, "w", complete)
    world.apply(workload(replicas=2, image="web:does-not-exist", progressDeadlineSeconds=1))
    made = await world.when(
        DEPLOYMENTS, "w", lambda each: conditions(each).get("Progressing") == ("False", "ProgressDeadlineExceeded")
    )
    assert made["status"]["availableReplicas"] == 2
    text = next(each["message"] for each in made["status"]["conditions"] if each["type"] == "Progressing")
    assert text.endswith('" has timed out progressing.')
    world.apply(workload(replicas=2, image="web:3", progressDeadlineSeconds=1))
    made = await world.when(DEPLOYMENTS, "w", complete)
    assert conditions(made)["Progressing"] == ("True", "NewReplicaSetAvailable")


async def test_availability_waits_for_min_ready_seconds(world: World) -> None:
    world.apply(workload(replicas=1, minReadySeconds=1))
    made = await world.when(DEPLOYMENTS, "w", lambda each: each.get("status", {}).get("readyReplicas") == 1)
    assert "availableReplicas" not in made["status"]
    assert conditions(made)["Available"] == ("False", "MinimumReplicasUnavailable")
    await world.when(DEPLOYMENTS, "w", complete)


async def test_a_deleted_pod_is_replaced(world: World) -> None:
    world.apply(workload(replicas=1))
    await world.when(DEPLOYMENTS, "w", complete)
    (pod,) = world.objects(PODS)
    world.delete(PODS, pod["metadata"]["name"])
    await world.until(
        lambda: [each["metadata"]["uid"] for each in world.objects(PODS)] not in ([], [pod["metadata"]["uid"]])
    )
    await world.when(DEPLOYMENTS, "w", complete)


async def test_a_rollout_tells_its_story_in_events(world: World) -> None:
    world.apply(workload(replicas=1))
    made = await world.when(DEPLOYMENTS, "w", complete)
    (replica_set,), (pod,) = world.objects(SETS), world.objects(PODS)
    named, podded = replica_set["metadata"]["name"], pod["metadata"]["name"]
    assert world.events(made) == [("ScalingReplicaSet", f"Scaled up replica set {named} from 0 to 1")]
    assert world.events(replica_set) == [("SuccessfulCreate", f"Created pod: {podded}")]
    assert [reason for reason, _ in world.events(pod)] == ["Created", "Pulled", "Scheduled", "Started"]


# StatefulSets


async def test_a_stateful_set_starts_in_order_with_claims_of_its_own(world: World) -> None:
    order: list[str] = []
    world.on_write(PODS, lambda pod, _: order.append(pod["metadata"]["name"]))
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    world.apply(workload("StatefulSet", replicas=3, serviceName="w", volumeClaimTemplates=[claim]))
    made = await world.when("statefulsets.apps", "w", lambda each: each.get("status", {}).get("readyReplicas") == 3)
    assert list(dict.fromkeys(order)) == ["w-0", "w-1", "w-2"]
    assert made["status"]["currentRevision"] == made["status"]["updateRevision"]
    pods = world.objects(PODS)
    assert [pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] for pod in pods] == [
        "data-w-0",
        "data-w-1",
        "data-w-2",
    ]
    assert pods[0]["spec"]["hostname"] == "w-0"
    await world.when("persistentvolumeclaims", "data-w-2", lambda each: each["status"]["phase"] == "Bound")


async def test_a_stateful_set_waits_for_an_unready_pod(world: World) -> None:
    world.apply(workload("StatefulSet", replicas=2, on={"sandbox.fluxkit.dev/fail": "CrashLoopBackOff"}))
    await world.until(lambda: any("containerStatuses" in p.get("status", {}) for p in world.objects(PODS)))
    await world.settled()
    assert [pod["metadata"]["name"] for pod in world.objects(PODS)] == ["w-0"]
    world.apply(workload("StatefulSet", replicas=2))
    await world.when("statefulsets.apps", "w", lambda each: each["status"].get("readyReplicas") == 2)


async def test_a_stateful_set_updates_from_the_highest_ordinal_down_to_its_partition(world: World) -> None:
    world.apply(workload("StatefulSet", replicas=3))
    await world.when("statefulsets.apps", "w", lambda each: each.get("status", {}).get("readyReplicas") == 3)
    strategy = {"rollingUpdate": {"partition": 1}}
    world.apply(workload("StatefulSet", replicas=3, image="web:2", updateStrategy=strategy))
    await world.when(
        "statefulsets.apps",
        "w",
        lambda each: each["status"].get("updatedReplicas") == 2 and each["status"].get("readyReplicas") == 3,
    )
    images = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in world.objects(PODS)}
    assert images == {"w-0": "web:1", "w-1": "web:2", "w-2": "web:2"}


async def test_a_stateful_set_shrinks_from_the_top(world: World) -> None:
    world.apply(workload("StatefulSet", replicas=3))
    await world.when("statefulsets.apps", "w", lambda each: each.get("status", {}).get("readyReplicas") == 3)
    world.apply(workload("StatefulSet", replicas=1))
    await world.until(lambda: [pod["metadata"]["name"] for pod in world.objects(PODS)] == ["w-0"])


# DaemonSets


async def test_a_daemon_set_has_one_pod_on_the_node(world: World) -> None:
    world.apply(workload("DaemonSet"))
    made = await world.when("daemonsets.apps", "w", lambda each: each.get("status", {}).get("numberReady") == 1)
    assert made["status"]["desiredNumberScheduled"] == made["status"]["updatedNumberScheduled"] == 1
    world.apply(workload("DaemonSet", image="web:2"))
    await world.until(lambda: [container(pod)["image"] for pod in world.objects(PODS)] == ["web:2"])


async def test_a_daemon_set_for_other_nodes_has_none(world: World) -> None:
    world.apply(workload("DaemonSet", pod={"nodeSelector": {"disk": "ssd"}}))
    made = await world.when("daemonsets.apps", "w", lambda each: "status" in each)
    assert made["status"]["desiredNumberScheduled"] == 0
    assert world.objects(PODS) == []


def node(name: str) -> Any:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}


async def test_a_daemon_set_replaces_no_more_pods_at_once_than_it_may(world: World) -> None:
    for name in ("n1", "n2", "n3"):
        world.apply(node(name))
    world.apply(workload("DaemonSet"))
    await world.when("daemonsets.apps", "w", lambda each: each.get("status", {}).get("numberReady") == 4)
    lowest = [4]

    def count(live: Any, deleted: bool) -> None:
        lowest[0] = min(lowest[0], live.get("status", {}).get("numberReady", 4))

    world.on_write("daemonsets.apps", count)
    strategy = {"rollingUpdate": {"maxUnavailable": 2}}
    world.apply(workload("DaemonSet", image="web:2", updateStrategy=strategy))
    await world.when(
        "daemonsets.apps",
        "w",
        lambda each: (
            [each["status"].get(member) for member in ("observedGeneration", "updatedNumberScheduled", "numberReady")]
            == [2, 4, 4]
        ),
    )
    assert {container(pod)["image"] for pod in world.objects(PODS)} == {"web:2"}
    assert lowest[0] >= 2


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_updates_on_deletion_wait_for_it(world: World, kind: str) -> None:
    resource = f"{kind.lower()}s.apps"
    world.apply(workload(kind, updateStrategy={"type": "OnDelete"}))
    await world.until(lambda: [ready(pod) for pod in world.objects(PODS)] == [True])
    world.apply(workload(kind, updateStrategy={"type": "OnDelete"}, image="web:2"))
    await world.when(resource, "w", lambda each: each["status"]["observedGeneration"] == 2)
    await world.settled()
    (pod,) = world.objects(PODS)
    assert container(pod)["image"] == "web:1"
    world.delete(PODS, pod["metadata"]["name"])
    await world.until(lambda: [container(pod)["image"] for pod in world.objects(PODS)] == ["web:2"])


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_templates_are_kept_as_revisions(world: World, kind: str) -> None:
    def revisions() -> dict[str, int]:
        found = world.objects("controllerrevisions.apps")
        return {each["data"]["spec"]["template"]["spec"]["containers"][0]["image"]: each["revision"] for each in found}

    for number, image in enumerate(["web:1", "web:2", "web:1", "web:3", "web:4"], 1):
        world.apply(workload(kind, image=image, revisionHistoryLimit=2))
        generation = number
        await world.when(
            f"{kind.lower()}s.apps",
            "w",
            lambda each, at=generation: each.get("status", {}).get("observedGeneration") == at,
        )
        await world.until(lambda image=image: [container(pod)["image"] for pod in world.objects(PODS)] == [image])
        await world.until(lambda: all(ready(pod) for pod in world.objects(PODS)))
        await world.settled()
        if number == 3:
            assert revisions() == {"web:1": 3, "web:2": 2}
    assert revisions() == {"web:1": 3, "web:3": 4, "web:4": 5}
