"""Pods that fail, wait and complete; Jobs; Services and their surroundings."""

from typing import Any

import pytest

from fluxkit.sandbox.status import StatusError
from tests.sandbox.world import World, container, obj, workload, world

__all__ = ["world"]

PODS, JOBS, DEPLOYMENTS = "pods", "jobs.batch", "deployments.apps"
FAIL, READY_AFTER = "sandbox.fluxkit.dev/fail", "sandbox.fluxkit.dev/ready-after"


def waiting(pod: Any) -> str:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    return str(((statuses[0].get("state") or {}).get("waiting") or {}).get("reason", ""))


def ready(pod: Any) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def job(**spec: Any) -> Any:
    return workload("Job", pod={"restartPolicy": "Never"}, **spec)


def ended(made: Any) -> tuple[str, str]:
    """Type and reason of a Job's final condition."""
    for each in (made.get("status") or {}).get("conditions") or ():
        if each["type"] in ("Complete", "Failed"):
            return each["type"], each["reason"]
    return "", ""


@pytest.mark.parametrize("image", ["web:does-not-exist", "does-not-exist:1", "invalid.example/web:1"])
async def test_an_image_that_cannot_be_pulled(world: World, image: str) -> None:
    world.apply(workload(replicas=1, image=image))
    await world.until(lambda: [waiting(pod) for pod in world.objects(PODS)] == ["ImagePullBackOff"])
    (pod,) = world.objects(PODS)
    assert pod["status"]["phase"] == "Pending"
    assert not ready(pod)
    assert {reason for reason, _ in world.events(pod)} >= {"Pulling", "Failed", "BackOff"}


@pytest.mark.parametrize("where", ["template", "object"])
async def test_failure_by_annotation_and_recovery_without_it(world: World, where: str) -> None:
    mark = {FAIL: "CrashLoopBackOff"}
    world.apply(workload(replicas=1, **({"annotations": mark} if where == "template" else {"on": mark})))
    await world.until(lambda: [waiting(pod) for pod in world.objects(PODS)] == ["CrashLoopBackOff"])
    (pod,) = world.objects(PODS)
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["containerStatuses"][0]["restartCount"] > 0
    world.apply(workload(replicas=1))
    await world.when(DEPLOYMENTS, "w", lambda each: each["status"].get("availableReplicas") == 1)


async def test_unschedulable(world: World) -> None:
    world.apply(workload(replicas=1, annotations={FAIL: "Unschedulable"}))
    await world.until(lambda: any(pod.get("status", {}).get("conditions") for pod in world.objects(PODS)))
    (pod,) = world.objects(PODS)
    scheduled = pod["status"]["conditions"][0]
    assert (scheduled["type"], scheduled["status"], scheduled["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert "nodeName" not in pod["spec"]


async def test_readiness_after_a_while(world: World) -> None:
    seen: list[tuple[str, bool]] = []

    def note(pod: Any, deleted: bool) -> None:
        seen.append((pod.get("status", {}).get("phase", ""), ready(pod)))

    world.on_write(PODS, note)
    world.apply(workload(replicas=1, annotations={READY_AFTER: "50ms"}))
    await world.when(DEPLOYMENTS, "w", lambda each: each.get("status", {}).get("availableReplicas") == 1)
    assert ("Running", False) in seen
    assert seen.index(("Running", False)) < seen.index(("Running", True))


async def test_a_pod_held_by_a_finalizer_is_stopped_and_goes_when_it_is_taken_off(world: World) -> None:
    pod = obj("v1", "Pod", "p", spec={"containers": [{"name": "c", "image": "web:1"}]})
    pod["metadata"]["finalizers"] = ["x.io/hold"]
    world.apply(pod)
    await world.when(PODS, "p", ready)
    world.delete(PODS, "p")
    await world.when(PODS, "p", lambda each: each["status"]["phase"] == "Succeeded")
    world.change(PODS, "p", lambda each: each["metadata"].pop("finalizers"))
    await world.until(lambda: world.objects(PODS) == [])


async def test_an_unowned_failed_pod_stays_failed(world: World) -> None:
    pod = obj("v1", "Pod", "p", spec={"containers": [{"name": "c", "image": "web:1"}]})
    pod["metadata"]["annotations"] = {FAIL: "OOMKilled"}
    world.apply(pod)
    made = await world.when(PODS, "p", lambda each: each.get("status", {}).get("phase") == "Failed")
    terminated = made["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["reason"], terminated["exitCode"]) == ("OOMKilled", 137)


# Jobs


async def test_a_job_completes(world: World) -> None:
    phases: dict[str, str] = {}
    most: list[int] = []

    def note(pod: Any, deleted: bool) -> None:
        phases[pod["metadata"]["name"]] = pod.get("status", {}).get("phase", "")
        most.append(list(phases.values()).count("Running"))

    world.on_write(PODS, note)
    world.apply(job(completions=3, parallelism=2))
    made = await world.when(JOBS, "w", lambda each: ended(each) != ("", ""))
    assert ended(made) == ("Complete", "CompletionsReached")
    status = made["status"]
    assert (status["succeeded"], "active" in status, "completionTime" in status) == (3, False, True)
    assert [each["type"] for each in status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert 1 <= max(most) <= 2
    assert {pod["status"]["phase"] for pod in world.objects(PODS)} == {"Succeeded"}


async def test_a_job_fails_after_its_backoff_limit(world: World) -> None:
    world.apply(job(backoffLimit=2, annotations={FAIL: "Error"}))
    made = await world.when(JOBS, "w", lambda each: ended(each) != ("", ""))
    assert ended(made) == ("Failed", "BackoffLimitExceeded")
    assert made["status"]["failed"] == 3


async def test_a_job_fails_at_its_deadline(world: World) -> None:
    world.apply(job(activeDeadlineSeconds=1, annotations={READY_AFTER: "1h"}))
    made = await world.when(JOBS, "w", lambda each: ended(each) != ("", ""))
    assert ended(made) == ("Failed", "DeadlineExceeded")
    await world.until(lambda: world.objects(PODS) == [])


async def test_a_finished_job_goes_after_its_time_to_live(world: World) -> None:
    world.apply(job(ttlSecondsAfterFinished=0))
    await world.until(lambda: bool(world.events_of("Completed")) and world.objects(JOBS) == [])
    await world.until(lambda: world.objects(PODS) == [])


async def test_a_suspended_job_waits(world: World) -> None:
    world.apply(job(suspend=True))
    made = await world.when(JOBS, "w", lambda each: bool(each.get("status", {}).get("conditions")))
    assert made["status"]["conditions"][0]["type"] == "Suspended"
    assert world.objects(PODS) == []
    world.apply(job(suspend=False))
    await world.when(JOBS, "w", lambda each: ended(each)[0] == "Complete")


async def test_an_indexed_job_completes_each_index(world: World) -> None:
    world.apply(job(completions=3, parallelism=3, completionMode="Indexed"))
    made = await world.when(JOBS, "w", lambda each: ended(each)[0] == "Complete")
    assert made["status"]["completedIndexes"] == "0-2"


# Services


def service(**spec: Any) -> Any:
    return obj(
        "v1", "Service", "s", spec={"selector": {"app": "w"}, "ports": [{"port": 80, "targetPort": "http"}], **spec}
    )


async def test_endpoints_follow_pods(world: World) -> None:
    world.apply(service())
    await world.when("endpoints", "s", lambda each: "subsets" not in each)
    world.apply(workload(replicas=2, ports=[{"name": "http", "containerPort": 8080}]))
    made = await world.when(
        "endpoints", "s", lambda each: len((each.get("subsets") or [{}])[0].get("addresses", ())) == 2
    )
    assert made["subsets"][0]["ports"] == [{"port": 8080, "protocol": "TCP"}]
    (found,) = world.objects("endpointslices.discovery.k8s.io")
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "s"
    addresses = {each["addresses"][0] for each in found["endpoints"]}
    assert addresses == {pod["status"]["podIP"] for pod in world.objects(PODS)}
    assert all(each["conditions"]["ready"] for each in found["endpoints"])
    world.apply(workload(replicas=0, ports=[{"name": "http", "containerPort": 8080}]))
    await world.when("endpoints", "s", lambda each: "subsets" not in each)


async def test_unready_pods_are_endpoints_that_are_not_ready(world: World) -> None:
    world.apply(service())
    world.apply(workload(replicas=1, annotations={FAIL: "Unready"}))
    made = await world.when("endpoints", "s", lambda each: bool(each.get("subsets")))
    assert "addresses" not in made["subsets"][0]
    assert len(made["subsets"][0]["notReadyAddresses"]) == 1


async def test_addresses_are_granted_and_kept(world: World) -> None:
    first = world.apply(service())
    address = first["spec"]["clusterIP"]
    assert first["spec"]["clusterIPs"] == [address]
    assert "f:clusterIP" not in str(first["metadata"]["managedFields"])
    again = world.apply(service(type="NodePort"))
    assert again["spec"]["clusterIP"] == address
    port = again["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    other = service(clusterIP=address)
    other["metadata"]["name"] = "other"
    with pytest.raises(StatusError, match="provided IP is already allocated"):
        world.apply(other)
    taken = service(type="NodePort", ports=[{"port": 80, "nodePort": port}])
    taken["metadata"]["name"] = "taken"
    with pytest.raises(StatusError, match="provided port is already allocated"):
        world.apply(taken)
    world.delete("services", "s")
    await world.until(lambda: "s" not in [each["metadata"]["name"] for each in world.objects("services")])
    assert world.apply(other)["spec"]["clusterIP"] == address


async def test_a_load_balancer_has_an_address(world: World) -> None:
    world.apply(service(type="LoadBalancer"))
    made = await world.when("services", "s", lambda each: each.get("status", {}).get("loadBalancer", {}).get("ingress"))
    assert made["status"]["loadBalancer"]["ingress"] == [{"ip": "127.0.0.1", "ipMode": "VIP"}]


# Surroundings


def claim(**spec: Any) -> Any:
    full = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return obj("v1", "PersistentVolumeClaim", "c", spec=full)


async def test_a_claim_is_bound_and_its_volume_goes_with_it(world: World) -> None:
    world.apply(claim())
    made = await world.when("persistentvolumeclaims", "c", lambda each: each["status"]["phase"] == "Bound")
    assert made["status"]["capacity"] == {"storage": "1Gi"}
    (volume,) = world.objects("persistentvolumes", "")
    assert volume["metadata"]["name"] == made["spec"]["volumeName"]
    assert (volume["spec"]["claimRef"]["name"], volume["status"]["phase"]) == ("c", "Bound")
    world.delete("persistentvolumeclaims", "c")
    await world.until(lambda: world.objects("persistentvolumes", "") == [])


async def test_a_claim_may_be_kept_pending(world: World) -> None:
    pending = claim()
    pending["metadata"]["annotations"] = {FAIL: "x"}
    world.apply(pending)
    await world.settled()
    assert world.objects("persistentvolumeclaims")[0]["status"]["phase"] == "Pending"


async def test_an_autoscaler_keeps_its_target_within_bounds(world: World) -> None:
    world.apply(workload(replicas=1))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}
    world.apply(
        obj(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "h",
            spec={"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4},
        )
    )
    await world.when(DEPLOYMENTS, "w", lambda each: each.get("status", {}).get("availableReplicas") == 2)
    await world.when(
        "horizontalpodautoscalers.autoscaling", "h", lambda each: each.get("status", {}).get("currentReplicas") == 2
    )


async def test_a_disruption_budget_counts(world: World) -> None:
    world.apply(workload(replicas=3))
    world.apply(
        obj(
            "policy/v1", "PodDisruptionBudget", "b", spec={"minAvailable": 2, "selector": {"matchLabels": {"app": "w"}}}
        )
    )
    made = await world.when(
        "poddisruptionbudgets.policy", "b", lambda each: each.get("status", {}).get("currentHealthy") == 3
    )
    assert (made["status"]["disruptionsAllowed"], made["status"]["desiredHealthy"]) == (1, 2)


async def test_what_a_workload_made_goes_with_it(world: World) -> None:
    world.apply(workload(replicas=2))
    await world.when(DEPLOYMENTS, "w", lambda each: each.get("status", {}).get("availableReplicas") == 2)
    world.delete(DEPLOYMENTS, "w")
    await world.until(lambda: world.objects("replicasets.apps") == [] and world.objects(PODS) == [])


async def test_controllers_take_up_where_a_restart_left_off(world: World) -> None:
    world.apply(workload(replicas=1, annotations={READY_AFTER: "1h"}))
    await world.until(lambda: any(container(pod) for pod in world.objects(PODS)))
    world.apply(workload(replicas=1))
    await world.restart()
    await world.when(DEPLOYMENTS, "w", lambda each: each.get("status", {}).get("availableReplicas") == 1)
    addresses = [pod["status"]["podIP"] for pod in world.objects(PODS) if "podIP" in pod["status"]]
    assert len(addresses) == len(set(addresses))


@pytest.mark.parametrize(
    ("policy", "phase"), [("Never", "Succeeded"), ("OnFailure", "Succeeded"), ("Always", "Running")]
)
async def test_a_pod_of_its_own_completes_unless_it_is_to_be_restarted(world: World, policy: str, phase: str) -> None:
    """As Helm's test Pods do."""
    spec = {"containers": [{"name": "c", "image": "web:1"}], "restartPolicy": policy}
    world.apply(obj("v1", "Pod", "p", spec=spec))
    await world.when(PODS, "p", ready if phase == "Running" else lambda each: _phase(each) == phase)


def _phase(pod: Any) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


async def test_a_job_runs_as_many_pods_at_once_as_it_may(world: World) -> None:
    most = [0]

    def count(live: Any, deleted: bool) -> None:
        most[0] = max(most[0], live.get("status", {}).get("active", 0))

    world.on_write(JOBS, count)
    world.apply(job(completions=5, parallelism=2))
    made = await world.when(JOBS, "w", lambda each: ended(each)[0] == "Complete")
    assert made["status"]["succeeded"] == 5
    assert most[0] == 2


async def test_an_autoscaler_tells_of_a_target_that_is_missing(world: World) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}
    scaler = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 3}
    world.apply(obj("autoscaling/v2", "HorizontalPodAutoscaler", "h", spec=scaler))
    autoscalers = "horizontalpodautoscalers.autoscaling"
    made = await world.when(autoscalers, "h", lambda each: (each.get("status") or {}).get("conditions"))
    assert made["status"]["conditions"][0]["reason"] == "FailedGetScale"
    world.apply(workload(replicas=1))
    await world.when(DEPLOYMENTS, "w", lambda each: each["spec"]["replicas"] == 2)


async def test_an_ingress_gets_an_address_unless_it_is_not_to(world: World) -> None:
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    for name, annotations in (("i", {}), ("none", {FAIL: "yes"})):
        made = obj("networking.k8s.io/v1", "Ingress", name, spec={"defaultBackend": backend})
        made["metadata"]["annotations"] = annotations
        world.apply(made)
    ingresses = "ingresses.networking.k8s.io"
    found = await world.when(ingresses, "i", lambda each: each["status"]["loadBalancer"].get("ingress"))
    assert found["status"]["loadBalancer"]["ingress"] == [{"ip": "127.0.0.1"}]
    await world.settled()
    other = next(each for each in world.objects(ingresses) if each["metadata"]["name"] == "none")
    assert other["status"] == {"loadBalancer": {}}
