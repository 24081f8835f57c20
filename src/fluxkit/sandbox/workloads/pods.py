"""Pods: scheduled to the one node, started, ready, failed or completed, as a kubelet would report them.

Follows the shapes that kubernetes/kubernetes ``pkg/kubelet/status`` and ``pkg/scheduler`` write.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.workloads import control
from fluxkit.sandbox.workloads.building import controller_of, set_condition
from fluxkit.sandbox.workloads.cluster import Cluster
from fluxkit.timestamps import format_time, parse_time

__all__ = ["RESOURCE", "PodLifecycle"]

RESOURCE = "pods"
_NODE_IP = "127.0.0.1"
_KUBELET = "kubelet"
_ENDED = ("Succeeded", "Failed")


class PodLifecycle:
    """Moves each Pod one step at a time; a step that needs time asks to be called again."""

    def __init__(self, cluster: Cluster, node: str) -> None:
        self._cluster = cluster
        self._node = node
        self._addresses: dict[str, str] = {}
        self._due: dict[str, datetime] = {}
        self._last = 1
        for pod in cluster.objects(RESOURCE):
            address = (pod.get("status") or {}).get("podIP")
            if address:
                self._addresses[address] = pod["metadata"]["uid"]

    def reconcile(self, pod: Object) -> None:
        metadata = pod["metadata"]
        status = pod.get("status") or {}
        if "deletionTimestamp" in metadata:
            if not metadata.get("finalizers"):
                self._cluster.delete(RESOURCE, pod)
            elif status.get("phase") == "Running":
                self._stop(pod)
            return
        if status.get("phase") in _ENDED:
            return
        owners = self._owners(pod)
        reason = control.failure(pod, *owners)
        if reason == "Unschedulable":
            self._unschedulable(pod)
            return
        if not pod["spec"].get("nodeName"):
            pod = self._schedule(pod)
        if reason in ("", "Unready", *control.FAILED_REASONS):
            for container in pod["spec"].get("containers") or ():
                problem = control.image_problem(container)
                if problem:
                    self._waiting(pod, "ErrImagePull", problem, container["name"])
                    return
            self._run(pod, owners, reason)
        else:
            self._waiting(pod, reason, "", "")

    def release(self, pod: Object) -> None:
        """Forgets a Pod that is gone: its address may be given to another."""
        self._addresses.pop((pod.get("status") or {}).get("podIP") or "", None)
        self._due.pop(pod["metadata"]["uid"], None)

    def _owners(self, pod: Object) -> list[Object]:
        """The controller of a Pod, and that one's controller."""
        out: list[Object] = []
        reference = controller_of(pod)
        while reference is not None and len(out) < 2:
            found = self._cluster.owner(reference["uid"])
            if found is None:
                break
            out.append(found[1])
            reference = controller_of(found[1])
        return out

    def _address(self, uid: str) -> str:
        for _ in range(65534):
            self._last = self._last % 65533 + 1
            address = f"10.244.{self._last >> 8}.{self._last & 255}"
            if address not in self._addresses:
                self._addresses[address] = uid
                return address
        return ""

    def _new_status(self, pod: Object) -> dict[str, Any]:
        status = dict(pod.get("status") or {})
        status["conditions"] = [dict(each) for each in status.get("conditions") or ()]
        status.setdefault("qosClass", _qos(pod))
        return status

    def _schedule(self, pod: Object) -> Object:
        pod["spec"] = {**pod["spec"], "nodeName": self._node}
        pod = self._cluster.update(RESOURCE, pod, "kube-scheduler")
        text = f"Successfully assigned {_named(pod)} to {self._node}"
        self._cluster.event(pod, "Normal", "Scheduled", text, "default-scheduler")
        return pod

    def _unschedulable(self, pod: Object) -> None:
        text = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available."
        status = self._new_status(pod)
        status["phase"] = "Pending"
        set_condition(status, "PodScheduled", "False", "Unschedulable", text, self._cluster.now())
        if status != pod.get("status"):
            self._cluster.set_status(RESOURCE, pod, status, "kube-scheduler")
            self._cluster.event(pod, "Warning", "FailedScheduling", text, "default-scheduler")

    def _placed(self, pod: Object) -> dict[str, Any]:
        """A status with what holds for every Pod on a node."""
        moment = self._cluster.now()
        status = self._new_status(pod)
        status.setdefault("startTime", format_time(moment))
        status.setdefault("hostIP", _NODE_IP)
        status.setdefault("hostIPs", [{"ip": _NODE_IP}])
        if "generation" in pod["metadata"]:
            status["observedGeneration"] = pod["metadata"]["generation"]
        set_condition(status, "PodScheduled", "True", "", "", moment)
        set_condition(status, "Initialized", "True", "", "", moment)
        return status

    def _unready(self, pod: Object, status: dict[str, Any], *, started: bool) -> None:
        names = " ".join(each["name"] for each in pod["spec"].get("containers") or ())
        text = f"containers with unready status: [{names}]"
        moment = self._cluster.now()
        set_condition(status, "PodReadyToStartContainers", "True" if started else "False", "", "", moment)
        set_condition(status, "ContainersReady", "False", "ContainersNotReady", text, moment)
        set_condition(status, "Ready", "False", "ContainersNotReady", text, moment)

    def _waiting(self, pod: Object, reason: str, problem: str, broken: str) -> None:
        """A Pod whose containers wait: for an image, a configuration, or the end of a back-off."""
        crashing = reason == "CrashLoopBackOff"
        status = self._placed(pod)
        status["phase"] = "Running" if crashing else "Pending"
        if crashing and not status.get("podIP"):
            status["podIP"] = self._address(pod["metadata"]["uid"])
            status["podIPs"] = [{"ip": status["podIP"]}]
        statuses = []
        for container in pod["spec"].get("containers") or ():
            name, image = container["name"], container.get("image", "")
            text = problem
            if crashing:
                text = f"back-off 5m0s restarting failed container={name} pod={_named(pod).replace('/', '_')}"
            elif reason in ("ErrImagePull", "ImagePullBackOff"):
                reason = "ImagePullBackOff"
                text = f'Back-off pulling image "{image}": ErrImagePull: {problem or "not found"}'
            waiting = {"reason": reason, "message": text} if text else {"reason": reason}
            entry = _container_status(container, {"waiting": waiting}, ready=False, started=False)
            if broken and name != broken:
                entry["state"] = {"waiting": {"reason": "ContainerCreating"}}
            if crashing:
                moment = format_time(self._cluster.now())
                previous = _previous(pod, name)
                entry["lastState"] = previous.get("lastState") or {
                    "terminated": {"exitCode": 1, "reason": "Error", "startedAt": moment, "finishedAt": moment}
                }
                entry["restartCount"] = previous.get("restartCount") or 5
            statuses.append(entry)
        status["containerStatuses"] = statuses
        self._unready(pod, status, started=crashing)
        if status == pod.get("status"):
            return
        pod = self._cluster.set_status(RESOURCE, pod, status, _KUBELET)
        for entry in statuses:
            waiting = entry["state"]["waiting"]
            if waiting["reason"] == "ImagePullBackOff":
                image = entry["image"]
                text = f'Failed to pull image "{image}": {problem or "not found"}'
                self._cluster.event(pod, "Normal", "Pulling", f'Pulling image "{image}"', _KUBELET)
                self._cluster.event(pod, "Warning", "Failed", text, _KUBELET)
                self._cluster.event(pod, "Warning", "Failed", "Error: ErrImagePull", _KUBELET)
                self._cluster.event(pod, "Normal", "BackOff", f'Back-off pulling image "{image}"', _KUBELET)
            elif waiting["reason"] == "CrashLoopBackOff":
                text = f"Back-off restarting failed container {entry['name']} in pod {_named(pod)}"
                self._cluster.event(pod, "Warning", "BackOff", text, _KUBELET)
            elif waiting["reason"] != "ContainerCreating":
                self._cluster.event(pod, "Warning", "Failed", f"Error: {waiting['reason']}", _KUBELET)

    def _run(self, pod: Object, owners: list[Object], reason: str) -> None:
        uid = pod["metadata"]["uid"]
        status = self._placed(pod)
        starting = status.get("phase") != "Running"
        status["phase"] = "Running"
        if not status.get("podIP"):
            status["podIP"] = self._address(uid)
            status["podIPs"] = [{"ip": status["podIP"]}]
        moment = self._cluster.now()
        since = _running_since(pod) or moment
        due = self._due.get(uid)
        if due is None:
            # Times in objects are whole seconds; the delay is exact as long as the server lives.
            due = self._due[uid] = since + timedelta(seconds=control.ready_after(pod, *owners))
        over = moment >= due
        ready = over and reason == ""
        started_at = format_time(since)
        status["containerStatuses"] = [
            _container_status(each, {"running": {"startedAt": started_at}}, ready=ready, started=True)
            for each in pod["spec"].get("containers") or ()
        ]
        if pod["spec"].get("initContainers"):
            status["initContainerStatuses"] = [
                _ended_container(each, 0, "Completed", started_at, started_at, ready=True)
                for each in pod["spec"]["initContainers"]
            ]
        if ready:
            for kind in ("PodReadyToStartContainers", "ContainersReady", "Ready"):
                set_condition(status, kind, "True", "", "", moment)
        else:
            self._unready(pod, status, started=True)
        pod = self._cluster.set_status(RESOURCE, pod, status, _KUBELET)
        if starting:
            self._started_events(pod)
        if not over:
            self._cluster.again(RESOURCE, pod, (due - moment).total_seconds())
        elif reason in control.FAILED_REASONS:
            self._finish(pod, "Failed", reason, started_at)
        elif ready and _runs_to_completion(pod, owners):
            self._finish(pod, "Succeeded", "Completed", started_at)

    def _finish(self, pod: Object, phase: str, reason: str, started_at: str) -> None:
        moment = self._cluster.now()
        status = self._new_status(pod)
        status["phase"] = phase
        code = 0 if phase == "Succeeded" else 137 if reason == "OOMKilled" else 1
        ended = format_time(moment)
        status["containerStatuses"] = [
            _ended_container(each, code, reason, started_at, ended, ready=False)
            for each in pod["spec"].get("containers") or ()
        ]
        if reason in ("Evicted", "DeadlineExceeded"):
            status["reason"] = reason
        why = "PodCompleted" if phase == "Succeeded" else "PodFailed"
        set_condition(status, "PodReadyToStartContainers", "False", "", "", moment)
        for kind in ("ContainersReady", "Ready"):
            set_condition(status, kind, "False", why, "", moment)
        self._cluster.set_status(RESOURCE, pod, status, _KUBELET)

    def _stop(self, pod: Object) -> None:
        """A deleted Pod that a finalizer holds is stopped all the same."""
        started = (pod.get("status") or {}).get("startTime") or format_time(self._cluster.now())
        self._finish(pod, "Succeeded", "Completed", started)

    def _started_events(self, pod: Object) -> None:
        for container in pod["spec"].get("containers") or ():
            name = container["name"]
            image = container.get("image", "")
            text = f'Container image "{image}" already present on machine and can be accessed by the pod'
            self._cluster.event(pod, "Normal", "Pulled", text, _KUBELET)
            self._cluster.event(pod, "Normal", "Created", f"Container created: {name}", _KUBELET)
            self._cluster.event(pod, "Normal", "Started", f"Container started: {name}", _KUBELET)


def _runs_to_completion(pod: Object, owners: Sequence[Object]) -> bool:
    """Pods of Jobs, and those of nobody that are not to be restarted, such as Helm's tests."""
    if owners:
        return bool(owners[0]["kind"] == "Job")
    return bool(pod["spec"].get("restartPolicy", "Always") != "Always")


def _named(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _previous(pod: Object, name: str) -> dict[str, Any]:
    for each in (pod.get("status") or {}).get("containerStatuses") or ():
        if each.get("name") == name:
            found: dict[str, Any] = each
            return found
    return {}


def _running_since(pod: Object) -> datetime | None:
    for each in (pod.get("status") or {}).get("containerStatuses") or ():
        started = ((each.get("state") or {}).get("running") or {}).get("startedAt")
        if started:
            return parse_time(started)
    return None


def _container_status(
    container: dict[str, Any], state: dict[str, Any], *, ready: bool, started: bool
) -> dict[str, Any]:
    image = container.get("image", "")
    out: dict[str, Any] = {
        "name": container["name"],
        "state": state,
        "lastState": {},
        "ready": ready,
        "restartCount": 0,
        "image": image,
        "imageID": image if "@sha256:" in image else "",
        "started": started,
    }
    if "running" in state:
        out["containerID"] = f"sandbox://{container['name']}"
    return out


def _ended_container(
    container: dict[str, Any], code: int, reason: str, started_at: str, ended_at: str, *, ready: bool
) -> dict[str, Any]:
    terminated = {"exitCode": code, "reason": reason, "startedAt": started_at, "finishedAt": ended_at}
    return _container_status(container, {"terminated": terminated}, ready=ready, started=False)


def _qos(pod: Object) -> str:
    """BestEffort, Burstable or Guaranteed, by the resources of all containers."""
    containers = [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]
    guaranteed = bool(containers)
    any_resources = False
    for container in containers:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        any_resources = any_resources or bool(limits or requests)
        for name in ("cpu", "memory"):
            if not limits.get(name) or requests.get(name, limits.get(name)) != limits.get(name):
                guaranteed = False
    if not any_resources:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"
