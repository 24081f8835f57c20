"""ControllerRevisions: the templates that StatefulSets and DaemonSets have had, for ``kubectl rollout``.

Follows kubernetes/kubernetes ``pkg/controller/history``.
"""

from fluxkit.objects import Object, labels_of
from fluxkit.sandbox.workloads.building import owner_reference, private, template_hash
from fluxkit.sandbox.workloads.cluster import Cluster

__all__ = ["REVISION_LABEL", "current_revision", "forget_revisions"]

REVISION_LABEL = "controller-revision-hash"
_REVISIONS = "controllerrevisions.apps"


def current_revision(cluster: Cluster, owner: Object) -> str:
    """The name of the revision of an owner's template: made if need be, renumbered if the owner went back to it."""
    metadata = owner["metadata"]
    template = owner["spec"].get("template") or {}
    digest = template_hash(template)
    name = f"{metadata['name']}-{digest}"
    if "deletionTimestamp" in metadata:
        return name
    past = cluster.owned(metadata["uid"], _REVISIONS)
    newest = max((each.get("revision", 0) for each in past), default=0)
    known = next((each for each in past if each["metadata"]["name"] == name), None)
    if known is None:
        labels = {**((template.get("metadata") or {}).get("labels") or {}), REVISION_LABEL: digest}
        revision: Object = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": metadata["namespace"],
                "labels": labels,
                "ownerReferences": [owner_reference(owner)],
            },
            "data": {"spec": {"template": {**private(template), "$patch": "replace"}}},
            "revision": newest + 1,
        }
        cluster.create(_REVISIONS, revision)
    elif known.get("revision", 0) < newest:
        known["revision"] = newest + 1
        cluster.update(_REVISIONS, known)
    return name


def forget_revisions(cluster: Cluster, owner: Object, pods: list[Object], *current: str) -> None:
    """Deletes revisions beyond the history limit that no Pod is of, the oldest first."""
    used = {labels_of(pod).get(REVISION_LABEL) for pod in pods} | set(current)
    past = [
        each
        for each in cluster.owned(owner["metadata"]["uid"], _REVISIONS)
        if not {each["metadata"]["name"], labels_of(each).get(REVISION_LABEL)} & used
    ]
    past.sort(key=lambda each: int(each.get("revision", 0)))
    limit = owner["spec"].get("revisionHistoryLimit", 10)
    for each in past[: max(0, len(past) - limit)]:
        cluster.delete(_REVISIONS, each)
