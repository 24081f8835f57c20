"""Deployments: ReplicaSets by template, rolled out within maxSurge and maxUnavailable.

Follows kubernetes/kubernetes ``pkg/controller/deployment`` (sync.go, rolling.go, recreate.go, progress.go).
"""

from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.workloads.building import (
    HASH_LABEL,
    condition_of,
    controller_of,
    is_pod_active,
    owner_reference,
    private,
    scaled,
    seconds_since,
    set_condition,
    template_hash,
    without_zeros,
)
from fluxkit.sandbox.workloads.cluster import Cluster
from fluxkit.timestamps import format_time

__all__ = ["RESOURCE", "Deployments"]

RESOURCE = "deployments.apps"
_REPLICA_SETS = "replicasets.apps"
_COMPONENT = "deployment-controller"

REVISION = "deployment.kubernetes.io/revision"
_REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MAX = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset(
    [
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        _REVISION_HISTORY,
        _DESIRED,
        _MAX,
    ]
)
_ENDLESS = 2**31 - 1


def _replicas(obj: Object) -> int:
    replicas: int = obj["spec"].get("replicas", 1)
    return replicas


def _counted(obj: Object, field: str) -> int:
    count: int = (obj.get("status") or {}).get(field, 0)
    return count


def _revision(obj: Object) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _template_of(obj: Object) -> dict[str, Any]:
    """A pod template without the label that tells ReplicaSets apart."""
    template: dict[str, Any] = dict(obj["spec"].get("template") or {})
    metadata = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    metadata.pop("creationTimestamp", None)
    metadata.pop("labels", None)
    template["metadata"] = {**metadata, "labels": labels} if labels else metadata
    return template


class Deployments:
    """One reconcile brings the ReplicaSets one step further and writes the status that follows."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def reconcile(self, deployment: Object) -> None:
        uid = deployment["metadata"]["uid"]
        sets = [
            each
            for each in self._cluster.owned(uid, _REPLICA_SETS)
            if (controller_of(each) or {}).get("uid") == uid and "deletionTimestamp" not in each["metadata"]
        ]
        sets.sort(key=lambda each: (_revision(each), each["metadata"]["creationTimestamp"], each["metadata"]["name"]))
        status = self._new_status(deployment)
        if "deletionTimestamp" in deployment["metadata"]:
            self._write_status(deployment, self._find_new(deployment, sets), sets, status)
            return
        paused = bool(deployment["spec"].get("paused"))
        self._note_pause(status, paused)
        new = self._find_new(deployment, sets)
        if paused:
            self._scale_paused(deployment, new, sets)
        else:
            deployment, sets = self._roll(deployment, new, sets, status)
        sets = [self._fresh(each) for each in sets]
        new = self._find_new(deployment, sets)
        self._write_status(deployment, new, sets, status)
        if new is not None and not paused:
            self._clean_up(deployment, new, sets)

    def _fresh(self, replica_set: Object) -> Object:
        metadata = replica_set["metadata"]
        return self._cluster.get(_REPLICA_SETS, metadata["namespace"], metadata["name"]) or replica_set

    # ReplicaSets

    def _find_new(self, deployment: Object, sets: list[Object]) -> Object | None:
        wanted = _template_of(deployment)
        return next((each for each in sets if _template_of(each) == wanted), None)

    def _roll(
        self, deployment: Object, new: Object | None, sets: list[Object], status: dict[str, Any]
    ) -> tuple[Object, list[Object]]:
        """One step of the rollout; returns the Deployment, its revision still to be written, and its ReplicaSets."""
        strategy = deployment["spec"].get("strategy") or {}
        old = [each for each in sets if each is not new]
        if strategy.get("type") == "Recreate":
            for each in old:
                if _replicas(each):
                    self._scale_to(deployment, each, 0)
            if new is None and any(self._has_pods(each) for each in old):
                return deployment, old
            deployment, new = self._ensure_new(deployment, new, old, status)
            if not any(self._has_pods(each) for each in old):
                new = self._scale_to(deployment, new, _replicas(deployment))
            return deployment, [*old, new]
        deployment, new = self._ensure_new(deployment, new, old, status)
        new = self._grow_new(deployment, new, old)
        old = self._shrink_old(deployment, new, old)
        return deployment, [*old, new]

    def _has_pods(self, replica_set: Object) -> bool:
        return any(is_pod_active(pod) for pod in self._cluster.owned(replica_set["metadata"]["uid"], "pods"))

    def _ensure_new(
        self, deployment: Object, new: Object | None, old: list[Object], status: dict[str, Any]
    ) -> tuple[Object, Object]:
        """The ReplicaSet of the current template, made if need be, with the newest revision."""
        revision = str(max((_revision(each) for each in old), default=0) + 1)
        moment = self._cluster.now()
        if new is None:
            new = self._create_new(deployment, old, revision)
            text = f'Created new replica set "{new["metadata"]["name"]}"'
            if condition_of(status, "Progressing") is None or old:
                set_condition(status, "Progressing", "True", "NewReplicaSetCreated", text, moment, stamped=True)
        else:
            annotations = self._annotations(deployment, new)
            if _revision(new) < int(revision):
                past = annotations.get(_REVISION_HISTORY)
                current = annotations.get(REVISION)
                if current:
                    annotations[_REVISION_HISTORY] = f"{past},{current}" if past else current
                annotations[REVISION] = revision
            revision = annotations.get(REVISION, revision)
            new["metadata"] = {**new["metadata"], "annotations": annotations}
            minimum = deployment["spec"].get("minReadySeconds")
            if new["spec"].get("minReadySeconds") != minimum and minimum is not None:
                new["spec"] = {**new["spec"], "minReadySeconds": minimum}
            new = self._cluster.update(_REPLICA_SETS, new)
            if condition_of(status, "Progressing") is None:
                text = f'Found new replica set "{new["metadata"]["name"]}"'
                set_condition(status, "Progressing", "True", "FoundNewReplicaSet", text, moment, stamped=True)
        annotations = dict(deployment["metadata"].get("annotations") or {})
        if annotations.get(REVISION) != revision:
            annotations[REVISION] = revision
            deployment["metadata"] = {**deployment["metadata"], "annotations": annotations}
        return deployment, new

    def _annotations(self, deployment: Object, replica_set: Object | None) -> dict[str, str]:
        """A ReplicaSet's annotations: those of its Deployment, and the rollout's own."""
        kept = (replica_set["metadata"].get("annotations") or {}) if replica_set is not None else {}
        out = {key: value for key, value in kept.items() if key in _NOT_COPIED}
        for key, value in (deployment["metadata"].get("annotations") or {}).items():
            if key not in _NOT_COPIED:
                out[key] = value
        replicas = _replicas(deployment)
        out[_DESIRED] = str(replicas)
        out[_MAX] = str(replicas + self._surge(deployment))
        return out

    def _create_new(self, deployment: Object, old: list[Object], revision: str) -> Object:
        spec = deployment["spec"]
        name = deployment["metadata"]["name"]
        salt = ""
        while True:
            suffix = template_hash(_template_of(deployment), salt)
            if self._cluster.get(_REPLICA_SETS, deployment["metadata"]["namespace"], f"{name}-{suffix}") is None:
                break
            salt += "+"
        template = private(spec.get("template") or {})
        labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: suffix}
        template["metadata"] = {**(template.get("metadata") or {}), "labels": labels}
        selector = private(spec.get("selector") or {})
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: suffix}
        rs_spec: dict[str, Any] = {"replicas": 0, "selector": selector, "template": template}
        if spec.get("minReadySeconds"):
            rs_spec["minReadySeconds"] = spec["minReadySeconds"]
        rolling = (spec.get("strategy") or {}).get("type") != "Recreate"
        count = self._room(deployment, None, old) if rolling else 0
        rs_spec["replicas"] = count
        replica_set: Object = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{name}-{suffix}",
                "namespace": deployment["metadata"]["namespace"],
                "labels": dict(labels),
                "annotations": {**self._annotations(deployment, None), REVISION: revision},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": rs_spec,
        }
        if not count:
            # There are no Pods to wait for: its controller would have nothing to add.
            replica_set["status"] = {"replicas": 0, "observedGeneration": 1}
        made = self._cluster.create(_REPLICA_SETS, replica_set)
        if count:
            self._scaled_event(deployment, made, 0, count)
        return made

    def _surge(self, deployment: Object) -> int:
        strategy = deployment["spec"].get("strategy") or {}
        if strategy.get("type") == "Recreate":
            return 0
        return scaled((strategy.get("rollingUpdate") or {}).get("maxSurge", "25%"), _replicas(deployment), up=True)

    def _unavailable(self, deployment: Object) -> int:
        """How many replicas may be missing: at least one if there may be no surge, as ``ResolveFenceposts`` has it."""
        strategy = deployment["spec"].get("strategy") or {}
        replicas = _replicas(deployment)
        if strategy.get("type") == "Recreate" or replicas == 0:
            return 0
        given = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", "25%")
        allowed = scaled(given, replicas, up=False)
        if allowed == 0 and self._surge(deployment) == 0:
            allowed = 1
        return min(allowed, replicas)

    def _room(self, deployment: Object, new: Object | None, old: list[Object]) -> int:
        """Replicas that the new ReplicaSet may have now."""
        replicas = _replicas(deployment)
        mine = _replicas(new) if new is not None else 0
        if mine >= replicas:
            return replicas
        everything = sum(_replicas(each) for each in old) + mine
        most = replicas + self._surge(deployment)
        if everything >= most:
            return mine
        return mine + min(most - everything, replicas - mine)

    def _grow_new(self, deployment: Object, new: Object, old: list[Object]) -> Object:
        return self._scale_to(deployment, new, self._room(deployment, new, old))

    def _shrink_old(self, deployment: Object, new: Object, old: list[Object]) -> list[Object]:
        if not any(_replicas(each) for each in old):
            return old
        replicas = _replicas(deployment)
        minimum = replicas - self._unavailable(deployment)
        everything = sum(_replicas(each) for each in (*old, new))
        new_unavailable = _replicas(new) - _counted(new, "availableReplicas")
        spare = everything - minimum - new_unavailable
        if spare <= 0:
            return old
        out = []
        for each in old:  # first what serves nobody
            broken = _replicas(each) - _counted(each, "availableReplicas")
            take = min(spare, max(0, broken))
            if take:
                spare -= take
                each = self._scale_to(deployment, each, _replicas(each) - take)
            out.append(each)
        available = sum(_counted(each, "availableReplicas") for each in (*out, new))
        spare = available - minimum
        for at, each in enumerate(out):
            take = min(_replicas(each), max(0, spare))
            if take:
                spare -= take
                out[at] = self._scale_to(deployment, each, _replicas(each) - take)
        return out

    def _scale_paused(self, deployment: Object, new: Object | None, sets: list[Object]) -> None:
        """A paused Deployment still scales: its only active ReplicaSet takes the whole change."""
        active = [each for each in sets if _replicas(each)] or ([new] if new is not None else sets[-1:])
        if len(active) == 1:
            self._scale_to(deployment, active[0], _replicas(deployment))

    def _scale_to(self, deployment: Object, replica_set: Object, count: int) -> Object:
        before = _replicas(replica_set)
        annotations = {**(replica_set["metadata"].get("annotations") or {})}
        annotations[_DESIRED] = str(_replicas(deployment))
        annotations[_MAX] = str(_replicas(deployment) + self._surge(deployment))
        if before == count and annotations == replica_set["metadata"].get("annotations"):
            return replica_set
        replica_set["spec"] = {**replica_set["spec"], "replicas": count}
        replica_set["metadata"] = {**replica_set["metadata"], "annotations": annotations}
        changed = self._cluster.update(_REPLICA_SETS, replica_set)
        if before != count:
            self._scaled_event(deployment, changed, before, count)
        return changed

    def _scaled_event(self, deployment: Object, replica_set: Object, before: int, count: int) -> None:
        direction = "up" if count > before else "down"
        text = f"Scaled {direction} replica set {replica_set['metadata']['name']} from {before} to {count}"
        self._cluster.event(deployment, "Normal", "ScalingReplicaSet", text, _COMPONENT)

    def _clean_up(self, deployment: Object, new: Object, sets: list[Object]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        if limit == _ENDLESS:
            return
        old = [each for each in sets if each["metadata"]["uid"] != new["metadata"]["uid"]]
        for each in old[: max(0, len(old) - limit)]:
            if not _replicas(each) and not _counted(each, "replicas"):
                self._cluster.delete(_REPLICA_SETS, each)

    # Status

    def _new_status(self, deployment: Object) -> dict[str, Any]:
        conditions = (deployment.get("status") or {}).get("conditions") or ()
        return {"conditions": [dict(each) for each in conditions]}

    def _note_pause(self, status: dict[str, Any], paused: bool) -> None:
        progressing = condition_of(status, "Progressing")
        known = progressing is not None and progressing["reason"] == "DeploymentPaused"
        moment = self._cluster.now()
        if progressing is not None and progressing["reason"] == "ProgressDeadlineExceeded":
            return
        if paused and not known:
            text = "Deployment is paused"
            set_condition(status, "Progressing", "Unknown", "DeploymentPaused", text, moment, stamped=True)
        elif not paused and known:
            text = "Deployment is resumed"
            set_condition(status, "Progressing", "Unknown", "DeploymentResumed", text, moment, stamped=True)

    def _write_status(self, deployment: Object, new: Object | None, sets: list[Object], status: dict[str, Any]) -> None:
        total = sum(_counted(each, "replicas") for each in sets)
        available = sum(_counted(each, "availableReplicas") for each in sets)
        replicas = _replicas(deployment)
        status.update(
            observedGeneration=deployment["metadata"].get("generation", 0),
            replicas=total,
            updatedReplicas=_counted(new, "replicas") if new is not None else 0,
            readyReplicas=sum(_counted(each, "readyReplicas") for each in sets),
            availableReplicas=available,
            unavailableReplicas=max(0, sum(_replicas(each) for each in sets) - available),
        )
        moment = self._cluster.now()
        if available >= replicas - self._unavailable(deployment):
            text = "Deployment has minimum availability."
            set_condition(status, "Available", "True", "MinimumReplicasAvailable", text, moment, stamped=True)
        else:
            text = "Deployment does not have minimum availability."
            set_condition(status, "Available", "False", "MinimumReplicasUnavailable", text, moment, stamped=True)
        self._copy_failure(new, status)
        if not deployment["spec"].get("paused") and "deletionTimestamp" not in deployment["metadata"]:
            self._progress(deployment, new, status)
        self._cluster.update(RESOURCE, deployment, status=without_zeros(status))

    def _copy_failure(self, new: Object | None, status: dict[str, Any]) -> None:
        """A ReplicaSet that cannot have its Pods makes the Deployment say so."""
        found = condition_of((new or {}).get("status") or {}, "ReplicaFailure")
        if found is None:
            status["conditions"] = [each for each in status["conditions"] if each["type"] != "ReplicaFailure"]
        else:
            moment = self._cluster.now()
            set_condition(status, "ReplicaFailure", "True", found["reason"], found["message"], moment, stamped=True)

    def _progress(self, deployment: Object, new: Object | None, status: dict[str, Any]) -> None:
        """The Progressing condition: complete, moving, or out of time."""
        deadline = deployment["spec"].get("progressDeadlineSeconds", 600)
        if deadline == _ENDLESS:
            return
        moment = self._cluster.now()
        replicas = _replicas(deployment)
        before = deployment.get("status") or {}
        current = condition_of(status, "Progressing")
        named = new["metadata"]["name"] if new is not None else deployment["metadata"]["name"]
        settled = (
            current is not None
            and current["reason"] == "NewReplicaSetAvailable"
            and status["replicas"] == status["updatedReplicas"]
        )
        if settled:
            return
        complete = all(status[field] == replicas for field in ("updatedReplicas", "replicas", "availableReplicas"))
        if complete and new is not None:
            text = f'ReplicaSet "{named}" has successfully progressed.'
            set_condition(status, "Progressing", "True", "NewReplicaSetAvailable", text, moment, stamped=True)
            return
        old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
        moved = (
            status["updatedReplicas"] > before.get("updatedReplicas", 0)
            or status["replicas"] - status["updatedReplicas"] < old_before
            or status["readyReplicas"] > before.get("readyReplicas", 0)
            or status["availableReplicas"] > before.get("availableReplicas", 0)
        )
        if moved:
            text = f'ReplicaSet "{named}" is progressing.'
            since = current["lastTransitionTime"] if current is not None and current["status"] == "True" else None
            made = {
                "type": "Progressing",
                "status": "True",
                "lastUpdateTime": format_time(moment),
                "lastTransitionTime": since or format_time(moment),
                "reason": "ReplicaSetUpdated",
                "message": text,
            }
            others = [each for each in status["conditions"] if each["type"] != "Progressing"]
            status["conditions"] = [*others, made]
            self._cluster.again(RESOURCE, deployment, deadline + 1)
            return
        if current is None or current["reason"] == "ProgressDeadlineExceeded":
            return
        lacking = deadline - seconds_since(moment, current["lastUpdateTime"])
        if lacking > 0:
            self._cluster.again(RESOURCE, deployment, lacking + 0.001)
            return
        text = f'ReplicaSet "{named}" has timed out progressing.'
        set_condition(status, "Progressing", "False", "ProgressDeadlineExceeded", text, moment, stamped=True)
